"""What a measurement comes to: percentiles, distances from a grid, and what a part of the bench hands over. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from livegen.core.transport import Transport

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}

Figures = dict[str, float]
"""Percentiles by name in ms, with `max` and `count`."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Times to be drawn together.

    Attributes:
        name: stem of the picture's file.
        title: what was measured.
        series: times in ns, by what they were measured of.
    """

    name: str
    title: str
    series: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part has measured: figures by name as JSON has them, and the times behind them."""

    figures: Mapping[str, object]
    samples: tuple[Samples, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be measured, and for how long.

    Attributes:
        model: name of a bundled model or a folder with one.
        provider: what the model runs on.
        backend: MIDI system of the ports; "auto" takes what there is, "none" memory.
        seconds: length of each live condition.
        minutes: length of the long measurements; None for what each wants.
        events: over which memory must not grow.
        mode: which notes the relay is compared with, one of `relay.MODES`.
        progress: is told what is being measured.
    """

    model: str
    provider: str
    backend: str
    seconds: float
    minutes: float | None = None
    events: int = 5000
    mode: str = "thru"
    progress: Callable[[str], None] = field(default=lambda _: None)


def percentiles_ms(samples_ns: Sequence[int]) -> Figures:
    """Percentiles, worst and number of at least one sample; times in ms."""
    values = np.percentile(samples_ns, list(PERCENTILES.values())) / 1e6
    figures = {name: round(float(value), 4) for name, value in zip(PERCENTILES, values, strict=True)}
    return {**figures, "max": round(max(samples_ns) / 1e6, 4), "count": len(samples_ns)}


def added_ms(with_ns: Sequence[int], without_ns: Sequence[int]) -> Figures:
    """How much greater each percentile is with something than without it, in ms."""
    ours, bare = percentiles_ms(with_ns), percentiles_ms(without_ns)
    return {name: round(ours[name] - bare[name], 4) for name in PERCENTILES}


def within(samples_ns: Sequence[int], limit_ns: int, lost: int = 0) -> float:
    """The share 0..1 of samples of at most `limit_ns`; what was lost is not among them but counts."""
    return sum(sample <= limit_ns for sample in samples_ns) / (len(samples_ns) + lost)


def grid_distances(times_ns: Sequence[int], grid_ns: Sequence[int]) -> list[int]:
    """How far each time is from the nearest point of a grid, in ns; positive when it is after it.

    Args:
        times_ns: in any order.
        grid_ns: at least one point, ascending.
    """
    times, grid = np.asarray(times_ns, dtype=np.int64), np.asarray(grid_ns, dtype=np.int64)
    after = np.clip(np.searchsorted(grid, times), 1, max(1, len(grid) - 1))
    later, sooner = times - grid[np.minimum(after, len(grid) - 1)], times - grid[after - 1]
    return [int(distance) for distance in np.where(np.abs(sooner) <= np.abs(later), sooner, later)]


def tick_lateness(times_ns: Sequence[int], transport: Transport) -> list[int]:
    """How late each tick of a steady clock came, in ns.

    The first is taken for that of the nearest pulse and all others for those that follow: one that is lost makes all later ones
    late, as it does for whoever counts them.
    """
    if not times_ns:
        return []
    first = round(transport.pulse_at(times_ns[0]))
    return [time_ns - transport.ns_at(first + index) for index, time_ns in enumerate(times_ns)]


def interval_errors(times_ns: Sequence[int], period_ns: float) -> list[int]:
    """By how much each interval between neighbours is not `period_ns`, as a positive number of ns."""
    return [abs(round(interval - period_ns)) for interval in np.diff(np.asarray(times_ns, dtype=np.int64))]
