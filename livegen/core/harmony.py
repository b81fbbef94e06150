"""Chords as root and quality: templates, matching against what sounds, close voicings.

Pitch classes are 0..11 with C = 0. A chord without root (`root is None`) means "no chord".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError

QUALITIES: tuple[str, ...] = (
    "maj",
    "min",
    "dom7",
    "maj7",
    "min7",
    "maj6",
    "min6",
    "dim",
    "dim7",
    "hdim7",
    "aug",
    "sus4",
)
"""Names of the chord qualities, in the order of the vocabulary's `quality` classes."""

INTERVALS: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dom7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "sus4": (0, 5, 7),
}
"""Semitones above the root, root first."""

_SIMPLE = ("maj", "min", "dom7", "min7", "dim", "sus4")


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord: `root` 0..11 or None for "no chord", `quality` one of `QUALITIES`."""

    root: int | None
    quality: str = "maj"

    def __post_init__(self) -> None:
        if self.root is not None and not 0 <= self.root <= 11:
            raise InputError(f"chord root {self.root} is not a pitch class 0..11")
        if self.quality not in INTERVALS:
            raise InputError(f"chord quality {self.quality!r} is not one of {', '.join(QUALITIES)}")

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Pitch classes, root first; empty for "no chord"."""
        if self.root is None:
            return ()
        return tuple((self.root + interval) % 12 for interval in INTERVALS[self.quality])

    def transposed(self, semitones: int) -> ChordSymbol:
        """The same quality, `semitones` higher."""
        if self.root is None:
            return self
        return ChordSymbol((self.root + semitones) % 12, self.quality)


NO_CHORD = ChordSymbol(None)


def quality_of(intervals: Iterable[int]) -> str:
    """The quality whose template is nearest to `intervals` (semitones above the root, any octave).

    Ties go to the template listed first, so a bare fifth is "maj".
    """
    given = {interval % 12 for interval in intervals} | {0}

    def distance(quality: str) -> tuple[int, int]:
        template = set(INTERVALS[quality])
        return (2 * len(template - given) + len(given - template), QUALITIES.index(quality))

    return min(QUALITIES, key=distance)


def match_chord(
    weights: Sequence[float] | npt.NDArray[np.float64],
    bass: int | None = None,
    previous: ChordSymbol = NO_CHORD,
    qualities: Sequence[str] = _SIMPLE,
) -> ChordSymbol:
    """The chord that best explains how long each pitch class sounded.

    Args:
        weights: 12 non-negative durations or counts, by pitch class.
        bass: pitch class of the lowest note, favoured as root.
        previous: the chord before, favoured a little so that ties don't flicker.
        qualities: which qualities may be answered.

    Returns:
        The best chord, or `NO_CHORD` when nothing sounded.
    """
    heard = np.asarray(weights, dtype=np.float64)
    total = float(heard.sum())
    if total <= 0:
        return NO_CHORD
    heard = heard / total
    best, best_score = NO_CHORD, -np.inf
    for root in range(12):
        for quality in qualities:
            candidate = ChordSymbol(root, quality)
            inside = float(heard[list(candidate.pitch_classes)].sum())
            # Each chord tone that is not heard costs a little, so the smaller chord wins when both explain the notes.
            missing = sum(1 for pitch_class in candidate.pitch_classes if heard[pitch_class] < 0.02)
            score = inside - 0.06 * missing - 0.02 * len(candidate.pitch_classes)
            score += 0.1 * float(heard[root]) + (0.12 if bass == root else 0.0)
            score += 0.05 if candidate == previous else 0.0
            if score > best_score:
                best, best_score = candidate, score
    return best


def close_voicing(chord: ChordSymbol, centre: int = 58) -> tuple[int, ...]:
    """The chord's tones, one each, packed around MIDI pitch `centre`, ascending; empty for "no chord"."""
    if chord.root is None:
        return ()
    low = centre - 6
    return tuple(sorted(low + (pitch_class - low) % 12 for pitch_class in chord.pitch_classes))


def nearest_pitch(pitch_class: int, centre: int) -> int:
    """The MIDI pitch of `pitch_class` nearest to `centre`, the lower one on a tie."""
    offset = (pitch_class - centre) % 12
    return centre + (offset if offset < 6 else offset - 12)
