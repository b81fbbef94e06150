"""How much of a melody stands in the training data: runs of notes that are the same in every transposition and at every tempo.

An item is the step from one note to the next: semitones up or down, and the time between their onsets as a class of duration of
the vocabulary (so that a melody played by a model and one read from a score are told apart by music and not by rounding). A run
of n items is copied if some training melody has the same n items in a row; a run of n items has n + 1 notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from models.corpora.piece import PieceNote
from models.scoring.music_measures import in_order

LENGTHS = (4, 8, 12, 16)
"""Items of the runs whose copies are counted."""

LONGEST = 256
"""Items at which the search for the longest copied run ends."""

MEASURES = (*(f"{length}-grams" for length in LENGTHS), "longest run")
"""What `Index.copied` gives, in the order of the tables: shares 0..1, and items."""

Items = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_STEPS = 255
_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that no power of it vanishes."""


def items(notes: Iterable[PieceNote]) -> Items:
    """The steps of a melody, int64 [notes - 1]; of notes struck together only the highest counts."""
    line: list[PieceNote] = []
    for note in in_order(notes):
        if line and line[-1].onset == note.onset:
            line[-1] = note
        else:
            line.append(note)
    onsets = [note.onset for note in line]
    pitches = np.array([note.pitch for note in line], dtype=np.int64)
    lengths = np.array([v.duration_class(int(gap)) for gap in np.diff(onsets)], dtype=np.int64)
    return np.diff(pitches) + 127 + _STEPS * lengths


class Index:
    """Training melodies, to be asked whether they hold a run.

    Runs are compared by hashes of 64 bits: of a million runs, two different ones are taken for the same with a chance of one in
    thirty million. Building costs nothing; each length that is asked for is counted once.
    """

    def __init__(self, melodies: Iterable[Items]) -> None:
        self._lines = list(melodies)
        self._text, self._ends = _joined(self._lines)
        self._known: dict[int, Hashes] = {}

    def hits(self, line: Items, length: int) -> npt.NDArray[np.bool_]:
        """Whether each run of `length` items is copied, bool [runs]."""
        asked, known = _runs(*_joined([line]), length), self._hashes(length)
        if not len(known):
            return np.zeros(len(asked), dtype=np.bool_)
        nearest = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        found: npt.NDArray[np.bool_] = known[nearest] == asked
        return found

    def copied(self, line: Items) -> dict[str, float]:
        """All `MEASURES` of one melody: the share of its runs of each length that are copied, NaN where it has none so long."""
        shares: list[float] = []
        for length in LENGTHS:
            found = self.hits(line, length)
            shares.append(float(found.mean()) if len(found) else np.nan)
        return dict(zip(MEASURES, (*shares, float(self.longest(line))), strict=True))

    def longest(self, line: Items) -> int:
        """Items of the longest copied run; if a run is copied, so is every run within it, so the length is found by halving."""
        low, high = 0, 1
        most = min(LONGEST, len(line))
        while high <= most and self.hits(line, high).any():
            low, high = high, 2 * high
        high = min(high, most + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.hits(line, middle).any() else (low, middle)
        return low

    def _hashes(self, length: int) -> Hashes:
        if length not in self._known:
            self._known[length] = np.unique(_runs(self._text, self._ends, length))
        return self._known[length]


def _joined(lines: Sequence[Items]) -> tuple[Hashes, Items]:
    """All items in a row, scrambled to 64 bits; and for each place where its melody ends."""
    sizes = [len(line) for line in lines]
    text = np.concatenate([np.zeros(0, dtype=np.int64), *lines]).astype(np.uint64)
    # Multiplied and folded twice, neighbouring items share no bits; without it their sums would collide.
    for _ in range(2):
        text = (text + _BASE) * np.uint64(0xBF58476D1CE4E5B9)
        text ^= text >> np.uint64(29)
    return text, np.repeat(np.cumsum(sizes, dtype=np.int64), sizes)


def _runs(text: Hashes, ends: Items, length: int) -> Hashes:
    """The hash of every run of `length` items inside one melody."""
    count = len(text) - length + 1
    if count <= 0:
        return text[:0]
    hashes, size = _hashed(text, length), np.arange(count) + length
    return hashes[size <= ends[:count]]


def _hashed(text: Hashes, length: int) -> Hashes:
    """The polynomial hash of every `length` items in a row, put together from hashes of powers of two."""
    result: Hashes | None = None
    part, part_length, covered = text, 1, 0
    for bit in range(length.bit_length()):
        if length >> bit & 1:
            if result is None:
                result = part
            else:
                count = len(text) - covered - part_length + 1
                result = result[:count] * _power(part_length) + part[covered : covered + count]
            covered += part_length
        if length >> bit + 1:
            part = part[: len(part) - part_length] * _power(part_length) + part[part_length:]
            part_length *= 2
    assert result is not None  # noqa: S101 - a length of at least 1 has a bit that is set
    return result


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(int(_BASE), exponent, 1 << 64))
