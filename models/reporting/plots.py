"""Small plots as SVG text, without a plotting library: bars, lines and a table of shades, all with 95 % intervals where given.

A value is a number or an interval `[value, low, high]`; None and NaN are gaps. What is written is a few kilobytes of plain SVG
with real text, so that it can be read in a browser, in a Markdown viewer and by a search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from livegen.runtime.svg import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Canvas,
    Number,
    Plot,
    axis_of,
    shortened,
    tick_text,
)

Value = Number | Sequence[Number]


def bars(name: str, title: str, groups: Sequence[str], series: Mapping[str, Sequence[Value]], unit: str) -> Plot:
    """A cluster of bars for each group, one a series, from 0 up (or down)."""
    canvas = Canvas(title, series)
    axis = canvas.vertical([*_numbers(series), 0.0], unit)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    width = 0.8 * room / max(1, len(series))
    for index, group in enumerate(groups):
        canvas.text(LEFT + (index + 0.5) * room, HEIGHT - BOTTOM + 16, shortened(group, room), "middle")
        for place, values in enumerate(series.values()):
            middle, low, high = interval_of(values[index])
            if middle is None:
                continue
            x = LEFT + index * room + 0.1 * room + place * width
            top, zero = axis.at(middle), axis.at(0.0)
            canvas.box((x, min(top, zero)), (0.92 * width, abs(zero - top)), COLOURS[place % len(COLOURS)])
            canvas.whisker(x + 0.46 * width, axis, low, high)
    return Plot(name, title, canvas.svg())


def lines(
    name: str,
    title: str,
    x: Sequence[float],
    series: Mapping[str, Sequence[Value]],
    *,
    x_label: str,
    y_label: str,
    band: tuple[str, float, float] | None = None,
) -> Plot:
    """A line a series over `x`, ascending.

    Args:
        name: stem of the file.
        title: what it shows.
        x: places of the values.
        series: as many values as `x` has, by name.
        x_label: what `x` is, with its unit.
        y_label: what the values are, with their unit.
        band: name, low and high of a range that is shaded, such as the human one.
    """
    canvas = Canvas(title, {**series, **({band[0]: []} if band else {})})
    axis = canvas.vertical([*_numbers(series), *(band[1:] if band else ())], y_label)
    across = axis_of([*x], LEFT + 12, WIDTH - RIGHT - 12, rounded=False)
    for tick in across.ticks:
        canvas.text(across.at(tick), HEIGHT - BOTTOM + 16, tick_text(tick), "middle")
    canvas.text((WIDTH + LEFT) / 2, HEIGHT - BOTTOM + 34, x_label, "middle")
    if band:
        top, bottom = axis.at(band[2]), axis.at(band[1])
        colour = COLOURS[len(series) % len(COLOURS)]
        canvas.box((LEFT, top), (WIDTH - LEFT - RIGHT, max(1.0, bottom - top)), colour, opacity=0.18)
    for place, values in enumerate(series.values()):
        colour = COLOURS[place % len(COLOURS)]
        points = [(across.at(at), *interval_of(value)) for at, value in zip(x, values, strict=True)]
        known = [(at, axis.at(middle), low, high) for at, middle, low, high in points if middle is not None]
        for at, height, low, high in known:
            canvas.whisker(at, axis, low, high, colour)
            canvas.dot(at, height, colour)
        for (begin, first, *_), (end, second, *_) in pairwise(known):
            canvas.line((begin, first), (end, second), colour, 2)
    return Plot(name, title, canvas.svg())


def shades(name: str, title: str, rows: Sequence[str], columns: Sequence[str], shares: Sequence[Sequence[Number]]) -> Plot:
    """A table of shares 0..1, the darker the more, such as a confusion matrix: a row a truth, a column an answer."""
    canvas = Canvas(title, {})
    left = LEFT + 60
    wide, tall = (WIDTH - left - RIGHT) / max(1, len(columns)), (HEIGHT - TOP - BOTTOM) / max(1, len(rows))
    for index, column in enumerate(columns):
        canvas.text(left + (index + 0.5) * wide, HEIGHT - BOTTOM + 16, shortened(column, wide), "middle")
    for down, row in enumerate(rows):
        middle = TOP + (down + 0.5) * tall + 4
        canvas.text(left - 8, middle, shortened(row, 100), "end")
        for index, share in enumerate(shares[down]):
            if share is None or math.isnan(share):
                continue
            place = (left + index * wide, TOP + down * tall)
            canvas.box(place, (wide - 1, tall - 1), COLOURS[0], opacity=min(1.0, max(0.0, share)))
            canvas.text(left + (index + 0.5) * wide, middle, f"{share:.2f}", "middle", "#fff" if share > 0.6 else "#222")
    return Plot(name, title, canvas.svg())


def interval_of(value: Value) -> tuple[Number, Number, Number]:
    """(value, low, high), each None where it isn't known."""
    parts = list(value) if isinstance(value, Sequence) else [value, None, None]
    known = [None if part is None or not math.isfinite(part) else float(part) for part in parts]
    return known[0], known[1], known[2]


def _numbers(series: Mapping[str, Sequence[Value]]) -> list[float]:
    """Every number that must be seen."""
    return [part for values in series.values() for value in values for part in interval_of(value) if part is not None]
