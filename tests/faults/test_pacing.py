"""A burst beyond what the port takes goes out over the next milliseconds: in order, nothing lost, every note ended."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.stage import Wire

from livegen.core.errors import DeviceError
from livegen.core.ledger import Ledger, Owner
from livegen.core.midi import CLOCK, Control, Message, NoteOff, NoteOn, Other, Realtime, encode, parse, release_all
from livegen.core.pacing import LIMIT, REFILL_NS, Pacer, size_of
from livegen.core.watchdog import AT_ONCE, LONGEST_NS, REPEAT_NS, NoteLimit
from livegen.devices.clock import ManualClock
from livegen.devices.ports import match_port
from livegen.runtime.outlet import Outlet

MS = 1_000_000
BURST = 30

few_notes = st.tuples(st.integers(0, 1), st.integers(60, 62))
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(lambda note: NoteOn(*note, 80), few_notes),
    st.builds(lambda note: NoteOff(*note), few_notes),
    st.builds(Control, st.integers(0, 1), st.sampled_from([1, 64]), st.sampled_from([0, 127])),
    st.just(Realtime(CLOCK)),
    st.just(Other(b"\xf0" + bytes(70) + b"\xf7")),
)


class Port:
    """Takes so many bytes a cycle and loses the rest without a word, as a driver may; may lose what it is told to."""

    name = "synth"
    alive = True
    drained = True
    max_burst_bytes = BURST

    def __init__(self, clock: ManualClock) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.loses: set[Message] = set()
        self.refuses = False
        self._clock = clock

    def send(self, data: bytes) -> None:
        if self.refuses:
            raise DeviceError("busy")
        message = parse(data)
        if message in self.loses:
            self.loses.discard(message)
        else:
            self.sent.append((self._clock.now_ns(), message))

    def close(self) -> None:
        self.alive = False


class System:
    """A MIDI system with one port."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def list_outputs(self) -> tuple[str, ...]:
        return ("synth",)

    def open_output(self, pattern: str | None) -> Port:
        match_port(pattern or "synth", self.list_outputs(), "output")
        return self._port


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.port = Port(self.clock)
        self.record = Ledger()
        self.outlet = Outlet(System(self.port), "synth", self.record, self.clock.now_ns)  # type: ignore[arg-type]
        self.outlet.open()

    def advance(self, delta_ns: int) -> None:
        until_ns = self.clock.now_ns() + delta_ns
        while (due_ns := self.outlet.next_deadline_ns()) is not None and due_ns <= until_ns:
            assert due_ns > self.clock.now_ns()
            self.clock.set(due_ns)
            self.outlet.flush()
        self.clock.set(until_ns)

    @property
    def heard(self) -> list[Message]:
        return [message for _, message in self.port.sent]


def alternating(offered: list[Message]) -> list[Message]:
    """Only what an engine may say: each note begins and ends in turn."""
    sounding: set[tuple[int, int]] = set()
    said = []
    for message in offered:
        match message:
            case NoteOn(channel, pitch) if (channel, pitch) not in sounding:
                sounding.add((channel, pitch))
            case NoteOff(channel, pitch) if (channel, pitch) in sounding:
                sounding.remove((channel, pitch))
            case NoteOn() | NoteOff():
                continue
        said.append(message)
    return said


@law
@given(st.lists(st.tuples(messages, st.sampled_from([0, 0, 0, 0, 3 * MS, 60 * MS])), max_size=80))
def test_nothing_is_lost_and_every_note_begins_before_it_ends(offered: list[tuple[Message, int]]) -> None:
    rig, wire = Rig(), Wire()
    said = alternating([message for message, _ in offered])
    for message, (_, pause_ns) in zip(said, offered, strict=False):
        assert rig.outlet.send(message)
        rig.advance(pause_ns)
    rig.advance(3_000 * MS)
    assert sorted(map(repr, rig.heard)) == sorted(map(repr, said))
    for message in rig.heard:
        wire.hear(message)
    assert set(rig.record.sounding()) == wire.sounding
    assert rig.outlet.failed == 0
    by_channel: defaultdict[int, list[Message]] = defaultdict(list)
    for message in said:
        if isinstance(message, Control):
            by_channel[message.channel].append(message)
    for channel, turned in by_channel.items():
        assert [one for one in rig.heard if isinstance(one, Control) and one.channel == channel] == turned


