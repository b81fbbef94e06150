"""The key of a piece: what its key signature leaves open, and what its notes say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from livegen.core.harmony import ChordSymbol
from models.corpora.piece import PieceNote

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each step of the chromatic scale fits a key (C. Krumhansl and E. Kessler, 1982)."""


def key_of(notes: Iterable[PieceNote], fifths: int | None = None) -> ChordSymbol | None:
    """The tonic triad of the key whose profile fits best (correlates) how long each pitch class sounds (Krumhansl, Schmuckler).

    Args:
        notes: all that sounds, drums excepted.
        fifths: sharps, or minus flats, of a key signature, -7..7: only its major and its minor key are weighed. None where
            there is no signature.

    Returns:
        A "maj" or "min" triad; None without notes.
    """
    heard = np.zeros(12)
    for note in notes:
        heard[note.pitch % 12] += note.duration
    if not heard.any():
        return None
    keys = [ChordSymbol(root, quality) for quality in ("maj", "min") for root in range(12)]
    if fifths is not None:
        tonic = 7 * fifths % 12
        keys = [ChordSymbol(tonic), ChordSymbol((tonic + 9) % 12, "min")]
    return max(keys, key=lambda key: _fit(key, heard - heard.mean()))


def _fit(key: ChordSymbol, heard: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    profile = np.asarray(_MINOR if key.quality == "min" else _MAJOR)
    return float(np.roll((profile - profile.mean()) / profile.std(), key.root or 0) @ heard)
