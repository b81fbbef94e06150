"""A line on stderr that says how far a long run is."""

from __future__ import annotations

import sys
import time

_TERMINAL_S, _FILE_S = 0.2, 15.0
"""Seconds between two lines: on a terminal, where each replaces the last, and in a log, where they add up."""


class Progress:
    """Shows steps done, steps a second, time left and what is being done; may be called as often as one likes.

    Args:
        total: steps until the end.
        done: steps that an earlier run did already.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self._total, self._begun_at = total, done
        self._started = time.monotonic()
        self._shown = -_FILE_S
        self._terminal = sys.stderr.isatty()

    def due(self, done: int) -> bool:
        """Whether `show` would say anything: the text for it may be dear."""
        waited = time.monotonic() - self._shown
        return done >= self._total or waited >= (_TERMINAL_S if self._terminal else _FILE_S)

    def show(self, done: int, text: str = "") -> None:
        """Say that `done` steps are done."""
        if not self.due(done):
            return
        self._shown = time.monotonic()
        line = progress_line(done, self._total, done - self._begun_at, self._shown - self._started, text)
        if self._terminal:
            line = f"{bar(done, self._total)} {line}"
        print(f"\r{line:<110.110}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line, before something else is printed."""
        if self._terminal:
            print(file=sys.stderr)


def bar(done: int, total: int, width: int = 20) -> str:
    """Such as `[#####---------------]`."""
    full = width * done // max(1, total)
    return f"[{'#' * full}{'-' * (width - full)}]"


def progress_line(done: int, total: int, steps: int, seconds: float, text: str) -> str:
    """Such as `250/5000  1.2 steps/s  1:06:02 left  loss 7.1`; the rate is of `steps` in `seconds`."""
    parts = [f"{done}/{total}"]
    if steps > 0 and seconds > 0:
        rate = steps / seconds
        minutes, second = divmod(round((total - done) / rate), 60)
        parts += [f"{rate:.3g} steps/s", f"{minutes // 60}:{minutes % 60:02}:{second:02} left"]
    return "  ".join([*parts, text] if text else parts)
