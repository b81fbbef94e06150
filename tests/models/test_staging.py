"""The stage: its variety, and its clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pieces import ramps

from models.takes.slips import Slips
from models.takes.staging import FREE_SHARE, LOOKAHEADS, Clock, Ramp, draw_staging

law = settings(deadline=None, max_examples=50)
clocks = st.builds(Clock, st.floats(10, 400), st.none() | ramps, st.integers(1, 3000))


def test_stagings_are_as_varied_as_the_stage() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_staging(rng) for _ in range(500)]
    assert {staging.hop for staging in drawn} == {12, 24}
    assert {staging.lookahead for staging in drawn} == set(LOOKAHEADS)
    assert 0.85 < min(staging.tempo for staging in drawn) < max(staging.tempo for staging in drawn) < 1.17
    assert np.mean([staging.free for staging in drawn]) == pytest.approx(FREE_SHARE, abs=0.05)
    assert np.mean([staging.ramp is not None for staging in drawn]) == pytest.approx(0.2, abs=0.05)
    assert np.mean([staging.touch is None for staging in drawn]) == pytest.approx(0.5, abs=0.07)
    ramps = [staging.ramp for staging in drawn if staging.ramp]
    assert 0.8 < min(ramp.factor for ramp in ramps) < 0.9
    assert 1.1 < max(ramp.factor for ramp in ramps) < 1.25


def test_most_players_make_no_slips_and_none_many() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_staging(rng).slips for _ in range(500)]
    assert np.mean([slips == Slips() for slips in drawn]) == pytest.approx(0.62, abs=0.06)
    assert all(0.0 <= rate <= 0.1 for slips in drawn for rate in (slips.missing, slips.wrong, slips.late, slips.doubled))


@law
@given(clocks, st.floats(0, 5000))
def test_time_and_position_are_each_others_inverse(clock: Clock, pulse: float) -> None:
    assert clock.pulse_at(clock.ns_at(pulse)) == pytest.approx(pulse, abs=1e-4)


@law
@given(clocks, st.integers(0, 5000), st.integers(0, 23))
def test_a_pulse_has_come_when_its_time_has(clock: Clock, pulse: int, grid: int) -> None:
    """However its nanosecond is rounded; and not one nanosecond in a thousand before."""
    ns = clock.ns_at(pulse)
    assert clock.phase_at(ns, grid) == (pulse - grid) % 24
    if pulse:
        assert clock.phase_at(ns - 1000, grid) == (pulse - 1 - grid) % 24


@law
@given(clocks)
def test_time_never_stands(clock: Clock) -> None:
    """The tempo stays within what the stage allows."""
    times = clock.ns_at(np.arange(0, 4000, 24))
    assert np.diff(times).min() / 1e9 >= 60 / 300 - 1e-6
    assert np.diff(times).max() / 1e9 <= 60 / 20 + 1e-6


def test_a_plain_clock_keeps_its_tempo() -> None:
    clock = Clock(90.0)
    assert clock.ns_at([-5, 0, 24, 2400]).tolist() == [0, 0, 666_666_667, 66_666_666_667]
    assert clock.tempo_at([0, 100, 10_000]).tolist() == [90.0] * 3


def test_a_ramp_goes_from_one_tempo_to_the_other() -> None:
    clock = Clock(100.0, Ramp(0.25, 0.75, 1.44), 24 * 100)
    tempi = clock.tempo_at(np.arange(0, 2400, 24))
    assert tempi[:26] == pytest.approx(100.0)
    assert tempi[50] == pytest.approx(120.0)
    assert tempi[75:] == pytest.approx(144.0)
    assert (np.diff(tempi) >= 0).all()


def test_a_jump_takes_no_more_than_a_beat() -> None:
    clock = Clock(100.0, Ramp(0.5, 0.5, 1.2), 2400)
    assert clock.tempo_at([1200, 1224]).tolist() == pytest.approx([100.0, 120.0])
