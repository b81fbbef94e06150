"""What the beat network learns from: performances of pieces, with each strike's place in its beat and the beat's length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from livegen.core import beat_statistics as fitted
from livegen.core.beat_network import PERIODS_S, PLACES
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.strike_features import StrikeFeatures, Struck, looked_back
from livegen.core.strikes import Strikes
from models.corpora.piece import Piece, PieceNote
from models.performances import VELOCITY, Manner, Performance, line_of, perform
from models.tactus import tapped

LONGEST = 192
"""Strikes of a lesson, at most."""
FEWEST = 24
"""Strikes, and notes, of a lesson."""

_BALANCE = 0.25
"""How far small corpora are played as often as large ones: 0 by their pieces, 1 all alike."""
_MARCHES = 0.04
"""Share of lessons that are one: on stage they are more frequent than in the corpora, which have hardly any."""
_MARCH_BPM = (80.0, 150.0)
_SHORTEST_BEATS = 40
_NEAR_PULSES = 0.51
"""A note half a pulse from a place is on it."""
_NOTES_A_STRIKE = 8
_HELD, _DETACHED, _SELDOM_DETACHED = (0.3, 1.1), (0.0, 0.3), 0.1
"""Shares of the written length for which notes are held; in some lessons they are so short that it says little."""
_UNTOLD_ENDS = 0.1
"""Share of lessons in which nobody says when notes end."""
_TRANSPOSED = 6
"""Semitones, at most."""
_PITCHES = range(128)

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Strikes of a performance: features, [strikes, FEATURES]; the place that each is on, and its beat's period, [strikes]."""

    features: Floats
    places: Labels
    periods: Labels


def lesson(performance: Performance, longest: int = LONGEST) -> Lesson:
    """The beginning of a performance as something to learn from; it has notes and beats."""
    strikes, ear = Strikes(), StrikeFeatures()
    struck: list[Struck] = []
    members: list[list[int]] = []
    for at, (ended, note) in enumerate(performance.with_ends()):
        for each in ended:
            ear.release(each.end_ns, each.pitch)
        begins = strikes.begins(note.onset_ns)
        if begins and len(members) == longest:
            break
        strikes.receive(note.onset_ns)
        if (over := ear.receive(note.onset_ns, note.pitch, note.velocity, begins=begins)) is not None:
            struck.append(over)
        if begins:
            members.append([])
        members[-1].append(at)
    struck.append(ear.strike())
    plain = np.array([strike.plain for strike in struck])
    features = np.concatenate([plain, looked_back(struck, len(struck))], axis=1).astype(np.float32)
    beats = np.array([np.median(performance.places[each]) for each in members])
    spans_s = np.diff(performance.beats_ns) / 1e9
    seconds = np.interp(beats, np.arange(len(spans_s)) + 0.5, spans_s)
    periods = np.argmin(np.abs(np.log(seconds)[:, np.newaxis] - np.log(PERIODS_S)), axis=1)
    return Lesson(features, place_of(beats), periods)


def place_of(beats: npt.NDArray[np.float64]) -> Labels:
    """Which of `beat_statistics.PLACES` positions in beats are on; the last number is for those on none."""
    half = PULSES_PER_BEAT / 2
    off = np.abs((beats[:, np.newaxis] * PULSES_PER_BEAT - np.array(fitted.PLACES) + half) % PULSES_PER_BEAT - half)
    return np.where(off.min(axis=1) < _NEAR_PULSES, off.argmin(axis=1), PLACES - 1)


