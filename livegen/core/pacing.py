"""Pacing: what a port cannot take at once goes out over the next milliseconds, in order, and nothing is lost.

Drivers lose what comes in too large a burst, without an error. Until a burst is full, everything goes out at once.
"""

from __future__ import annotations

from collections import Counter, deque

from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other, Realtime, SongPosition

REFILL_NS = 40_000_000
"""A whole burst may go out again after this: in the longest period that is usual (21 ms), half as much once more."""

LIMIT = 8192
"""Messages that wait; beyond that a note-on is refused, and nothing else."""

STEP_NS = 1_000_000
"""What waits is sent in steps of at least this."""

Note = tuple[int, int]
"""Channel and pitch."""


class Pacer:
    """Says when each message may go out. Single-threaded; time is monotonic ns.

    Args:
        burst_bytes: what the port takes at once, at least 1.
        now_ns: the time; nothing has been sent lately.

    Attributes:
        paced: messages that had to wait.
    """

    def __init__(self, burst_bytes: int, now_ns: int) -> None:
        self.paced = 0
        self._burst = float(burst_bytes)
        self._room = float(burst_bytes)
        self._room_ns = now_ns
        self._clock: deque[Message] = deque()
        self._offs: deque[Message] = deque()
        """Note-offs that nothing in `_rest` must go before."""
        self._rest: deque[Message] = deque()
        self._begins: Counter[Note] = Counter()
        self._ends: Counter[Note] = Counter()
        self._turns: Counter[int] = Counter()
        """Note-ons and note-offs that wait, by note, and controllers and the like, by channel."""

    def __len__(self) -> int:
        return len(self._clock) + len(self._offs) + len(self._rest)

    def admit(self, message: Message, now_ns: int) -> bool:
        """Whether a message may go out at once; it is counted as sent then. Nothing overtakes what waits."""
        if len(self) or not self._has_room(now_ns):
            return False
        self._room -= size_of(message)
        return True

    def wait(self, message: Message) -> bool:
        """Queue a message that may not go out yet; False where it is refused.

        The clock goes before everything but the clock. A note-off goes before what waits of other notes, since what ends makes
        room for what begins, unless a controller of its channel stands before it. Everything else keeps its order.
        """
        match message:
            case Realtime() | SongPosition():
                self._clock.append(message)
            case NoteOff(channel, pitch) if not (self._begins[channel, pitch] or self._turns[channel]):
                self._offs.append(message)
            case NoteOn() if len(self) >= LIMIT:
                return False
            case _:
                self._rest.append(message)
        self._note(message, 1)
        self.paced += 1
        return True

    def next(self, now_ns: int) -> Message | None:
        """Take out the next message that may go out now."""
        queue = self._clock or self._offs or self._rest
        if not queue or not self._has_room(now_ns):
            return None
        message = queue.popleft()
        self._note(message, -1)
        self._room -= size_of(message)
        return message

    def next_deadline_ns(self) -> int | None:
        """When `next` has something to give; None while nothing waits."""
        if not len(self):
            return None
        return self._room_ns + max(STEP_NS, round((1.0 - self._room) * REFILL_NS / self._burst) + 1)

    def begins(self, channel: int, pitch: int) -> bool:
        """Whether a note-on for this note waits."""
        return self._begins[channel, pitch] > 0

    def ends(self, channel: int, pitch: int) -> bool:
        """Whether a note-off for this note waits."""
        return self._ends[channel, pitch] > 0

    def drain(self) -> list[Message]:
        """Take out all that waits but the notes that would only begin: what is still to be sent before the end."""
        left = [message for queue in (self._clock, self._offs, self._rest) for message in queue]
        for queue in (self._clock, self._offs, self._rest, self._begins, self._ends, self._turns):
            queue.clear()
        return [message for message in left if not isinstance(message, NoteOn)]

    def _has_room(self, now_ns: int) -> bool:
        # A message longer than a burst goes out when there is room for any, and is made up for after it.
        self._room = min(self._burst, self._room + (now_ns - self._room_ns) * self._burst / REFILL_NS)
        self._room_ns = now_ns
        return self._room >= 1.0

    def _note(self, message: Message, change: int) -> None:
        match message:
            case NoteOn(channel, pitch):
                self._begins[channel, pitch] += change
            case NoteOff(channel, pitch):
                self._ends[channel, pitch] += change
            case Control(channel):
                self._turns[channel] += change
            case Other(data) if data[0] < 0xF0:
                self._turns[data[0] & 0x0F] += change


def size_of(message: Message) -> int:
    """Bytes on the wire."""
    match message:
        case Other(data):
            return len(data)
        case Realtime():
            return 1
        case _:
            return 3
