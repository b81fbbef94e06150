"""Open ports of a driver's client: python-rtmidi's MidiIn and MidiOut, made by `rtmidi_ports`, behind the port protocol.

A client is used, closed and deleted here only while its server is known to live; why is told in `rtmidi_ports`.
"""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from livegen.core.errors import DeviceError, InputError
from livegen.core.midi import parse
from livegen.devices.delivery import Delivery
from livegen.devices.jack_watch import JackWatch, RingGate
from livegen.devices.ports import PortCounts

DRIVER_ERRORS: Final = (OSError, RuntimeError, ValueError)
"""What python-rtmidi raises; its RtMidiError is an OSError."""

_SETTLE_S: Final = 0.01
_JACK_BURST_BYTES: Final = 1536  # 800 notes at once always arrived, 1100 lost some at receivers that run Python
_OTHER_BURST_BYTES: Final = 768  # half of the 500 events that an ALSA client's pool holds


_jack_inputs: Final[set[DriverInput]] = set()
"""Those of this process that are open; of the thread that opens and closes."""


class Life:
    """Whether a port is still there: its server, and the port at the other end if there is one."""

    def __init__(self, watch: JackWatch | None, list_ports: Callable[[], Sequence[str]], target: str | None) -> None:
        self.watch = watch
        self._list_ports = list_ports
        self._target = target

    @property
    def alive(self) -> bool:
        """The server moves and still shows our counterpart; about 0.02 ms."""
        if self.watch is not None and not self.watch.alive:
            return False
        return self._target is None or self._target in self._list_ports()


class ListingClients:
    """A client of each kind, kept to list ports with: a fresh one costs 43 ms, a look 0.02 ms. For systems other than JACK.

    Args:
        make: makes a client, MidiIn or MidiOut.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._in = make("MidiIn")
        self._out = make("MidiOut")

    def list_inputs(self) -> tuple[str, ...]:
        """Ports that can be listened to; none once closed."""
        return () if self._in.is_deleted else tuple(self._in.get_ports())

    def list_outputs(self) -> tuple[str, ...]:
        """Ports that can be played to; none once closed."""
        return () if self._out.is_deleted else tuple(self._out.get_ports())

    def close(self) -> None:
        """Delete the clients."""
        for client in (self._in, self._out):
            if not client.is_deleted:
                dispose(client, None)


class DriverInput:
    """An open input; see `InputPort`. Made by `RtMidiBackend.open_input`."""

    def __init__(self, client: Any, name: str, delivery: Delivery, life: Life) -> None:
        self._client = client
        self._name = name
        self._delivery = delivery
        self._life = life
        # The driver's thread waits for the GIL with a pointer to a pair that the client refers to, our callback and its data.
        # python-rtmidi frees it when a callback is cancelled or a port closed, and it may be a stranger's pair by then.
        self._pinned = gc.get_referents(client)
        if life.watch is not None:
            _jack_inputs.add(self)

    @property
    def name(self) -> str:
        """`livegen in`, or the port that we listen to."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether messages can still arrive; about 0.02 ms."""
        return self._client is not None and self._life.alive

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        return self._delivery.counts

    def close(self) -> None:
        """Stop delivering, then free the port; idempotent; 15 ms and on JACK three cycles, 0.5 s when it is frozen."""
        client, self._client = self._client, None
        if client is None:
            return
        _jack_inputs.discard(self)
        self._delivery.cancel()
        if self._life.watch is None:  # on JACK, closing the port cancels it at rest
            client.cancel_callback()
        dispose(client, self._life.watch)
        self._pinned.clear()

    def hush(self) -> None:
        """Let the driver keep what arrives until `resume`, so that its thread doesn't wait for the GIL; at rest only.

        A JACK server that waits for its clients (`-S`) waits for such a thread too, while we hold the GIL and wait for that
        server: to open or close a port beside a busy input would take seconds.
        """
        self._client.cancel_callback()

    def resume(self) -> None:
        """Deliver on this thread what was kept, and let the driver's thread go on; at rest only, or a message stays behind."""
        while (event := self._client.get_message()) is not None:
            self._delivery.deliver(bytes(event[0]))
        listen(self._client, self._delivery)
        self._pinned = gc.get_referents(self._client)


