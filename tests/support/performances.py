"""What a player plays, note by note: rhythms at a tempo, with notes that are not quite in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PULSES = 24
"""A beat."""
FIRST_NS = 3_000_000_000

Note = tuple[int, int, int]
"""Onset in ns, MIDI pitch, velocity."""


@dataclass(frozen=True, slots=True)
class Player:
    """Plays a rhythm over and over.

    Attributes:
        rhythm: (pulse in the bar, pitches) of each strike.
        bpm: tempi of the beats; the last one goes on.
        beats_per_bar: after which the rhythm begins again.
        noise_ns: standard deviation of each note's time, those of a chord each for itself.
    """

    rhythm: Sequence[tuple[int, Sequence[int]]]
    bpm: Sequence[float]
    beats_per_bar: int = 4
    noise_ns: float = 0.0

    def beats_ns(self, beats: int) -> list[float]:
        """Times of the beats, and of one more."""
        tempi = [self.bpm[min(beat, len(self.bpm) - 1)] for beat in range(beats)]
        return [FIRST_NS, *(FIRST_NS + np.cumsum(60e9 / np.array(tempi)))]

    def notes(self, beats: int, seed: int) -> list[Note]:
        """So many beats of it, by time."""
        rng = np.random.default_rng(seed)
        times = self.beats_ns(beats)
        found = []
        for bar in range(0, beats, self.beats_per_bar):
            for pulse, pitches in self.rhythm:
                place = bar + pulse / PULSES
                if place < beats:
                    due = float(np.interp(place, range(beats + 1), times))
                    found += [(round(due + rng.normal() * self.noise_ns), pitch, 80) for pitch in pitches]
        return sorted(found)


_BASS, _CHORD = (36,), (60, 64, 67)
MARCH = Player(
    [(0, _BASS), (12, _CHORD), (24, (43,)), (36, _CHORD), (48, _BASS), (60, _CHORD), (72, (43,)), (84, _CHORD)], [110]
)
WALTZ = Player([(0, _BASS), (24, _CHORD), (48, _CHORD)], [130], beats_per_bar=3)
TUNE = Player([(0, (72,)), (24, (74,)), (36, (76,)), (48, (77,)), (72, (79,))], [105])
JIG = Player([(0, (74,)), (8, (76,)), (16, (78,)), (24, (79,)), (40, (74,)), (48, (71,)), (72, (74,)), (88, (71,))], [110])


def wanderer(seed: int, count: int) -> list[Note]:
    """Single notes without a beat, 0.1 to 1.2 s apart."""
    rng = np.random.default_rng(seed)
    onsets = FIRST_NS + np.cumsum(rng.uniform(0.1, 1.2, count)) * 1e9
    return [(int(onset), int(pitch), 80) for onset, pitch in zip(onsets, rng.integers(50, 80, count), strict=True)]
