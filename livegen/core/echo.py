"""The echo guard: tells our own notes, where they come back to our input, from the player's.

A DAW or a cable may bring back what we send, up to 200 ms later, on another channel and at another velocity. One note that
comes back says nothing, for players double notes; a run of them that all come after the same delay does. What was sent and
does not come back speaks against it, and whoever plays along leaves notes out, or is not as even as a machine.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other

WINDOW_NS = 250_000_000
"""An echo comes back within this: 200 ms and what it varies by."""

EVEN_NS = 12_000_000
"""So far from the others' delay, a copy still belongs to the same loop."""

EXACT_NS = 5_000_000
"""So near to it, it comes as a machine's would, and counts for more."""

CHORD_NS = 20_000_000
"""Notes that were sent within this are one piece of evidence: nobody doubles half a chord."""

EXACT, EVEN, MISSED, MOST = 3, 2, 4, 16
"""Points: for a copy after just that delay, for one near it, off for a note that does not come back; and the most there are."""

UNTOUCHED_LOOP, LOOP = 8, 11
"""So many points make a loop: of the agent's notes that come back untouched; of others, since players repeat their own."""

FASTEST_REPEAT_NS = 60_000_000
"""No hand repeats a key sooner: what comes back within this need not be even."""

ACQUITTED_NS = 60_000_000_000
"""A delay that turned out to be the player's own rhythm is not suspected again for so long."""

BURST, A_SECOND = 200, 1000
"""Played-through messages that may be copies, whatever the evidence: at once, and then a second, as on a MIDI cable."""

_STAMPED_NS = 1_000_000
"""So much before it was sent, by the times that both carry, a copy may seem to have come: we send what is due at its time."""

MOST_ALIKE = 32
"""Messages of one key that are kept: of a crowd of the same, the latest say enough."""

MOST_TAKEN = 1024
"""Keys whose last copy is remembered before those that are out of date are forgotten."""

Key = tuple[str | int | bytes, ...]
"""What of a message an echo keeps: all but channel and velocity."""

LineName = tuple[bool, int]
"""Whether of the agent's notes, and the channel on which they are sent."""


_MAY_RETURN = (NoteOn, NoteOff, Control, Other)


@dataclass(slots=True)
class _Sent:
    """One message that went out; `agent` where it was planned, not played through."""

    time_ns: int
    message: NoteOn | NoteOff | Control | Other
    agent: bool
    returned: bool = False


@dataclass(slots=True)
class _Line:
    """What speaks for a loop of what is sent on one channel."""

    delay_ns: float = 0.0
    points: int = 0
    loops: bool = False
    counted: dict[bool, tuple[int, Key]] = field(default_factory=dict)
    """The last that counted among the note-offs (True) and among the others: when it was sent, and what it was."""
    change: tuple[int, int] | None = None
    """Velocity of the last note that counted, as sent and as it came back."""
    acquitted: tuple[float, int] | None = None
    """A delay that is the player's own rhythm, and until when that is believed."""

    def fits(self, delay_ns: float, *, unplayable: bool = False) -> bool:
        """Whether a copy may belong to what came before; `unplayable`: sooner than a hand could, it does in any case."""
        even = abs(delay_ns - self.delay_ns) <= EVEN_NS
        return self.points > 0 and (even or (unplayable and max(delay_ns, self.delay_ns) < FASTEST_REPEAT_NS))

    def is_acquitted(self, delay_ns: int, now_ns: int) -> bool:
        return self.acquitted is not None and now_ns < self.acquitted[1] and abs(delay_ns - self.acquitted[0]) <= 2 * EVEN_NS

    def weaken(self) -> None:
        self.points = max(0, self.points - MISSED)
        self.loops = self.loops and self.points > 0


