"""Originality: what is copied is found in any key, what is not is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.corpora.piece import PieceNote
from models.scoring import originality
from models.scoring.originality import LENGTHS, MEASURES, Index, items

law = settings(deadline=None, max_examples=50)
lines = st.lists(st.lists(st.integers(0, 2), max_size=30), max_size=5)


def array(line: list[int]) -> originality.Items:
    return np.array(line, dtype=np.int64)


def melody(*pitches: int, gap: int = 24) -> list[PieceNote]:
    return [PieceNote(at * gap, pitch, gap) for at, pitch in enumerate(pitches)]


class TestItems:
    @given(st.lists(st.integers(40, 80), min_size=2, max_size=20), st.integers(-12, 12))
    def test_they_are_the_same_in_every_key(self, pitches: list[int], semitones: int) -> None:
        moved = [pitch + semitones for pitch in pitches]
        assert np.array_equal(items(melody(*pitches)), items(melody(*moved)))

    def test_another_step_or_another_rhythm_is_another_item(self) -> None:
        base = items(melody(60, 62))
        assert not np.array_equal(base, items(melody(60, 63)))
        assert not np.array_equal(base, items(melody(60, 58)))
        assert not np.array_equal(base, items(melody(60, 62, gap=12)))

    def test_how_long_a_key_stays_down_is_no_matter(self) -> None:
        short = [replace(note, duration=1) for note in melody(60, 62, 64)]
        assert np.array_equal(items(short), items(melody(60, 62, 64)))

    def test_of_a_chord_the_highest_note_counts(self) -> None:
        assert np.array_equal(items([*melody(60, 62), PieceNote(24, 50, 24)]), items(melody(60, 62)))

    def test_a_single_note_has_no_step(self) -> None:
        assert len(items(melody(60))) == len(items([])) == 0


class TestIndex:
    @law
    @given(lines, st.lists(st.integers(0, 2), max_size=20), st.integers(1, 12))
    def test_a_run_is_copied_if_some_melody_holds_it(self, training: list, asked: list, length: int) -> None:
        """As found by looking at every run of every melody; runs across two melodies don't count."""
        known = {tuple(line[at : at + length]) for line in training for at in range(len(line) - length + 1)}
        expected = [tuple(asked[at : at + length]) in known for at in range(len(asked) - length + 1)]
        assert list(Index(map(array, training)).hits(array(asked), length)) == expected

    @law
    @given(lines, st.lists(st.integers(0, 2), max_size=20))
    def test_the_longest_run_is_the_longest(self, training: list, asked: list) -> None:
        index = Index(map(array, training))
        longest = index.longest(array(asked))
        assert longest == max(
            [length for length in range(1, len(asked) + 1) if index.hits(array(asked), length).any()], default=0
        )

    def test_what_was_trained_on_is_copied_from_end_to_end(self) -> None:
        pitches = [60 + (at * at) % 13 for at in range(40)]
        index = Index([items(melody(*pitches)), items(melody(*range(40, 60)))])
        found = index.copied(items(melody(*(pitch + 5 for pitch in pitches))))
        assert tuple(found) == MEASURES
        assert found == {**dict.fromkeys(MEASURES[:-1], 1.0), "longest run": 39.0}

    def test_a_melody_too_short_for_a_run_says_nothing_of_it(self) -> None:
        found = Index([items(melody(*range(60, 80)))]).copied(items(melody(*range(60, 66))))
        assert found[f"{LENGTHS[0]}-grams"] == 1
        assert all(math.isnan(found[f"{length}-grams"]) for length in LENGTHS[1:])
        assert found["longest run"] == 5

    def test_of_nothing_nothing_is_copied(self) -> None:
        assert Index([]).copied(items(melody(*range(60, 80))))["longest run"] == 0


def test_a_search_for_the_longest_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originality, "LONGEST", 10)
    line = items(melody(*([60, 62] * 20)))
    assert Index([line]).longest(line) == 10
