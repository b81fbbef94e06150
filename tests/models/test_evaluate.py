"""Scoring a model: the same sums as in training, known answers on known music, and the whole command on a tiny model."""

from __future__ import annotations

import json
import math
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import copy_of, edit_contract, export_tiny, tiny_lstm

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.parameters import build_registry
from livegen.generators.model_files import load_contract
from livegen.generators.session import StepSession
from models import accompaniment, evaluate, likelihood
from models.accompaniment import ARRANGER, MEASURES, measure, opening, openings, performance, played, written
from models.baselines import HoldTonic
from models.corpora.piece import Piece, PieceNote
from models.dataset import held_out_takes, hide_history, targets_and_given
from models.evaluate import likelihood_findings, limited, main, settings_of, without_nan
from models.likelihood import HIDDEN, MARKOV, SHOWN, SYSTEMS, UNIFORM, TakeScores
from models.losses import Score, field_nats, score_of
from models.tables import Table, figure, interval
from models.train import read_recipe

BAR = 96
ACCOMPANY = build_registry().defaults().with_changes({"mode": "accompany"})[0]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that says that it was trained by the recipe `tiny`."""
    return export_tiny(tmp_path_factory.mktemp("exported"), 1, training={"recipe": read_recipe("tiny"), "step": 7})


@pytest.fixture(scope="module")
def outcome(exported: Path, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """What the command printed with `--card`, and the figures that it wrote."""
    place = tmp_path_factory.mktemp("out") / "figures.json"
    with redirect_stdout(StringIO()) as printed:
        assert main([str(exported), "--data", str(corpora), "--limit", "1", "--card", "--json", str(place)]) == 0
    return printed.getvalue(), json.loads(place.read_text())


class TestLikelihood:
    @pytest.mark.parametrize("hidden", [False, True])
    def test_the_exported_model_scores_what_its_source_scores(self, exported: Path, song: Piece, hidden: bool) -> None:
        """Step by step through the daemon's session, and all at once in torch."""
        _, rows = next(held_out_takes(song))
        targets, given = targets_and_given(rows)
        seen = hide_history(rows) if hidden else rows
        style = np.array([[0.0, 1.0]], dtype=np.float32)
        ours = likelihood.stepwise(StepSession(load_contract(exported)), seen, targets, given, style)
        model = tiny_lstm(1)
        with torch.no_grad():
            output, _ = model(torch.from_numpy(seen[None, :-1]), torch.from_numpy(style))
            tensors = (torch.from_numpy(array[None]) for array in (targets, given))
            theirs = score_of(field_nats(model, output, wanted := next(tensors), next(tensors)), wanted)
        assert (ours.count, ours.notes) == (theirs.count, theirs.notes)
        for name, nats in theirs.nats.items():
            assert ours.nats[name] == pytest.approx(nats, rel=1e-4)

    def test_a_take_without_an_agent_costs_nothing(self, exported: Path, song: Piece) -> None:
        rows = next(rows for role, rows in held_out_takes(replace(song, parts={})) if role == "respond")
        targets, given = targets_and_given(rows)
        score = likelihood.stepwise(
            StepSession(load_contract(exported)), rows, targets * 0, given, np.zeros((1, 2), np.float32)
        )
        assert score == Score()

    def test_guessing_costs_the_logarithm_of_the_choices(self) -> None:
        note = np.zeros(len(v.FIELDS), dtype=np.int64)
        note[0] = v.KIND["NOTE"]
        for name in ("part", "pulse", "pitch", "duration"):
            note[v.COLUMN[name]] = 1
        score = likelihood.uniform(np.stack([note, note * 0]))
        expected = sum(map(math.log, (3, 4, 24, 128, len(v.DURATIONS))))
        assert score.nats_per_note == pytest.approx(expected)
        assert (score.notes, score.count["velocity"]) == (1, 0)

    def test_log_softmax_stands_large_numbers(self) -> None:
        assert likelihood.log_softmax([[1e4, 1e4, -1e4]])[0, :2] == pytest.approx(-math.log(2))

    def test_every_system_is_scored_on_the_same_events(self, exported: Path, song: Piece) -> None:
        session, table = StepSession(load_contract(exported)), evaluate.load_table()
        takes = likelihood.evaluate([song], session, table, lambda done, text: None)
        assert [take.role for take in takes] == ["accompany", "respond"]
        for take in takes:
            assert tuple(take.scores) == SYSTEMS
            counts = [+take.scores[name].count for name in SYSTEMS]
            assert all(count == counts[0] for count in counts)
            assert len({take.scores[name].notes for name in SYSTEMS}) == 1
        assert takes[0].scores[HIDDEN] != takes[0].scores[SHOWN]
        assert takes[1].scores[HIDDEN] == takes[1].scores[SHOWN], "who leads sees what it plays"

    def test_findings_add_up(self) -> None:
        def take(corpus: str, work: str, role: str, nats: float, notes: int) -> TakeScores:
            scores = {name: Score(Counter(pitch=nats), Counter(pitch=notes), notes) for name in (HIDDEN, SHOWN, UNIFORM)}
            return TakeScores(
                corpus, work, role, scores | {MARKOV: Score(Counter(pitch=4.0 * notes), Counter(pitch=notes), notes)}
            )

        found = likelihood_findings([take("a", "1", "respond", 20.0, 10), take("b", "1", "accompany", 10.0, 10)], seed=0)
        assert list(found) == ["a, respond", "b, accompany", "respond", "accompany", "all"]
        assert (found["all"]["works"], found["all"]["notes"]) == (2, 20)
        assert found["all"]["systems"][HIDDEN]["nats_per_note"] == 1.5
        assert found["all"]["systems"][HIDDEN]["fields"]["pitch"] == {
            "nats_per_note": 1.5, "nats_per_target": 1.5, "targets": 20,
        }  # fmt: skip
        assert found["all"]["difference"][HIDDEN] == [-2.5, -3.0, -2.0]


