"""The human interval: where the mean of other human works would lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scoring.human_interval import compared, human_interval, verdict, with_interval

law = settings(deadline=None, max_examples=25)
samples = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


class TestInterval:
    @law
    @given(samples)
    def test_the_human_mean_is_human(self, values: list[float]) -> None:
        low, high = human_interval(values, seed=1)
        assert low - 1e-9 <= np.mean(values) <= high + 1e-9
        assert verdict(float(np.mean(values)), (low - 1e-9, high + 1e-9)) == "within"

    def test_other_works_of_the_same_kind_lie_in_it_19_times_of_20(self) -> None:
        rng = np.random.default_rng(0)
        inside = 0
        for trial in range(200):
            ours, theirs = rng.normal(size=(2, 40))
            inside += verdict(float(theirs.mean()), human_interval(list(ours), trial)) == "within"
        assert 180 <= inside <= 199

    def test_it_is_wider_than_that_of_the_mean_alone(self) -> None:
        values = list(np.random.default_rng(0).normal(size=50))
        low, high = human_interval(values, 1)
        _, mean_low, mean_high = with_interval(values, 1)
        assert (high - low) / (mean_high - mean_low) == pytest.approx(math.sqrt(2), rel=0.1)

    def test_it_shrinks_as_works_are_added(self) -> None:
        rng = np.random.default_rng(0)
        few, many = (human_interval(list(rng.normal(size=size)), 1) for size in (10, 1000))
        assert many[1] - many[0] < 0.3 * (few[1] - few[0])

    def test_what_says_nothing_is_left_out(self) -> None:
        assert human_interval([1.0, math.nan, 2.0], 1) == human_interval([1.0, 2.0], 1)
        assert all(math.isnan(end) for end in human_interval([math.nan], 1))


def test_a_verdict_says_on_which_side() -> None:
    assert [verdict(value, (1.0, 2.0)) for value in (0.5, 1.5, 2.5)] == ["below", "within", "above"]
    assert verdict(math.nan, (1.0, 2.0)) is None
    assert verdict(1.0, (math.nan, math.nan)) is None


HUMAN = [{"density": value} for value in (1.0, 2.0, 3.0, 4.0)]


class TestCompared:
    def test_each_system_is_compared_on_the_same_works(self) -> None:
        shifted = [{"density": values["density"] + 10} for values in HUMAN]
        found = compared(HUMAN, {"copy": HUMAN, "far": shifted}, 1)["density"]
        assert found["human"][0] == 2.5
        assert found["systems"]["copy"]["distance"] == [0, 0, 0]
        assert found["systems"]["copy"]["verdict"] == "within"
        assert found["systems"]["far"]["distance"] == [10, 10, 10]
        assert found["systems"]["far"]["verdict"] == "above"

    @law
    @given(samples)
    def test_the_spread_is_the_mean_distance_of_two_works(self, values: list[float]) -> None:
        found = compared([{"x": value} for value in values], {}, 1)["x"]
        pairs = [abs(one - other) for at, one in enumerate(values) for other in values[:at]]
        assert found["spread"] == pytest.approx(np.mean(pairs), abs=1e-6)

    def test_without_works_there_is_nothing(self) -> None:
        assert compared([], {"model": []}, 1) == {}
