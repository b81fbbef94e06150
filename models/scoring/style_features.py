"""What a style classifier looks at: how eight bars move, in pitch and in time.

Nothing of tempo, metre or dynamics, which are the player's or the source's and not the agent's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from models.baselines.rules import estimated_key
from models.corpora.piece import PieceNote
from models.scoring.music_measures import Stretch, entropy_bits, in_key, in_order

Vector = npt.NDArray[np.float64]

BASS_BELOW = 48
"""Who accompanies is heard as a whole; what lies below C3 moves like a bass."""

_STEP_EDGES = (-7, -4, -2, -1, 0, 1, 2, 3, 5, 8)
"""Lower edges of classes of intervals in semitones; below the first is one more."""

_TIME_EDGES = (5, 7, 9, 13, 19, 25, 37, 49, 97)
"""Lower edges of classes of times in pulses; below the first is one more."""

_PLACES = (0, 6, 8, 12, 16, 18)
"""Places in the beat that are told apart; all others are one more."""

_SIZES = (1, 2, 3, 4)
"""Notes struck together; more are one more."""


def lead_features(stretch: Stretch) -> Vector | None:
    """A melody as numbers, [F]; None where there are fewer than four notes."""
    notes = in_order(stretch.notes)
    if len(notes) < 4:
        return None
    return np.concatenate([_line(notes), _rhythm(notes, stretch), _pitches(notes)])


def harmony_features(stretch: Stretch) -> Vector | None:
    """Chords and bass as numbers, [F]; None where there are fewer than four notes."""
    notes = in_order(stretch.notes)
    if len(notes) < 4:
        return None
    low = [note for note in notes if note.pitch < BASS_BELOW]
    high = [note for note in notes if note.pitch >= BASS_BELOW]
    parts = [np.concatenate([_line(part), _rhythm(part, stretch), _together(part)]) for part in (low, high)]
    return np.concatenate([*parts, _pitches(notes)])


def _line(notes: Sequence[PieceNote]) -> Vector:
    """Shares of the steps from onset to onset, each by its lowest note."""
    lowest = [group[0].pitch for group in _struck(notes)]
    steps = [after - before for before, after in pairwise(lowest)]
    return _shares(np.digitize(steps, _STEP_EDGES), len(_STEP_EDGES) + 1)


def _rhythm(notes: Sequence[PieceNote], stretch: Stretch) -> Vector:
    """Shares of times between onsets, of lengths and of places in the beat; onsets a beat; share of it that sounds."""
    struck = _struck(notes)
    onsets = [group[0].onset for group in struck]
    times = _shares(np.digitize(np.diff(onsets), _TIME_EDGES), len(_TIME_EDGES) + 1)
    lengths = _shares(np.digitize([note.duration for note in notes], _TIME_EDGES), len(_TIME_EDGES) + 1)
    places = [onset % PULSES_PER_BEAT for onset in onsets]
    classes = [_PLACES.index(place) if place in _PLACES else len(_PLACES) for place in places]
    beats = stretch.bars * stretch.beats_per_bar
    sounding = np.zeros(beats * PULSES_PER_BEAT, dtype=np.bool_)
    for note in notes:
        sounding[note.onset : note.onset + note.duration] = True
    return np.concatenate([
        times, lengths, _shares(np.array(classes, dtype=np.int64), len(_PLACES) + 1), [len(onsets) / beats, sounding.mean()],
    ])  # fmt: skip


def _together(notes: Sequence[PieceNote]) -> Vector:
    """Shares of how many notes are struck together."""
    sizes = np.array([len(group) for group in _struck(notes)], dtype=np.int64)
    return _shares(np.digitize(sizes, _SIZES), len(_SIZES) + 1)


def _pitches(notes: Sequence[PieceNote]) -> Vector:
    """Spread and range of the pitches in octaves, entropy of pitch classes, how far it keeps to a key, which mode.

    Not how high it lies: that is of an instrument, and transposed in training.
    """
    pitches = np.array([note.pitch for note in notes], dtype=np.float64)
    counts = np.bincount(pitches.astype(np.int64) % 12, minlength=12)
    key = estimated_key(counts)
    return np.array([
        pitches.std() / 12, np.ptp(pitches) / 12, entropy_bits(counts), in_key(notes, key),
        float(key.quality == "min"),
    ])  # fmt: skip


def _struck(notes: Sequence[PieceNote]) -> list[list[PieceNote]]:
    """Notes by onset, lowest first."""
    groups: dict[int, list[PieceNote]] = {}
    for note in in_order(notes):
        groups.setdefault(note.onset, []).append(note)
    return list(groups.values())


def _shares(classes: npt.NDArray[np.int64], size: int) -> Vector:
    """How much of all falls into each class; zeros where there is nothing."""
    counts = np.bincount(classes, minlength=size).astype(np.float64)
    shares: Vector = counts / max(1.0, counts.sum())
    return shares