class Lessons:
    """Pieces, drawn and played at random, without an end; the same ones for the same seed."""

    def __init__(self, pieces: Sequence[Piece], corpora: Sequence[str], seed: int) -> None:
        self._pieces, self._rng = pieces, np.random.default_rng(seed)
        counts = Counter(corpora)
        self._until = np.cumsum([counts[corpus] ** -_BALANCE for corpus in corpora])

    def __iter__(self) -> Iterator[Lesson]:
        while True:
            if self._rng.random() < _MARCHES:
                yield self._march()
                continue
            at = np.searchsorted(self._until, self._rng.random() * self._until[-1], side="right")
            if (found := self._drawn(self._pieces[int(at)])) is not None:
                yield found

    def _march(self) -> Lesson:
        made = march(self._rng)
        manner = Manner(noise_s=self._rng.uniform(0.008, 0.036), depth=self._rng.uniform(0.02, 0.17))
        return lesson(perform(made, made.melody, manner, self._rng))

    def _drawn(self, piece: Piece) -> Lesson | None:
        """A piece in a random manner; None if it is too short."""
        rng = self._rng
        if rng.random() < 0.3:
            piece = replace(piece, parts={part: notes for part, notes in piece.parts.items() if rng.random() < 0.6})
        notes = line_of(piece, whole=bool(rng.random() < 0.6))
        if rng.random() < 0.15:
            notes = _of_one_hand(notes, rng)
        notes = _transposed(notes, int(rng.integers(-_TRANSPOSED, _TRANSPOSED + 1)))
        if len(notes) < FEWEST:
            return None
        beats = (notes[-1].onset - notes[0].onset) / PULSES_PER_BEAT
        if rng.random() < 0.6 and beats > _SHORTEST_BEATS:
            begin = notes[0].onset + rng.random() * (beats - _SHORTEST_BEATS) * PULSES_PER_BEAT
            notes = tuple(note for note in notes if note.onset >= begin)
        notes = notes[: LONGEST * _NOTES_A_STRIKE]
        held = _DETACHED if rng.random() < _SELDOM_DETACHED else _HELD
        manner = Manner(noise_s=rng.uniform(0.008, 0.036), depth=rng.uniform(0.02, 0.17), beats=10**6, held=held)
        performance = perform(piece, notes, manner, rng, tapped(piece, rng, spread=0.2))
        if rng.random() < 0.3:
            performance = _with_gaps(performance, rng)
        if rng.random() < 0.3:
            performance = replace(performance, notes=tuple(replace(note, velocity=VELOCITY) for note in performance.notes))
        if rng.random() < _UNTOLD_ENDS:
            performance = performance.without_ends()
        if len(performance.notes) < FEWEST:
            return None
        found = lesson(performance)
        return found if len(found.places) >= FEWEST else None


def march(rng: np.random.Generator, beats: int = 96) -> Piece:
    """Bass on the beat and chords between, as marches, polkas and ragtime have it, for one player."""
    roots = 45 + np.cumsum(rng.choice([-5, 0, 0, 2, 5], beats // 4 + 1)) % 12
    notes = []
    for beat in range(beats):
        root = int(roots[beat // 4])
        notes.append(PieceNote(beat * PULSES_PER_BEAT, root - 12 + (7 if beat % 2 else 0), 12))
        notes += [PieceNote(beat * PULSES_PER_BEAT + 12, root + above, 12) for above in (12, 16, 19)[: int(rng.integers(2, 4))]]
    return Piece("march", "march", "folk", float(rng.uniform(*_MARCH_BPM)), 4, 0, tuple(sorted(notes)))


def _of_one_hand(notes: Sequence[PieceNote], rng: np.random.Generator) -> tuple[PieceNote, ...]:
    """The notes above a pitch, or those below it."""
    split, high = int(rng.integers(50, 72)), bool(rng.random() < 0.6)
    return tuple(note for note in notes if (note.pitch >= split) == high)


def _transposed(notes: Sequence[PieceNote], semitones: int) -> tuple[PieceNote, ...]:
    return tuple(replace(note, pitch=note.pitch + semitones) for note in notes if note.pitch + semitones in _PITCHES)


def _with_gaps(performance: Performance, rng: np.random.Generator) -> Performance:
    """Some notes are missing."""
    kept = np.flatnonzero(rng.random(len(performance.notes)) > rng.uniform(0, 0.15))
    return replace(performance, notes=tuple(performance.notes[at] for at in kept), places=performance.places[kept])
