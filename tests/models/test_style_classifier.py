"""The judge of style: it learns what can be learned, looks at music and not at keys, and is no judge of what it can't hear."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.core.events import Part
from models.corpora.piece import Piece, PieceNote
from models.questions.styles import changes, human_examples, plots, tables
from models.scoring.metrics import mean
from models.scoring.music_measures import Stretch
from models.scoring.style_classifier import confusion, fitted
from models.scoring.style_features import harmony_features, lead_features

law = settings(deadline=None, max_examples=30)
stretches = st.lists(
    st.builds(PieceNote, st.integers(0, 767), st.integers(40, 80), st.integers(1, 96)), min_size=4, max_size=40
).map(lambda notes: Stretch(tuple(sorted(notes)), 8, 4))


def examples(centre: float, count: int, seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).normal(centre, 1.0, (count, 5)))


class TestClassifier:
    def test_it_tells_apart_what_can_be_told_apart(self) -> None:
        judge = fitted({"low": examples(-2, 60, 1), "high": examples(2, 60, 2)})
        assert confusion(judge, {"low": examples(-2, 50, 3), "high": examples(2, 50, 4)}, mean) == [[1, 0], [0, 1]]

    def test_what_is_the_same_is_a_toss(self) -> None:
        judge = fitted({"one": examples(0, 300, 1), "other": examples(0, 300, 2)})
        (told, _), _ = confusion(judge, {"one": examples(0, 500, 3)}, mean)
        assert told == pytest.approx(0.5, abs=0.12)

    def test_a_rare_style_weighs_as_much_as_a_common_one(self) -> None:
        """Half way between two clouds it is as likely to be either, however many examples each had."""
        judge = fitted({"rare": examples(-1, 40, 1), "common": examples(1, 2000, 2)})
        rare, common = judge.log_probabilities(np.zeros((1, 5)))[0]
        assert rare - common == pytest.approx(0, abs=1.0)

    def test_probabilities_sum_to_one(self) -> None:
        judge = fitted({name: examples(at, 20, at) for at, name in enumerate("abc")})
        assert np.exp(judge.log_probabilities(np.random.default_rng(0).normal(size=(9, 5)) * 100)).sum(axis=1) == pytest.approx(
            1
        )

    def test_the_same_examples_give_the_same_judge(self) -> None:
        one, other = (fitted({"a": examples(0, 20, 1), "b": examples(1, 20, 2)}) for _ in range(2))
        assert np.array_equal(one.weights, other.weights)

    def test_of_nothing_nothing_is_known(self) -> None:
        judge = fitted({"a": examples(-2, 20, 1), "b": examples(2, 20, 2)})
        assert all(math.isnan(share) for share in confusion(judge, {"a": examples(-2, 3, 3)}, mean)[1])


class TestFeatures:
    @law
    @given(stretches, st.integers(-5, 5))
    def test_a_melody_is_the_same_in_every_key(self, stretch: Stretch, semitones: int) -> None:
        moved = Stretch(tuple(replace(note, pitch=note.pitch + semitones) for note in stretch.notes), 8, 4)
        one, other = lead_features(stretch), lead_features(moved)
        assert one is not None
        assert one[:-1] == pytest.approx(other[:-1]), "but for the mode, where two keys fit as well"

    @law
    @given(stretches)
    def test_everything_is_a_number_of_modest_size(self, stretch: Stretch) -> None:
        for features in (lead_features(stretch), harmony_features(stretch)):
            assert features is not None
            assert np.isfinite(features).all()
            assert np.abs(features).max() <= 16

    def test_too_few_notes_are_not_judged(self) -> None:
        few = Stretch(tuple(PieceNote(24 * beat, 60, 24) for beat in range(3)), 8, 4)
        assert lead_features(few) is harmony_features(few) is None

    def test_dynamics_are_not_looked_at(self) -> None:
        notes = tuple(PieceNote(24 * beat, 60 + beat % 5, 24) for beat in range(16))
        loud = tuple(replace(note, velocity=127) for note in notes)
        assert np.array_equal(lead_features(Stretch(notes, 8, 4)), lead_features(Stretch(loud, 8, 4)))


def piece(style: str, length: int) -> Piece:
    melody = tuple(PieceNote(at * length, 60 + at % 7, length) for at in range(16 * 96 // length))
    return Piece("irish", f"{style}{length}", style, 120.0, 4, 0, melody, {Part.CHORDS: melody})


class TestExamples:
    def test_each_piece_is_one_example_of_its_style(self) -> None:
        found = human_examples([piece("folk", 24), piece("folk", 12), piece("pop", 24)], "lead", least=1)
        assert {style: len(vectors) for style, vectors in found.items()} == {"folk": 2, "pop": 1}

    def test_a_style_with_few_examples_is_not_judged(self) -> None:
        assert list(human_examples([piece("folk", 24), piece("folk", 12), piece("pop", 24)], "lead", least=2)) == ["folk"]

    def test_without_accompaniment_there_is_none(self) -> None:
        assert human_examples([replace(piece("folk", 24), parts={})], "accompaniment", least=1) == {}


def test_what_a_style_changes_is_told_whatever_the_prompt() -> None:
    """Everything sounds like the second style, the first a little less: as heard all is the second, by the change it isn't."""
    judge = fitted({"low": examples(-2, 60, 1), "high": examples(2, 60, 2)})
    heard = {"low": [np.full(5, 3.0), None], "high": [np.full(5, 4.0), np.full(5, 4.0)]}
    moved = changes(judge, heard)
    assert judge.guesses(np.stack([heard["low"][0], heard["high"][0]])) == ["high", "high"]
    assert judge.guesses(np.stack([moved["low"][0], moved["high"][0]])) == ["low", "high"]
    assert moved["low"][1] is None
    assert moved["high"][1] == pytest.approx(judge.mean), "alone, it changes nothing"


FOUND = {
    "lead": {
        "styles": ["a", "b"], "chance": 0.5, "works": 3, "human": [[1.0, 0.0], [0.2, 0.8]],
        "systems": {
            "edge": {
                "confusion": [[0.75, 0.25], [None, None]], "accuracy": [0.75, 0.5, 1.0],
                "by change": [1.0, 1.0, 1.0],
                "mixes": {
                    "a + b": {"odds": [2.0, 0.5, -1.0], "first - mix": [1.5, 1.0, 2.0], "mix - second": [1.5, 1.0, 2.0],
                              "between": True}
                },
            }
        },
    },
    "accompaniment": {},
}  # fmt: skip


def test_tables_show_accuracy_confusion_and_mixes() -> None:
    accuracy, confused, mixes = tables(FOUND)
    assert accuracy.rows == [
        ("held-out human pieces", "0.90", "-", "-", "-", "0.50"),
        ("edge", "0.75 [0.50, 1.00]", "no", "1.00 [1.00, 1.00]", "yes", "0.50"),
    ]
    assert confused.rows == [("a", "0.75", "0.25"), ("b", "-", "-")]
    assert mixes.rows[0][-1] == "yes"
    assert [plot.name for plot in plots(FOUND)] == ["styles-lead-edge"]
