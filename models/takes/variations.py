"""Other pieces from one: a change of key on the way, another octave, a rendering by our own patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Part, Tick
from livegen.core.plans import PlanRequest
from livegen.generators.drums import drum_notes
from models.corpora.patterns import render
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.takes.excerpts import length_of, onsets_before

RENDERED_CORPORA = frozenset({"leadsheets"})
"""Their chords and bass are our own rendering of chord symbols, so another one is as good."""

MODULATION_SHARE = 0.15
OCTAVE_SHARE = 0.15
RENDERED_SHARE = 0.5
"""Of the takes of the corpora above; of others `_BORROWED_SHARE`."""

_BORROWED_SHARE = 0.07
_DRUMMED_SHARE = 0.03
_INTERVALS = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)


def varied(piece: Piece, rng: np.random.Generator) -> Piece:
    """The piece as it is, or with one or several of: other chords and bass, drums, melody an octave off, a change of key."""
    rendered = piece.corpus in RENDERED_CORPORA
    if piece.chords and rng.random() < (RENDERED_SHARE if rendered else _BORROWED_SHARE):
        piece = rendered_anew(piece, str(rng.integers(2**32)))
    if Part.DRUMS not in piece.parts and any(piece.parts.values()) and rng.random() < _DRUMMED_SHARE:
        piece = with_drums(piece, int(rng.integers(2**32)))
    if rng.random() < OCTAVE_SHARE:
        piece = with_melody_moved(piece, 12 if rng.random() < 0.5 else -12)
    if rng.random() < MODULATION_SHARE:
        piece = modulated(piece, _turning_point(piece, rng), int(rng.choice(_INTERVALS)))
    return piece


def _turning_point(piece: Piece, rng: np.random.Generator) -> int:
    """A bar line or the begin of a phrase, not near the ends."""
    bar, length = piece.beats_per_bar * PULSES_PER_BEAT, length_of(piece)
    middle = range(length // 5, length - length // 5 + 1)
    phrases = [pulse for pulse in piece.phrases if pulse in middle]
    if phrases and rng.random() < 0.5:
        return phrases[int(rng.integers(len(phrases)))]
    return piece.bar_offset + (int(rng.integers(middle.start, middle.stop)) - piece.bar_offset) // bar * bar


def modulated(piece: Piece, pulse: int, semitones: int) -> Piece:
    """Everything that begins at `pulse` or after it moved by an interval; by the other way round where it would not fit.

    Drums stay, and what sounds already is not cut: nobody knew of the change.
    """
    lines = [piece.melody, *(notes for part, notes in piece.parts.items() if part != Part.DRUMS)]
    pitches = [note.pitch for line in lines for note in line[onsets_before(line, pulse) :]]
    if max(pitches, default=0) + semitones > 127:
        semitones -= 12
    elif min(pitches, default=127) + semitones < 0:
        semitones += 12

    def moved(notes: tuple[PieceNote, ...]) -> tuple[PieceNote, ...]:
        first = onsets_before(notes, pulse)
        return (
            *notes[:first],
            *(PieceNote(note.onset, note.pitch + semitones, note.duration, note.velocity) for note in notes[first:]),
        )

    chords: list[ChordSpan] = []
    for span in piece.chords:
        if span.start < pulse:
            chords.append(ChordSpan(span.start, min(span.end, pulse), span.symbol))
        if span.end > pulse:
            chords.append(ChordSpan(max(span.start, pulse), span.end, span.symbol.transposed(semitones)))
    parts = {part: notes if part == Part.DRUMS else moved(notes) for part, notes in piece.parts.items()}
    return replace(piece, melody=moved(piece.melody), parts=parts, chords=tuple(chords), key=None)


def with_melody_moved(piece: Piece, semitones: int) -> Piece:
    """The melody alone in another octave, if it stays where melodies are played (36 to 96)."""
    pitches = [note.pitch + semitones for note in piece.melody]
    if not pitches or min(pitches) < 36 or max(pitches) > 96:
        return piece
    melody = tuple(
        PieceNote(note.onset, pitch, note.duration, note.velocity) for note, pitch in zip(piece.melody, pitches, strict=True)
    )
    return replace(piece, melody=melody)


def rendered_anew(piece: Piece, key: str) -> Piece:
    """Chords and bass of the piece's chords in a pattern that `key` chooses; other parts stay."""
    parts = render(piece.chords, piece.beats_per_bar, piece.bar_offset, key, compound=in_thirds(piece.melody, piece.bar_offset))
    return replace(piece, parts={**piece.parts, **parts})


def in_thirds(melody: tuple[PieceNote, ...], grid: int) -> bool:
    """Whether the beat of a melody divides into three rather than two."""
    places = [(note.onset - grid) % PULSES_PER_BEAT for note in melody]
    return sum(place in {8, 16} for place in places) > sum(place in {6, 12, 18} for place in places)


def with_drums(piece: Piece, seed: int) -> Piece:
    """The piece with the drummer of the stage."""
    drums: list[PieceNote] = []
    grid = piece.bar_offset % PULSES_PER_BEAT
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    parts = frozenset({Part.DRUMS})
    for number, window in enumerate(range(grid, length_of(piece), PULSES_PER_BEAT)):
        place = (window - piece.bar_offset) % bar // (PULSES_PER_BEAT // 2)
        tick = Tick(0, place, piece.beats_per_bar, piece.tempo_bpm, 0, PULSES_PER_BEAT, parts)
        hits = drum_notes(PlanRequest(number, window, tick, style=((piece.style, 1.0),), seed=seed))
        drums += [PieceNote(window + hit.onset, hit.pitch, hit.duration, hit.velocity) for hit in hits]
    added: Mapping[Part, tuple[PieceNote, ...]] = {Part.DRUMS: tuple(sorted(drums))}
    return replace(piece, parts={**piece.parts, **added})
