"""Stretches of a piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pieces import pieces, seeds

from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.takes.excerpts import chord_at, cut, excerpt, length_of, onsets_before

law = settings(deadline=None, max_examples=50)


def test_chords_are_given_by_what_holds_longest(song: Piece) -> None:
    piece = replace(song, chords=(ChordSpan(0, 10, ChordSymbol(0)), ChordSpan(10, 30, ChordSymbol(5))))
    assert chord_at(piece, 0, 24) == ChordSymbol(5)
    assert chord_at(piece, 0, 12) == ChordSymbol(0)
    assert chord_at(piece, 24, 48) == ChordSymbol(5)
    assert chord_at(piece, 48, 72) == NO_CHORD


def test_a_stretch_begins_at_nought_and_ends_at_its_end(song: Piece) -> None:
    part = cut(song, 96, 144)
    assert [note.onset for note in part.melody] == [0, 24]
    assert length_of(part) == 48
    assert part.parts[Part.BASS] == (PieceNote(0, 36, 48, 70),)
    assert part.chords == (ChordSpan(0, 48, ChordSymbol(0)),)
    assert cut(song, 0, length_of(song)) == song


@law
@given(pieces(), st.integers(0, 700), st.integers(1, 300))
def test_a_stretch_holds_what_begins_in_it(piece: Piece, start: int, length: int) -> None:
    part = cut(piece, start, start + length)
    for whole, inside in ((piece.melody, part.melody), *((piece.parts[name], part.parts[name]) for name in piece.parts)):
        assert [(note.onset + start, note.pitch) for note in inside] == [
            (note.onset, note.pitch) for note in whole if start <= note.onset < start + length
        ]
        assert all(note.onset + note.duration <= length for note in inside)


@law
@given(pieces(), st.integers(1, 60), seeds)
def test_an_excerpt_begins_with_the_player(piece: Piece, events: int, seed: int) -> None:
    """In its first bar, on a bar line of the piece; or it is the piece."""
    part = excerpt(piece, events, np.random.default_rng(seed))
    if part == piece:
        return
    assert part.bar_offset == 0
    assert part.melody
    assert part.melody[0].onset < part.beats_per_bar * 24


def test_an_excerpt_is_about_as_long_as_asked_for(song: Piece) -> None:
    beats = 2000
    long = replace(
        song,
        melody=tuple(PieceNote(24 * beat, 60, 24) for beat in range(beats)),
        parts={Part.BASS: tuple(PieceNote(24 * beat, 40, 24) for beat in range(beats))},
    )
    part = excerpt(long, 600, np.random.default_rng(0))
    events = 2 * len(part.melody) + len(part.parts[Part.BASS]) + 3 * length_of(part) // 24
    assert 600 < events < 800
    assert excerpt(long, 20_000, np.random.default_rng(0)) is long


def test_notes_are_counted_by_their_onsets() -> None:
    notes = [PieceNote(onset, 60, 1) for onset in (0, 5, 5, 9)]
    assert [onsets_before(notes, pulse) for pulse in (0, 5, 6, 100)] == [0, 1, 3, 4]
