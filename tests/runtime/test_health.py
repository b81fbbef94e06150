"""What the performer measures."""

from __future__ import annotations

from livegen.runtime.health import Timings


def test_before_the_first_measurement_nothing_is_known() -> None:
    assert Timings().fitting_ns() == 0
    assert list(Timings().read("x")) == []


def test_all_of_a_few_fit() -> None:
    times = Timings()
    for time_ns in (5, 900, 20):
        times.add(time_ns)
    assert times.fitting_ns() == 900


def test_one_in_a_thousand_does_not_count() -> None:
    times = Timings()
    for index in range(4000):
        times.add(400_000_000 if index % 2000 == 7 else 20_000_000 + index)
    assert times.fitting_ns() < 21_000_000


def test_what_has_been_taken_is_gone() -> None:
    times = Timings()
    for time_ns in (5, 900, 20):
        times.add(time_ns)
    assert times.take() == (5, 900, 20)
    assert times.take() == ()
