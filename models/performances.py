"""Performances made from pieces, with tempi that come and go and notes that are not quite in time; and some without a beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import Piece, PieceNote
from models.tactus import Tactus, written

Floats = npt.NDArray[np.float64]

VELOCITY = 80
"""Where the source has no dynamics."""
_WAVES, _WAVE_BEATS = 3, (8.0, 48.0)
_START_NS = 1_000_000_000
_FREE_NOTES = 120
_FREE_S = 0.4


@dataclass(frozen=True, slots=True)
class Played:
    """A note-on: time, MIDI pitch, velocity."""

    onset_ns: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Performance:
    """What a player did.

    Attributes:
        notes: by time.
        beats_ns: times of the beats, ascending, from that of the first note's beat to one after the last note; none where there
            is no beat.
        places: of the notes, in beats from the first of `beats_ns` on, as they are written; none where there is no beat.
    """

    notes: tuple[Played, ...]
    beats_ns: npt.NDArray[np.int64]
    places: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a piece is played.

    Attributes:
        noise_s: standard deviation of each note's time, those of a chord each for itself.
        depth: how far the tempo goes from the one that is played about, as a share of it.
        roll_s: how much later the highest notes of a chord come than the lowest, over four octaves.
        first: beats, as they are played, that are left out at the beginning.
        beats: at most so many are played.
        even: whether notes are off by all times up to `noise_s` alike, and not by the normal law.
    """

    noise_s: float = 0.03
    depth: float = 0.15
    roll_s: float = 0.0
    first: int = 0
    beats: int = 96
    even: bool = False


def line_of(piece: Piece, *, whole: bool) -> tuple[PieceNote, ...]:
    """What is played of a piece: its melody, or all but the drums."""
    return tuple(sorted(piece.pitched if whole else piece.melody, key=lambda note: (note.onset, note.pitch)))


def perform(
    piece: Piece, notes: Sequence[PieceNote], manner: Manner, rng: np.random.Generator, tactus: Tactus | None = None
) -> Performance:
    """Play notes of a piece, which are sorted, to a beat, or to the written one; without any if it is over by then."""
    tactus = tactus or written(piece)
    phase = piece.bar_offset % (PULSES_PER_BEAT * piece.beats_per_bar if tactus.with_bars else PULSES_PER_BEAT)
    begin = (notes[0].onset - phase) // tactus.pulses * tactus.pulses + phase + manner.first * tactus.pulses
    chosen = [note for note in notes if 0 <= note.onset - begin < manner.beats * tactus.pulses]
    if not chosen:
        return Performance((), np.zeros(0, dtype=np.int64))
    places = np.array([note.onset - begin for note in chosen]) / tactus.pulses
    count = int(places[-1]) + 2
    beats = _beats(60 / tactus.tempo_bpm / _tempo_curve(count, manner.depth, rng))
    pitches = np.array([note.pitch for note in chosen])
    off = rng.uniform(-1, 1, len(chosen)) if manner.even else rng.normal(size=len(chosen))
    onsets = np.interp(places, np.arange(count + 1), beats) + off * manner.noise_s
    onsets += manner.roll_s * (pitches - pitches.mean()) / 48
    velocities = [note.velocity or VELOCITY for note in chosen]
    beats_ns = (np.round(beats[:count] * 1e9) + _START_NS).astype(np.int64)
    return Performance(_notes(onsets, pitches, velocities), beats_ns, places[np.argsort(onsets, kind="stable")])


def improvise(kind: str, rng: np.random.Generator) -> Performance:
    """Notes without a beat, with times between them that are "log-normal", "exponential" or "uniform"."""
    if kind == "log-normal":
        gaps = np.exp(rng.normal(np.log(_FREE_S), 0.6, _FREE_NOTES))
    elif kind == "exponential":
        gaps = 0.06 + rng.exponential(_FREE_S, _FREE_NOTES)
    else:
        gaps = rng.uniform(0.1, 1.2, _FREE_NOTES)
    pitches = rng.integers(50, 80, _FREE_NOTES)
    return Performance(_notes(np.cumsum(gaps), pitches, [VELOCITY] * _FREE_NOTES), np.zeros(0, dtype=np.int64))


def without_metre(piece: Piece, notes: Sequence[PieceNote], rng: np.random.Generator, spread: float = 0.5) -> Performance:
    """A piece each of whose beats is as long as it likes, by a log-normal law with this spread: no beat can be foreseen."""
    chosen = notes[:_FREE_NOTES]
    places = np.array([note.onset - chosen[0].onset for note in chosen]) / PULSES_PER_BEAT
    count = int(places[-1]) + 2
    beats = _beats(60 / piece.tempo_bpm * np.exp(rng.normal(0.0, spread, count)))
    onsets = np.interp(places, np.arange(count + 1), beats)
    velocities = [note.velocity or VELOCITY for note in chosen]
    return Performance(_notes(onsets, [note.pitch for note in chosen], velocities), np.zeros(0, dtype=np.int64))


def _tempo_curve(beats: int, depth: float, rng: np.random.Generator) -> Floats:
    """Factors of the tempo, by beat: a few slow waves, as far as `depth` from 1."""
    at = np.arange(beats)
    waves = np.zeros(beats)
    for _ in range(_WAVES):
        waves += rng.normal() * np.sin(2 * np.pi * (at / rng.uniform(*_WAVE_BEATS) + rng.random()))
    curve: Floats = 1 + depth * waves / max(1e-9, float(np.abs(waves).max()))
    return curve


def _beats(periods: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(periods)])


def _notes(onsets_s: Floats, pitches: Sequence[int] | npt.NDArray[np.int64], velocities: Sequence[int]) -> tuple[Played, ...]:
    order = np.argsort(onsets_s, kind="stable")
    return tuple(Played(round(onsets_s[at] * 1e9) + _START_NS, int(pitches[at]), int(velocities[at])) for at in order)
