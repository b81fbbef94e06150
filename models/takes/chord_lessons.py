"""Songs as lessons in harmony: as written, with a change of key half-way, and with a player who errs and begins anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from multiprocessing import get_context

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.networks.chords import Lesson, lesson

LOOKAHEADS = (0, 6, 12, 18, 24)
LOOKAHEAD_SHARES = (0.1, 0.6, 0.15, 0.05, 0.1)
"""Mostly as deployed."""

ERROR_RATES = (0.03, 0.08, 0.15)
NEIGHBOURS = (-2, -1, 1, 2)
MISSING_SHARE = 0.3
"""Of the errors, how many are notes left out; the others are notes beside the right key."""

BARS_WRONG_SHARE, BARS_UNKNOWN_SHARE = 0.15, 0.15
"""A player who starts in the middle of a bar is heard with the wrong bar lines for the whole evening."""

SLOW_BPM, QUARTER_BPM = 100.0, 120.0
IN_QUARTERS_SHARE = 0.6
"""Pieces whose beat is a half note or a dotted quarter are mostly counted in quarters, as sequencers do."""

BETWEEN_CHANGES = (16.0, 48.0)
"""Beats between two changes of key, from and to."""
LOWEST, HIGHEST = 24, 108

ADAPTING_BEATS = 12
"""After a change of key, so many beats may count more: there are few of them, and there it shows whether one listens."""

VARIANTS = ("written", "modulating", "erring")


def lessons(pieces: Sequence[Piece], copies: int, workers: int) -> list[Lesson]:
    """Every piece as `copies` lessons, the variants in turn; the same for any number of workers."""
    jobs = [(index, (index + copy) % len(VARIANTS), copy) for index in range(len(pieces)) for copy in range(copies)]
    varied = [(pieces[index], VARIANTS[variant], [index, copy]) for index, variant, copy in jobs]
    if workers < 2:
        return [_varied(*job) for job in varied]
    with get_context("spawn").Pool(workers) as pool:
        return pool.starmap(_varied, varied, chunksize=32)


def _varied(piece: Piece, variant: str, seed: Sequence[int]) -> Lesson:
    rng = np.random.default_rng(seed)
    lookahead = int(rng.choice(LOOKAHEADS, p=LOOKAHEAD_SHARES))
    if piece.tempo_bpm < SLOW_BPM and rng.random() < IN_QUARTERS_SHARE:
        piece = stretched(piece, Fraction(round(QUARTER_BPM / piece.tempo_bpm * 2), 2))
    bars = float(rng.random())
    if bars < BARS_WRONG_SHARE:
        piece = replace(
            piece, bar_offset=piece.bar_offset % PULSES_PER_BEAT + PULSES_PER_BEAT * int(rng.integers(piece.beats_per_bar))
        )
    bars_known = not BARS_WRONG_SHARE <= bars < BARS_WRONG_SHARE + BARS_UNKNOWN_SHARE
    if variant == "modulating":
        moved, changes = modulating(piece, rng)
        taught = lesson(moved, lookahead, bars_known=bars_known)
        for change in changes:
            first = (change - piece.bar_offset % PULSES_PER_BEAT) // PULSES_PER_BEAT
            taught.adapting[first : first + ADAPTING_BEATS] = True
        return taught
    if variant == "erring":
        player = erring(piece, rng, float(rng.choice(ERROR_RATES)))
        return lesson(piece, lookahead, _some_bar(piece, rng), player, bars_known)
    return lesson(piece, lookahead, bars_known=bars_known)


def stretched(piece: Piece, factor: Fraction) -> Piece:
    """The piece with `factor` beats for each of its own, as fast as before: a half note counted as two quarters, say."""

    def at(pulse: int) -> int:
        return round(pulse * factor)

    def longer(notes: Sequence[PieceNote]) -> tuple[PieceNote, ...]:
        return tuple(replace(note, onset=at(note.onset), duration=max(1, at(note.duration))) for note in notes)

    return replace(
        piece,
        tempo_bpm=float(piece.tempo_bpm * factor),
        beats_per_bar=min(12, max(1, round(piece.beats_per_bar * factor))),
        bar_offset=at(piece.bar_offset),
        melody=longer(piece.melody),
        parts={part: longer(notes) for part, notes in piece.parts.items()},
        chords=tuple(replace(span, start=at(span.start), end=at(span.end)) for span in piece.chords),
        phrases=tuple(at(pulse) for pulse in piece.phrases),
    )


def modulating(piece: Piece, rng: np.random.Generator) -> tuple[Piece, list[int]]:
    """The piece with changes of key at random bar lines, up or down by at most six semitones; and where they are, in pulses."""
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    changes = []
    at = piece.bar_offset
    while (at := at + bar * max(1, round(float(rng.uniform(*BETWEEN_CHANGES)) / piece.beats_per_bar))) < piece.melody[-1].onset:
        changes.append(at)
        semitones = int(rng.integers(1, 12))
        piece = _moved_from(piece, at, semitones if semitones <= 6 else semitones - 12)
    return piece, changes


def _moved_from(piece: Piece, at: int, semitones: int) -> Piece:
    """Melody and chords transposed from a pulse on; what would leave the keyboard's middle, an octave back."""
    pitches = [note.pitch + semitones for note in piece.melody if note.onset >= at]
    octave = -12 if max(pitches) > HIGHEST else 12 if min(pitches) < LOWEST else 0
    melody = tuple(replace(note, pitch=note.pitch + semitones + octave) if note.onset >= at else note for note in piece.melody)
    chords = [part for span in piece.chords for part in _cut(span, at)]
    moved = (replace(span, symbol=span.symbol.transposed(semitones)) if span.start >= at else span for span in chords)
    return replace(piece, melody=melody, chords=tuple(moved))


def erring(piece: Piece, rng: np.random.Generator, rate: float) -> list[PieceNote]:
    """The melody as a player plays it who gets this share of the notes wrong or leaves them out."""
    played = []
    for note in piece.melody:
        luck = float(rng.random())
        if luck < rate * MISSING_SHARE:
            continue
        slip = int(rng.choice(NEIGHBOURS)) if luck < rate else 0
        played.append(replace(note, pitch=min(127, max(0, note.pitch + slip))))
    return played


def _some_bar(piece: Piece, rng: np.random.Generator) -> int:
    """A bar line within the melody, as a pulse."""
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    bars = max(1, (piece.melody[-1].onset - piece.bar_offset) // bar)
    return piece.bar_offset + int(rng.integers(bars)) * bar


def _cut(span: ChordSpan, at: int) -> list[ChordSpan]:
    if span.start < at < span.end:
        return [replace(span, end=at), replace(span, start=at)]
    return [span]
