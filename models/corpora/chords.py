"""Chord spans: from written symbols, and from notes where a source has no symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from livegen.core.harmony import NO_CHORD, ChordSymbol, match_chord, quality_of
from models.corpora.piece import ChordSpan, PieceNote
from models.corpora.source import QuarantinedError

_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_SHORTHAND: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "minmaj7": (0, 3, 7, 11),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "sus4(b7)": (0, 5, 7, 10),
    "sus4(b7,9)": (0, 2, 5, 7, 10),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "min9": (0, 2, 3, 7, 10),
    "11": (0, 2, 4, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
}
"""Semitones above the root of the qualities of Harte's chord syntax (C. Harte et al., ISMIR 2005)."""

INFERRED_QUALITIES = ("maj", "min", "dom7", "min7", "dim", "sus4")
"""Qualities that `inferred` tells apart unless told otherwise."""

_WEIGHT_LEVELS = 16
"""Steps to which weights are rounded, so that the cache is hit."""


def parse_harte(label: str) -> ChordSymbol:
    """A label such as "C#:min7/b3" as root and quality (the bass is left out); "N" is no chord.

    Raises:
        QuarantinedError: the root or the quality is not known.
    """
    if label == "N":
        return NO_CHORD
    root_name, _, rest = label.partition("/")[0].partition(":")
    shorthand = rest or "maj"
    if root_name[:1] not in _NATURALS or root_name[1:].strip("#b") or shorthand not in _SHORTHAND:
        raise QuarantinedError(f"unknown chord label: {label}")
    root = _NATURALS[root_name[0]] + root_name.count("#") - root_name[1:].count("b")
    return ChordSymbol(root % 12, quality_of(_SHORTHAND[shorthand]))


def chord_of(pitch_classes: Sequence[int]) -> ChordSymbol:
    """The symbol nearest to these pitch classes, the root first; no chord if empty."""
    if not pitch_classes:
        return NO_CHORD
    root = pitch_classes[0] % 12
    return ChordSymbol(root, quality_of(pitch - root for pitch in pitch_classes))


def merged(spans: Iterable[ChordSpan]) -> tuple[ChordSpan, ...]:
    """The spans in order, neighbours with the same symbol joined, overlaps cut at the later begin, empty ones left out."""
    result: list[ChordSpan] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if result and result[-1].end > span.start:
            result[-1] = ChordSpan(result[-1].start, span.start, result[-1].symbol)
            if result[-1].start == result[-1].end:
                result.pop()
        if span.end <= span.start:
            continue
        if result and result[-1].symbol == span.symbol and result[-1].end == span.start:
            result[-1] = ChordSpan(result[-1].start, span.end, span.symbol)
        else:
            result.append(span)
    return tuple(result)


def inferred(
    notes: Iterable[PieceNote], window: int, origin: int = 0, qualities: tuple[str, ...] = INFERRED_QUALITIES
) -> tuple[ChordSpan, ...]:
    """Chords from what sounds, one decision every `window` pulses from `origin` modulo `window`, equal neighbours merged.

    A window in which nothing sounds continues no chord and leaves a gap.
    """
    sounding = list(notes)
    if not sounding:
        return ()
    origin = origin % window - window
    count = (max(note.onset + note.duration for note in sounding) - origin) // window + 1
    weights = np.zeros((count, 12))
    lowest = np.full(count, 128)
    for note in sounding:
        end = note.onset + note.duration
        for index in range((note.onset - origin) // window, (end - 1 - origin) // window + 1):
            begin = origin + index * window
            overlap = min(end, begin + window) - max(note.onset, begin)
            weights[index, note.pitch % 12] += overlap
            # A bass that only brushes the window, as the tail of the note before, does not define its chord.
            if 3 * overlap >= min(window, note.duration):
                lowest[index] = min(lowest[index], note.pitch)
    spans: list[ChordSpan] = []
    previous = NO_CHORD
    for index in np.flatnonzero(weights.sum(axis=1)).tolist():
        bass = int(lowest[index]) % 12 if lowest[index] < 128 else None
        previous = _matched(weights[index], bass, previous, qualities)
        begin = origin + index * window
        spans.append(ChordSpan(max(0, begin), begin + window, previous))
    return merged(spans)


def _matched(
    weights: npt.NDArray[np.float64], bass: int | None, previous: ChordSymbol, qualities: tuple[str, ...]
) -> ChordSymbol:
    """`match_chord` through a cache: the weights turned so that the bass is C and rounded, since textures repeat."""
    turn = bass or 0
    level = np.rint(np.roll(weights, -turn) * (_WEIGHT_LEVELS / weights.sum())).astype(int)
    found = _cached_match(tuple(level.tolist()), None if bass is None else 0, previous.transposed(-turn), qualities)
    return found.transposed(turn)


@lru_cache(maxsize=1 << 17)
def _cached_match(level: tuple[int, ...], bass: int | None, previous: ChordSymbol, qualities: tuple[str, ...]) -> ChordSymbol:
    return match_chord(level, bass, previous, qualities)
