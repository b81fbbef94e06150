"""The performer's way out: the output port, what waits for it, and the shared record of what sounds on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from livegen.core.errors import DeviceError
from livegen.core.ledger import Ledger, Owner
from livegen.core.listener import RESET_CONTROLLERS
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff, NoteOn, encode, parse, release_all
from livegen.core.pacing import Pacer
from livegen.core.watchdog import SecondOffs
from livegen.devices.ports import Backend, OutputPort, match_port

CLOSING_NS = 100_000_000
"""What waits when the port is closed has so long to go out at the port's pace; then it goes out at once."""

DRAIN_NS = 30_000_000_000
"""How long a system may stand still at the end. JACK does for ten times its client timeout for each client that was killed,
and the supervisor, whose death is one of our reasons to end, has two."""

STILL_NS = 100_000_000
"""A system that takes longer for a few messages has stood still."""

_AGAIN_S = 0.25
_STEP_S = 0.001


class Outlet:
    """Sends, and keeps the record true whatever fails. Single-threaded; belongs to the performer's owner thread.

    The record counts a note in before it goes out and out after the system has taken its end: whoever releases it for us then
    releases one too many rather than one too few. It does not tell owners apart: all is entered as generated.

    Args:
        backend: where the port is; None for no MIDI at all.
        pattern: of the port to play to, or None for our own virtual port.
        record: what sounds, in shared memory.
        now_ns: the clock.
    """

    def __init__(self, backend: Backend | None, pattern: str | None, record: Ledger, now_ns: Callable[[], int]) -> None:
        self._backend = backend
        self._pattern = pattern
        self._record = record
        self._now_ns = now_ns
        self._port: OutputPort | None = None
        self._pacer = Pacer(1, now_ns())
        self._second_offs = SecondOffs()
        self._paced_before = 0
        self._ending: set[tuple[int, int]] = set()
        """Channel and pitch of notes on record whose end was sent, and may not have been taken."""
        self._to_lift: set[int] = set()
        """Channels whose pedal has come up, but the port was not told."""
        self.failed = 0
        self.repeated = 0
        """Note-offs that were said a second time, in case the first was lost."""

    @property
    def name(self) -> str:
        """The port's name, empty while there is none."""
        return "" if self._port is None else self._port.name

    @property
    def paced(self) -> int:
        """Messages that had to wait because the port takes only so many at once."""
        return self._paced_before + self._pacer.paced

    @property
    def waiting(self) -> int:
        """Messages that wait now."""
        return len(self._pacer)

    def open(self) -> None:
        """Open the port and end what a killed predecessor, or a port that had gone, has left sounding; nothing if it is open.

        Raises:
            DeviceError: the port is not there, or went again at once; what was left is still on record.
        """
        if self._port is not None or self._backend is None:
            return
        if self._pattern is not None:
            # A look at the list is cheap; a client that is made in vain stops the owner thread for 40 ms.
            match_port(self._pattern, self._backend.list_outputs(), "output")
        self._port = self._backend.open_output(self._pattern)
        self._paced_before += self._pacer.paced
        self._pacer = Pacer(self._port.max_burst_bytes, self._now_ns())
        for data in self._leftovers():
            message = parse(data)
            if self._pacer.admit(message, self._now_ns()):
                self._port.send(data)
            else:
                self._pacer.wait(message)
        self._ending.clear()
        if not self.waiting:
            self._record.clear()

    def _leftovers(self) -> list[bytes]:
        sounding = list(self._record.sounding())
        return release_all(sounding, sorted({channel for channel, _ in sounding})) if sounding else []

    def drop_if_gone(self) -> None:
        """Close the port if it has gone, so that `open` can find it again."""
        if self._port is not None and not self._port.alive:
            self.failed += self.waiting
            for message in self._pacer.drain():
                self._note_pedal(message, sent=False)
            self.close()

    def send(self, message: Message) -> bool:
        """Send one message, or let it wait for its turn; whether it will go out. One that will not is counted in `failed`."""
        if self._port is None:
            self._note_pedal(message, sent=False)
            self.failed += 1
            return False
        if self._pacer.admit(message, self._now_ns()):
            self._enter(message)
            return self._sent(message)
        if not self._pacer.wait(message):
            self.failed += 1
            return False
        self._enter(message)
        return True

    def flush(self) -> None:
        """Send what has waited for its turn."""
        while (message := self._pacer.next(self._now_ns())) is not None:
            self._sent(message)
        self._strike_off()

    def _strike_off(self) -> None:
        """What has ended is struck off the record, once its end cannot be lost with us."""
        if self._ending and self._port is not None and self._port.drained:
            for channel, pitch in self._ending:
                self._record.remove(Owner.GENERATED, channel, pitch)
            self._ending.clear()

    def next_deadline_ns(self) -> int | None:
        """When `flush` has something to send; None while nothing waits."""
        return self._pacer.next_deadline_ns()

    def _enter(self, message: Message) -> None:
        """Write down that a note is about to begin."""
        if isinstance(message, NoteOn):
            self._second_offs.began(message.channel, message.pitch)
            self._ending.discard((message.channel, message.pitch))
            if not self._record.holds(Owner.GENERATED, message.channel, message.pitch):
                self._record.add(Owner.GENERATED, message.channel, message.pitch)

    def _note_pedal(self, message: Message, *, sent: bool) -> None:
        if not isinstance(message, Control) or message.control not in {SUSTAIN, RESET_CONTROLLERS}:
            return
        comes_up = message.control == RESET_CONTROLLERS or message.value < 64
        if comes_up and not sent:
            self._to_lift.add(message.channel)
        else:
            self._to_lift.discard(message.channel)

    def _sent(self, message: Message) -> bool:
        sent = self._passed_on(message)
        self._note_pedal(message, sent=sent)
        if not sent:
            self.failed += 1
            return False
        if isinstance(message, NoteOff):
            if not self._pacer.begins(message.channel, message.pitch):
                self._ending.add((message.channel, message.pitch))
                self._strike_off()
            self._second_offs.ended(message.channel, message.pitch, self._now_ns())
        return True

    def _passed_on(self, message: Message) -> bool:
        if self._port is None:
            return False
        try:
            self._port.send(encode(message))
        except DeviceError:
            return False
        return True

    def mend(self, wanted: Ledger) -> None:
        """End what is on record but not wanted, lift pedals: the driver refused it. And say again what it may have lost."""
        if self._port is None:
            return
        for channel in sorted(self._to_lift):
            self.send(Control(channel, SUSTAIN, 0))
        for channel, pitch in set(self._record.sounding()) - set(wanted.sounding()) - self._ending:
            if not self._pacer.ends(channel, pitch):
                self.send(NoteOff(channel, pitch))
        if self.waiting:
            return
        for channel, pitch in self._second_offs.due(self._now_ns()):
            if not self._record.holds(Owner.GENERATED, channel, pitch) and self._sent(NoteOff(channel, pitch)):
                self.repeated += 1
                self._second_offs.began(channel, pitch)

    def drain(self, last: Sequence[Message], *, doubtful: bool) -> None:
        """Wait until the system has taken what was sent; at most about `DRAIN_NS`.

        Args:
            last: what has been sent to end everything. It is sent again, and so are all note-offs of the last moments, for as
                long as the system stands still now and then: whoever is to hear them may not be running meanwhile, and what it
                does not hear is lost.
            doubtful: they are sent again once in any case.
        """
        again = [*(NoteOff(*note) for note in self._second_offs.waiting()), *last]
        until_ns = self._now_ns() + DRAIN_NS
        while (not self._taken_at_once(until_ns) or doubtful) and self._now_ns() < until_ns:
            doubtful = False
            time.sleep(_AGAIN_S)
            for message in again:
                self.send(message)

    def _taken_at_once(self, until_ns: int) -> bool:
        """Wait until what was sent is taken; whether that was soon."""
        began_ns = self._now_ns()
        while self._port is not None and self._now_ns() < until_ns:
            self.flush()
            if self._port.drained and not self.waiting:
                self._strike_off()
                break
            time.sleep(_STEP_S)
        return self._now_ns() - began_ns < STILL_NS

    def close(self) -> None:
        """Close the port; idempotent. What waits goes out first, within about `CLOSING_NS`; what sounds stays on record."""
        if self._port is None:
            return
        until_ns = self._now_ns() + CLOSING_NS
        while self.waiting and self._port.alive and self._now_ns() < until_ns:
            self.flush()
            if self.waiting:
                time.sleep(_STEP_S)
        for message in self._pacer.drain():
            self._sent(message)
        self._second_offs.clear()
        self._ending.clear()
        self._port.close()
        self._port = None
