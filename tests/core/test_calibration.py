"""Measuring a delay by notes that come back: what was measured is true, and what is no measurement is refused."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.calibration import CHANNEL, VELOCITY, Calibration, Measured, Trial
from livegen.core.errors import DeviceError
from livegen.core.midi import CLOCK, Control, Message, NoteOff, NoteOn, Realtime

MS = 1_000_000
BEGIN_NS = 7_000_000_000
Way = Callable[[int, Message], Iterable[tuple[int, Message]]]
"""What becomes of the n-th message that was sent: each copy that arrives, and after how long."""


class Loop:
    """A calibration on a manual clock, and the way that its notes take."""

    def __init__(self, way: Way, count: int = 20, patience_ms: int = 5000, spread_ms: int = 10) -> None:
        self.calibration = Calibration(Trial(count, patience_ms * MS, spread_ms * MS), BEGIN_NS)
        self.now_ns = BEGIN_NS
        self.sent: list[tuple[int, Message]] = []
        self._way = way
        self._coming: list[tuple[int, int, Message]] = []

    def hear(self, after_ns: int, *messages: Message) -> None:
        """Let somebody else play."""
        for message in messages:
            heapq.heappush(self._coming, (BEGIN_NS + after_ns, len(self._coming), message))

    def run(self) -> Measured:
        while not self.calibration.finished:
            deadline_ns = self.calibration.next_deadline_ns()
            if self._coming and self._coming[0][0] <= deadline_ns:
                self.now_ns, _, message = heapq.heappop(self._coming)
                self.calibration.receive(message, self.now_ns)
            else:
                self.now_ns = max(self.now_ns, deadline_ns)
            for message in self.calibration.tick(self.now_ns):
                for delay_ns, arriving in self._way(len(self.sent), message):
                    heapq.heappush(self._coming, (self.now_ns + delay_ns, 2 * len(self.sent), arriving))
                self.sent.append((self.now_ns, message))
        return self.calibration.result()

    @property
    def notes(self) -> list[tuple[int, NoteOn]]:
        return [(time_ns, message) for time_ns, message in self.sent if isinstance(message, NoteOn)]


def after(*delays_ms: float) -> Way:
    """Everything comes back, after these times in turn."""
    return lambda number, message: [(round(delays_ms[number // 2 % len(delays_ms)] * MS), message)]


class TestMeasuring:
    @given(delay_ns=st.integers(0, 500 * MS), count=st.integers(8, 100))
    @law
    def test_a_steady_delay_is_measured_exactly(self, delay_ns: int, count: int) -> None:
        loop = Loop(lambda number, message: [(delay_ns, message)], count)
        assert loop.run() == Measured(delay_ns, 0, count, 0)

    @given(delays_ms=st.lists(st.integers(0, 9), min_size=20, max_size=20))
    @law
    def test_of_delays_that_differ_it_is_the_median(self, delays_ms: list[int]) -> None:
        """The first note only finds the way."""
        low, middle, high = np.percentile(delays_ms, (10, 50, 90)) * MS
        assert Loop(after(500, *delays_ms)).run() == Measured(round(middle), round(high) - round(low), 20, 0)

    def test_one_outlier_in_ten_changes_nothing(self) -> None:
        assert Loop(after(5, *[5] * 18, 300)).run().delay_ns == 5 * MS

    def test_a_way_that_is_connected_while_it_waits_is_found(self) -> None:
        connected_ns = BEGIN_NS + 3000 * MS
        loop = Loop(lambda number, message: [(4 * MS, message)] if loop.now_ns >= connected_ns else [])
        assert loop.run() == Measured(4 * MS, 0, 20, 0)

    def test_a_channel_and_a_velocity_may_change_on_the_way(self) -> None:
        assert Loop(lambda number, message: [(MS, type(message)(3, message.pitch, 90))]).run().delay_ns == MS

    def test_a_note_that_is_lost_is_counted(self) -> None:
        way = lambda number, message: [] if number == 10 else [(MS, message)]  # noqa: E731 - it is what the test is about
        assert Loop(way).run() == Measured(MS, 0, 20, 1)

    def test_clocks_and_pedals_do_not_disturb(self) -> None:
        loop = Loop(after(5))
        for number in range(50):
            loop.hear(number * 10 * MS, Realtime(CLOCK), Control(0, 64, 127), NoteOff(0, 60))
        assert loop.run().delay_ns == 5 * MS


class TestTheNotes:
    def test_each_ends_as_soon_as_it_begins(self) -> None:
        loop = Loop(after(5))
        loop.run()
        pairs = list(zip(loop.sent[::2], loop.sent[1::2], strict=True))
        assert len(pairs) == 21
        for (begin_ns, on), (end_ns, off) in pairs:
            assert (begin_ns, on, off) == (end_ns, NoteOn(CHANNEL, on.pitch, VELOCITY), NoteOff(CHANNEL, on.pitch))

    def test_they_are_told_apart_by_their_pitches(self) -> None:
        loop = Loop(after(5), count=50)
        loop.run()
        assert len({note.pitch for _, note in loop.notes}) == 51

    def test_they_do_not_fall_on_the_beat_of_a_driver(self) -> None:
        """With a driver that works every 5 ms, what arrives has waited between none and all of that."""
        period_ns = 5 * MS
        loop = Loop(lambda number, message: [(period_ns - loop.now_ns % period_ns, message)], count=40)
        measured = loop.run()
        assert measured.delay_ns == pytest.approx(2.5 * MS, abs=0.5 * MS)
        assert measured.spread_ns == pytest.approx(4 * MS, abs=0.5 * MS)

    def test_none_is_sent_before_it_has_listened(self) -> None:
        loop = Loop(after(5))
        loop.hear(299 * MS, NoteOn(0, 60, 80))
        with pytest.raises(DeviceError, match="something else plays"):
            loop.run()
        assert loop.sent == []


class TestRefusals:
    def test_nothing_comes_back(self) -> None:
        loop = Loop(lambda number, message: [])
        with pytest.raises(DeviceError, match="no test note came back within 5 s: connect the two"):
            loop.run()
        assert loop.now_ns - BEGIN_NS < 7000 * MS
        assert len(loop.notes) > 3

    def test_something_else_plays(self) -> None:
        loop = Loop(after(5))
        loop.hear(500 * MS, NoteOn(2, 100, 80))
        with pytest.raises(DeviceError, match=r"something else plays: note 100 arrived on channel 3: stop it"):
            loop.run()

    def test_it_comes_back_twice(self) -> None:
        with pytest.raises(DeviceError, match=r"came back twice.* leave one way"):
            Loop(lambda number, message: [(5 * MS, message), (9 * MS, message)]).run()

    def test_the_delays_differ_too_much(self) -> None:
        with pytest.raises(DeviceError, match=r"differ too much, 5\.0 to 30\.0 ms where 10 ms may lie between.*--spread"):
            Loop(after(5, 30)).run()
        assert Loop(after(5, 30), spread_ms=30).run().spread_ns == 25 * MS

    def test_the_way_loses_notes(self) -> None:
        """It stops as soon as there are too many."""
        loop = Loop(lambda number, message: [] if number // 2 % 3 == 2 else [(MS, message)], count=100)
        with pytest.raises(DeviceError, match="11 test notes were lost"):
            loop.run()
        assert len(loop.notes) < 40

    def test_the_delay_is_longer_than_can_be_made_up_for(self) -> None:
        with pytest.raises(DeviceError, match="the delay is 620 ms, and no more than 500 ms can be made up for"):
            Loop(after(620)).run()
