"""When is a machine's figure a human's? The interval in which the mean of other human works would lie.

A mean over n works is compared with the mean over n human works. Both would differ by chance even if both were human, so the
human interval of a measure is the human mean, give or take what two samples of n human works differ by in 95 of 100 cases
(percentile bootstrap of the difference of two independent resamples). It shrinks as works are added, so it can't be
widened by scoring few and called passed; and it is no narrower than what human works reach among themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from models.scoring import metrics

Verdict = Literal["within", "below", "above"]


def human_interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """The ends of the interval of a mean over as many other human works; NaN if nothing is known.

    Args:
        values: the measure of each human work; NaN is a work that says nothing.
        seed: the same seed gives the same interval.
    """
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(0, len(known), (2, metrics.BOOTSTRAPS, len(known)))
    first, second = known[drawn].mean(axis=2)
    low, high = np.percentile(known.mean() + first - second, [2.5, 97.5])
    return float(low), float(high)


def verdict(value: float, interval: tuple[float, float]) -> Verdict | None:
    """Where a mean lies to an interval; None where one of them isn't known."""
    low, high = interval
    if np.isnan(value) or np.isnan(low):
        return None
    return "below" if value < low else "above" if value > high else "within"


def compared(
    human: Sequence[Mapping[str, float]], systems: Mapping[str, Sequence[Mapping[str, float]]], seed: int
) -> dict[str, Any]:
    """Each measure of the human works beside each system's on the same works.

    Args:
        human: measures by name, a work an entry.
        systems: the same of each system, in the same order of works.
        seed: of the intervals.

    Returns:
        By measure: `human` [mean, low, high], its `interval` [low, high] as above, `spread` (mean distance between two
        human works), and by system its `mean` [mean, low, high], its `distance` to the human's own continuation of the
        same work [mean, low, high], and its `verdict`.
    """
    found = {}
    for name in human[0] if human else ():
        own = [values[name] for values in human]
        interval = human_interval(own, seed)
        found[name] = {
            "human": with_interval(own, seed),
            "interval": list(interval),
            "spread": _spread(own),
            "systems": {
                system: _against(own, [values[name] for values in works], interval, seed) for system, works in systems.items()
            },
        }
    return found


def _against(human: Sequence[float], values: Sequence[float], interval: tuple[float, float], seed: int) -> dict[str, Any]:
    distances = [abs(mine - own) for mine, own in zip(values, human, strict=True)]
    mean = with_interval(values, seed)
    return {"mean": mean, "distance": with_interval(distances, seed), "verdict": verdict(mean[0], interval)}


def with_interval(values: Sequence[float], seed: int) -> list[float]:
    """[mean, low, high], the interval being the bootstrap's 95 % over works."""
    return [metrics.mean(values), *metrics.mean_interval(values, seed)]


def _spread(values: Sequence[float]) -> float:
    """Mean distance between two different works."""
    known = np.sort([value for value in values if not np.isnan(value)])
    count = len(known)
    if count < 2:
        return np.nan
    # In ascending order, value k lies above k others and below the rest: the sum over pairs without making the pairs.
    above = (2 * np.arange(count) - count + 1) * known
    return float(above.sum() / (count * (count - 1) / 2))
