"""What comes in and waits: bounded, whoever plays how much. Notes are kept, and no note-off is ever lost.

Only the bytes' statuses are looked at, since this runs on the driver's thread.
"""

from __future__ import annotations

from collections import OrderedDict

CROWD = 64
"""While more than this waits, a continuous controller's older value gives way to its newer one."""

MOST = 4096
"""With so many waiting only what ends something is taken in, and older controllers give way to notes."""

_SWITCHES = frozenset({0, 6, 32, 38, *range(64, 70), *range(96, 102), *range(120, 128)})
"""Controllers whose every word counts: banks, data entry, pedals, parameter numbers, channel modes."""

_PEDAL = 64

_ENDING = frozenset({120, 121, *range(123, 128)})
"""Controllers that end all notes of a channel, or lift its pedal."""

_STARTS, _STOP = frozenset({0xFA, 0xFB}), b"\xfc"
"""A sequencer's song."""

Waiting = tuple[bytes, int]
"""A message and when it came, monotonic ns."""

Value = tuple[int, ...]
"""What a continuous controller is known by: status, and which of several."""


class Intake:
    """The queue between driver and owner. Not thread-safe: whoever shares it locks it.

    Never more than `MOST` waits, but for note-offs and the like: of those one for each note and channel.

    Attributes:
        coalesced: values of continuous controllers that gave way to newer ones.
        dropped: other messages that were not taken in, or gave way.
    """

    def __init__(self) -> None:
        self.coalesced = 0
        self.dropped = 0
        self._waiting: OrderedDict[int, Waiting] = OrderedDict()
        """By number, in order of arrival."""
        self._number = 0
        self._values: OrderedDict[Value, int] = OrderedDict()
        """The latest waiting message of each continuous controller, by number, the oldest first."""
        self._ends: dict[bytes, int] = {}
        """The waiting message that ends each note, or all of a channel, after which it has not begun anew."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, data: bytes, time_ns: int) -> bool:
        """Take in one legal message; whether one more waits than before."""
        before = len(self._waiting)
        value, note = _value_of(data), _note_of(data)
        ends = _ends(data)
        if value is not None and before >= CROWD and value in self._values:
            self._remove(self._values[value], value)
            self.coalesced += 1
        elif before >= MOST and not self._make_room(data, ends, note):
            self.dropped += 1
            return False
        self._number += 1
        self._waiting[self._number] = data, time_ns
        if value is not None:
            self._values.pop(value, None)
            self._values[value] = self._number
        elif ends:
            self._ends[note] = self._number
        else:
            self._begin(note)
        return len(self._waiting) > before

    def take(self) -> Waiting | None:
        """The oldest message that waits."""
        if not self._waiting:
            return None
        number, (data, time_ns) = self._waiting.popitem(last=False)
        if (value := _value_of(data)) is not None:
            if self._values.get(value) == number:
                del self._values[value]
        elif self._ends.get(note := _note_of(data)) == number:
            del self._ends[note]
        return data, time_ns

    def _make_room(self, data: bytes, ends: bool, note: bytes) -> bool:
        """Whether a message may come in although it is full."""
        if self._values and (ends or data[0] & 0xF0 == 0x90):
            value, number = next(iter(self._values.items()))
            self._remove(number, value)
            self.coalesced += 1
            return True
        # What ends a note that has been ended already, and not begun anew, says nothing.
        return ends and note not in self._ends

    def _begin(self, note: bytes) -> None:
        """What ended this before does not end it any more."""
        self._ends.pop(note, None)
        kind, channel = note[0] & 0xF0, note[0] & 0x0F
        if kind == 0x90 or (kind == 0xB0 and note[1] == _PEDAL):
            for control in _ENDING:
                self._ends.pop(bytes((0xB0 | channel, control)), None)
        elif note[0] in _STARTS:
            self._ends.pop(_STOP, None)

    def _remove(self, number: int, value: Value) -> None:
        del self._waiting[number]
        del self._values[value]


def _ends(data: bytes) -> bool:
    """Whether it ends something: a note, a pedal, all of a channel, or a sequencer's song."""
    match data[0] & 0xF0:
        case 0x80:
            return True
        case 0x90:
            return data[2] == 0
        case 0xB0:
            return data[1] in _ENDING or (data[1] == _PEDAL and data[2] < 64)
        case _:
            return data == _STOP


def _note_of(data: bytes) -> bytes:
    """What begins and ends: a note by channel and pitch, another message by its status and first byte."""
    kind = data[0] & 0xF0
    if kind in {0x80, 0x90}:
        return bytes((0x90 | data[0] & 0x0F, data[1]))
    return data[:2] if kind == 0xB0 else data[:1]


def _value_of(data: bytes) -> Value | None:
    """Which continuous controller this is a value of; None for everything else."""
    match data[0] & 0xF0:
        case 0xB0 if data[1] not in _SWITCHES:
            return data[0], data[1]
        case 0xA0:
            return data[0], data[1]
        case 0xD0 | 0xE0:
            return (data[0],)
        case _:
            return None
