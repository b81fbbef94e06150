"""Near-duplicates: what counts as one, which of two stays, and what scales and quotations don't prove."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.corpora.duplicates import TUNES, Tune, drop_duplicates, interval_grams, tune_of, twins_of
from models.corpora.piece import Piece, PieceNote
from models.corpora.registry import twins_by_rank


def _tune(work: str, pitches: Sequence[int], corpus: str = "lieder") -> Tune:
    return Tune(corpus, work, np.array(pitches))


def _random_walk(seed: int, notes: int = 60) -> list[int]:
    return (60 + np.cumsum(np.random.default_rng(seed).integers(-4, 5, notes))).tolist()


def test_a_transposed_tune_with_a_few_other_notes_is_the_same_tune() -> None:
    first = _random_walk(1)
    second = [pitch + 5 for pitch in first]
    second[20] += 1
    assert twins_of([_tune("a", first), _tune("b", second), _tune("c", _random_walk(2))]) == {1: 0}


def test_pieces_of_one_work_are_not_twins() -> None:
    assert twins_of([_tune("a", _random_walk(1)), _tune("a", _random_walk(1))]) == {}


def test_a_work_and_its_namesake_in_another_corpus_are() -> None:
    assert twins_of([_tune("a", _random_walk(1)), _tune("a", _random_walk(1), "polish")]) == {1: 0}


def test_the_corpus_that_stands_first_in_the_registry_keeps_the_tune_in_any_order() -> None:
    tunes = [
        _tune("a", _random_walk(1), "mutopia-scores"),
        _tune("b", _random_walk(1), "lieder"),
        _tune("c", _random_walk(1), "mine"),
    ]
    assert twins_by_rank(tunes) == {0: 1, 2: 1}
    assert twins_by_rank(tunes[::-1]) == {2: 1, 0: 1}


def test_scales_that_everybody_plays_prove_nothing() -> None:
    """Thirty works of the same scale and each its own tune: no two are alike."""
    scale = [60 + step for step in (0, 2, 4, 5, 7, 9, 11, 12) * 8]
    assert twins_of([_tune(f"{number}", scale + _random_walk(number)) for number in range(30)]) == {}


def test_a_long_work_is_not_left_out_for_a_short_tune_that_it_quotes() -> None:
    quoted = _random_walk(1, 40)
    assert twins_of([_tune("a", quoted), _tune("b", quoted + _random_walk(2, 600))]) == {}


def test_short_melodies_are_judged_only_where_they_are_all_that_there_is() -> None:
    short = [_tune("a", _random_walk(1, 24)), _tune("b", _random_walk(1, 24))]
    assert twins_of(short) == {}
    assert twins_of(short, TUNES) == {1: 0}


def test_what_is_dropped_is_said_with_its_twin() -> None:
    pieces = [
        Piece(
            "lieder",
            work,
            "song",
            100.0,
            4,
            0,
            tuple(PieceNote(24 * at, pitch, 24) for at, pitch in enumerate(_random_walk(3))),
        )
        for work in ("a", "b")
    ]
    kept, dropped = drop_duplicates(pieces)
    assert kept == pieces[:1]
    assert dropped == [(pieces[1], "near-duplicate: of a")]


@given(st.lists(st.integers(0, 127), max_size=40), st.integers(1, 8), st.integers(-30, 30))
def test_n_grams_are_those_of_the_intervals_and_know_no_key(pitches: list[int], size: int, shift: int) -> None:
    steps = [after - before for before, after in pairwise(pitches)]
    expected = {tuple(steps[begin : begin + size]) for begin in range(len(steps) - size + 1)}
    grams = interval_grams(np.array(pitches, dtype=np.int64), size)
    assert len(grams) == len(expected)
    assert np.array_equal(grams, interval_grams(np.array(pitches, dtype=np.int64) + shift, size))


def test_no_tunes_have_no_twins() -> None:
    assert twins_of([]) == {}
    empty = Piece("lieder", "a", "song", 100.0, 4, 0, ())
    assert twins_of([tune_of(empty), tune_of(empty)]) == {}