@law
@given(st.lists(st.tuples(messages, st.integers(0, 20)), min_size=1, max_size=80))
def test_no_more_goes_out_at_once_than_the_port_takes(offered: list[tuple[Message, int]]) -> None:
    """In any stretch of time: a burst and what refills, and the message that is under way."""
    rig = Rig()
    for message, pause_ms in offered:
        rig.outlet.send(message)
        rig.advance(pause_ms * MS)
    rig.advance(3_000 * MS)
    for index, (begin_ns, _) in enumerate(rig.port.sent):
        total = 0
        for time_ns, message in rig.port.sent[index:]:
            longest = max(size_of(message), 72)
            total += size_of(message)
            assert total <= BURST + (time_ns - begin_ns) * BURST / REFILL_NS + longest


def test_what_fits_goes_out_at_once() -> None:
    rig = Rig()
    for step in range(100):
        rig.outlet.send(NoteOn(0, 60, 80))
        rig.outlet.send(NoteOff(0, 60))
        assert len(rig.port.sent) == 2 * step + 2
        rig.advance(10 * MS)
    assert rig.outlet.paced == 0
    assert rig.outlet.next_deadline_ns() is None


def test_what_ends_goes_before_what_begins_and_the_clock_before_both() -> None:
    rig = Rig()
    rig.outlet.send(NoteOn(0, 40, 80))
    for pitch in range(60, 75):
        rig.outlet.send(NoteOn(0, pitch, 80))
    waiting = rig.outlet.waiting
    assert waiting > 3
    rig.outlet.send(NoteOff(0, 40))
    rig.outlet.send(NoteOff(0, 74))
    rig.outlet.send(Realtime(CLOCK))
    before = len(rig.heard)
    rig.advance(500 * MS)
    assert rig.heard[before : before + 2] == [Realtime(CLOCK), NoteOff(0, 40)]
    assert rig.heard[-1] == NoteOff(0, 74)


def test_a_note_off_does_not_overtake_the_pedal_of_its_channel() -> None:
    rig = Rig()
    rig.outlet.send(NoteOn(0, 40, 80))
    for pitch in range(60, 75):
        rig.outlet.send(NoteOn(1, pitch, 80))
    rig.outlet.send(Control(0, 64, 127))
    rig.outlet.send(NoteOff(0, 40))
    rig.advance(500 * MS)
    assert rig.heard[-2:] == [Control(0, 64, 127), NoteOff(0, 40)]


def test_a_panic_on_all_channels_gets_through() -> None:
    rig, held = Rig(), []
    for channel in range(16):
        for pitch in range(60, 70):
            rig.outlet.send(NoteOn(channel, pitch, 80))
            held.append((channel, pitch))
    rig.advance(1_000 * MS)
    said = [parse(data) for data in release_all(held, range(16))]
    for message in said:
        assert rig.outlet.send(message)
    rig.advance(3_000 * MS)
    assert sorted(map(repr, rig.heard[160:])) == sorted(map(repr, said))
    assert not list(rig.record.sounding())


