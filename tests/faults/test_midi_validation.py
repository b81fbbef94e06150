"""Bytes that are no MIDI do no harm, and bytes that are none never leave us."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, slow_law
from support.stage import Stage, settings_with

from livegen.core.effects import CountIn, Panic
from livegen.core.errors import InputError
from livegen.core.midi import LENGTHS, MAX_SYSEX_BYTES, Message, encode, parse
from livegen.devices.clock import ManualClock
from livegen.devices.delivery import Delivery
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator, in_turn

legal = st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda status: st.builds(
        lambda channel, body: bytes([status | (channel if status < 0xF0 else 0), *body]),
        st.integers(0, 15),
        st.lists(st.integers(0, 127), min_size=LENGTHS[status] - 1, max_size=LENGTHS[status] - 1),
    )
)
sysex = st.binary(max_size=40).map(lambda body: b"\xf0" + body + b"\xf7")
damaged = st.one_of(
    st.builds(lambda data: data[1:], legal),
    st.builds(lambda data, cut: data[:cut], legal, st.integers(0, 2)),
    st.builds(
        lambda data, place, byte: data[:place] + bytes([byte]) + data[place:], legal, st.integers(0, 3), st.integers(0, 255)
    ),
    st.builds(lambda data, other: data + other[1:], legal, legal),
    st.builds(lambda data, place: data[:place] + b"\xf8" + data[place:], sysex, st.integers(1, 40)),
    st.just(b"\xf7"),
    sysex,
    st.binary(max_size=20),
)


def is_legal(data: bytes) -> bool:
    """By the standard's table, written anew."""
    if not data or data[0] < 0x80:
        return False
    if data[0] == 0xF0:
        return len(data) <= MAX_SYSEX_BYTES and len(data) > 1 and data[-1] == 0xF7 and all(byte < 0x80 for byte in data[1:-1])
    wanted = LENGTHS.get(data[0] if data[0] >= 0xF0 else data[0] & 0xF0)
    return len(data) == wanted and all(byte < 0x80 for byte in data[1:])


class Driver:
    """Delivers as a port does, to one who keeps what he gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.errors: list[Exception] = []
        self.delivery = Delivery(lambda data, _: self.got.append(data), self.errors.append, ManualClock())


@law
@given(st.lists(st.one_of(legal, damaged), max_size=30))
def test_every_message_is_delivered_or_counted(offered: list[bytes]) -> None:
    driver = Driver()
    for data in offered:
        driver.delivery.deliver(data)
    good = [data for data in offered if is_legal(data)]
    assert driver.got == good
    assert driver.delivery.counts.passed == len(good)
    assert driver.delivery.counts.refused == len(offered) - len(good)
    assert len(driver.errors) <= 1, "each kind is told once"


@pytest.mark.parametrize(
    "data",
    [
        bytes((60, 60)),
        bytes((0x90, 128, 60)),
        bytes((0x90, 60)),
        b"\xf7",
        b"\xf0\x01\xf8\x02\xf7",
        bytes((0x90, 60, 64, 62, 64)),
        b"\xf0" + bytes(1_000_000) + b"\xf7",
    ],
    ids=["data byte first", "above 127", "truncated", "F7 alone", "F8 in SysEx", "running status", "1 MB of SysEx"],
)
def test_the_known_faults_are_counted(data: bytes) -> None:
    driver = Driver()
    driver.delivery.deliver(data)
    assert driver.got == []
    assert driver.delivery.counts.refused == 1


@slow_law
@given(
    st.lists(st.tuples(st.one_of(legal, damaged), st.sampled_from([0, 0, 20, 300])), max_size=60),
    st.sampled_from(["respond", "accompany", "harmonize", "listen"]),
    st.booleans(),
)
def test_whatever_comes_in_only_midi_goes_out(offered: list[tuple[bytes, int]], mode: str, thru: bool) -> None:
    """Byte for byte, through the whole engine; the stage checks that no note hangs."""
    stage = Stage(settings_with(mode=mode, thru=thru, clock__send=True, click=True), Band(ScriptedGenerator(in_turn([]))))
    for data, pause_ms in offered:
        try:
            message: Message = parse(data)
        except InputError:
            continue
        stage.receive(message)
        stage.advance_to_ns(stage.now_ns + pause_ms * 1_000_000)
    stage.receive(CountIn())
    stage.advance(4)
    stage.receive(Panic())
    stage.close()
    for one in stage.sent:
        assert is_legal(encode(one.message))


def test_a_hundred_thousand_random_messages_raise_nothing_else() -> None:
    rng = random.Random(7)
    for _ in range(100_000):
        data = rng.randbytes(rng.choice([0, 1, 2, 3, 3, 3, 4, 9]))
        try:
            assert encode(parse(data))
            assert is_legal(data)
        except InputError:
            assert not is_legal(data)