class DriverOutput:
    """An open output; see `OutputPort`. Made by `RtMidiBackend.open_output`; one thread sends and closes."""

    def __init__(self, client: Any, name: str, life: Life) -> None:
        self._client = client
        self._name = name
        self._life = life
        self._gate = RingGate(life.watch) if life.watch is not None else None
        self._passed = 0
        self._refused = 0
        self._failed = 0

    @property
    def name(self) -> str:
        """`livegen out`, or the port that we play to."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether a send has a chance; about 0.02 ms."""
        return self._client is not None and self._life.alive

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        return PortCounts(self._passed, self._refused, self._failed)

    @property
    def max_burst_bytes(self) -> int:
        """MIDI bytes that may be sent at once; on JACK at once means within one period."""
        return _JACK_BURST_BYTES if self._gate is not None else _OTHER_BURST_BYTES

    @property
    def drained(self) -> bool:
        """See `OutputPort.drained`; on JACK after two cycles. Any other system takes a message at once."""
        return self._gate is None or self._gate.drained

    def send(self, data: bytes) -> None:
        """See `OutputPort.send`; about 3 us. On JACK it waits up to three periods (50..250 ms) when the ring may be full."""
        try:
            parse(data)
        except InputError:
            self._refused += 1
            raise
        try:
            self._hand_over(data)
        except DeviceError:
            self._failed += 1
            raise
        self._passed += 1

    def close(self) -> None:
        """Free the port; idempotent; 15 ms and on JACK three cycles, 0.5 s when it is frozen."""
        client, self._client = self._client, None
        if client is not None:
            dispose(client, self._life.watch)

    def _hand_over(self, data: bytes) -> None:
        """Call the driver when it is known to take the bytes, and translate its errors."""
        if self._client is None:
            raise DeviceError(f"the MIDI output {self._name!r} is closed")
        if self._gate is not None:
            self._gate.admit(len(data))
        try:
            self._client.send_message(data)
        except DRIVER_ERRORS as error:
            raise DeviceError(f"the MIDI output {self._name!r} refuses to send: {error}") from error


def listen(client: Any, delivery: Delivery) -> None:
    """Let the driver's thread deliver what a MidiIn receives."""
    client.set_callback(lambda event, _: delivery.deliver(bytes(event[0])))


@contextmanager
def at_rest(watch: JackWatch | None) -> Iterator[None]:
    """Open or delete JACK clients between two cycles, while what our inputs receive waits; for other systems, do it at once.

    Raises:
        DeviceError: no cycle begins, since the server is dead or frozen.
    """
    if watch is None:
        yield
        return
    if not watch.rest():
        raise DeviceError("the JACK server does not move: it has gone or is frozen; restart it if it stays so")
    inputs = tuple(_jack_inputs)
    for port in inputs:
        port.hush()
    try:
        yield
    finally:
        watch.rest()
        for port in inputs:
            port.resume()


def dispose(client: Any, watch: JackWatch | None) -> None:
    """Delete a client (5 ms, with the GIL held), or abandon it when its JACK server is dead or frozen.

    Blocks 10 ms more, and on JACK for three cycles.
    """
    try:
        with at_rest(watch):
            _delete(client, watch)
    except DeviceError:
        # Deleting would take 1 s, or crash once libjack has cleaned up: a reference that is never given back prevents it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))


def _delete(client: Any, watch: JackWatch | None) -> None:
    """Delete a client at rest.

    Raises:
        DeviceError: its server has died or frozen meanwhile.
    """
    if watch is not None:
        # Deleting cancels the client's thread wherever it is, be it inside malloc or where it waits for the GIL: then the heap
        # is spoilt, or the GIL is never free again. Without a port that thread has nothing to do.
        client.close_port()
    # Let pass what deleting would race with: a callback that waits for the GIL, which deleting holds while it joins that
    # callback's thread; and libjack's notifications of earlier changes, which walk the list of ports that deleting changes.
    time.sleep(_SETTLE_S)
    if watch is not None and not watch.rest():
        raise DeviceError("the JACK server has gone while a port was closed")
    client.delete()
