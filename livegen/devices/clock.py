"""The one file that reads the clock: monotonic nanoseconds, the same in every process of this machine."""

from __future__ import annotations

import time
from typing import Protocol

from livegen.core.errors import InputError


class Clock(Protocol):
    """A source of monotonic time. Any thread may call it; it does not block."""

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes backwards."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, untouched by NTP and by changes of the wall clock.

    `perf_counter_ns` and `monotonic_ns` are the same clock on Linux and macOS; on Windows with Python 3.11 and 3.12 the latter
    moves in steps of 15.6 ms. Stamps of two processes of one machine compare.
    """

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary start; any thread, does not block."""
        return time.perf_counter_ns()


def local_date_time() -> str:
    """What a clock on the wall says, such as "2026-03-14-203000", to name a file by; any thread, does not block."""
    return time.strftime("%Y-%m-%d-%H%M%S")


class ManualClock:
    """A clock that moves when told: for tests and for virtual time. One thread sets it, any may read it.

    Args:
        start_ns: the first reading in nanoseconds, at least 0.
    """

    def __init__(self, start_ns: int = 0) -> None:
        if start_ns < 0:
            raise InputError(f"a clock cannot start at {start_ns} ns: at least 0")
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The time that was last set, in nanoseconds."""
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Jump to a time in nanoseconds.

        Raises:
            InputError: that time has passed; the clock stays.
        """
        if now_ns < self._now_ns:
            raise InputError(f"a clock cannot go back from {self._now_ns} ns to {now_ns} ns")
        self._now_ns = now_ns

    def advance(self, delta_ns: int) -> int:
        """Move on by `delta_ns` nanoseconds (at least 0) and return the new time.

        Raises:
            InputError: the step is negative; the clock stays.
        """
        self.set(self._now_ns + delta_ns)
        return self._now_ns
