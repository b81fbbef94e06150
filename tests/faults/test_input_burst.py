"""More comes in than can be looked at: the queue is bounded, notes are kept, and no end of anything is lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from queue import Empty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.intake import CROWD, MOST, Intake
from livegen.core.midi import Control, Message, NoteOff, NoteOn, encode, parse
from livegen.runtime.inbox import Inbox, MidiIn

few_channels, few_pitches = st.integers(0, 1), st.integers(60, 62)
messages = st.one_of(
    st.builds(lambda channel, pitch: bytes((0x90 | channel, pitch, 70)), few_channels, few_pitches),
    st.builds(lambda channel, pitch: bytes((0x80 | channel, pitch, 0)), few_channels, few_pitches),
    st.builds(lambda channel, pitch: bytes((0x90 | channel, pitch, 0)), few_channels, few_pitches),
    st.builds(
        lambda channel, control, value: bytes((0xB0 | channel, control, value)),
        few_channels,
        st.sampled_from([1, 7, 64, 123]),
        st.sampled_from([0, 30, 127]),
    ),
    st.builds(lambda channel, value: bytes((0xE0 | channel, 0, value)), few_channels, st.integers(0, 127)),
    st.sampled_from([b"\xf8", b"\xfa", b"\xfc", b"\xc0\x05", b"\xf0\x7d\xf7"]),
)


def drained(intake: Intake) -> list[bytes]:
    taken = []
    while (waiting := intake.take()) is not None:
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


@law
@given(st.lists(messages, max_size=CROWD))
def test_what_is_no_crowd_passes_unchanged(offered: list[bytes]) -> None:
    intake = Intake()
    assert all(intake.put(data, index) for index, data in enumerate(offered))
    assert drained(intake) == offered
    assert intake.coalesced == intake.dropped == 0


@law
@given(st.lists(st.tuples(messages, st.integers(0, 2)), max_size=400))
def test_in_a_crowd_only_older_values_of_controllers_are_missing(offered: list[tuple[bytes, int]]) -> None:
    intake, taken = Intake(), []
    for data, takes in offered:
        intake.put(data, 0)
        found = [intake.take() for _ in range(takes * (len(offered) < 50))]
        taken += [waiting[0] for waiting in found if waiting is not None]
    taken += drained(intake)
    said = [data for data, _ in offered]
    assert len(taken) + intake.coalesced == len(said)
    kept = [data for data in taken if data[0] & 0xF0 not in {0xB0, 0xE0}]
    assert kept == [data for data in said if data[0] & 0xF0 not in {0xB0, 0xE0}]
    for channel in range(2):
        for control in (1, 7, 64, 123):
            heard, meant = ([one for one in many if one[:2] == bytes((0xB0 | channel, control))] for many in (taken, said))
            assert heard == meant if control in {64, 123} else heard[-1:] == meant[-1:]


@law
@given(st.lists(messages, max_size=300), st.integers(0, 8))
def test_when_it_is_full_what_ends_still_comes_in(after: list[bytes], held: int) -> None:
    """Whatever has begun by what came in, ends as it should."""
    intake, filling = Intake(), 0
    for pitch in range(held):
        intake.put(encode(NoteOn(0, 58 + pitch, 70)), 0)
    while len(intake) < MOST:
        intake.put(b"\xc0\x05", 0)
        filling += 1
    for data in after:
        intake.put(data, 0)
    assert len(intake) <= MOST + 2048 + 16 * 9 + 1
    taken = drained(intake)
    assert len(taken) + intake.dropped + intake.coalesced == held + filling + len(after)
    said = [encode(NoteOn(0, 58 + pitch, 70)) for pitch in range(held)] + after
    assert sounding_after(taken) <= sounding_after(said), "nothing sounds that was ended"


def test_black_midi_that_nobody_takes_is_bounded_and_hangs_nothing() -> None:
    intake = Intake()
    offered = black_midi(20_000)
    most = 0
    for index, data in enumerate(offered):
        intake.put(data, index)
        most = max(most, len(intake))
    taken = drained(intake)
    assert most <= MOST + 2048
    assert not sounding_after(taken)
    assert len(taken) + intake.dropped + intake.coalesced == len(offered)


def test_a_slow_owner_hears_every_note_of_black_midi() -> None:
    """It takes two where three come in, for as long as the queue bears it."""
    intake, taken = Intake(), []
    offered = black_midi(9_000)
    for index, data in enumerate(offered):
        intake.put(data, index)
        if index % 3 and (waiting := intake.take()) is not None:
            taken.append(waiting[0])
    taken += drained(intake)
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