def test_the_queue_is_bounded_and_never_refuses_an_end() -> None:
    rig = Rig()
    accepted = sum(rig.outlet.send(NoteOn(index % 16, index // 16 % 128, 80)) for index in range(2 * LIMIT))
    assert accepted <= LIMIT + BURST
    assert rig.outlet.failed == 2 * LIMIT - accepted
    assert all(rig.outlet.send(NoteOff(channel, pitch)) for channel in range(16) for pitch in range(128))
    assert rig.outlet.waiting <= LIMIT + 2048


def test_what_waits_goes_out_before_the_port_is_closed() -> None:
    rig, wire = Rig(), Wire()
    rig.outlet._now_ns = lambda: rig.clock.advance(MS)
    for pitch in range(40, 80):
        rig.outlet.send(NoteOn(0, pitch, 80))
    for pitch in range(40, 80):
        rig.outlet.send(NoteOff(0, pitch))
    rig.outlet.close()
    assert len({message for message in rig.heard if isinstance(message, NoteOff)}) == 40
    for message in rig.heard:
        if isinstance(message, NoteOn) or (message.channel, message.pitch) in wire.sounding:  # type: ignore[union-attr]
            wire.hear(message)
    assert not wire.sounding


class TestLostEnds:
    def test_a_note_off_that_the_driver_lost_is_said_again(self) -> None:
        """Without an error: nobody knows that it was lost."""
        rig = Rig()
        rig.outlet.send(NoteOn(0, 60, 80))
        rig.port.loses.add(NoteOff(0, 60))
        assert rig.outlet.send(NoteOff(0, 60))
        assert NoteOff(0, 60) not in rig.heard
        rig.advance(REPEAT_NS)
        rig.outlet.mend(Ledger())
        assert rig.heard[-1] == NoteOff(0, 60)
        assert rig.outlet.repeated == 1
        rig.advance(10 * REPEAT_NS)
        rig.outlet.mend(Ledger())
        assert len(rig.heard) == 2, "once is enough"

    def test_a_note_that_has_begun_anew_is_left_alone(self) -> None:
        rig, wanted = Rig(), Ledger()
        for message in (NoteOn(0, 60, 80), NoteOff(0, 60), NoteOn(0, 60, 70)):
            rig.outlet.send(message)
        wanted.add(Owner.GENERATED, 0, 60)
        rig.advance(2 * REPEAT_NS)
        rig.outlet.mend(wanted)
        assert len(rig.heard) == 3

    def test_they_are_in_nobodys_way(self) -> None:
        rig = Rig()
        for pitch in range(60):
            rig.outlet.send(NoteOn(0, pitch, 80))
            rig.outlet.send(NoteOff(0, pitch))
            rig.advance(50 * MS)
        rig.advance(REPEAT_NS)
        before = len(rig.heard)
        rig.outlet.mend(Ledger())
        assert len(rig.heard) - before == AT_ONCE

    def test_a_refused_end_that_waited_its_turn_is_mended(self) -> None:
        rig = Rig()
        for pitch in range(60, 80):
            rig.outlet.send(NoteOn(0, pitch, 80))
        rig.advance(500 * MS)
        rig.port.refuses = True
        for pitch in range(60, 80):
            rig.outlet.send(NoteOff(0, pitch))
        rig.advance(500 * MS)
        assert len(list(rig.record.sounding())) == 20
        rig.port.refuses = False
        rig.outlet.mend(Ledger())
        rig.advance(500 * MS)
        assert not list(rig.record.sounding())


class TestLongest:
    def test_only_what_has_sounded_so_long_has_had_its_time(self) -> None:
        limit = NoteLimit()
        limit.struck(0, 60, 0)
        limit.struck(0, 62, 5)
        limit.struck(0, 64, 6)
        assert limit.next_deadline_ns() == LONGEST_NS
        assert limit.overlong([(0, 60), (0, 64)], LONGEST_NS - 1) == []
        assert limit.overlong([(0, 60), (0, 64)], LONGEST_NS) == [(0, 60)]
        assert limit.overlong([(0, 64)], LONGEST_NS + 6) == [(0, 64)]
        assert limit.next_deadline_ns() is None

    def test_who_is_struck_anew_begins_anew(self) -> None:
        limit = NoteLimit()
        limit.struck(0, 60, 0)
        limit.struck(0, 60, 10)
        assert limit.overlong([(0, 60)], LONGEST_NS) == []

    def test_bytes_are_counted_as_they_are_on_the_wire(self) -> None:
        for message in (NoteOn(0, 60, 80), Control(0, 1, 2), Realtime(CLOCK), Other(b"\xc0\x05"), Other(b"\xf0\x01\xf7")):
            assert size_of(message) == len(encode(message))

    def test_a_pacer_says_when_to_come_back(self) -> None:
        pacer = Pacer(3, 0)
        assert pacer.admit(NoteOn(0, 60, 1), 0)
        assert not pacer.admit(NoteOff(0, 60), 0)
        pacer.wait(NoteOff(0, 60))
        due_ns = pacer.next_deadline_ns()
        assert due_ns is not None
        assert pacer.next(due_ns - MS) is None
        assert pacer.next(due_ns) == NoteOff(0, 60)
        assert pacer.next_deadline_ns() is None
