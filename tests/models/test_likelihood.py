"""Nats a note: the same sums as in training, the same events for everybody, and findings that add up."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.tiny_models import export_tiny, tiny_lstm

from livegen.core import vocabulary as v
from livegen.generators.ngram import Ngram
from models.corpora.piece import Piece
from models.networks.losses import Score, field_nats, score_of
from models.questions.likelihood import findings, plots, tables
from models.scoring import likelihood
from models.scoring.likelihood import UNIFORM, TakeScores
from models.scoring.subject import MARKOV, Subject, open_subjects
from models.takes.dataset import held_out_takes, hide_history, targets_and_given

STYLE = np.array([[0.0, 1.0]], dtype=np.float32)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A tiny model with random weights."""
    place = export_tiny(tmp_path_factory.mktemp("exported"), 1, decoding={"hide_history": True, "chords": "drawn"})
    return open_subjects([str(place)])[0]


def nothing(done: int, name: str) -> None:
    """Progress that nobody looks at."""


class TestScore:
    @pytest.mark.parametrize("hidden", [False, True])
    def test_the_exported_model_scores_what_its_source_scores(self, subject: Subject, song: Piece, hidden: bool) -> None:
        """Step by step through the daemon's session, and all at once in torch."""
        _, rows = next(held_out_takes(song))
        targets, given = targets_and_given(rows)
        seen = hide_history(rows) if hidden else rows
        ours = likelihood.stepwise(subject.session, seen, targets, given, STYLE)
        model = tiny_lstm(1)
        with torch.no_grad():
            output, _ = model(torch.from_numpy(seen[None, :-1]), torch.from_numpy(STYLE))
            tensors = (torch.from_numpy(array[None]) for array in (targets, given))
            theirs = score_of(field_nats(model, output, wanted := next(tensors), next(tensors)), wanted)
        assert (ours.count, ours.notes) == (theirs.count, theirs.notes)
        for name, nats in theirs.nats.items():
            assert ours.nats[name] == pytest.approx(nats, rel=1e-4)

    def test_a_take_without_an_agent_costs_nothing(self, subject: Subject, song: Piece) -> None:
        rows = next(rows for role, rows in held_out_takes(replace(song, parts={})) if role == "respond")
        targets, given = targets_and_given(rows)
        assert likelihood.stepwise(subject.session, rows, targets * 0, given, STYLE) == Score()

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


class TestTakes:
    def test_every_system_is_scored_on_the_same_events(self, subject: Subject, song: Piece) -> None:
        takes = likelihood.evaluate([song], [subject, replace(subject, name="again")], Ngram(), nothing)
        assert {take.role for take in takes} == {"accompany", "respond"}
        for take in takes:
            assert tuple(take.scores) == (subject.name, "again", MARKOV, UNIFORM)
            counts = [+score.count for score in take.scores.values()]
            assert all(count == counts[0] for count in counts)
            assert take.scores[subject.name] == take.scores["again"]

    def test_history_is_hidden_as_it_is_deployed(self, subject: Subject, song: Piece) -> None:
        """Only in role accompany: who leads sees what it plays."""
        decoding = {**subject.contract.decoding, "hide_history": False}
        shown = replace(subject, name="shown", contract=replace(subject.contract, decoding=decoding))
        assert subject.hides_history
        assert not shown.hides_history
        for take in likelihood.evaluate([song], [subject, shown], Ngram(), nothing):
            assert (take.scores[subject.name] == take.scores["shown"]) == (take.role == "respond")

    def test_seconds_are_those_of_the_windows(self, subject: Subject, song: Piece) -> None:
        """Eight bars of four at 120 bpm are 16 s, and the agent answers in a part of them."""
        seconds = {take.role: take.seconds for take in likelihood.evaluate([song], [subject], Ngram(), nothing)}
        assert seconds["accompany"] == 16
        assert 0 < seconds["respond"] < 16

    def test_a_long_take_is_cut_for_everybody(self, subject: Subject, song: Piece) -> None:
        whole, cut = (likelihood.evaluate([song], [subject], Ngram(), nothing, events)[0] for events in (None, 20))
        for name in (subject.name, MARKOV, UNIFORM):
            assert sum(cut.scores[name].count.values()) < sum(whole.scores[name].count.values())
        assert cut.seconds < whole.seconds


def take(corpus: str, work: str, role: str, nats: dict[str, float], notes: int = 10) -> TakeScores:
    scores = {name: Score(Counter(pitch=value), Counter(pitch=notes), notes) for name, value in nats.items()}
    return TakeScores(corpus, work, role, 5.0, scores)


class TestFindings:
    TAKES = (
        take("a", "1", "respond", {"stage": 10.0, "edge": 20.0, MARKOV: 40.0, UNIFORM: 90.0}),
        take("b", "1", "accompany", {"stage": 20.0, "edge": 20.0, MARKOV: 40.0, UNIFORM: 90.0}),
        take("b", "2", "respond", {"stage": 0.0, "edge": 10.0, MARKOV: 40.0, UNIFORM: 90.0}),
    )

    def test_groups_are_corpora_corpora_by_role_roles_and_all(self) -> None:
        found = findings(self.TAKES, seed=0)
        assert list(found) == ["a", "a, respond", "b", "b, accompany", "b, respond", "respond", "accompany", "all"]
        assert (found["b"]["works"], found["b"]["notes"], found["b"]["seconds"]) == (2, 20, 10)

    def test_sums_are_over_notes_and_over_seconds(self) -> None:
        found = findings(self.TAKES, seed=0)["all"]["systems"]["stage"]
        assert found["nats_per_note"] == 1.0
        assert found["bits_per_second"] == pytest.approx(30 / math.log(2) / 15)
        assert found["fields"]["pitch"] == {"nats_per_note": 1.0, "nats_per_target": 1.0, "targets": 30}

    def test_every_two_systems_are_compared_on_the_same_works(self) -> None:
        difference = findings(self.TAKES, seed=0)["b"]["difference"]
        assert list(difference) == ["stage - edge", f"stage - {MARKOV}", f"edge - {MARKOV}"]
        assert difference["stage - edge"] == [-0.5, -1.0, 0.0]

    def test_tables_and_plots_show_all_groups(self) -> None:
        found = {"events": None, "markov": "here", "history": {"stage": "hidden"}, "groups": findings(self.TAKES, seed=0)}
        shown = "\n".join(table.markdown() for table in tables(found))
        assert "| b, accompany | 1 | 10 | 2.000 | 2.000 | 4.000 | 9.000 |" in shown
        assert "whole takes" in shown
        assert [plot.name for plot in plots(found)] == ["likelihood"]
        assert tables({"groups": {}}) == plots({"groups": {}}) == []
