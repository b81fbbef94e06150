"""MIDI bytes: what is understood, what is refused and why, and laws of the round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.errors import InputError
from livegen.core.midi import (
    LENGTHS,
    MAX_SYSEX_BYTES,
    REALTIME,
    Control,
    Message,
    NoteOff,
    NoteOn,
    Other,
    Realtime,
    SongPosition,
    encode,
    parse,
    release_all,
)

channels = st.integers(0, 15)
values = st.integers(0, 127)
messages = st.one_of(
    st.builds(NoteOn, channels, values, st.integers(1, 127)),
    st.builds(NoteOff, channels, values, values),
    st.builds(Control, channels, values, values),
    st.builds(Realtime, st.sampled_from(sorted(REALTIME))),
    st.builds(SongPosition, st.integers(0, 2**14 - 1)),
    st.builds(lambda body: Other(b"\xf0" + bytes(body) + b"\xf7"), st.lists(values, max_size=40)),
    st.builds(lambda channel, program: Other(bytes((0xC0 | channel, program))), channels, values),
)
nearly_midi = st.builds(
    lambda status, body: bytes((status, *body)), st.integers(0x70, 0xFF), st.lists(st.integers(0, 130), max_size=4)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x93\x3c\x40", NoteOn(3, 60, 64)),
        (b"\x93\x3c\x00", NoteOff(3, 60, 0)),
        (b"\x8f\x3c\x07", NoteOff(15, 60, 7)),
        (b"\xb0\x40\x7f", Control(0, 64, 127)),
        (b"\xf8", Realtime(0xF8)),
        (b"\xfe", Realtime(0xFE)),
        (b"\xff", Other(b"\xff")),
        (b"\xc9\x05", Other(b"\xc9\x05")),
        (b"\xf2\x01\x02", SongPosition(257)),
        (b"\xf0\x7d\xf7", Other(b"\xf0\x7d\xf7")),
        (b"\xf0\xf7", Other(b"\xf0\xf7")),
    ],
)
def test_messages_that_are_understood(data: bytes, message: Message) -> None:
    """Each kind of message gets its class; a note-on of velocity 0 is a note-off."""
    assert parse(data) == message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (bytes((60, 60)), "begins with the data byte 60"),
        (bytes((0x90, 60, 200)), "has 200 as data byte 2"),
        (bytes((0x90, 0x91, 60)), "has 145 as data byte 1"),
        (b"\x90\x3c", "truncated: 2 bytes where 90 has 3"),
        (b"\x90\x3c\x40\x40", "too long: 4 bytes where 90 has 3"),
        (b"\xf8\xf8", "too long"),
        (b"\xf4", "F4 is not defined"),
        (b"\xfd", "FD is not defined"),
        (b"\xf7", "ends a SysEx that did not begin"),
        (b"\xf0\x01", "does not end with F7"),
        (b"\xf0", "does not end with F7"),
        (b"\xf0\x01\xf8\x02\xf7", "has 248 as data byte 2"),
        (b"\xf0" + bytes(1_000_000) + b"\xf7", "1000002 bytes is too long"),
    ],
)
def test_malformed_messages_say_what_is_wrong(data: bytes, reason: str) -> None:
    """Each fault is named in a text of bounded length."""
    with pytest.raises(InputError, match=reason) as caught:
        parse(data)
    assert len(str(caught.value)) < 160


def test_the_longest_sysex_passes() -> None:
    """The bound includes F0 and F7."""
    longest = b"\xf0" + bytes(MAX_SYSEX_BYTES - 2) + b"\xf7"
    assert parse(longest) == Other(longest)


@given(st.one_of(st.binary(max_size=12), nearly_midi))
def test_parse_yields_a_message_or_an_input_error(data: bytes) -> None:
    """Whatever the bytes: a message that encodes to an equal message, or InputError, and nothing else."""
    try:
        message = parse(data)
    except InputError:
        return
    assert parse(encode(message)) == message
    if not (data[0] & 0xF0 == 0x90 and data[2] == 0):
        assert encode(message) == data


@given(messages)
def test_encoding_is_undone_by_parsing(message: Message) -> None:
    """Every legal message survives the round trip."""
    assert parse(encode(message)) == message


@given(st.sampled_from(sorted(LENGTHS)), st.integers(0, 5))
def test_only_the_tabled_length_is_legal(status: int, length: int) -> None:
    """The table decides: one length for each status."""
    data = bytes((status, *[1] * length))
    if len(data) == LENGTHS[status]:
        parse(data)
    else:
        with pytest.raises(InputError):
            parse(data)


@pytest.mark.parametrize(
    "message",
    [
        NoteOn(16, 60, 64),
        NoteOn(-1, 60, 64),
        NoteOn(0, 128, 64),
        NoteOn(0, 60, 0),
        NoteOn(0, 60, 128),
        NoteOff(0, -1),
        Control(0, 128, 0),
        Realtime(0x90),
        Realtime(0xFF),
        Other(b"\x90\x3c\x40"),
        Other(b""),
    ],
)
def test_encode_refuses_what_is_out_of_range(message: Message) -> None:
    """No illegal byte is ever written, and a message has one representation."""
    with pytest.raises(InputError):
        encode(message)


@given(st.lists(st.tuples(channels, values)), st.lists(channels, unique=True))
def test_release_all_ends_notes_first(sounding: list[tuple[int, int]], used: list[int]) -> None:
    """A note-off for every note that is held, as often as it is held, then pedal, notes and sound off for each channel."""
    released = [parse(data) for data in release_all(sounding, used)]
    assert released[: len(sounding)] == [NoteOff(channel, pitch) for channel, pitch in sounding]
    assert released[len(sounding) :] == [Control(channel, control, 0) for channel in used for control in (64, 123, 120)]
