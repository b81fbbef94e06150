"""Performances made from pieces, with tempi that come and go and notes that are not quite in time; and some without a beat."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

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
_NEVER_NS = 2**62
_FREE_NOTES = 120
_FREE_S = 0.4
_UNEVENLY_HELD = 0.15
"""Spread of the logarithm of each note's length."""
_SHORTEST_S = 0.03
_UP_NS = 25_000_000
"""So long a key is up before it is struck again, or for half of the time between, if that is less."""


@dataclass(frozen=True, slots=True)
class Played:
    """A note: when it begins, MIDI pitch, velocity, when it ends."""

    onset_ns: int
    pitch: int
    velocity: int
    end_ns: int


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

    def without_ends(self) -> Performance:
        """The same notes where nobody says when they end."""
        return replace(self, notes=tuple(replace(note, end_ns=_NEVER_NS) for note in self.notes))

    def with_ends(self) -> Iterator[tuple[tuple[Played, ...], Played]]:
        """Each note, with those that have ended by then and had not before."""
        ends, ended = sorted(self.notes, key=lambda note: note.end_ns), 0
        for note in self.notes:
            until = bisect_right(ends, note.onset_ns, lo=ended, key=lambda each: each.end_ns)
            yield tuple(ends[ended:until]), note
            ended = until


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
        held: share of its written length for which a note is held, at least and at most; one is drawn for a performance.
    """

    noise_s: float = 0.03
    depth: float = 0.15
    roll_s: float = 0.0
    first: int = 0
    beats: int = 96
    even: bool = False
    held: tuple[float, float] = (0.5, 1.0)


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
    lengths = _held(_written(chosen, tactus.pulses, places, beats), manner, rng)
    velocities = [note.velocity or VELOCITY for note in chosen]
    beats_ns = (np.round(beats[:count] * 1e9) + _START_NS).astype(np.int64)
    return Performance(_notes(onsets, lengths, pitches, velocities), beats_ns, places[np.argsort(onsets, kind="stable")])


def improvise(kind: str, rng: np.random.Generator) -> Performance:
    """Notes without a beat, with times between them that are "log-normal", "exponential" or "uniform"."""
    if kind == "log-normal":
        gaps = np.exp(rng.normal(np.log(_FREE_S), 0.6, _FREE_NOTES))
    elif kind == "exponential":
        gaps = 0.06 + rng.exponential(_FREE_S, _FREE_NOTES)
    else:
        gaps = rng.uniform(0.1, 1.2, _FREE_NOTES)
    pitches = rng.integers(50, 80, _FREE_NOTES)
    lengths = _held(np.roll(gaps, -1), Manner(), rng)
    return Performance(_notes(np.cumsum(gaps), lengths, pitches, [VELOCITY] * _FREE_NOTES), np.zeros(0, dtype=np.int64))


def without_metre(piece: Piece, notes: Sequence[PieceNote], rng: np.random.Generator, spread: float = 0.5) -> Performance:
    """A piece each of whose beats is as long as it likes, by a log-normal law with this spread: no beat can be foreseen."""
    chosen = notes[:_FREE_NOTES]
    places = np.array([note.onset - chosen[0].onset for note in chosen]) / PULSES_PER_BEAT
    count = int(places[-1]) + 2
    beats = _beats(60 / piece.tempo_bpm * np.exp(rng.normal(0.0, spread, count)))
    onsets = np.interp(places, np.arange(count + 1), beats)
    lengths = _held(_written(chosen, PULSES_PER_BEAT, places, beats), Manner(), rng)
    velocities = [note.velocity or VELOCITY for note in chosen]
    return Performance(_notes(onsets, lengths, [note.pitch for note in chosen], velocities), np.zeros(0, dtype=np.int64))


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


def _written(notes: Sequence[PieceNote], pulses: int, places: Floats, beats: Floats) -> Floats:
    """How long notes at these places are as they are written, in seconds, at the tempo of the beat in which they begin."""
    lengths: Floats = np.array([note.duration for note in notes]) / pulses * np.diff(beats)[places.astype(np.int64)]
    return lengths


def _held(written_s: Floats, manner: Manner, rng: np.random.Generator) -> Floats:
    """How long notes are held that are written so long, in seconds."""
    found: Floats = written_s * rng.uniform(*manner.held) * np.exp(rng.normal(0.0, _UNEVENLY_HELD, len(written_s)))
    return found


def _notes(
    onsets_s: Floats, lengths_s: Floats, pitches: Sequence[int] | npt.NDArray[np.int64], velocities: Sequence[int]
) -> tuple[Played, ...]:
    """By time; before a key is struck again it comes up."""
    found: list[Played] = []
    again_ns: dict[int, int] = {}
    for at in np.argsort(onsets_s, kind="stable")[::-1]:
        pitch, onset_ns = int(pitches[at]), round(onsets_s[at] * 1e9) + _START_NS
        end_ns = onset_ns + round(max(lengths_s[at], _SHORTEST_S) * 1e9)
        if pitch in again_ns:
            end_ns = min(end_ns, max(again_ns[pitch] - _UP_NS, (onset_ns + again_ns[pitch]) // 2))
        found.append(Played(onset_ns, pitch, int(velocities[at]), end_ns))
        again_ns[pitch] = onset_ns
    return tuple(reversed(found))
