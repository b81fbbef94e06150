"""MIDI bytes and what the core understands of them: one table of lengths drives parsing, encoding and checking.

Drivers deliver and accept things that are not MIDI (python-rtmidi passes `[60, 60]`), so every message is parsed on its way in
and checked on its way out. Channels are 0..15, pitches, velocities, controls and values 0..127.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from livegen.core.errors import InputError

MAX_SYSEX_BYTES: Final = 4096
"""The longest System Exclusive message that passes, F0 and F7 included: half of a JACK client's ring."""

SUSTAIN: Final = 64
ALL_SOUND_OFF: Final = 120
ALL_NOTES_OFF: Final = 123

_NOTE_OFF: Final = 0x80
_NOTE_ON: Final = 0x90
_CONTROL: Final = 0xB0
_SYSEX: Final = 0xF0
_SONG_POSITION: Final = 0xF2
_END_OF_SYSEX: Final = 0xF7

LENGTHS: Final[dict[int, int]] = {
    0x80: 3,  # note-off
    0x90: 3,  # note-on
    0xA0: 3,  # polyphonic aftertouch
    0xB0: 3,  # control change
    0xC0: 2,  # program change
    0xD0: 2,  # channel aftertouch
    0xE0: 3,  # pitch bend
    0xF1: 2,  # MTC quarter frame
    0xF2: 3,  # song position, in sixteenths
    0xF3: 2,  # song select
    0xF6: 1,  # tune request
    0xF8: 1,  # clock, 24 a quarter
    0xFA: 1,  # start
    0xFB: 1,  # continue
    0xFC: 1,  # stop
    0xFE: 1,  # active sensing
    0xFF: 1,  # reset
}
"""Status -> whole length in bytes; channel messages under their status with channel 0. SysEx alone has no fixed length."""

CLOCK: Final = 0xF8
START: Final = 0xFA
CONTINUE: Final = 0xFB
STOP: Final = 0xFC
ACTIVE_SENSING: Final = 0xFE

