"""Guidance: the stream is heard with a style and without, and what the style changes is played up (Ho and Salimans, 2022).

A style says little that a long context does not say already, so a model that has learnt from both hardly listens to it. What it
would change all the same lies in the difference.
"""

from __future__ import annotations

import numpy as np

from livegen.generators.onnx_graphs import FloatArray


def with_and_without(style: FloatArray) -> FloatArray:
    """Style weights [1, styles] over none at all, [2, styles]."""
    return np.concatenate([style, np.zeros_like(style)])


def guided(logits: FloatArray, strength: float) -> FloatArray:
    """The logits to draw from.

    Args:
        logits: [1, classes], or with the style over without it, [2, classes].
        strength: 1 takes those with the style as they are, 0 those without, more goes beyond.

    Returns:
        [classes].
    """
    styled: FloatArray = logits[0]
    if strength == 1.0 or len(logits) == 1:
        return styled
    plain: FloatArray = logits[1]
    return plain + np.float32(strength) * (styled - plain)
