"""Small statistics that tests need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation, equal values sharing the mean of their ranks; 0 where one of them never changes."""
    ranks = [_ranks(np.asarray(values, dtype=np.float64)) for values in (one, other)]
    if not all(values.std() for values in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    below = (values[:, np.newaxis] > values).sum(axis=1)
    equal = (values[:, np.newaxis] == values).sum(axis=1)
    return below + (equal - 1) / 2
