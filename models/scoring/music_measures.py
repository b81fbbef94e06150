"""What a stretch of music is like, in a few numbers that a human stretch has too: none is good or bad by itself.

A stretch is a whole number of bars; onsets are in pulses from its begin. Entropies and groove follow Wu and Yang, "The Jazz
Transformer on the front line" (ISMIR 2020), with sixteenths of the beat's quarter as places in the bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmony import ChordSymbol
from models.corpora.piece import PieceNote
from models.scoring import metrics

MEASURES = ("entropy 1 bar", "entropy 4 bars", "groove", "self-similarity", "in key", "density", "density/prompt")
"""What `measured` gives, in the order of the tables."""

_SCALES = {"maj": (0, 2, 4, 5, 7, 9, 11), "min": (0, 2, 3, 5, 7, 8, 10, 11)}
"""Scales above the tonic; the minor one with both sevenths, since every minor piece uses both."""

Grid = npt.NDArray[np.int64]
"""Number of onsets by bar, sixteenth in the bar and pitch class, [bars, places, 12]."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some bars of one or more parts.

    Attributes:
        notes: by onset; pulses from the stretch's begin.
        bars: its length.
        beats_per_bar: 1..12.
    """

    notes: tuple[PieceNote, ...]
    bars: int
    beats_per_bar: int

    @property
    def grid(self) -> Grid:
        """Onsets on the grid of sixteenths; what lies between goes to the nearest."""
        places = self.beats_per_bar * PULSES_PER_BEAT // metrics.FRAME
        grid = np.zeros((self.bars * places, 12), dtype=np.int64)
        for note in self.notes:
            at = round(note.onset / metrics.FRAME)
            if 0 <= at < len(grid):
                grid[at, note.pitch % 12] += 1
        return grid.reshape(self.bars, places, 12)


def in_order(notes: Iterable[PieceNote]) -> list[PieceNote]:
    """By onset, pitch and length; their velocities can't be compared where one of them isn't known."""
    return sorted(notes, key=lambda note: (note.onset, note.pitch, note.duration))


def measured(stretch: Stretch, prompt: Stretch, key: ChordSymbol) -> dict[str, float]:
    """All `MEASURES` of a stretch that follows `prompt` in a key; NaN where it says nothing."""
    grid, before = stretch.grid, prompt.grid
    density, density_before = (len(part.notes) / (part.bars * part.beats_per_bar) for part in (stretch, prompt))
    values = (
        pitch_class_entropy(grid, 1),
        pitch_class_entropy(grid, 4),
        groove_similarity(grid),
        self_similarity(grid, before),
        in_key(stretch.notes, key),
        density,
        density / density_before if density_before else np.nan,
    )
    return dict(zip(MEASURES, values, strict=True))


def pitch_class_entropy(grid: Grid, window: int) -> float:
    """Entropy in bits, 0..3.58, of the pitch classes struck in `window` bars; mean over all such windows that hold a note."""
    counts = grid.sum(axis=1)
    histograms = [counts[at : at + window].sum(axis=0) for at in range(max(1, len(counts) - window + 1))]
    return metrics.mean([entropy_bits(histogram) for histogram in histograms if histogram.any()])


def entropy_bits(counts: npt.ArrayLike) -> float:
    """Entropy of a histogram in bits; 0 for an empty one."""
    known = np.asarray(counts, dtype=np.float64)
    shares = known[known > 0] / max(1.0, known.sum())
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def groove_similarity(grid: Grid) -> float:
    """1 minus the share of sixteenths at which two bars differ in whether something begins; mean over all pairs of bars."""
    begins: npt.NDArray[np.bool_] = np.any(grid, axis=2)
    pairs = combinations(range(len(begins)), 2)
    return metrics.mean([1.0 - float((begins[one] != begins[other]).mean()) for one, other in pairs])


def self_similarity(grid: Grid, before: Grid) -> float:
    """How much comes back, 0..1.

    For each bar that holds a note, the greatest cosine between its onsets (by place and pitch class) and those of any earlier
    bar, the prompt's included; mean over bars.
    """
    whole = np.concatenate([before, grid]).reshape(len(before) + len(grid), -1).astype(np.float64)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    whole = whole / np.where(lengths > 0, lengths, 1.0)
    likeness = whole @ whole.T
    bars = [bar for bar in range(max(1, len(before)), len(whole)) if lengths[bar, 0] > 0]
    return metrics.mean([float(likeness[bar, :bar].max()) for bar in bars])


def in_key(notes: Sequence[PieceNote], key: ChordSymbol) -> float:
    """The share of notes in the scale of a key, given as its tonic triad; NaN without notes or key."""
    if key.root is None or not notes:
        return np.nan
    scale = {(key.root + step) % 12 for step in _SCALES[key.quality]}
    return float(np.mean([note.pitch % 12 in scale for note in notes]))
