"""Our own output comes back to our input: it is told from the player's notes, and it never runs away."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law
from support.stage import BEAT_NS, PLAYER, Sent, Stage, note_ons, settings_with

from livegen.core.echo import A_SECOND, BURST, MOST_ALIKE, EchoGuard
from livegen.core.effects import Panic
from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other
from livegen.core.parameters import Settings
from livegen.generators.band import Band
from livegen.generators.markov import MarkovGenerator

MS = 1_000_000
SECOND = 1_000 * MS

Change = Callable[[Message], Message]


def untouched(message: Message) -> Message:
    return message


def changed(message: Message) -> Message:
    """On one channel, softer."""
    match message:
        case NoteOn(_, pitch, velocity):
            return NoteOn(PLAYER, pitch, max(1, round(velocity * 0.8)))
        case NoteOff() | Control():
            return replace(message, channel=PLAYER)
        case _:
            return message


class Loop:
    """A stage whose output comes back as input after a delay that varies a little."""

    def __init__(
        self,
        settings: Settings,
        delay_ms: float,
        change: Change = untouched,
        jitter_ms: float = 0,
        only_channel: int | None = None,
    ) -> None:
        self.stage = Stage(settings, Band(MarkovGenerator()), seed=1)
        self.connected = True
        self.delay_ns = delay_ms * MS
        self._change = change
        self._jitter_ns = jitter_ms * MS
        self._only_channel = only_channel
        self._rng = random.Random(3)
        self._coming: list[tuple[int, int, Message]] = []
        self._number = count()
        self._taken = 0
        self._last_ns = 0

    @property
    def loops(self) -> int:
        return self.stage.engine.counters["echo_loops"]

    @property
    def looping(self) -> bool:
        return self.stage.engine._echo.loops

    @property
    def echoes(self) -> int:
        return self.stage.engine.counters["echoes"]

    def play(self, message: Message) -> None:
        self.stage.receive(message)
        self._send_back()

    def advance(self, seconds: float) -> list[Sent]:
        """Let time pass, awake at every deadline and whenever something comes back."""
        before, until_ns = len(self.stage.sent), self.stage.now_ns + round(seconds * SECOND)
        while True:
            deadline_ns = self.stage.engine.next_deadline_ns()
            due_ns = self._coming[0][0] if self._coming else until_ns + 1
            if min(due_ns, until_ns + 1 if deadline_ns is None else deadline_ns) > until_ns:
                break
            if deadline_ns is None or due_ns <= deadline_ns:
                self.stage.clock.set(max(due_ns, self.stage.now_ns))
                self.stage.receive(heapq.heappop(self._coming)[2])
            else:
                self.stage.clock.set(max(deadline_ns, self.stage.now_ns))
                self.stage.tick()
            self._send_back()
            assert len(self.stage.sent) < before + (2 * BURST + 2 * A_SECOND) * (seconds + 1), "it runs away"
        self.stage.clock.set(until_ns)
        return self.stage.sent[before:]

    def _send_back(self) -> None:
        for sent in self.stage.sent[self._taken :]:
            wanted = self._only_channel in {None, getattr(sent.message, "channel", None)}
            if self.connected and wanted:
                late_ns = round(self.delay_ns + self._rng.uniform(0, 1) * self._jitter_ns)
                # A wire keeps the order.
                self._last_ns = max(self._last_ns, sent.time_ns + late_ns)
                heapq.heappush(self._coming, (self._last_ns, next(self._number), self._change(sent.message)))
        self._taken = len(self.stage.sent)

    def phrase(self, *pitches: int) -> None:
        for pitch in pitches:
            self.play(NoteOn(PLAYER, pitch, 80))
            self.advance(0.2)
            self.play(NoteOff(PLAYER, pitch))
            self.advance(0.03)


delays = pytest.mark.parametrize("delay_ms", [0, 1.3, 60, 200])
changes = pytest.mark.parametrize("change", [untouched, changed])
JITTER_MS = 8


@delays
@changes
class TestLoop:
    def test_a_note_that_is_passed_on_dies_out_within_a_second(self, delay_ms: float, change: Change) -> None:
        loop = Loop(settings_with(mode="listen", thru=True), delay_ms, change, JITTER_MS)
        loop.play(NoteOn(PLAYER, 60, 90))
        loop.advance(0.15)
        loop.play(NoteOff(PLAYER, 60))
        sent = loop.advance(1.4)
        assert loop.loops == 1 or not note_ons(sent)
        assert not note_ons(item for item in loop.stage.sent if item.time_ns > SECOND)
        assert not loop.advance(5)
        assert not loop.stage.wire.sounding

    def test_controllers_do_not_circle_either(self, delay_ms: float, change: Change) -> None:
        loop = Loop(settings_with(mode="listen", thru=True), delay_ms, change, JITTER_MS)
        for value in range(20, 80):
            loop.play(Control(PLAYER, 1, value))
            loop.play(Other(bytes([0xE0 | PLAYER, 0, value])))
            loop.advance(0.01)
        loop.advance(2)
        assert loop.loops
        assert len(loop.advance(5)) == 0

    def test_an_answer_is_not_taken_for_a_phrase(self, delay_ms: float, change: Change) -> None:
        """The first notes may be, until there is evidence; from then on the answer goes on to its end."""
        loop = Loop(settings_with(mode="respond"), delay_ms, change, JITTER_MS)
        loop.phrase(60, 62, 64, 65, 67, 69)
        loop.advance(4)
        assert loop.loops
        yields = loop.stage.engine.counters["yields"]
        assert yields <= 3
        loop.advance(6)
        assert loop.stage.engine.counters["yields"] == yields
        assert not loop.stage.wire.sounding

    def test_an_accompaniment_does_not_accompany_itself(self, delay_ms: float, change: Change) -> None:
        """When the player rests it stops, as it would without the loop."""
        loop = Loop(settings_with(mode="accompany"), delay_ms, change, JITTER_MS)
        loop.phrase(60, 64, 67, 72, 71, 67, 64, 62, 60, 64, 67, 72)
        loop.advance(8)
        assert loop.echoes
        assert not note_ons(loop.advance(4))

    def test_it_is_let_go_when_it_ends(self, delay_ms: float, change: Change) -> None:
        loop = Loop(settings_with(mode="listen", thru=True), delay_ms, change, JITTER_MS)
        loop.phrase(60, 62, 64, 65, 67, 69)
        assert loop.looping
        loop.connected = False
        loop.advance(0.5)
        loop.phrase(60, 62, 64, 65, 67, 69, 71, 72, 74, 76)
        assert not loop.looping
        echoes = loop.echoes
        loop.phrase(60, 62, 64, 65, 67)
        assert loop.echoes == echoes


def test_one_part_that_comes_back_is_enough() -> None:
    loop = Loop(settings_with(mode="accompany"), 30, changed, only_channel=9)
    loop.phrase(*[60, 64, 67, 72] * 3)
    assert loop.loops == 1
    observed = len(loop.stage.observed)
    loop.advance(2)
    assert not loop.stage.observed[observed:]


def test_two_ways_back_are_no_more_than_one() -> None:
    """Two cables: what comes by the second is as late, or about as late."""
    loop = Loop(settings_with(mode="listen", thru=True), 2)
    plain = loop._send_back

    def twice() -> None:
        taken = loop._taken
        plain()
        loop._taken, loop.delay_ns = taken, 5 * MS
        plain()
        loop.delay_ns = 2 * MS

    loop._send_back = twice  # type: ignore[method-assign]
    loop.phrase(60, 62, 64, 65)
    assert loop.loops
    assert not loop.advance(3)


def test_a_keyboard_that_plays_on_two_channels_at_once_keeps_both() -> None:
    """Two sounds in layers: the second is no copy of the first that was passed on."""
    stage = Stage(settings_with(mode="listen", thru=True))
    for index in range(60):
        for channel in (3, 4):
            stage.press(60 + index % 5, channel, 90)
            stage.advance_to_ns(stage.now_ns + 1 * MS)
        stage.advance_to_ns(stage.now_ns + 90 * MS)
        for channel in (3, 4):
            stage.release(60 + index % 5, channel)
    assert len(note_ons(stage.sent)) == 120
    assert stage.engine.counters["echoes"] == 0


def test_of_a_crowd_of_the_same_few_are_kept() -> None:
    """One pitch on all channels, thousands a second: each must not be compared with all of the last quarter of a second."""
    guard = EchoGuard()
    for number in range(2_000):
        guard.sent(NoteOn(number % 16, 60, 90), number * 100_000, agent=False)
    assert max(map(len, guard._by_key.values())) == MOST_ALIKE
    for number in range(2_000, 4_000):
        guard.sent(NoteOn(0, number % 128, 90), number * 1_000_000, agent=False)
    assert sum(map(len, guard._by_key.values())) == len(guard._sent)


def test_panic_does_not_circle() -> None:
    loop = Loop(settings_with(mode="listen", thru=True), 40)
    loop.play(Panic())  # type: ignore[arg-type]
    loop.advance(1)
    assert not loop.advance(3)


def test_a_loop_that_changes_every_note_anew_is_bounded_all_the_same() -> None:
    """Nothing proves it, so it goes on; but no faster than a cable."""
    rng = random.Random(5)

    def scrambled(message: Message) -> Message:
        return replace(message, velocity=rng.randint(1, 125)) if isinstance(message, NoteOn) else message

    loop = Loop(settings_with(mode="listen", thru=True), 80, scrambled, jitter_ms=100)
    loop.play(NoteOn(PLAYER, 60, 90))
    first = loop.advance(1)
    assert len(note_ons(first)) <= BURST + A_SECOND + 1
    loop.connected = False
    loop.advance(1)
    loop.play(NoteOff(PLAYER, 60))
    assert not loop.stage.wire.sounding


class TestPlayer:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_player_who_doubles_every_third_note_is_heard(self, seed: int) -> None:
        stage = Stage(settings_with(mode="accompany"), Band(MarkovGenerator()), seed=2)
        rng = random.Random(seed)
        heard, seen, later = 0, 0, []
        stage.play(60, 0.4)
        stage.play(64, 0.4)
        while stage.now_ns < 20 * SECOND:
            stage.advance_to_ns(stage.now_ns + 5 * MS)
            for one in stage.sent[seen:]:
                if isinstance(one.message, NoteOn):
                    heard += 1
                    if heard % 3 == 0:
                        later.append((stage.now_ns + rng.randint(20, 60) * MS, one.message.pitch))
            seen = len(stage.sent)
            for at_ns, pitch in [item for item in later if item[0] <= stage.now_ns]:
                later.remove((at_ns, pitch))
                stage.press(pitch, velocity=rng.randint(50, 100))
                stage.release(pitch)
        assert heard > 60
        assert stage.engine.counters["echoes"] == 0

    def test_what_waited_while_we_were_late_is_no_copy_of_what_went_out_since(self) -> None:
        """We stall, and are given hits of one pad with the times at which they came; each is passed on when we wake."""
        stage, rng = Stage(settings_with(mode="listen", thru=True)), random.Random(3)
        came_ns = stage.now_ns
        stage.clock.advance(1_500 * MS)
        for _ in range(10):
            for message in (NoteOn(PLAYER, 60, 90), NoteOff(PLAYER, 60)):
                came_ns += rng.randint(40, 100) * MS
                stage.engine.receive(message, came_ns)
                stage.tick()
        assert stage.engine.counters["echoes"] == stage.engine.counters["echo_loops"] == 0
        assert len(note_ons(stage.sent)) == 10

    @pytest.mark.parametrize("velocities", [(80,), (72, 81, 77, 90, 69, 84, 79)])
    @pytest.mark.parametrize("period_ms", [75, 110, 180])
    def test_a_repeated_key_that_is_passed_on_loses_a_note_a_minute_at_most(
        self, period_ms: int, velocities: tuple[int, ...]
    ) -> None:
        """An organ's keys all sound alike; what comes back after nothing was sent is the player."""
        stage = Stage(settings_with(mode="listen", thru=True))
        rng = random.Random(4)
        for index in range(200):
            stage.press(60, velocity=velocities[index % len(velocities)])
            stage.advance_to_ns(stage.now_ns + period_ms * MS // 2)
            stage.release(60)
            stage.advance_to_ns(stage.now_ns + period_ms * MS // 2 + round(rng.gauss(0, 3)) * MS)
        minutes = 1 + stage.now_ns // (60 * SECOND)
        assert stage.engine.counters["echoes"] <= minutes
        assert not stage.wire.sounding

    @slow_law
    @given(
        played=st.lists(
            st.tuples(st.integers(60, 64), st.integers(40, 100), st.integers(30, 400), st.integers(20, 300)), max_size=40
        )
    )
    def test_whatever_is_played_without_a_loop_no_note_hangs(self, played: list[tuple[int, int, int, int]]) -> None:
        stage = Stage(settings_with(mode="listen", thru=True))
        for pitch, velocity, held_ms, pause_ms in played:
            stage.press(pitch, velocity=velocity)
            stage.advance_to_ns(stage.now_ns + held_ms * MS)
            stage.release(pitch)
            stage.advance_to_ns(stage.now_ns + pause_ms * MS)
        assert not stage.wire.sounding
        assert len(note_ons(stage.sent)) + stage.engine.counters["echoes"] == len(played)


def test_it_can_be_switched_off() -> None:
    loop = Loop(settings_with(mode="listen", thru=True, echo__guard=False), 100)
    loop.play(NoteOn(PLAYER, 60, 90))
    loop.play(NoteOff(PLAYER, 60))
    assert note_ons(loop.advance(5))
    assert loop.echoes == 0
    loop.stage.change(echo__guard=True)
    loop.advance(2)
    assert not loop.advance(2)


def test_nothing_comes_of_a_pedal_that_circles() -> None:
    loop = Loop(settings_with(mode="listen", thru=True), 100)
    for _ in range(6):
        loop.play(Control(PLAYER, 64, 127))
        loop.advance(0.3)
        loop.play(Control(PLAYER, 64, 0))
        loop.advance(BEAT_NS / SECOND)
    loop.advance(3)
    assert not loop.advance(3)
    assert not loop.stage.wire.pedals
