"""Stretches of a piece, and what holds in them. Positions are in pulses."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote

_WINDOW_EVENTS = 3
"""Tick, chord, end."""


def cut(piece: Piece, start: int, end: int) -> Piece:
    """The pulses [start, end) of a piece, moved to begin at 0; `start` must be a bar line.

    Notes that began before it are left out; those that reach beyond the end stop there.
    """

    def within(notes: tuple[PieceNote, ...]) -> tuple[PieceNote, ...]:
        return tuple(
            PieceNote(note.onset - start, note.pitch, min(note.duration, end - note.onset), note.velocity)
            for note in notes[onsets_before(notes, start) : onsets_before(notes, end)]
        )

    chords = tuple(
        ChordSpan(max(0, span.start - start), min(end, span.end) - start, span.symbol)
        for span in piece.chords
        if span.end > start and span.start < end
    )
    return replace(
        piece,
        bar_offset=0,
        melody=within(piece.melody),
        parts={part: within(notes) for part, notes in piece.parts.items()},
        chords=chords,
        phrases=tuple(pulse - start for pulse in piece.phrases if start <= pulse < end),
    )


def excerpt(piece: Piece, events: int, rng: np.random.Generator, parts: bool = True) -> Piece:
    """A stretch of about `events` events from a random bar in which the melody begins; the whole piece where that is shorter.

    Args:
        piece: has a melody.
        events: as the stage would hear them.
        rng: draws the bar.
        parts: whether the parts are played beside the melody.
    """
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    length = length_of(piece)
    notes = 2 * len(piece.melody) + (sum(map(len, piece.parts.values())) if parts else 0)
    wanted = int(1.2 * length * events / max(1, notes + _WINDOW_EVENTS * length // PULSES_PER_BEAT)) + bar
    if wanted >= length:
        return piece
    start = piece.bar_offset + int(rng.integers((length - wanted) // bar + 1)) * bar
    # Where the player rests for long, as in an introduction, nobody would play: the stretch begins with the next note.
    next_note = piece.melody[min(onsets_before(piece.melody, start), len(piece.melody) - 1)]
    start = piece.bar_offset + (next_note.onset - piece.bar_offset) // bar * bar
    return cut(piece, start, start + wanted)


def length_of(piece: Piece) -> int:
    """Pulses to the end of the last note of any part."""
    lines = [piece.melody, *piece.parts.values()]
    return max((note.onset + note.duration for line in lines for note in line), default=0)


class ChordLine:
    """The chords of a piece, to ask for often."""

    def __init__(self, spans: Sequence[ChordSpan]) -> None:
        self._spans = spans
        self._starts = [span.start for span in spans]

    def at(self, start: int, end: int) -> ChordSymbol:
        """The chord that holds for most of the window [start, end), "no chord" where nothing is known."""
        best, best_overlap = NO_CHORD, 0
        for span in self._spans[max(0, bisect.bisect_right(self._starts, start) - 1) :]:
            if span.start >= end:
                break
            overlap = min(end, span.end) - max(start, span.start)
            if overlap > best_overlap:
                best, best_overlap = span.symbol, overlap
        return best


def chord_at(piece: Piece, start: int, end: int) -> ChordSymbol:
    """The chord that holds for most of the window [start, end), "no chord" where nothing is known."""
    return ChordLine(piece.chords).at(start, end)


def onsets_before(notes: Sequence[PieceNote], pulse: int) -> int:
    """How many of the sorted notes begin before `pulse`."""
    return bisect.bisect_left(notes, pulse, key=_onset)


def _onset(note: PieceNote) -> int:
    return note.onset
