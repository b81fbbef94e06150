"""What happens beat by beat, summed over songs, so that a curve is smooth; and intervals over songs.

A count is an int64 array [songs, beats, COLUMNS]; beat 0 is where something happens, `origin` beats from the array's begin. The
arrays of one system with and without a perturbation hold the same songs at the same places: what a place is like cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from models.scoring import metrics
from models.scoring.accompaniment import Accompaniment
from models.scoring.metrics import FRAME, Melody

HITS, SOUNDING, ONSETS, COVERED, MELODY, CHANGES, ON_BEAT, NOTES = range(8)
"""Columns: onset frames with m in C; with any C; all of them; melody frames with any C; all of them; chord changes; those on a
beat; notes struck."""
COLUMNS = 8

WINDOW = 4
"""Beats that a point of a curve is the mean of: those from it on."""
BACK = 0.9
"""Share of the own level at which a system counts as back."""

Counts = npt.NDArray[np.int64]


def beat_counts(melody: Melody, heard: Accompaniment, beats: int) -> Counts:
    """Counts of one song's first beats, [beats, COLUMNS]; zeros beyond its end."""
    frames = len(melody.begins)
    harmony = metrics.harmony_frames(heard.notes, frames)
    sounds, sings = harmony.any(axis=1), melody.pitch_class >= 0
    fits = np.zeros(frames, dtype=np.bool_)
    fits[sings] = harmony[sings, melody.pitch_class[sings]]
    counts = np.zeros((beats, COLUMNS), dtype=np.int64)
    columns = {
        HITS: fits & melody.begins,
        SOUNDING: sounds & melody.begins,
        ONSETS: melody.begins,
        COVERED: sounds & sings,
        MELODY: sings,
    }
    for column, where in columns.items():
        _add(counts, column, np.flatnonzero(where) * FRAME)
    changes = np.array(metrics.changes(heard.chords), dtype=np.int64)
    _add(counts, CHANGES, changes)
    _add(counts, ON_BEAT, changes[changes % PULSES_PER_BEAT == 0])
    _add(counts, NOTES, np.array([round(onset) for onset, _, _ in heard.notes], dtype=np.int64))
    return counts


def _add(counts: Counts, column: int, pulses: npt.NDArray[np.int64]) -> None:
    beats = pulses // PULSES_PER_BEAT
    counts[:, column] += np.bincount(beats[(beats >= 0) & (beats < len(counts))], minlength=len(counts))


def aligned(counts: Counts, origin: int, before: int, after: int) -> Counts:
    """The beats from `before` before `origin` to `after` after it, zeros where the song has none, [before + after, COLUMNS]."""
    padded = np.pad(counts, ((before, after), (0, 0)))
    return padded[origin : origin + before + after]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Counts of songs around the place where something happens; see the module."""

    counts: Counts
    origin: int

    def sums(self, column: int, first: int, last: int) -> npt.NDArray[np.float64]:
        """Sum of the beats [first, last), counted from where it happens, by song."""
        beats = self.counts[:, self.origin + first : self.origin + last, column]
        sums: npt.NDArray[np.float64] = beats.sum(axis=1).astype(np.float64)
        return sums

    def share(self, above: int, below: int, first: int, last: int) -> float:
        """One column over another in these beats, of all songs together; NaN if the other is empty."""
        whole = self.sums(below, first, last).sum()
        return float(self.sums(above, first, last).sum() / whole) if whole else np.nan

    def with_interval(self, above: int, below: int, first: int, last: int, seed: int) -> list[float]:
        """`share`, and its 95 % interval over songs."""
        interval = metrics.ratio_interval(self.sums(above, first, last), self.sums(below, first, last), seed)
        return [self.share(above, below, first, last), *interval]

    def curve(self, first: int, last: int) -> list[float]:
        """Onset-NiC of all songs together by beat, each point over `WINDOW` beats from it on."""
        return [self.share(HITS, SOUNDING, beat, beat + WINDOW) for beat in range(first, last)]


def relative(
    stretch: Stretch, own: Stretch, columns: tuple[int, int | None], first: int, last: int, *, seed: int
) -> list[float]:
    """A share in these beats over the same system's share where nothing happens, [value, low, high].

    Args:
        stretch: with the perturbation.
        own: the same songs without.
        columns: what is counted, and over what; None: over the number of beats.
        first: first beat, from where it happens.
        last: the beat after the last.
        seed: of the interval.
    """
    parts = [_fraction(side, columns, first, last) for side in (stretch, own)]
    drawn = np.random.default_rng(seed).integers(0, len(stretch.counts), (metrics.BOOTSTRAPS, len(stretch.counts)))
    with np.errstate(divide="ignore", invalid="ignore"):
        value, resampled = (
            np.divide(*(above[index].sum(axis=-1) / below[index].sum(axis=-1) for above, below in parts))
            for index in (slice(None), drawn)
        )
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(known):
        return [np.nan, np.nan, np.nan]
    low, high = np.percentile(known, [2.5, 97.5])
    return [float(value), float(low), float(high)]


def _fraction(
    stretch: Stretch, columns: tuple[int, int | None], first: int, last: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    above, below = columns
    counted = stretch.sums(above, first, last)
    return counted, np.full(len(counted), float(last - first)) if below is None else stretch.sums(below, first, last)


def beats_until_back(curve: Sequence[float], own: Sequence[float]) -> int | None:
    """The first point of a curve that is at `BACK` of the own one at the same beat; None if there is none."""
    return next((beat for beat, (now, usual) in enumerate(zip(curve, own, strict=True)) if now >= BACK * usual), None)