class EchoGuard:
    """Remembers what was sent lately, and recognises it. Single-threaded; owned by the engine.

    Note-offs are never taken away: one that belongs to no key of the player does nothing, and a lost one would hang.

    Attributes:
        found: how many loops have been found.
    """

    def __init__(self) -> None:
        self.found = 0
        self._sent: deque[_Sent] = deque()
        self._by_key: defaultdict[Key, deque[_Sent]] = defaultdict(deque)
        self._lines: defaultdict[LineName, _Line] = defaultdict(_Line)
        self._taken: dict[Key, tuple[int, LineName]] = {}
        """When a played-through note was last taken for a copy, and what spoke for it."""
        self._allowance = float(BURST)
        self._allowed_ns = 0

    @property
    def loops(self) -> bool:
        """Whether something comes back now, as far as it knows."""
        return any(line.loops for line in self._lines.values())

    def sent(self, message: Message, now_ns: int, *, agent: bool) -> None:
        """This goes out now; `agent` if it was planned."""
        if isinstance(message, _MAY_RETURN):
            self._forget(now_ns)
            item = _Sent(now_ns, message, agent)
            self._sent.append(item)
            alike = self._by_key[_key(message)]
            if len(alike) == MOST_ALIKE:
                # It speaks neither for a loop nor against one.
                alike.popleft().returned = True
            alike.append(item)

    def takes(self, message: NoteOn | NoteOff | Control | Other, now_ns: int, *, thru: bool, vital: bool = False) -> bool:
        """Whether an incoming message is a copy of ours, and not the player's.

        Args:
            message: what came in.
            now_ns: when, monotonic.
            thru: it would be passed on, and might come back again and again.
            vital: it ends something, and must not be taken away on mere suspicion of being one of too many.
        """
        self._forget(now_ns)
        key = _key(message)
        candidates = self._by_key.get(key, ())
        copied = self._match(candidates, message, now_ns)
        if isinstance(message, NoteOff):
            if copied is not None and copied.agent:
                self._count(copied, message, key, now_ns)
            return False
        if copied is None:
            self._contradict(key, now_ns)
        elif self._count(copied, message, key, now_ns) or self._passes_twice(copied, message, now_ns):
            if not copied.agent:
                self._take(key, copied, now_ns)
            return True
        return bool(candidates) and thru and not vital and not self._allow(now_ns)

    def _take(self, key: Key, copied: _Sent, now_ns: int) -> None:
        if len(self._taken) >= MOST_TAKEN:
            self._taken = {other: taken for other, taken in self._taken.items() if now_ns - taken[0] <= WINDOW_NS + EVEN_NS}
        self._taken[key] = now_ns, _line_name(copied)

    def _match(self, candidates: Iterable[_Sent], message: Message, now_ns: int) -> _Sent | None:
        """What it is most likely a copy of: what fits a loop, best if it has not come back yet, or the latest that has not."""
        best, best_rank = None, (False, False, 0)
        for item in candidates:
            if item.time_ns > now_ns + _STAMPED_NS:
                # What came before it was sent has waited for us, and is no copy of it.
                continue
            line = self._lines[_line_name(item)]
            fits = line.fits(now_ns - item.time_ns, unplayable=_same_channel(item, message))
            rank = (fits, not item.returned, item.time_ns)
            if (fits or not item.returned) and (best is None or rank > best_rank):
                best, best_rank = item, rank
        return best

    def _passes_twice(self, copied: _Sent, message: Message, now_ns: int) -> bool:
        """Whether it comes by a loop that is known: a second time, or on the channel to which that loop leads everything."""
        delay_ns = now_ns - copied.time_ns
        for line in (self._lines[_line_name(copied)], self._lines[False, _channel(message)]):
            if line.loops and line.fits(delay_ns, unplayable=_same_channel(copied, message)):
                copied.returned = True
                return True
        return False

    def _count(self, copied: _Sent, message: Message, key: Key, now_ns: int) -> bool:
        """Weigh one copy; whether it belongs to a loop."""
        line, delay_ns = self._lines[_line_name(copied)], now_ns - copied.time_ns
        ends, untouched = isinstance(message, NoteOff), message == copied.message
        if copied.returned or line.is_acquitted(delay_ns, now_ns):
            return False
        if not (copied.agent or _same_channel(copied, message)):
            # A keyboard may play each note on two channels. In a loop that leads to another, it comes by that once more.
            return False
        unplayable = untouched or not copied.agent
        fits = line.fits(delay_ns, unplayable=unplayable)
        if ends and not fits:
            return False
        played = copied.agent or delay_ns >= FASTEST_REPEAT_NS
        if not fits or (played and not _alike(line.change, copied.message, message)):
            if line.loops:
                return False
            line.weaken()
            if line.points:
                return False
            line.delay_ns, line.change = float(delay_ns), None
        copied.returned = True
        last_ns, last_key = line.counted.get(ends, (-WINDOW_NS, None))
        if copied.time_ns - last_ns > CHORD_NS or key == last_key or not line.points:
            line.counted[ends] = copied.time_ns, key
            exact = line.points > 0 and abs(delay_ns - line.delay_ns) <= EXACT_NS
            points = (EXACT if exact else EVEN) * (2 if copied.agent and untouched and not ends else 1)
            line.points = min(MOST, line.points + points)
        if isinstance(copied.message, NoteOn) and isinstance(message, NoteOn):
            line.change = copied.message.velocity, message.velocity
        line.delay_ns += (delay_ns - line.delay_ns) / 4
        if not line.loops and line.points >= (UNTOUCHED_LOOP if copied.agent and untouched else LOOP):
            line.loops = True
            self.found += 1
        return line.loops

    def _contradict(self, key: Key, now_ns: int) -> None:
        """What was taken for a copy comes again although nothing was sent: it is the player who repeats it so evenly."""
        taken_ns, name = self._taken.get(key, (0, (False, -1)))
        line = self._lines[name]
        if line.loops and line.delay_ns >= FASTEST_REPEAT_NS and line.fits(now_ns - taken_ns):
            self._lines[name] = _Line(acquitted=(line.delay_ns, now_ns + ACQUITTED_NS))

    def _forget(self, now_ns: int) -> None:
        """What is older than the window will not come back any more."""
        while self._sent and now_ns - self._sent[0].time_ns > WINDOW_NS:
            item = self._sent.popleft()
            key = _key(item.message)
            known = self._by_key.get(key)
            if known and known[0] is item:
                known.popleft()
                if not known:
                    del self._by_key[key]
            if not item.returned and not isinstance(item.message, NoteOff):
                self._lines[_line_name(item)].weaken()

    def _allow(self, now_ns: int) -> bool:
        """Whether one more that may be a copy is passed on: before a loop is known, and where it never can be."""
        self._allowance = min(float(BURST), self._allowance + (now_ns - self._allowed_ns) * A_SECOND / 1e9)
        self._allowed_ns = now_ns
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _key(message: Message) -> Key:
    # Not matched by pattern, which is slow: a mode message can end 128 notes at once, and each asks.
    if isinstance(message, NoteOn):
        return ("on", message.pitch)
    if isinstance(message, NoteOff):
        return ("off", message.pitch)
    if isinstance(message, Control):
        return ("control", message.control, message.value)
    if isinstance(message, Other):
        data = message.data
        return (data[0] & 0xF0 if data[0] < 0xF0 else data[0], data[1:])
    return ("time",)


def _channel(message: Message) -> int:
    match message:
        case NoteOn(channel) | NoteOff(channel) | Control(channel):
            return channel
        case Other(data) if data[0] < 0xF0:
            return data[0] & 0x0F
        case _:
            return -1


def _line_name(item: _Sent) -> LineName:
    return item.agent, _channel(item.message)


def _same_channel(item: _Sent, message: Message) -> bool:
    return _channel(item.message) == _channel(message)


def _alike(change: tuple[int, int] | None, sent: Message, message: Message) -> bool:
    """Whether a note's velocity came back changed as that of the one before; a hand is never so even."""
    if change is None or not (isinstance(sent, NoteOn) and isinstance(message, NoteOn)):
        return True
    was, became = change
    now, becomes = sent.velocity, message.velocity
    by_as_much = abs((became - was) - (becomes - now)) <= 1
    by_as_many_times = abs(became / was - becomes / now) <= 0.02
    return by_as_much or by_as_many_times or became == becomes or becomes >= 126
