"""More comes in than can be looked at: the queue is bounded, notes are kept, and no end of anything is lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from queue import Empty
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.laws import law

from livegen.core import intake
from livegen.core.intake import CROWD, MOST, Intake
from livegen.core.midi import CONTINUE, START, STOP, Control, Message, NoteOff, NoteOn, Realtime, encode, parse
from livegen.runtime.inbox import Inbox, MidiIn

FEW = 80
"""So many wait where a test has no time for thousands."""

few_channels, few_pitches = st.integers(0, 1), st.integers(60, 62)
messages = st.one_of(
    st.builds(lambda channel, pitch: bytes((0x90 | channel, pitch, 70)), few_channels, few_pitches),
    st.builds(lambda channel, pitch: bytes((0x80 | channel, pitch, 0)), few_channels, few_pitches),
    st.builds(lambda channel, pitch: bytes((0x90 | channel, pitch, 0)), few_channels, few_pitches),
    st.builds(
        lambda channel, control, value: bytes((0xB0 | channel, control, value)),
        few_channels,
        st.sampled_from([1, 7, 64, 121, 123]),
        st.sampled_from([0, 30, 127]),
    ),
    st.builds(lambda channel, value: bytes((0xE0 | channel, 0, value)), few_channels, st.integers(0, 127)),
    st.sampled_from([b"\xf8", b"\xfa", b"\xfb", b"\xfc", b"\xc0\x05", b"\xf0\x7d\xf7"]),
)


def drained(queue: Intake) -> list[bytes]:
    taken = []
    while (waiting := queue.take()) is not None:
        taken.append(waiting[0])
    return taken


def black_midi(count: int, seed: int = 1) -> list[bytes]:
    """Sixteen channels of notes, bends, pressure and pedals, each note ended."""
    rng, held, made = random.Random(seed), list[tuple[int, int]](), list[bytes]()
    while len(made) < count:
        channel, pitch = rng.randrange(16), rng.randrange(128)
        kind = rng.random()
        if kind < 0.4 and (channel, pitch) not in held:
            held.append((channel, pitch))
            made.append(encode(NoteOn(channel, pitch, rng.randint(1, 127))))
        elif kind < 0.8 and held:
            made.append(encode(NoteOff(*held.pop(rng.randrange(len(held))))))
        elif kind < 0.95:
            made.append(encode(Control(channel, rng.choice([1, 7, 11, 74]), rng.randrange(128))))
        else:
            made.append(bytes((0xE0 | channel, 0, rng.randrange(128))))
    return made + [encode(NoteOff(*note)) for note in held]


def sounding_after(taken: list[bytes]) -> set[tuple[int, int]]:
    held: set[tuple[int, int]] = set()
    for data in taken:
        match parse(data):
            case NoteOn(channel, pitch):
                held.add((channel, pitch))
            case NoteOff(channel, pitch):
                held.discard((channel, pitch))
            case Control(channel, 123):
                held = {note for note in held if note[0] != channel}
    return held


def going_on_after(taken: list[bytes]) -> set[object]:
    """What sounds, the channels whose pedal is down, and the song if it plays."""
    pedals, plays = set[object](), False
    for data in taken:
        match parse(data):
            case Control(channel, 64, value) if value >= 64:
                pedals.add(("pedal", channel))
            case Control(channel, 64 | 121 | 123):
                pedals.discard(("pedal", channel))
            case Realtime(status) if status in {START, CONTINUE, STOP}:
                plays = status != STOP
    return sounding_after(taken) | pedals | ({"song"} if plays else set())


@law
@given(st.lists(messages, max_size=CROWD))
def test_what_is_no_crowd_passes_unchanged(offered: list[bytes]) -> None:
    queue = Intake()
    assert all(queue.put(data, index) for index, data in enumerate(offered))
    assert drained(queue) == offered
    assert queue.coalesced == queue.dropped == 0


@law
@given(st.lists(st.tuples(messages, st.integers(0, 2)), max_size=400))
def test_in_a_crowd_only_older_values_of_controllers_are_missing(offered: list[tuple[bytes, int]]) -> None:
    queue, taken = Intake(), []
    for data, takes in offered:
        queue.put(data, 0)
        found = [queue.take() for _ in range(takes * (len(offered) < 50))]
        taken += [waiting[0] for waiting in found if waiting is not None]
    taken += drained(queue)
    said = [data for data, _ in offered]
    assert len(taken) + queue.coalesced == len(said)
    kept = [data for data in taken if data[0] & 0xF0 not in {0xB0, 0xE0}]
    assert kept == [data for data in said if data[0] & 0xF0 not in {0xB0, 0xE0}]
    for channel in range(2):
        for control in (1, 7, 64, 121, 123):
            heard, meant = ([one for one in many if one[:2] == bytes((0xB0 | channel, control))] for many in (taken, said))
            assert heard == meant if control in {64, 121, 123} else heard[-1:] == meant[-1:]


@law
@given(st.lists(messages, max_size=40), st.lists(messages, max_size=200))
@example([b"\xb0\x79\x00", b"\xb0\x40\x7f"], [b"\xb0\x79\x00"])
@example([b"\xb0\x7b\x00", b"\xb0\x40\x7f"], [b"\xb0\x7b\x00"])
@example([b"\xfc", b"\xfa"], [b"\xfc"])
def test_when_it_is_full_what_ends_still_comes_in(before: list[bytes], after: list[bytes]) -> None:
    """Whatever has begun by what came in, ends as it should."""
    filling = [b"\xc0\x05"] * (FEW - len(before))
    said = [*before, *filling, *after]
    with patch.object(intake, "MOST", FEW):
        queue = Intake()
        for data in said:
            queue.put(data, 0)
        assert len(queue) <= FEW + 2 * 3 + 2 * 4 + 1
    taken = drained(queue)
    assert len(taken) + queue.dropped + queue.coalesced == len(said)
    assert going_on_after(taken) <= going_on_after(said), "nothing goes on that was ended"


def test_black_midi_that_nobody_takes_is_bounded_and_hangs_nothing() -> None:
    queue = Intake()
    offered = black_midi(20_000)
    most = 0
    for index, data in enumerate(offered):
        queue.put(data, index)
        most = max(most, len(queue))
    taken = drained(queue)
    assert most <= MOST + 2048
    assert not sounding_after(taken)
    assert len(taken) + queue.dropped + queue.coalesced == len(offered)


def test_a_slow_owner_hears_every_note_of_black_midi() -> None:
    """It takes two where three come in, for as long as the queue bears it."""
    queue, taken = Intake(), []
    offered = black_midi(9_000)
    for index, data in enumerate(offered):
        queue.put(data, index)
        if index % 3 and (waiting := queue.take()) is not None:
            taken.append(waiting[0])
    taken += drained(queue)
    ons: list[Counter[Message]] = [
        Counter(message for data in many if isinstance(message := parse(data), NoteOn)) for many in (taken, offered)
    ]
    assert ons[0] == ons[1]
    assert not sounding_after(taken)


class TestInbox:
    def test_midi_and_links_come_in_their_order(self) -> None:
        inbox = Inbox()
        inbox.put("first")
        inbox.put_midi(b"\x90\x3c\x40", 5)
        inbox.put("last")
        assert [inbox.next_item(0.1) for _ in range(3)] == ["first", MidiIn(b"\x90\x3c\x40", 5), "last"]
        with pytest.raises(Empty):
            inbox.next_item(0)

    def test_a_driver_and_an_owner_at_once_lose_nothing(self) -> None:
        inbox, taken = Inbox(), []
        offered = black_midi(5_000)

        def drive() -> None:
            for index, data in enumerate(offered):
                inbox.put_midi(data, index)
            inbox.put(None)

        driver = threading.Thread(target=drive)
        driver.start()
        while (item := inbox.next_item(10)) is not None:
            taken.append(item.data)
        driver.join(10)
        assert len(taken) + inbox.coalesced + inbox.dropped == len(offered)
        assert not sounding_after(taken)
        assert inbox.midi_waiting == 0