class TestAccompaniment:
    def test_a_song_begins_at_the_bar_line_before_its_first_note(self, song: Piece) -> None:
        late = replace(song, bar_offset=48, melody=tuple(replace(note, onset=note.onset + 4 * BAR) for note in song.melody))
        assert [note.onset for note in opening(late).piece.melody[:2]] == [48, 72]
        pickup = replace(song, bar_offset=48)
        assert opening(pickup).piece.melody[0].onset == 48

    def test_a_song_has_64_beats_at_most(self, song: Piece) -> None:
        long = replace(song, melody=tuple(PieceNote(beat * 24, 60, 24) for beat in range(100)))
        assert opening(long).frames == 64 * 4
        assert opening(song).frames == 32 * 4
        assert opening(song).bars == 8

    def test_one_song_a_work_of_the_corpora_with_an_arrangement(self, song: Piece) -> None:
        others = [replace(song, corpus="irish"), replace(song, parts={}), replace(song, melody=song.melody[:20])]
        assert [chosen.name for chosen in openings([*others, song])] == ["leadsheets/a song"]
        assert len(openings([*others, song])[0].piece.melody) == 20

    def test_the_player_plays_the_melody(self, song: Piece) -> None:
        notes = (PieceNote(0, 60, 24), PieceNote(24, 60, 24, 100))
        messages = performance(replace(song, melody=notes)).messages
        assert [(int(pulse), type(message)) for pulse, message in messages] == [
            (0, NoteOn), (24, NoteOff), (24, NoteOn), (48, NoteOff),
        ]  # fmt: skip

    def test_a_rule_is_heard_through_the_daemon(self, song: Piece) -> None:
        """It begins within a beat of the first note, and holds to the end."""
        steady = replace(song, melody=tuple(PieceNote(beat * 24, (60, 64, 67, 60)[beat % 4], 24) for beat in range(32)))
        heard = played(opening(steady), HoldTonic(), ACCOMPANY, seed=1)
        onsets = sorted({onset for onset, _, _ in heard.notes})
        assert 0 < onsets[0] <= 24
        assert set(onsets) >= {24.0 * beat for beat in range(1, 32)}
        assert {pitch % 12 for onset, pitch, _ in heard.notes if onset >= 96} == {0, 4, 7}
        assert all(length == 24 for onset, _, length in heard.notes if 24 <= onset < 31 * 24)
        values = measure(opening(steady), heard, [])
        assert values["coverage"] >= 31 / 32
        assert values["onset-NiC"] == values["NiC"] == 1.0

    def test_the_arranger_is_measured_as_written(self, song: Piece) -> None:
        chosen = opening(replace(song, melody=tuple(PieceNote(beat * 24, 60, 24) for beat in range(32))))
        values = measure(chosen, written(chosen), [chosen.melody])
        assert tuple(values) == MEASURES
        assert values == pytest.approx({
            "onset-NiC": 1.0, "NiC": 1.0, "chord onset-NiC": 1.0, "chord NiC": 1.0, "coupling": 0.0, "true-mismatched": 0.0,
            "changes/bar": 3 / 8, "on beat": 1.0, "on downbeat": 1.0, "size": 3.0, "coverage": 1.0,
        })  # fmt: skip

    def test_the_same_seed_gives_the_same_music(self, exported: Path, song: Piece) -> None:
        subject = evaluate.open_subject(str(exported))
        for make in subject.systems().values():
            one, other = (played(opening(song), make(), ACCOMPANY, seed=3) for _ in range(2))
            assert one == other

    def test_hiding_history_changes_what_is_played(self, exported: Path, song: Piece) -> None:
        subject = evaluate.open_subject(str(exported))
        assert subject.deployed == HIDDEN
        one, other = (played(opening(song), subject.generator(hide), ACCOMPANY, seed=3) for hide in (True, False))
        assert one.notes != other.notes

    def test_who_learns_begins_anew_with_each_song(self, exported: Path, song: Piece) -> None:
        subject = evaluate.open_subject(str(exported))
        before = {name: counts.sum() for name, counts in subject.table.tables.items()}
        played(opening(song), subject.markov(), ACCOMPANY, seed=3)
        assert {name: counts.sum() for name, counts in subject.table.tables.items()} == before

    def test_songs_are_mismatched_within_their_corpus(self, song: Piece) -> None:
        songs = [opening(song), opening(replace(song, work="another")), opening(replace(song, corpus="pop909"))]
        done: list[tuple[int, str]] = []
        table = accompaniment.evaluate(songs, {"tonic": HoldTonic}, ACCOMPANY, 1, lambda at, name: done.append((at, name)))
        assert list(table) == ["tonic", ARRANGER]
        assert table["tonic"][0]["true-mismatched"] == 0.0
        assert math.isnan(table["tonic"][2]["true-mismatched"])
        assert done == [(0, "leadsheets/a song"), (1, "leadsheets/another"), (2, "pop909/a song")]


