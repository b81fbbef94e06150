"""Measured times as a picture: how many there were of each length."""

from __future__ import annotations

import math

import numpy as np

from livegen.runtime.benches.figures import Samples
from livegen.runtime.svg import BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Canvas, Plot, axis_of, tick_text

BINS = 80
_LOWEST = math.log10(0.5)
"""The foot of a bar, so that a single sample is seen."""


def histogram(samples: Samples) -> Plot:
    """Bars over ms, one colour a series, on a logarithmic scale of counts: what happened once in a thousand is what matters."""
    canvas = Canvas(samples.title, [f"{label} ({len(times)})" for label, times in samples.series.items()])
    known = {label: np.asarray(times) / 1e6 for label, times in samples.series.items() if len(times)}
    across = axis_of([float(edge) for times in known.values() for edge in (times.min(), times.max())], LEFT, WIDTH - RIGHT)
    edges = np.linspace(across.low, across.high, BINS + 1)
    counts = {label: np.histogram(times, edges)[0] for label, times in known.items()}
    top = max([1, *(math.ceil(math.log10(count.max())) for count in counts.values())])
    upward = Axis(_LOWEST, top, HEIGHT - BOTTOM, TOP, tuple(float(power) for power in range(top + 1)))
    canvas.grid(upward, "how many", [f"{10**power:,}" for power in range(top + 1)])
    for tick in across.ticks:
        canvas.text(across.at(tick), HEIGHT - BOTTOM + 16, tick_text(tick), "middle")
    canvas.text((WIDTH + LEFT) / 2, HEIGHT - BOTTOM + 34, "ms", "middle")
    for place, label in enumerate(samples.series):
        for edge, following, count in zip(edges, edges[1:], counts.get(label, ()), strict=False):
            if count:
                height = upward.at(math.log10(count))
                size = (across.at(following) - across.at(edge), upward.start - height)
                canvas.box((across.at(edge), height), size, COLOURS[place % len(COLOURS)], opacity=0.6)
    return Plot(samples.name, samples.title, canvas.svg())
