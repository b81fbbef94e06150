"""Tables for a terminal, a model card or a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; the first column is text, the others are figures."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """Aligned columns."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            return "  ".join(
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
            )

        return "\n".join([self.title, *(line(row).rstrip() for row in (self.header, *self.rows))])

    def markdown(self) -> str:
        """A paragraph and a Markdown table."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        return "\n".join([self.title, "", *("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))])


def figure(value: float | None, digits: int) -> str:
    """A number, or a dash where there is none."""
    # Adding 0 turns a rounded -0 into 0.
    return "-" if value is None or math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def interval(value: Sequence[float | None], digits: int) -> str:
    """A number with its interval, such as `.49 [.45, .53]`."""
    middle, low, high = (figure(number, digits) for number in value)
    return middle if "-" in (middle, low) else f"{middle} [{low}, {high}]"


def yes(answer: bool | None) -> str:
    """A word for a truth; a dash where it isn't known."""
    return "-" if answer is None else "yes" if answer else "no"
