"""What the performer counts while it plays, as numbers that a person can read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

from livegen.core.parameters import Value

SAMPLES = 4096
FITTED = 0.999


class Timings:
    """The latest measurements of one kind, in ns; answers percentiles in ms. Single-threaded."""

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=SAMPLES)

    def add(self, value_ns: int) -> None:
        """One measurement."""
        self._samples.append(value_ns)

    def take(self) -> tuple[int, ...]:
        """Hand over all measurements, in their order, and begin anew."""
        taken = tuple(self._samples)
        self._samples.clear()
        return taken

    def fitting_ns(self) -> int:
        """The time in which all but one in a thousand fitted, the longest of few; 0 before the first measurement."""
        return int(np.quantile(np.asarray(self._samples), FITTED, method="higher")) if self._samples else 0

    def read(self, name: str) -> Iterable[tuple[str, Value]]:
        """`name/p50_ms`, `name/p99_ms` and `name/max_ms`; nothing before the first measurement."""
        if not self._samples:
            return []
        samples = np.asarray(self._samples) / 1e6
        p50, p99 = np.percentile(samples, (50, 99))
        return [
            (f"{name}/p50_ms", round(float(p50), 3)),
            (f"{name}/p99_ms", round(float(p99), 3)),
            (f"{name}/max_ms", round(float(samples.max()), 3)),
        ]


COUNTED = (
    "notes_out",
    "notes_late_dropped",
    "notes_crowded_out",
    "notes_overlong",
    "plans",
    "plans_stale",
    "plans_overdue",
    "plans_repeated",
    "plans_fallback",
    "plans_replaced",
    "windows_silent",
    "plans_failed",
    "events_failed",
    "yields",
    "taps",
    "refused_counts",
    "panics",
    "messages_in",
    "echoes",
    "echo_loops",
    "sensing_losses",
    "resyncs",
    "sends_failed",
    "sends_paced",
    "offs_repeated",
    "reopen_failed",
    "midi_errors",
    "midi_refused",
    "input_coalesced",
    "input_dropped",
    "refused_changes",
    "brain_losses",
)
"""Counters that are always part of the read-out, so that a zero can be seen."""


def readings(counters: Counter[str]) -> list[tuple[str, Value]]:
    """Every counter of the read-out by name."""
    return [(name, counters[name]) for name in COUNTED]
