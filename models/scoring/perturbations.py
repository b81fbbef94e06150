"""What may happen in the middle of a song: another key, another tempo, silence, wrong notes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from livegen.runtime.midi_files import Performance
from models.corpora.piece import PieceNote
from models.scoring import metrics
from models.scoring.accompaniment import Song, performance
from models.scoring.metrics import Melody

MIDDLE_BEATS = 32
"""It happens at the first bar line from here on."""

RAMP_BEATS = 16
STOP_BEATS = 16
SLIPS = (-2, -1, 1, 2)
"""Semitones by which a wrong note misses."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A song as it is played.

    Attributes:
        song: what the player's notes are.
        performance: the player.
        melody: what the accompaniment should fit; not what is played where the player errs.
    """

    song: Song
    performance: Performance
    melody: Melody


Perturb = Callable[[Song], Trial]


def middle(song: Song) -> int:
    """The beat at which it happens."""
    bar = song.piece.beats_per_bar
    return -(-MIDDLE_BEATS // bar) * bar


def plain(song: Song) -> Trial:
    """Nothing happens."""
    return Trial(song, performance(song.piece), song.melody)


def shifted(semitones: int, song: Song) -> Trial:
    """From the middle on everything is so much higher."""
    start = middle(song) * PULSES_PER_BEAT

    def moved(note: PieceNote) -> PieceNote:
        return replace(note, pitch=_in_range(note.pitch + semitones)) if note.onset >= start else note

    return plain(_with(song, [moved(note) for note in song.piece.melody]))


def ramped(share: float, song: Song) -> Trial:
    """From the middle on the tempo changes, beat by beat for `RAMP_BEATS`, to 1 + `share` of itself, and stays there."""
    start = middle(song)
    trial = plain(song)
    tempo = trial.performance.tempi[0][1]
    factors = [1.0 + share * (step + 1) / RAMP_BEATS for step in range(RAMP_BEATS)]
    ramp = [
        (Fraction((start + step) * PULSES_PER_BEAT), min(300.0, max(20.0, tempo * factor)))
        for step, factor in enumerate(factors)
    ]
    return replace(trial, performance=replace(trial.performance, tempi=((Fraction(0), tempo), *ramp)))


def stopped(song: Song) -> Trial:
    """From the middle on the player is silent for `STOP_BEATS`, and goes on where the song would be."""
    start = middle(song) * PULSES_PER_BEAT
    end = start + STOP_BEATS * PULSES_PER_BEAT
    before = [
        replace(note, duration=min(note.duration, start - note.onset)) for note in song.piece.melody if note.onset < start
    ]
    return plain(_with(song, [*before, *(note for note in song.piece.melody if note.onset >= end)]))


def erring(share: float, seed: int, song: Song) -> Trial:
    """That share of the notes is wrong by a semitone or two; with a greater share the same ones and more."""
    rng = np.random.default_rng([seed, zlib.crc32(song.name.encode())])
    drawn, slips = rng.random(len(song.piece.melody)), rng.choice(SLIPS, len(song.piece.melody))
    notes = [
        replace(note, pitch=_in_range(note.pitch + int(slip))) if chance < share else note
        for note, chance, slip in zip(song.piece.melody, drawn, slips, strict=True)
    ]
    return replace(plain(_with(song, notes)), melody=song.melody)


def _in_range(pitch: int) -> int:
    """A MIDI pitch of the same class."""
    return pitch - 12 if pitch > 127 else pitch + 12 if pitch < 0 else pitch


def _with(song: Song, notes: Sequence[PieceNote]) -> Song:
    melody = metrics.melody_frames(((note.onset, note.pitch, note.duration) for note in notes), song.frames)
    return replace(song, piece=replace(song.piece, melody=tuple(notes)), melody=melody)
