"""The performer's way out: the output port, and the shared record of what sounds on it."""

from __future__ import annotations

from livegen.core.errors import DeviceError
from livegen.core.ledger import Ledger, Owner
from livegen.core.listener import RESET_CONTROLLERS
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff, NoteOn, encode, release_all
from livegen.devices.ports import Backend, OutputPort, match_port


class Outlet:
    """Sends, and keeps the record true whatever fails. Single-threaded; belongs to the performer's owner thread.

    The record counts a note in before it goes out and out after its end has gone: whoever releases it for us then releases one
    too many rather than one too few. It does not tell owners apart: all is entered as generated.

    Args:
        backend: where the port is; None for no MIDI at all.
        pattern: of the port to play to, or None for our own virtual port.
        record: what sounds, in shared memory.
    """

    def __init__(self, backend: Backend | None, pattern: str | None, record: Ledger) -> None:
        self._backend = backend
        self._pattern = pattern
        self._record = record
        self._port: OutputPort | None = None
        self._to_lift: set[int] = set()
        """Channels whose pedal has come up, but the port was not told."""
        self.failed = 0

    @property
    def name(self) -> str:
        """The port's name, empty while there is none."""
        return "" if self._port is None else self._port.name

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
        sounding = list(self._record.sounding())
        if sounding:
            for data in release_all(sounding, sorted({channel for channel, _ in sounding})):
                self._port.send(data)
        self._record.clear()

    def drop_if_gone(self) -> None:
        """Close the port if it has gone, so that `open` can find it again."""
        if self._port is not None and not self._port.alive:
            self.close()

    def send(self, message: Message) -> bool:
        """Send one message; whether it went out. One that did not is counted in `failed`."""
        if isinstance(message, NoteOn) and not self._holds(message):
            self._record.add(Owner.GENERATED, message.channel, message.pitch)
        sent = self._sent(message)
        self._note_pedal(message, sent)
        if not sent:
            self.failed += 1
            return False
        if isinstance(message, NoteOff):
            self._record.remove(Owner.GENERATED, message.channel, message.pitch)
        return True

    def _note_pedal(self, message: Message, sent: bool) -> None:
        if not isinstance(message, Control) or message.control not in {SUSTAIN, RESET_CONTROLLERS}:
            return
        comes_up = message.control == RESET_CONTROLLERS or message.value < 64
        if comes_up and not sent:
            self._to_lift.add(message.channel)
        else:
            self._to_lift.discard(message.channel)

    def _sent(self, message: Message) -> bool:
        if self._port is None:
            return False
        try:
            self._port.send(encode(message))
        except DeviceError:
            return False
        return True

    def mend(self, wanted: Ledger) -> None:
        """End notes that are on record but not wanted, and lift pedals: the driver has refused their end for a moment."""
        if self._port is None:
            return
        for channel in sorted(self._to_lift):
            self.send(Control(channel, SUSTAIN, 0))
        for channel, pitch in set(self._record.sounding()) - set(wanted.sounding()):
            self.send(NoteOff(channel, pitch))

    def close(self) -> None:
        """Close the port; idempotent. What sounds stays on record."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _holds(self, message: NoteOn) -> bool:
        return self._record.holds(Owner.GENERATED, message.channel, message.pitch)
