"""A drawing surface for small plots as SVG text, without a plotting library: axes, boxes, lines and real text.

What is written is a few kilobytes of plain SVG, so that it can be read in a browser, in a Markdown viewer and by a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

Number = float | None
Point = tuple[float, float]
"""Pixels from the left and from the top."""

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 56, 44
"""Margins around what is drawn, in pixels."""
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
class Axis:
    """A scale from values to pixels; `ticks` are the values that are written beside it."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def axis_of(values: Iterable[float], start: float, end: float, *, rounded: bool = True) -> Axis:
    """A scale on which all values lie, with about five ticks; `rounded` ends it at ticks instead of at the values."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(number * step for number in range(first, last + 1))
    if rounded:
        return Axis(ticks[0], ticks[-1], start, end, ticks)
    return Axis(low, high, start, end, tuple(tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9))


def _step(wanted: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is at least `wanted`."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))


def tick_text(value: float) -> str:
    """A value as it is written beside an axis."""
    return f"{value:.6g}" if abs(value) > 1e-9 else "0"


def shortened(text: str, room: float) -> str:
    """As much of a label as fits."""
    most = max(3, int(room / 5.8))
    return text if len(text) <= most else text[: most - 1] + "…"


class Canvas:
    """Collects the shapes of one picture: title, legend, then what is drawn."""

    def __init__(self, title: str, series: Iterable[str]) -> None:
        self._shapes: list[str] = []
        self.text(WIDTH / 2, 18, shortened(title, WIDTH), "middle")
        x, y = float(LEFT), 36.0
        for index, label in enumerate(series):
            shown = shortened(label, 6.4 * _LEGEND_CHARS)
            if x + 7 * len(shown) > WIDTH and x > LEFT:
                x, y = float(LEFT), y + 14
            self.box((x, y - 9), (10, 10), COLOURS[index % len(COLOURS)])
            self.text(x + 14, y, shown, "start")
            x += 30 + 6.4 * len(shown)

    def vertical(self, values: Iterable[float], label: str) -> Axis:
        """The axis of values, with its grid and its label."""
        axis = axis_of(values, HEIGHT - BOTTOM, TOP)
        self.grid(axis, label, [tick_text(tick) for tick in axis.ticks])
        return axis

    def grid(self, axis: Axis, label: str, texts: Sequence[str]) -> None:
        """A vertical axis: its label, and a line across with a text at each tick."""
        for tick, text in zip(axis.ticks, texts, strict=True):
            height = axis.at(tick)
            self.line((LEFT, height), (WIDTH - RIGHT, height), "#999" if abs(tick) < 1e-12 else "#ddd", 1)
            self.text(LEFT - 6, height + 4, text, "end")
        middle = (HEIGHT - BOTTOM + TOP) / 2
        self._shapes.append(
            f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">{escape(label)}</text>'
        )

    def box(self, place: Point, size: Point, colour: str, opacity: float = 1.0) -> None:
        """A filled rectangle from its upper left corner; opacity 0..1."""
        (x, y), (width, height) = place, size
        shade = "" if opacity == 1.0 else f' fill-opacity="{opacity:.2f}"'
        self._shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{shade}/>')

    def line(self, start: Point, end: Point, colour: str, width: float) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, end
        self._shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'
        )

    def whisker(self, x: float, axis: Axis, low: Number, high: Number, colour: str = "#333") -> None:
        """An interval as an upright line; nothing unless both ends are known."""
        if low is not None and high is not None:
            self.line((x, axis.at(low)), (x, axis.at(high)), colour, 1.2)

    def dot(self, x: float, y: float, colour: str) -> None:
        """A point of a line."""
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def text(self, x: float, y: float, text: str, anchor: str, colour: str = "#222") -> None:
        """A text at its baseline; `anchor` is start, middle or end."""
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>')

    def svg(self) -> str:
        """The whole picture as the text of a file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="11">'
        )
        return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *self._shapes, "</svg>"]) + "\n"
