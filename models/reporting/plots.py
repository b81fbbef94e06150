"""Small plots as SVG text, without a plotting library: bars, lines and a table of shades, all with 95 % intervals where given.

A value is a number or an interval `[value, low, high]`; None and NaN are gaps. What is written is a few kilobytes of plain SVG
with real text, so that it can be read in a browser, in a Markdown viewer and by a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

Number = float | None
Value = Number | Sequence[Number]
Point = tuple[float, float]
"""Pixels from the left and from the top."""

WIDTH, HEIGHT = 720, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 56, 44
COLOURS: tuple[str, ...] = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000", "#b2a400", "#7a4419", "#5b3a8e",
    "#9edae5",
)  # fmt: skip
"""Okabe and Ito's palette, which colour-blind readers can tell apart, and some more; it begins again after the last."""

_LEGEND_CHARS = 100
"""Characters of a legend that fit on one line."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture: `name` is the stem of its file, `title` what it shows, `svg` the file's text."""

    name: str
    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """A scale from values to pixels; `ticks` are the values that are written beside it."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def bars(name: str, title: str, groups: Sequence[str], series: Mapping[str, Sequence[Value]], unit: str) -> Plot:
    """A cluster of bars for each group, one a series, from 0 up (or down)."""
    canvas = _Canvas(title, series)
    axis = canvas.vertical([*_numbers(series), 0.0], unit)
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(groups))
    width = 0.8 * room / max(1, len(series))
    for index, group in enumerate(groups):
        canvas.text(_LEFT + (index + 0.5) * room, HEIGHT - _BOTTOM + 16, _short(group, room), "middle")
        for place, values in enumerate(series.values()):
            middle, low, high = interval_of(values[index])
            if middle is None:
                continue
            x = _LEFT + index * room + 0.1 * room + place * width
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
    canvas = _Canvas(title, {**series, **({band[0]: []} if band else {})})
    axis = canvas.vertical([*_numbers(series), *(band[1:] if band else ())], y_label)
    across = _axis([*x], _LEFT + 12, WIDTH - _RIGHT - 12, rounded=False)
    for tick in across.ticks:
        canvas.text(across.at(tick), HEIGHT - _BOTTOM + 16, _tick_text(tick), "middle")
    canvas.text((WIDTH + _LEFT) / 2, HEIGHT - _BOTTOM + 34, x_label, "middle")
    if band:
        top, bottom = axis.at(band[2]), axis.at(band[1])
        colour = COLOURS[len(series) % len(COLOURS)]
        canvas.box((_LEFT, top), (WIDTH - _LEFT - _RIGHT, max(1.0, bottom - top)), colour, opacity=0.18)
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
    canvas = _Canvas(title, {})
    left = _LEFT + 60
    wide, tall = (WIDTH - left - _RIGHT) / max(1, len(columns)), (HEIGHT - _TOP - _BOTTOM) / max(1, len(rows))
    for index, column in enumerate(columns):
        canvas.text(left + (index + 0.5) * wide, HEIGHT - _BOTTOM + 16, _short(column, wide), "middle")
    for down, row in enumerate(rows):
        middle = _TOP + (down + 0.5) * tall + 4
        canvas.text(left - 8, middle, _short(row, 100), "end")
        for index, share in enumerate(shares[down]):
            if share is None or math.isnan(share):
                continue
            place = (left + index * wide, _TOP + down * tall)
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


def _axis(values: Iterable[float], start: float, end: float, *, rounded: bool = True) -> _Axis:
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(number * step for number in range(first, last + 1))
    if rounded:
        return _Axis(ticks[0], ticks[-1], start, end, ticks)
    return _Axis(low, high, start, end, tuple(tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9))


def _step(wanted: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is at least `wanted`."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))


def _tick_text(value: float) -> str:
    return f"{value:.6g}" if abs(value) > 1e-9 else "0"


def _short(text: str, room: float) -> str:
    """As much of a label as fits."""
    most = max(3, int(room / 5.8))
    return text if len(text) <= most else text[: most - 1] + "…"


class _Canvas:
    """Collects the shapes of one picture: title, legend, then what is drawn."""

    def __init__(self, title: str, series: Iterable[str]) -> None:
        self._shapes: list[str] = []
        self.text(WIDTH / 2, 18, _short(title, WIDTH), "middle")
        x, y = float(_LEFT), 36.0
        for index, label in enumerate(series):
            shown = _short(label, 6.4 * _LEGEND_CHARS)
            if x + 7 * len(shown) > WIDTH and x > _LEFT:
                x, y = float(_LEFT), y + 14
            self.box((x, y - 9), (10, 10), COLOURS[index % len(COLOURS)])
            self.text(x + 14, y, shown, "start")
            x += 30 + 6.4 * len(shown)

    def vertical(self, values: Iterable[float], label: str) -> _Axis:
        """The axis of values, with its grid and its label."""
        axis = _axis(values, HEIGHT - _BOTTOM, _TOP)
        for tick in axis.ticks:
            height = axis.at(tick)
            self.line((_LEFT, height), (WIDTH - _RIGHT, height), "#999" if abs(tick) < 1e-12 else "#ddd", 1)
            self.text(_LEFT - 6, axis.at(tick) + 4, _tick_text(tick), "end")
        middle = (HEIGHT - _BOTTOM + _TOP) / 2
        self._shapes.append(
            f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">{escape(label)}</text>'
        )
        return axis

    def box(self, place: Point, size: Point, colour: str, opacity: float = 1.0) -> None:
        (x, y), (width, height) = place, size
        shade = "" if opacity == 1.0 else f' fill-opacity="{opacity:.2f}"'
        self._shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{shade}/>')

    def line(self, start: Point, end: Point, colour: str, width: float) -> None:
        (x1, y1), (x2, y2) = start, end
        self._shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'
        )

    def whisker(self, x: float, axis: _Axis, low: Number, high: Number, colour: str = "#333") -> None:
        if low is not None and high is not None:
            self.line((x, axis.at(low)), (x, axis.at(high)), colour, 1.2)

    def dot(self, x: float, y: float, colour: str) -> None:
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def text(self, x: float, y: float, text: str, anchor: str, colour: str = "#222") -> None:
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>')

    def svg(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="11">'
        )
        return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *self._shapes, "</svg>"]) + "\n"