class TestOptions:
    def test_a_limit_is_on_works(self, song: Piece) -> None:
        pieces = [replace(song, work=work) for work in ("a", "a", "b")] + [replace(song, corpus="irish")]
        assert [piece.work for piece in limited(pieces, 1)] == ["a", "a", "a song"]
        assert limited(pieces, None) == pieces

    def test_settings_are_the_daemons_with_changes(self, exported: Path) -> None:
        contract = load_contract(exported)
        settings = settings_of(contract, ["temperature=0.6", "style=b", "hop=half"])
        assert (settings.mode, settings.temperature, settings.heaviest_style, settings.hop_pulses) == (
            "accompany",
            0.6,
            "b",
            12,
        )
        for wrong in ("temperature", "nosuch=1", "hop=whole"):
            with pytest.raises(InputError):
                settings_of(contract, [wrong])

    def test_corpora_are_the_models_own_unless_told(self, exported: Path) -> None:
        contract = load_contract(exported)
        assert "irish" in evaluate.corpora_of(contract, None)
        silent = replace(contract, training={})
        assert evaluate.corpora_of(silent, "tiny") == evaluate.corpora_of(contract, None)
        with pytest.raises(InputError, match="give --recipe"):
            evaluate.corpora_of(silent, None)

    def test_json_has_no_word_for_nan(self) -> None:
        assert without_nan({"a": [math.nan, 1.0], "b": (math.nan,), "c": "d"}) == {"a": [None, 1.0], "b": [None], "c": "d"}


