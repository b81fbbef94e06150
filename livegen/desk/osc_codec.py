"""OSC 1.0 packets to messages and back, bounded, for packets that anybody may have sent.

python-osc reads and writes a single message; the bundle walk and every check are our own, because its bundle walk loops for
ever on a negative size, its float reader invents missing bytes, and some of its errors escape. All functions are pure, do not
block, and may be called from any thread; the largest packet takes well under a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from livegen.core.errors import InputError

MAX_PACKET_BYTES = 8192
MAX_MESSAGES = 64
MAX_DEPTH = 4
"""Bundles inside each other, the outermost included."""
MAX_ADDRESS_BYTES = 128
MAX_ARGUMENTS = 32
"""Of a message; a packet holds eight times as many."""

_MAX_PACKET_ARGUMENTS = 8 * MAX_ARGUMENTS

Argument = int | float | bool | str
Reason = Literal["size", "bundle", "address", "types", "arguments"]

_BUNDLE = b"#bundle\0"
_BUNDLE_HEAD_BYTES = 16
# printable ASCII without what OSC reserves: space # * , ? [ ] { }
_ADDRESS = re.compile(rb"/[^\x00-\x20\x7f-\xff#*,?\[\]{}]*")
_FIXED_BYTES = {ord("i"): 4, ord("f"): 4, ord("h"): 8, ord("d"): 8, ord("T"): 0, ord("F"): 0}
_STRING = ord("s")
_FLOAT32_MAX = 3.4028234663852886e38


class PacketError(InputError):
    """A packet was refused; `reason` is the part of it that was wrong."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """One OSC message: an address without patterns and its arguments (types i, h, f, d, T, F, s)."""

    address: str
    arguments: tuple[Argument, ...] = ()


def decode(packet: bytes) -> tuple[Message, ...]:
    """Read a packet: one message, or a bundle of messages and bundles in their order.

    Time tags are not obeyed: a bundle means now, so that nobody can make the reader wait or hoard.

    Args:
        packet: one UDP payload; anything longer than `MAX_PACKET_BYTES` is refused.

    Returns:
        At most `MAX_MESSAGES` messages; none for an empty bundle.

    Raises:
        PacketError: whatever is wrong with the packet; then none of it is used.
    """
    if not 4 <= len(packet) <= MAX_PACKET_BYTES or len(packet) % 4:
        raise PacketError("size", f"a packet has 4 to {MAX_PACKET_BYTES} bytes, a multiple of 4, not {len(packet)}")
    messages: list[Message] = []
    arguments = 0
    for element in _elements(packet, 1):
        if len(messages) == MAX_MESSAGES:
            raise PacketError("bundle", f"a packet holds at most {MAX_MESSAGES} messages")
        messages.append(_message(element))
        arguments += len(messages[-1].arguments)
        if arguments > _MAX_PACKET_ARGUMENTS:
            raise PacketError("bundle", f"the messages of a packet have at most {_MAX_PACKET_ARGUMENTS} arguments together")
    return tuple(messages)


def encode(address: str, *arguments: Argument) -> bytes:
    """Write one message; a float is sent as 32 bits where it fits, an int too.

    Raises:
        InputError: an address that `decode` would refuse, a value that OSC cannot hold.
    """
    raw = address.encode("ascii", "replace")
    if len(raw) > MAX_ADDRESS_BYTES or not _ADDRESS.fullmatch(raw):
        raise InputError(f"{address!r} is no OSC address")
    builder = OscMessageBuilder(address)
    if any(isinstance(argument, str) and "\0" in argument for argument in arguments):
        raise InputError(f"{address}: an OSC string holds no NUL")
    try:
        for argument in arguments:
            wide = isinstance(argument, float) and _FLOAT32_MAX < abs(argument) < float("inf")
            builder.add_arg(argument, OscMessageBuilder.ARG_TYPE_DOUBLE if wide else None)
        return builder.build().dgram
    except (BuildError, ValueError) as error:
        raise InputError(f"{address}: {error}") from error


def _elements(packet: bytes, depth: int) -> Iterator[bytes]:
    """The messages' bytes of a packet in order; recursion ends at `MAX_DEPTH`."""
    if not packet.startswith(_BUNDLE):
        yield packet
        return
    if depth > MAX_DEPTH:
        raise PacketError("bundle", f"bundles are nested deeper than {MAX_DEPTH}")
    if len(packet) < _BUNDLE_HEAD_BYTES:
        raise PacketError("bundle", "a bundle ends before its time tag")
    start = _BUNDLE_HEAD_BYTES
    while start < len(packet):
        size = int.from_bytes(packet[start : start + 4], "big", signed=True)
        start += 4
        if size < 4 or size % 4 or size > len(packet) - start:
            raise PacketError(
                "bundle", f"a bundle element of {size} bytes does not fit the {len(packet) - start} that are left"
            )
        yield from _elements(packet[start : start + size], depth + 1)
        start += size


def _message(element: bytes) -> Message:
    address_end = element.find(b"\0")
    if not 1 <= address_end <= MAX_ADDRESS_BYTES or not _ADDRESS.fullmatch(element, 0, address_end):
        raise PacketError("address", f"an address is / and up to {MAX_ADDRESS_BYTES - 1} printable characters, no pattern")
    _check_arguments(element, _padded(address_end))
    try:
        message = OscMessage(element)
        return Message(message.address, tuple(message))
    except (ParseError, UnicodeDecodeError) as error:
        raise PacketError("arguments", f"arguments cannot be read: {error}") from error


def _check_arguments(element: bytes, start: int) -> None:
    """Check that the type tags are known and that exactly their arguments follow: python-osc would make up missing bytes."""
    if start == len(element):
        return  # old senders leave out the type tags of a message without arguments
    tags_end = element.find(b"\0", start)
    if tags_end < 0 or element[start : start + 1] != b",":
        raise PacketError("types", "type tags begin with a comma and end with a NUL")
    tags = element[start + 1 : tags_end]
    if len(tags) > MAX_ARGUMENTS:
        raise PacketError("types", f"a message has at most {MAX_ARGUMENTS} arguments")
    at = _padded(tags_end)
    for tag in tags:
        if tag == _STRING:
            string_end = element.find(b"\0", at)
            if string_end < 0:
                raise PacketError("arguments", "a string has no end")
            at = _padded(string_end)
        elif tag in _FIXED_BYTES:
            at += _FIXED_BYTES[tag]
        else:
            raise PacketError("types", f"type {chr(tag)!a} is not taken, only i h f d T F s")
    if at != len(element):
        raise PacketError("arguments", f"the arguments end at byte {at}, the message at {len(element)}")


def _padded(end: int) -> int:
    """The byte after a string whose first NUL is at `end`: strings are padded to a multiple of four."""
    return (end // 4 + 1) * 4
