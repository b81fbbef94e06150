"""The whole command on tiny models and made-up works: every question is asked, shown and written, or refused in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from support.tiny_models import copy_of, edit_contract, export_tiny

from livegen.core.errors import InputError
from livegen.core.events import On, Part, Tick
from livegen.core.harmony import ChordSymbol
from livegen.core.parameters import build_registry
from livegen.core.plans import PlanRequest
from livegen.generators import window
from livegen.generators.model_files import load_contract
from livegen.generators.neural import open_neural
from models import evaluate
from models.baselines.rules import HoldTonic
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.corpora.registry import split
from models.evaluate import QUESTIONS, chosen_questions, corpora_of, main, parts_of, without_nan
from models.questions import adaptation, drift, playing, styles
from models.questions import controls as questions_controls
from models.questions.question import Context, limited
from models.reporting.tables import Table, figure, interval, yes
from models.scoring import controls, metrics
from models.scoring.subject import MARKOV, fresh_markov, fresh_model, open_subjects, settings_of
from models.sharding.build import build
from models.sharding.collection import Shards
from models.shards import open_pieces
from models.training.recipe import read_recipe

ACCOMPANY = build_registry().defaults().with_changes({"mode": "accompany"})[0]
BAR = 96
BARS = 17
NAMES = [question.name for question in QUESTIONS]


def made_up(corpus: str, style: str, work: str, seed: int) -> Piece:
    """Seventeen bars over two chords; each style has its rhythm."""
    rng = np.random.default_rng(seed)
    step = 12 if style == "a" else 24
    melody = tuple(PieceNote(at, 60 + (0, 2, 4, 5, 7, 9, 11)[int(rng.integers(7))], step) for at in range(0, BARS * BAR, step))
    spans = tuple(ChordSpan(bar * BAR, (bar + 1) * BAR, ChordSymbol((0, 5)[bar % 2])) for bar in range(BARS))
    chords = tuple(
        PieceNote(at, 48 + pitch, 24) for at in range(0, BARS * BAR, 48) for pitch in spans[at // BAR].symbol.pitch_classes
    )
    bass = tuple(PieceNote(bar * BAR, 36 + 5 * (bar % 2), BAR) for bar in range(BARS))
    return Piece(
        corpus,
        work,
        style,
        120.0,
        4,
        0,
        melody,
        {Part.CHORDS: chords, Part.BASS: bass},
        spans,
        tuple(range(0, BARS * BAR, 4 * BAR)),
    )


def works() -> list[Piece]:
    """Of each of two corpora six works to train on, one to validate on and two to test on."""
    pieces = []
    for corpus, style in (("leadsheets", "a"), ("pop909", "b")):
        missing = [6, 1, 2]
        for number in count():
            piece = made_up(corpus, style, f"{number:03}", number)
            (part,) = (index for index, held in enumerate(split([piece])) if held)
            if missing[part]:
                missing[part] -= 1
                pieces.append(piece)
            if not any(missing):
                break
    return pieces


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that says that it was trained by the recipe `tiny`."""
    return export_tiny(tmp_path_factory.mktemp("exported"), 1, training={"recipe": read_recipe("tiny"), "step": 7})


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Made-up works instead of corpora, and as little of everything as can be counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "read_pieces", lambda data, names: [piece for piece in works() if piece.corpus in names])
        patch.setattr(styles, "LEAST", 2)
        patch.setattr(styles, "FEATURES", {"lead": styles.FEATURES["lead"]})
        patch.setattr(metrics, "BOOTSTRAPS", 50)
        patch.setattr(window, "MAX_NOTES", 2)
        patch.setattr(controls, "VALUES", 3)
        patch.setattr(controls, "DRAWS", 4)
        patch.setattr(questions_controls, "KNOBS", controls.KNOBS[:2])
        yield


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Questions that are asked of the tiny model here: not those that play songs from end to end."""
    return [name for name in NAMES if name not in ("drift", "adaptation", "accompaniment")]


@pytest.fixture(scope="module")
def outcome(exported: Path, asked: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict, Path]:
    """What the command printed with `--card`, the figures that it wrote, and its report."""
    folder = tmp_path_factory.mktemp("out")
    options = [
        "--only",
        ",".join(asked),
        "--limit",
        "1",
        "--card",
        "--json",
        str(folder / "f.json"),
        "--report",
        str(folder / "report"),
    ]
    with redirect_stdout(StringIO()) as printed:
        assert main([str(exported), "--data", "corpora", *options]) == 0
    return printed.getvalue(), json.loads((folder / "f.json").read_text()), folder / "report"


class TestCommand:
    def test_every_question_is_answered(self, outcome: tuple[str, dict, Path], asked: Sequence[str]) -> None:
        _, figures, _ = outcome
        assert set(asked) <= set(figures)
        assert figures["models"]["tiny1"]["training"] == {"step": 7}
        assert figures["pieces"] == {"leadsheets": 2, "pop909": 2}
        assert set(figures["seconds"]) == set(asked)
        assert {group.split(",")[0] for group in figures["likelihood"]["groups"]} == {
            "leadsheets", "pop909", "accompany", "respond", "all",
        }  # fmt: skip
        assert figures["continuation"]["lead"]["works"] == figures["continuation"]["accompaniment"]["works"] == 2
        assert list(figures["continuation"]["lead"]["measures"]["density"]["systems"]) == ["tiny1", MARKOV, "the prompt again"]
        assert figures["originality"]["trained_on"] == 12
        assert figures["controls"]["systems"]["tiny1"]["temperature, lead"]["values"] == pytest.approx([0.2, 0.9, 1.6])
        assert figures["styles"]["lead"]["styles"] == ["a", "b"]
        assert list(figures["styles"]["lead"]["systems"]["tiny1"]["mixes"]) == ["a + b"]

    def test_the_card_has_a_table_for_each(self, outcome: tuple[str, dict, Path]) -> None:
        text, _, _ = outcome
        for part in ("Nats a note", "Bits a second", "Continuation as lead", "Originality", "Knobs on", "Styles told apart"):
            assert part in text
        assert "| --- |" in text

    def test_the_report_shows_its_plots(self, outcome: tuple[str, dict, Path], asked: Sequence[str]) -> None:
        page = (outcome[2] / "report.md").read_text()
        assert page.startswith("# Evaluation of tiny1\n")
        for name in asked:
            assert f"\n## {name.capitalize()}\n" in page
        pictures = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
        assert len(pictures) == len(set(pictures)) >= len(asked)
        for picture in pictures:
            assert (outcome[2] / picture).read_text().startswith("<svg")
        assert {path.name for path in outcome[2].glob("*.svg")} == set(pictures)

    def test_it_is_deterministic_and_prints_aligned_columns(
        self, exported: Path, outcome: tuple[str, dict, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = tmp_path / "again.json"
        only = "originality"
        assert main([str(exported), "--data", "corpora", "--limit", "1", "--only", only, "--json", str(place)]) == 0
        again = json.loads(place.read_text())
        assert again[only] == outcome[1][only]
        assert "\nmeasure " in capsys.readouterr().out

    def test_models_are_compared_side_by_side(self, exported: Path, tmp_path: Path) -> None:
        """The same model twice: the same figures under two names, and no difference."""
        place = tmp_path / "two.json"
        options = ["--data", "corpora", "--limit", "1", "--only", "likelihood", "--json", str(place)]
        assert main([str(exported), str(copy_of(exported, tmp_path)), *options]) == 0
        every = json.loads(place.read_text())["likelihood"]["groups"]["all"]
        assert every["systems"]["tiny1"] == every["systems"]["tiny1 (2)"]
        assert every["difference"]["tiny1 - tiny1 (2)"] == [0, 0, 0]

    def test_accompaniment_is_played_by_everybody(self, exported: Path, tmp_path: Path) -> None:
        place = tmp_path / "a.json"
        options = [
            "--only",
            "accompaniment",
            "--limit",
            "1",
            "--set",
            "lookahead=1",
            "--json",
            str(place),
            "--report",
            str(tmp_path),
        ]
        assert main([str(exported), "--data", "corpora", *options]) == 0
        found = json.loads(place.read_text())["accompaniment"]
        assert "lookahead 1 beats" in found["settings"]
        systems = found["corpora"]["all"]["systems"]
        assert {"tiny1", MARKOV, "silence", "hold-tonic", "chaser", "ridge", "oracle", "arranger"} <= set(systems)
        assert (tmp_path / "accompaniment-all.svg").exists()

    def test_adaptation_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of rules only: a model would play for minutes."""
        monkeypatch.setattr(adaptation, "everybody", lambda context: {"hold-tonic": lambda song: HoldTonic()})
        monkeypatch.setattr(adaptation, "models", lambda context: {})
        monkeypatch.setattr(playing, "settings_of", lambda context: ACCOMPANY)
        monkeypatch.setattr(adaptation, "RIDGE", "hold-tonic")
        monkeypatch.setattr(adaptation, "only", lambda systems, names: systems)
        found = without_nan(adaptation.QUESTION.ask(Context((), [], [], works()[-1:])))
        shifts, events, steady = adaptation.QUESTION.tables(found)
        assert [row[:2] for row in shifts.rows] == [("hold-tonic", "+6"), ("hold-tonic", "+1"), ("hold-tonic", "-2")]
        assert all(len(row) == len(table.header) for table in (shifts, events, steady) for row in table.rows)
        assert [row[0] for row in steady.rows] == ["hold-tonic", "arranger"]
        assert [plot.name for plot in adaptation.QUESTION.plots(found)] == [
            "shift-up-6", "shift-up-1", "shift-down-2", "wrong-notes", "cold-start",
        ]  # fmt: skip

    def test_drift_is_shown(self) -> None:
        minutes = [0.5] * 10
        values = {
            "by minute": {"onset-NiC": minutes},
            "last - first": {name: [0.0, -0.1, 0.1] for name in drift.MEASURES},
            "repetition": dict.fromkeys(("longest run", "like the one before", "different"), 1.0),
        }
        found = {"minutes": 10, "medleys": 3, "songs": 20, "systems": {"edge": values}}
        assert [len(table.rows[0]) for table in drift.QUESTION.tables(found)] == [9, 11]
        assert [plot.name for plot in drift.QUESTION.plots(found)] == ["drift"]
        assert drift.QUESTION.tables({"systems": {}}) == []

    def test_what_cannot_be_evaluated_is_refused(
        self, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        damaged = copy_of(exported, tmp_path)
        edit_contract(damaged, lambda document: document.pop("styles"))
        for arguments, message in (
            ([str(tmp_path / "nosuch")], "there is no model"),
            ([str(damaged)], "'styles' is missing"),
            ([str(exported), "--recipe", "nosuch"], "no recipe"),
            ([str(exported), "--set", "temperature=hot"], "temperature"),
            ([str(exported), "--set", "temperature"], "NAME=VALUE"),
            ([str(exported), "--only", "taste"], "no question 'taste'"),
            ([str(exported), "--limit", "0"], "no work falls into the held-out part"),
        ):
            assert main([*arguments, "--data", "corpora"]) == 2
            assert message in capsys.readouterr().err


class TestOptions:
    def test_slow_questions_are_asked_by_name(self) -> None:
        assert [question.name for question in chosen_questions(None, whole=False)] == [
            name for name in NAMES if name != "drift"
        ]
        assert [question.name for question in chosen_questions(None, whole=True)] == NAMES
        assert [question.name for question in chosen_questions("drift, likelihood", whole=False)] == ["likelihood", "drift"]

    def test_a_limit_is_on_works_and_on_their_pieces(self) -> None:
        made = made_up("irish", "a", "w", 0)
        pieces = [replace(made, work=work) for work in ("v", "v", "v", "w")] + [replace(made, corpus="hymns")]
        assert [piece.work for piece in limited(pieces, 1)] == ["v", "v", "v", "w"]
        assert [piece.work for piece in limited(pieces, 2, 1)] == ["v", "w", "w"]
        assert limited(pieces, None) == pieces

    def test_corpora_are_those_of_all_models_unless_told(self, exported: Path) -> None:
        contract = load_contract(exported)
        other = replace(contract, training={"recipe": {"data": {"weights": {"games": 1.0, "irish": 1.0}}}})
        assert corpora_of([contract, other], None) == [*corpora_of([contract], None), "games"]
        silent = replace(contract, training={})
        assert corpora_of([silent], "tiny") == corpora_of([contract], None)
        with pytest.raises(InputError, match="give --recipe"):
            corpora_of([silent], None)

    def test_shards_are_split_as_their_pieces_are(self, corpora: Path, tmp_path: Path) -> None:
        """What was trained on stays on the disk."""
        build(corpora, tmp_path, ["irish", "leadsheets"])
        shards = open_pieces(tmp_path)
        parts, expected = parts_of(shards), split(list(shards))
        assert isinstance(parts[0], Shards)
        assert [[piece.work for piece in part] for part in parts] == [[piece.work for piece in part] for part in expected]
        assert all(expected)

    def test_settings_are_the_daemons_with_changes(self, exported: Path) -> None:
        settings = settings_of(load_contract(exported), ["mode=accompany", "temperature=0.6", "style=b", "hop=half"])
        assert (settings.mode, settings.temperature, settings.heaviest_style, settings.hop_pulses) == (
            "accompany", 0.6, "b", 12,
        )  # fmt: skip

    def test_json_has_no_word_for_nan(self) -> None:
        assert without_nan({"a": [math.nan, 1.0], "b": (math.nan,), "c": "d"}) == {"a": [None, 1.0], "b": [None], "c": "d"}


class TestSubjects:
    def test_a_generator_has_heard_nothing(self, exported: Path) -> None:
        """It is opened once, and plays as if it had just been opened."""
        generator = open_subjects([str(exported)])[0].generator()
        tick = Tick(10**9, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD}))
        request = PlanRequest(1, 24, tick, seed=3)
        generator.observe(On(0, 60, 64, 0))
        disturbed = generator.plan(request)
        again = fresh_model(str(exported))
        assert again is generator
        assert again.plan(request) == open_neural(exported).plan(request) != disturbed

    def test_one_markov_generator_does_not_learn_for_the_next(self) -> None:
        one, other = fresh_markov(), fresh_markov()
        assert all(not np.shares_memory(one._table.tables[name], other._table.tables[name]) for name in one._table.tables)


class TestTables:
    TABLE = Table("Title.", ("name", "value"), [("a", "1.0"), ("long", "-")])

    def test_plain(self) -> None:
        assert self.TABLE.plain().splitlines() == ["Title.", "name  value", "a       1.0", "long      -"]

    def test_markdown(self) -> None:
        assert self.TABLE.markdown().splitlines()[2:] == ["| name | value |", "| --- | ---: |", "| a | 1.0 |", "| long | - |"]

    def test_figures(self) -> None:
        assert (figure(None, 2), figure(math.nan, 2), figure(-0.001, 2)) == ("-", "-", "0.00")
        assert interval([0.5, 0.25, 0.75], 2) == "0.50 [0.25, 0.75]"
        assert interval([None, None, None], 2) == "-"
        assert interval([0.5, None, None], 2) == "0.50"
        assert [yes(answer) for answer in (True, False, None)] == ["yes", "no", "-"]
