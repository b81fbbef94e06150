"""The clocks: one that runs, one that is set."""

from __future__ import annotations

import pytest

from livegen.core.errors import InputError
from livegen.devices.clock import ManualClock, MonotonicClock


def test_monotonic_clock_never_goes_back() -> None:
    """Readings do not fall, and time passes."""
    clock = MonotonicClock()
    readings = [clock.now_ns() for _ in range(10_000)]
    assert readings == sorted(readings)
    assert readings[-1] > readings[0]


def test_manual_clock_moves_when_told() -> None:
    """It stands, jumps and advances; staying is allowed."""
    clock = ManualClock(5)
    assert clock.now_ns() == 5
    clock.set(7)
    clock.set(7)
    assert clock.advance(3) == 10 == clock.now_ns()


def test_manual_clock_refuses_to_go_back() -> None:
    """Going back raises and changes nothing."""
    clock = ManualClock(5)
    for step in (lambda: clock.set(4), lambda: clock.advance(-1), lambda: ManualClock(-1)):
        with pytest.raises(InputError):
            step()
    assert clock.now_ns() == 5
