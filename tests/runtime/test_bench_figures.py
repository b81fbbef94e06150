"""What measurements come to: pure functions, by their laws."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, tempi, times_ns

from livegen.core.midi import NoteOn, encode
from livegen.core.transport import Transport
from livegen.runtime.benches.delivery import played_through
from livegen.runtime.benches.figures import (
    PERCENTILES,
    Samples,
    added_ms,
    grid_distances,
    interval_errors,
    percentiles_ms,
    tick_lateness,
    within,
)
from livegen.runtime.benches.follow_clock import on_the_grid, sender_pulses
from livegen.runtime.benches.histogram import BINS, histogram
from livegen.runtime.svg import HEIGHT, WIDTH

SVG = "{http://www.w3.org/2000/svg}"
samples = st.lists(st.integers(-(10**9), 10**10), min_size=1, max_size=50)
grids = st.lists(times_ns, min_size=1, max_size=30).map(sorted)


class TestPercentiles:
    def test_a_hundred_known_times(self) -> None:
        figures = percentiles_ms([1_000_000 * number for number in range(1, 101)])
        assert figures == {"p50": 50.5, "p90": 90.1, "p99": 99.01, "p99.9": 99.901, "max": 100.0, "count": 100}

    @law
    @given(samples)
    def test_they_rise_and_end_at_the_worst(self, times: list[int]) -> None:
        figures = percentiles_ms(times)
        ordered = [figures[name] for name in (*PERCENTILES, "max")]
        assert ordered == sorted(ordered)
        assert figures["max"] == pytest.approx(max(times) / 1e6, abs=1e-4)
        assert figures["count"] == len(times)

    @law
    @given(samples, st.integers(0, 10**9))
    def test_what_is_added_to_every_time_is_what_each_percentile_shows(self, times: list[int], more: int) -> None:
        added = added_ms([time + more for time in times], times)
        assert list(added) == list(PERCENTILES)
        assert all(value == pytest.approx(more / 1e6, abs=3e-4) for value in added.values())

    def test_what_was_lost_is_not_on_time(self) -> None:
        assert within([1, 5, 9], 5) == pytest.approx(2 / 3)
        assert within([1, 5, 9], 5, lost=1) == pytest.approx(1 / 2)
        assert within([5], 5) == 1.0


class TestGrid:
    @law
    @given(st.lists(times_ns, max_size=20), grids)
    def test_the_distance_is_to_the_nearest_point(self, times: list[int], grid: list[int]) -> None:
        distances = grid_distances(times, grid)
        assert [abs(distance) for distance in distances] == [min(abs(time - point) for point in grid) for time in times]
        assert all(time - distance in grid for time, distance in zip(times, distances, strict=True))

    @law
    @given(grids)
    def test_the_points_themselves_are_on_it(self, grid: list[int]) -> None:
        assert grid_distances(grid, grid) == [0] * len(grid)

    def test_what_was_played_before_and_after_the_clock_does_not_count(self) -> None:
        assert on_the_grid([5, 12, 33], [10, 20, 30]) == [2]
        assert on_the_grid([5], []) == []


class TestClock:
    @law
    @given(tempi, times_ns, st.integers(0, 10_000), st.lists(st.integers(-3_000_000, 3_000_000), min_size=1, max_size=40))
    def test_each_tick_is_as_late_as_it_was_made(self, tempo: float, start: int, first: int, late: list[int]) -> None:
        transport = Transport.starting(start, tempo)
        times = [transport.ns_at(first + index) + delay for index, delay in enumerate(late)]
        assert tick_lateness(times, transport) == late

    def test_after_a_lost_tick_all_are_late(self) -> None:
        transport = Transport.starting(0, 125.0)  # a pulse is 20 ms
        assert tick_lateness([0, 20_000_000, 60_000_000, 80_000_000], transport) == [0, 0, 20_000_000, 20_000_000]

    def test_no_ticks_are_not_late(self) -> None:
        assert tick_lateness([], Transport()) == []

    @law
    @given(st.integers(1, 10**8), times_ns, st.integers(2, 20))
    def test_even_intervals_have_no_error_wherever_they_begin(self, period: int, start: int, ticks: int) -> None:
        assert interval_errors([start + index * period for index in range(ticks)], period) == [0] * (ticks - 1)

    def test_one_displaced_tick_spoils_two_intervals(self) -> None:
        assert interval_errors([0, 10, 23, 30], 10.0) == [0, 3, 3]


class TestSender:
    @law
    @given(st.floats(1.0, 60.0), st.lists(st.floats(40.0, 200.0), min_size=1, max_size=4))
    def test_it_goes_on_and_lasts_as_long_as_it_should(self, seconds: float, tempi_bpm: list[float]) -> None:
        pulses = list(sender_pulses(seconds, tempi_bpm))
        assert pulses == sorted(set(pulses))
        slack_ns = (len(tempi_bpm) + 1) * 60e9 / min(tempi_bpm) / 24
        assert pulses[-1] == pytest.approx(seconds * 1e9, abs=slack_ns)

    def test_it_jumps_from_tempo_to_tempo(self) -> None:
        pulses = list(sender_pulses(2.0, (125.0, 62.5)))
        steps = [later - sooner for sooner, later in pairwise(pulses)]
        assert steps == [20_000_000] * 50 + [40_000_000] * 24


class TestPlayedThrough:
    @staticmethod
    def heard(*notes: tuple[int, int]) -> list[tuple[bytes, int]]:
        return [(encode(NoteOn(0, pitch, 80)), time_ns) for time_ns, pitch in notes]

    def test_each_note_meets_its_own(self) -> None:
        assert played_through([(0, 60), (100, 62), (200, 60)], self.heard((3, 60), (104, 62), (205, 60))) == [3, 4, 5]

    def test_one_that_is_lost_spoils_no_other(self) -> None:
        assert played_through([(0, 60), (100, 62), (200, 60)], self.heard((3, 60), (205, 60))) == [3, 5]

    def test_notes_of_other_channels_are_not_the_players(self) -> None:
        assert played_through([(0, 60)], [(encode(NoteOn(1, 60, 80)), 3)]) == []


class TestHistogram:
    @law
    @given(
        st.dictionaries(st.text(ascii_letters, max_size=10), st.lists(st.integers(-(10**8), 10**9), max_size=40), max_size=3)
    )
    def test_anything_can_be_drawn_and_stays_inside(self, series: dict[str, list[int]]) -> None:
        plot = histogram(Samples("name", "<title> & more", series))
        for box in ET.fromstring(plot.svg).iter(f"{SVG}rect"):  # noqa: S314 - our own text
            x, y = float(box.get("x", 0)), float(box.get("y", 0))
            assert 0 <= x <= x + float(box.get("width", 0)) <= WIDTH + 1 or "fill-opacity" not in box.attrib
            assert 0 <= y <= y + float(box.get("height", 0)) <= HEIGHT + 1 or "fill-opacity" not in box.attrib

    def test_a_bar_a_bin_that_has_something(self) -> None:
        times = [1_000_000] * 500 + [2_000_000] * 3 + [9_000_000]
        plot = histogram(Samples("late", "Late", {"idle": times}))
        bars = [box for box in ET.fromstring(plot.svg).iter(f"{SVG}rect") if "fill-opacity" in box.attrib]  # noqa: S314
        heights = [float(bar.attrib["height"]) for bar in bars]
        assert len(bars) == 3 <= BINS
        assert heights == sorted(heights, reverse=True)
        assert heights[-1] > 5, "what happened once can be seen"
        assert "idle (504)" in plot.svg