REALTIME: Final = frozenset({CLOCK, START, CONTINUE, STOP, ACTIVE_SENSING})
"""The system real-time statuses that the transport and the port guard act on."""


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key went down; velocity 1..127."""

    channel: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class NoteOff:
    """A key came up, said as 8n or as a note-on of velocity 0."""

    channel: int
    pitch: int
    velocity: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """A control change."""

    channel: int
    control: int
    value: int


@dataclass(frozen=True, slots=True)
class Realtime:
    """Clock (F8), start (FA), continue (FB), stop (FC) or active sensing (FE)."""

    status: int


@dataclass(frozen=True, slots=True)
class SongPosition:
    """The next start is so many sixteenths into the song, 0..16383."""

    sixteenths: int


@dataclass(frozen=True, slots=True)
class Other:
    """Any other legal message, kept as its bytes: passed through, never understood."""

    data: bytes


Message = NoteOn | NoteOff | Control | Realtime | SongPosition | Other


def parse(data: bytes) -> Message:
    """Read exactly one whole MIDI message; pure, does not block.

    Running status and several messages in one buffer are not accepted: drivers deliver whole messages.

    Raises:
        InputError: the bytes are not one legal message; the text says what is wrong and where.
    """
    if not data:
        raise InputError("an empty MIDI message")
    status = data[0]
    if status < 0x80:
        raise InputError(f"MIDI message {_shown(data)} begins with the data byte {status}, not with a status")
    if status == _SYSEX:
        return _parse_sysex(data)
    kind = status & 0xF0 if status < 0xF0 else status
    length = LENGTHS.get(kind)
    if length is None:
        reason = "ends a SysEx that did not begin" if status == _END_OF_SYSEX else "is not defined"
        raise InputError(f"MIDI message {_shown(data)}: the status {status:02X} {reason}")
    if len(data) != length:
        fault = "truncated" if len(data) < length else "too long"
        raise InputError(f"MIDI message {_shown(data)} is {fault}: {len(data)} bytes where {status:02X} has {length}")
    _check_data(data, data[1:])
    return _understood(kind, data)


def encode(message: Message) -> bytes:
    """Write a message as bytes; pure, does not block.

    Raises:
        InputError: a field is out of its range, or `Other` holds what is not a legal message of no other class.
    """
    match message:
        case NoteOn(channel, pitch, velocity):
            if velocity == 0:
                raise InputError(f"{message} has velocity 0, which is a note-off: use NoteOff")
            return _channel_bytes(message, _NOTE_ON, channel, pitch, velocity)
        case NoteOff(channel, pitch, velocity):
            return _channel_bytes(message, _NOTE_OFF, channel, pitch, velocity)
        case Control(channel, control, value):
            return _channel_bytes(message, _CONTROL, channel, control, value)
        case Realtime(status):
            if status not in REALTIME:
                raise InputError(f"{message}: the status is none of {', '.join(f'{known:02X}' for known in sorted(REALTIME))}")
            return bytes((status,))
        case SongPosition(sixteenths):
            if not 0 <= sixteenths < 1 << 14:
                raise InputError(f"{message}: the position is not in 0..16383")
            return bytes((_SONG_POSITION, sixteenths & 0x7F, sixteenths >> 7))
        case Other(data):
            if not isinstance(parse(data), Other):
                raise InputError(f"Other holds {_shown(data)}, which has a class of its own: {parse(data)}")
            return data


def release_all(sounding: Iterable[tuple[int, int]], channels: Iterable[int]) -> list[bytes]:
    """Write what ends every sound, in the order that all gear obeys; pure, does not block.

    A note-off for each note that we hold comes first, because some gear ignores CC123; then, channel by channel, sustain up,
    all notes off and all sound off.

    Args:
        sounding: (channel, pitch) of every note that we hold, repeated for a note that was switched on more than once.
        channels: the channels that we play on.

    Raises:
        InputError: a channel or pitch is out of range.
    """
    offs = [encode(NoteOff(channel, pitch)) for channel, pitch in sounding]
    controls = (SUSTAIN, ALL_NOTES_OFF, ALL_SOUND_OFF)
    return offs + [encode(Control(channel, control, 0)) for channel in channels for control in controls]


def _parse_sysex(data: bytes) -> Other:
    """Check F0 .. F7; the length is bounded before the bytes are looked at."""
    if len(data) > MAX_SYSEX_BYTES:
        raise InputError(f"SysEx of {len(data)} bytes is too long: at most {MAX_SYSEX_BYTES} pass")
    if len(data) == 1 or data[-1] != _END_OF_SYSEX:
        raise InputError(f"SysEx {_shown(data)} is truncated: it does not end with F7")
    _check_data(data, data[1:-1])
    return Other(bytes(data))


def _understood(kind: int, data: bytes) -> Message:
    """Give a checked message its class."""
    channel = data[0] & 0x0F
    if kind == _NOTE_ON and data[2]:
        return NoteOn(channel, data[1], data[2])
    if kind in {_NOTE_ON, _NOTE_OFF}:
        return NoteOff(channel, data[1], data[2])
    if kind == _CONTROL:
        return Control(channel, data[1], data[2])
    if kind in REALTIME:
        return Realtime(kind)
    if kind == _SONG_POSITION:
        return SongPosition(data[1] | data[2] << 7)
    return Other(bytes(data))


def _check_data(data: bytes, body: bytes) -> None:
    """Refuse data bytes above 127."""
    if body and max(body) > 0x7F:
        index = next(place for place, byte in enumerate(body, start=1) if byte > 0x7F)
        raise InputError(f"MIDI message {_shown(data)} has {data[index]} as data byte {index}; data bytes are 0..127")


def _channel_bytes(message: Message, kind: int, channel: int, first: int, second: int) -> bytes:
    """Join a channel message of two data bytes."""
    if not 0 <= channel <= 15:
        raise InputError(f"{message}: the channel is not in 0..15")
    if not (0 <= first <= 127 and 0 <= second <= 127):
        raise InputError(f"{message}: a value is not in 0..127")
    return bytes((kind | channel, first, second))


def _shown(data: bytes) -> str:
    """The first bytes in hexadecimal, for error texts of bounded length."""
    return f"[{data[:8].hex(' ').upper()}{' ..' if len(data) > 8 else ''}]"
