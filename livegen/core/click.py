"""The click: a short note on every beat, another on the first of the bar, on a channel of its own."""

from __future__ import annotations

from collections.abc import Iterator

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.transport import Transport, grid_at_or_after

DOWNBEAT, BEAT = 76, 77
"""General MIDI's high and low wood block."""

_VELOCITY = {DOWNBEAT: 110, BEAT: 80}
_PULSES = 3
"""How long a click sounds."""


class Click:
    """Says when to click. Single-threaded; owned by the engine, which owns what sounds."""

    def __init__(self) -> None:
        self._next: int | None = None
        """The pulse of the next click; None while there are none."""
        self._clicked = -1
        """The pulse of the last."""
        self._off: tuple[int, NoteOff] | None = None
        """When the click that sounds ends."""

    def update(self, wanted: bool, channel: int, transport: Transport, now_ns: int) -> Iterator[tuple[int, NoteOn | NoteOff]]:
        """What is due by now with the time at which it is due, in order.

        Args:
            wanted: whether there is to be a click; what sounds ends in any case.
            channel: 0..15.
            transport: as the output sees it.
            now_ns: the time, monotonic.
        """
        if not wanted:
            self._next = None
        elif self._next is None or self._next > transport.pulse_at(now_ns) + PULSES_PER_BEAT:
            # Where a delay of the output grows or the tempo falls, what leaves may step back; a beat is clicked once.
            self._next = grid_at_or_after(max(transport.pulse_at(now_ns), self._clicked + 1), PULSES_PER_BEAT)
        while (due_ns := self.next_deadline_ns(transport)) is not None and due_ns <= now_ns:
            if self._off is not None and (self._next is None or self._off[0] <= self._next):
                yield due_ns, self._off[1]
                self._off = None
            elif self._next is not None:
                pitch = DOWNBEAT if self._next % (transport.beats_per_bar * PULSES_PER_BEAT) == 0 else BEAT
                yield due_ns, NoteOn(channel, pitch, _VELOCITY[pitch])
                self._off = self._next + _PULSES, NoteOff(channel, pitch)
                self._clicked = self._next
                self._next += PULSES_PER_BEAT

    def skip(self) -> None:
        """We did not run for a while: go on with the next beat."""
        self._next = None

    def silenced(self) -> None:
        """What sounds has been ended by somebody else."""
        self._off = None

    def next_deadline_ns(self, transport: Transport) -> int | None:
        """When `update` has something to do."""
        due = [pulse for pulse in (self._next, None if self._off is None else self._off[0]) if pulse is not None]
        return transport.ns_at(min(due)) if due else None