class TestTables:
    TABLE = Table("Title.", ("name", "value"), [("a", "1.0"), ("long", "-")])

    def test_plain(self) -> None:
        assert self.TABLE.plain().splitlines() == ["Title.", "name  value", "a       1.0", "long      -"]

    def test_markdown(self) -> None:
        assert self.TABLE.markdown().splitlines()[2:] == ["| name | value |", "| --- | ---: |", "| a | 1.0 |", "| long | - |"]

    def test_figures(self) -> None:
        assert figure(None, 2) == "-"
        assert interval([0.5, 0.25, 0.75], 2) == "0.50 [0.25, 0.75]"
        assert interval([None, None, None], 2) == "-"
        assert interval([0.5, None, None], 2) == "0.50"


class TestCommand:
    def test_every_corpus_and_system_is_scored(self, outcome: tuple[str, dict]) -> None:
        _, figures = outcome
        assert figures["deployed"] == HIDDEN
        assert "same split" in figures["markov"]
        assert figures["training"] == {"step": 7}
        groups = {group.split(",")[0] for group in figures["likelihood"]}
        assert groups == {"leadsheets", "pop909", "irish", "mutopia", "lieder", "accompany", "respond", "all"}
        for found in figures["likelihood"].values():
            assert set(found["systems"]) == set(SYSTEMS)
            fields = found["systems"][MARKOV]["fields"].values()
            assert found["systems"][MARKOV]["nats_per_note"] == pytest.approx(sum(field["nats_per_note"] for field in fields))
        assert list(figures["accompaniment"]) == ["pop909", "leadsheets", "all"]
        assert list(figures["accompaniment"]["all"]["systems"]) == [
            HIDDEN, SHOWN, "Markov generator", "hold-tonic", "chaser", ARRANGER,
        ]  # fmt: skip

    def test_the_card_names_what_is_deployed(self, outcome: tuple[str, dict]) -> None:
        text, _ = outcome
        assert f"Deployed: {HIDDEN}" in text
        assert f"| {HIDDEN} (deployed) |" in text
        assert "| all | 5 | " in text
        assert "temperature 0.9, lookahead 0.25 beats" in text

    def test_it_is_deterministic(
        self, exported: Path, corpora: Path, outcome: tuple[str, dict], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = tmp_path / "again.json"
        assert main([str(exported), "--data", str(corpora), "--limit", "1", "--json", str(place)]) == 0
        assert json.loads(place.read_text()) == outcome[1]
        out, err = capsys.readouterr()
        assert "Nats a note on held-out works." in out
        assert "irish: 6 pieces from 6 works" in err

    def test_one_question_alone(self, exported: Path, corpora: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            main([str(exported), "--data", str(corpora), "--limit", "1", "--only", "accompaniment", "--set", "lookahead=1"])
            == 0
        )
        out = capsys.readouterr().out
        assert "lookahead 1 beats" in out
        assert "Nats" not in out

    def test_what_cannot_be_evaluated_is_refused(
        self, exported: Path, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        damaged = copy_of(exported, tmp_path)
        edit_contract(damaged, lambda document: document.pop("styles"))
        for arguments, message in (
            ([str(tmp_path / "nosuch"), "--data", str(corpora)], "there is no model"),
            ([str(damaged), "--data", str(corpora)], "'styles' is missing"),
            ([str(exported), "--data", str(tmp_path)], "holds no works"),
            ([str(exported), "--data", str(corpora), "--recipe", "nosuch"], "there are first, tiny"),
            ([str(exported), "--data", str(corpora), "--set", "temperature=hot"], "temperature"),
            ([str(exported), "--data", str(corpora), "--limit", "0"], "no work falls into the held-out part"),
        ):
            assert main(arguments) == 2
            assert message in capsys.readouterr().err
