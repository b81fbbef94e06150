"""How the learning rate and the averaging of weights change over a run."""

from __future__ import annotations

import math

_FLOOR = 0.01
"""Share of the highest rate that is left at the end."""


def learning_rate(step: int, highest: float, warmup: int, steps: int) -> float:
    """Rate of step `step` (from 0) of `steps`: a linear warm-up to `highest`, then a cosine down to a hundredth of it."""
    if step < warmup:
        return highest * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return highest * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def ema_decay(step: int, highest: float) -> float:
    """Share of the old average that is kept after step `step` (from 0): little at first, when weights still mean nothing."""
    return min(highest, (1 + step) / (10 + step))
