"""The agent's turns in windows, and the notes that fall into them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.events import Part
from models.corpora.piece import PieceNote
from models.takes.casting import Turn, notes_by_window, window_bounds

BOTH = frozenset({Part.CHORDS, Part.BASS})
starts = st.integers(0, 500)
grids = st.integers(0, 23)


@law
@given(starts, st.integers(1, 300), st.sampled_from((12, 24)), grids)
def test_windows_cover_the_turn(start: int, length: int, hop: int, grid: int) -> None:
    """From the half beat before its start to the beat after its end, without a hole and not over a beat."""
    bounds = window_bounds(Turn(start, start + length, BOTH), None, hop, grid)
    lengths = [after - before for before, after in pairwise(bounds)]
    assert start - 12 < bounds[0] <= start
    assert start + length <= bounds[-1] < start + length + 24
    assert (bounds[0] - grid) % 12 == (bounds[-1] - grid) % 24 == 0
    assert set(lengths[1:-1]) <= {hop}
    assert set(lengths) <= {12, hop}
    assert all((begin - grid) // 24 == (end - 1 - grid) // 24 for begin, end in pairwise(bounds))


@law
@given(starts, st.integers(1, 300), st.integers(0, 60), st.sampled_from((12, 24)), grids)
def test_a_turn_gives_way_to_the_next(start: int, length: int, rest: int, hop: int, grid: int) -> None:
    """Turns that meet inside a beat do not share a pulse of it."""
    following = Turn(start + length + rest, start + length + rest + 50, BOTH)
    bounds = window_bounds(Turn(start, start + length, BOTH), following, hop, grid)
    assert bounds[-1] <= window_bounds(following, None, hop, grid)[0] or len(bounds) == 1


@law
@given(st.lists(st.builds(PieceNote, st.integers(0, 200), st.integers(40, 44), st.integers(1, 50))), starts, grids)
def test_every_note_of_the_turn_is_in_one_window(notes: list[PieceNote], start: int, grid: int) -> None:
    line = sorted(notes)
    bounds = window_bounds(Turn(start, start + 100, BOTH), None, 24, grid)
    found = [
        (begin, note)
        for begin, window in zip(bounds, notes_by_window(BOTH, {Part.BASS: line}, bounds), strict=False)
        for _, note in window
    ]
    assert all(begin <= note.onset < begin + 24 for begin, note in found)
    wanted = {(note.onset, note.pitch) for note in line if bounds[0] <= note.onset < bounds[-1]}
    assert [(note.onset, note.pitch) for _, note in found] == sorted(wanted)


def test_parts_that_do_not_play_are_not_heard() -> None:
    lines = {Part.CHORDS: [PieceNote(0, 60, 24)], Part.BASS: [PieceNote(3, 36, 24)]}
    assert notes_by_window(frozenset({Part.BASS}), lines, [0, 24]) == [[(Part.BASS, PieceNote(3, 36, 24))]]


def test_notes_stand_by_part_and_onset_and_pitch() -> None:
    lines = {Part.BASS: [PieceNote(0, 36, 24)], Part.CHORDS: [PieceNote(0, 60, 24), PieceNote(0, 64, 24), PieceNote(5, 50, 1)]}
    (window,) = notes_by_window(BOTH, lines, [0, 24])
    assert [(part, note.pitch) for part, note in window] == [
        (Part.CHORDS, 60), (Part.CHORDS, 64), (Part.CHORDS, 50), (Part.BASS, 36),
    ]  # fmt: skip
