"""Choosing a class from logits: masks, temperature, top-p and min-p, deterministic for a random number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.plans import Sampling

FloatArray = npt.NDArray[np.float64]


def distribution(logits: npt.ArrayLike, allowed: npt.NDArray[np.bool_], sampling: Sampling) -> FloatArray:
    """The probabilities that a class is drawn from, [classes], summing to 1.

    The order is: mask, temperature, min-p (drop what is less likely than `min_p` times the likeliest), top-p (keep the fewest
    that hold `top_p` of the mass). A temperature of 0 puts all on the likeliest.

    Raises:
        InputError: nothing is allowed, or what is allowed has no finite logit.
    """
    scores = np.asarray(logits, dtype=np.float64)
    scores = np.where(allowed & np.isfinite(scores), scores, -np.inf)
    best = float(scores.max(initial=-np.inf))
    if best == -np.inf:
        raise InputError("no class is allowed and finite; the model's output or the mask is broken")
    if sampling.temperature < 1e-3:
        likeliest: FloatArray = np.zeros_like(scores)
        likeliest[np.argmax(scores)] = 1.0
        return likeliest
    weights: FloatArray = np.exp((scores - best) / sampling.temperature)
    weights[weights < sampling.min_p] = 0.0
    weights /= weights.sum()
    if sampling.top_p < 1.0:
        order = np.argsort(-weights, kind="stable")
        before = np.cumsum(weights[order]) - weights[order]
        weights[order[1:][before[1:] >= sampling.top_p]] = 0.0
        weights /= weights.sum()
    return weights


def choose(logits: npt.ArrayLike, allowed: npt.NDArray[np.bool_], sampling: Sampling, rng: np.random.Generator) -> int:
    """Draw one class; one random number is used whatever the temperature, so that streams of numbers stay aligned.

    Raises:
        InputError: as `distribution`.
    """
    weights = distribution(logits, allowed, sampling)
    cumulative = np.cumsum(weights)
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    return min(index, int(np.flatnonzero(weights)[-1]))
