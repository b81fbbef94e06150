"""Sending a MIDI clock: a tick at every pulse, with start, stop, song position and continue where they belong.

Every tick carries the time at which it is due, computed from its position, so no error adds up, and none is left out: who
counts them must come to the same beat as we do. Only after a long gap, when we did not run at all, the ticks that were missed
are not sent after: the followers stop, are told where the song is by now, and go on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import CLOCK, CONTINUE, START, STOP, Realtime, SongPosition
from livegen.core.transport import Transport, grid_at_or_after

Due = tuple[int, Realtime | SongPosition]
"""A message and the time at which it is due, monotonic ns."""

_HALF = Fraction(1, 2)
_PULSES_PER_SIXTEENTH = PULSES_PER_BEAT // 4
_POSITIONS = 1 << 14


class ClockOut:
    """What the followers have been told. Single-threaded; owned by the engine."""

    def __init__(self) -> None:
        self._next: int | None = None
        """The next pulse to be ticked; None while no clock is sent."""
        self._start: int | None = None
        """The bar line at which the followers are to start; None once they have been told, or must not be."""
        self._started = False
        self._song_from = 0
        """The pulse at which the followers' song has its beginning."""
        self._resume: int | None = None
        """The pulse from which the followers are to go on after a gap."""

    def update(self, sends: bool, runs: bool, transport: Transport, now_ns: int) -> Iterator[Due]:
        """What is to be sent by now, in order.

        Args:
            sends: whether a clock is wanted.
            runs: whether music is: without it the ticks go on, and the followers stop.
            transport: where the performance stands.
            now_ns: the time, monotonic.
        """
        if not sends:
            yield from self._stop(now_ns)
            self._next = None
            return
        if self._next is None:
            self._next = grid_at_or_after(transport.pulse_at(now_ns), 1)
        if not runs:
            yield from self._stop(now_ns)
        elif not self._started and self._start is None and self._resume is None:
            self._start = grid_at_or_after(self._next + 1, transport.beats_per_bar * PULSES_PER_BEAT)
        while (due_ns := self._due_ns(transport)) is not None and due_ns <= now_ns:
            if self._start is not None and self._next == self._start:
                self._start, self._started, self._song_from = None, True, self._next
                yield due_ns, Realtime(START)
            elif self._resume is not None and self._next == self._resume:
                self._resume, self._started = None, True
                yield due_ns, SongPosition((self._next - self._song_from) // _PULSES_PER_SIXTEENTH)
                yield due_ns, Realtime(CONTINUE)
            else:
                self._next += 1
                yield due_ns, Realtime(CLOCK)

    def count_in(self, begin: int, start: int, now_ns: int) -> Iterator[Due]:
        """The performance has gone to `begin`; the followers stop, and begin anew at bar line `start`."""
        yield from self._stop(now_ns)
        if self._next is not None:
            self._next, self._start = begin, start

    def moved(self, transport: Transport, song_pulse: int, now_ns: int) -> Iterator[Due]:
        """The performance has gone to another place, which is the song's pulse `song_pulse`: now the followers go there too."""
        if self._next is None:
            return
        yield from self._stop(now_ns)
        self._next, self._start, self._started = round(transport.pulse_at(now_ns)), None, True
        self._song_from = self._next - song_pulse
        sixteenths, beside = divmod(song_pulse, _PULSES_PER_SIXTEENTH)
        if song_pulse == 0:
            yield now_ns, Realtime(START)
        elif beside == 0 and sixteenths < _POSITIONS:
            yield now_ns, SongPosition(sixteenths)
            yield now_ns, Realtime(CONTINUE)
        else:
            # There is no way to say it: they wait for the next bar line.
            self._started = False

    def skip(self, transport: Transport, now_ns: int) -> Iterator[Due]:
        """We did not run for a while: leave out the ticks that were missed, and lead the followers to where the song is now."""
        if self._next is None or transport.pulse_at(now_ns) <= self._next:
            return
        goes_on, waited = self._started or self._resume is not None, self._start is not None
        yield from self._stop(now_ns)
        self._next = grid_at_or_after(transport.pulse_at(now_ns), 1)
        if waited:
            self._start = grid_at_or_after(self._next + 1, transport.beats_per_bar * PULSES_PER_BEAT)
        elif goes_on:
            # Half a pulse before its tick, which must not have passed.
            place = self._song_from % _PULSES_PER_SIXTEENTH
            resume = place + grid_at_or_after(self._next + 1 - place, _PULSES_PER_SIXTEENTH)
            # Beyond what a song position can say they start anew at the next bar line.
            self._resume = resume if (resume - self._song_from) // _PULSES_PER_SIXTEENTH < _POSITIONS else None

    def next_deadline_ns(self, transport: Transport) -> int | None:
        """When the next message is due; None while no clock is sent."""
        return self._due_ns(transport)

    def _due_ns(self, transport: Transport) -> int | None:
        if self._next is None:
            return None
        # A start goes out half a pulse before the tick that it speaks of.
        return transport.ns_at(self._next - _HALF if self._next in (self._start, self._resume) else self._next)

    def _stop(self, now_ns: int) -> Iterator[Due]:
        self._start = self._resume = None
        if self._started:
            self._started = False
            yield now_ns, Realtime(STOP)
