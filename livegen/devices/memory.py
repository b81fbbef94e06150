"""In-memory MIDI: a cable between the daemon and a player in the same process or in the one that started it.

`livegen demo`, the simulated rig and most tests play through it. A never-read cable fills up and then refuses; it
does not block.
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import wait
from typing import Final

from livegen.core.errors import DeviceError, InputError
from livegen.core.midi import parse
from livegen.devices.cable import FRAME_BYTES, WINDOW_BYTES, End, Receiver, Sender, direction
from livegen.devices.clock import Clock, MonotonicClock
from livegen.devices.delivery import Delivery
from livegen.devices.ports import INPUT_NAME, OUTPUT_NAME, OnError, OnMessage, PortCounts, match_port

PLAYER_OUT: Final = "player out"
"""The player's output, which the daemon can listen to."""

PLAYER_IN: Final = "player in"
"""The player's input, which the daemon can play to."""

_BURST_BYTES: Final = WINDOW_BYTES // (3 + FRAME_BYTES) * 3 // 2
_JOIN_S: Final = 1.0


class MemoryBackend:
    """The daemon's end of a cable: a MIDI system with one player. Made by `memory_cable`; see `Backend`.

    It can be passed to a spawned process as an argument of `Process`, before any port is opened; the parent then calls `close`
    on its own copy, so that the player notices when the daemon dies. One input and one output may be open at a time.
    """

    def __init__(self, inward: End, outward: End, clock: Clock) -> None:
        self._parts = (inward, outward, clock)
        self._clock = clock
        self._receiver = Receiver(inward)
        self._sender = Sender(outward, clock)
        self._input: MemoryInput | None = None
        self._output: MemoryOutput | None = None
        self._closed = False

    def __reduce__(self) -> tuple[type[MemoryBackend], tuple[object, ...]]:
        """Cross to a spawned process: the pipes travel, open ports do not."""
        return (MemoryBackend, self._parts)

    @property
    def name(self) -> str:
        """Always "memory"."""
        return "memory"

    @property
    def connected(self) -> bool:
        """Whether the player's end is there, as far as reading and sending have told."""
        return not (self._closed or self._receiver.broken or self._sender.broken)

    def list_inputs(self) -> tuple[str, ...]:
        """The player's output, while it is there; does not block."""
        return (PLAYER_OUT,) if self.connected else ()

    def list_outputs(self) -> tuple[str, ...]:
        """The player's input, while it is there; does not block."""
        return (PLAYER_IN,) if self.connected else ()

    def open_input(self, pattern: str | None, on_message: OnMessage, on_error: OnError) -> MemoryInput:
        """See `Backend.open_input`; starts the thread that delivers. Virtual or not, it is the same cable."""
        name = INPUT_NAME if pattern is None else match_port(pattern, self.list_inputs(), "input")
        if self._closed or (self._input is not None and self._input.is_open):
            raise DeviceError(f"cannot open {name!r}: the memory cable {'is closed' if self._closed else 'has an open input'}")
        self._input = MemoryInput(name, self._receiver, Delivery(on_message, on_error, self._clock), self)
        return self._input

    def open_output(self, pattern: str | None) -> MemoryOutput:
        """See `Backend.open_output`."""
        name = OUTPUT_NAME if pattern is None else match_port(pattern, self.list_outputs(), "output")
        if self._closed or (self._output is not None and self._output.is_open):
            raise DeviceError(f"cannot open {name!r}: the memory cable {'is closed' if self._closed else 'has an open output'}")
        self._output = MemoryOutput(name, self._sender, self)
        return self._output

    def close(self) -> None:
        """Close the ports and this end of the cable; idempotent; at most a second."""
        self._closed = True
        for port in (self._input, self._output):
            if port is not None:
                port.close()
        for connection in (self._parts[0].connection, self._parts[1].connection):
            connection.close()


class MemoryInput:
    """The daemon's input; see `InputPort`. Its own thread reads and calls back."""

    def __init__(self, name: str, receiver: Receiver, delivery: Delivery, backend: MemoryBackend) -> None:
        self._name = name
        self._receiver = receiver
        self._delivery = delivery
        self._backend = backend
        self._wake_in, self._wake_out = multiprocessing.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._run, name=f"memory {name}", daemon=True)
        self.is_open = True
        self._thread.start()

    @property
    def name(self) -> str:
        """`livegen in`, or the player's output."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether messages can still arrive; does not block."""
        return self.is_open and self._backend.connected

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        return self._delivery.counts

    def close(self) -> None:
        """Stop delivering and join the thread; idempotent; at most a second. What was not read stays in the cable."""
        if not self.is_open:
            return
        self.is_open = False
        self._delivery.cancel()
        self._wake_out.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        """Deliver until `close`, or until the player has gone, which is reported."""
        with self._wake_in:
            while self.is_open:
                ready = wait([self._receiver.connection, self._wake_in])
                if self._wake_in in ready:
                    return
                try:
                    data, _ = self._receiver.read()
                except DeviceError as error:
                    self._delivery.report(error)
                    return
                self._delivery.deliver(data)


class MemoryOutput:
    """The daemon's output; see `OutputPort`."""

    def __init__(self, name: str, sender: Sender, backend: MemoryBackend) -> None:
        self._name = name
        self._sender = sender
        self._backend = backend
        self._passed = 0
        self._refused = 0
        self._failed = 0
        self.is_open = True

    @property
    def name(self) -> str:
        """`livegen out`, or the player's input."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether a send has a chance; does not block."""
        return self.is_open and self._backend.connected

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        return PortCounts(self._passed, self._refused, self._failed)

    @property
    def max_burst_bytes(self) -> int:
        """MIDI bytes that half a window holds as three-byte messages."""
        return _BURST_BYTES

    def send(self, data: bytes) -> None:
        """See `OutputPort.send`; never blocks."""
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

    @property
    def drained(self) -> bool:
        """True: what was sent is in the cable."""
        return True

    def close(self) -> None:
        """Stop taking messages; idempotent, does not block. The cable itself stays, for a port opened later."""
        self.is_open = False

    def _hand_over(self, data: bytes) -> None:
        """Write to the cable, while the port is open."""
        if not self.is_open:
            raise DeviceError(f"the MIDI output {self._name!r} is closed")
        self._sender.send(data)


class MemoryPeer:
    """The player's end of a cable. One thread at a time may send, one may receive."""

    def __init__(self, inward: End, outward: End, clock: Clock) -> None:
        self._receiver = Receiver(inward)
        self._sender = Sender(outward, clock)
        self._connections = (inward.connection, outward.connection)
        self._arrived: list[tuple[bytes, int]] = []

    def send(self, data: bytes) -> None:
        """Play bytes into the daemon, legal MIDI or not; never blocks.

        Raises:
            DeviceError: the daemon has gone, or does not read.
        """
        self._sender.send(data)

    def receive(self, timeout: float) -> tuple[bytes, int] | None:
        """Wait up to `timeout` seconds for the next message; with the daemon's time of sending in ns. None when none came.

        Raises:
            DeviceError: the daemon has gone and nothing is left to read.
        """
        if not self._connections[0].closed and not self._connections[0].poll(timeout):
            return None
        item = self._receiver.read()
        self._arrived.append(item)
        return item

    def arrived(self) -> tuple[tuple[bytes, int], ...]:
        """All that has arrived since the start, with the daemon's times in ns; reads what waits, does not block."""
        try:
            while self.receive(0.0) is not None:
                pass
        except DeviceError:
            pass  # the daemon has gone: what it had sent has been read
        return tuple(self._arrived)

    def close(self) -> None:
        """Unplug; the daemon notices. Idempotent."""
        for connection in self._connections:
            connection.close()


def memory_cable(clock: Clock | None = None) -> tuple[MemoryBackend, MemoryPeer]:
    """Make a cable: the daemon's end and the player's end. Starts no thread.

    Args:
        clock: stamps both ends; the monotonic clock when None, which compares across processes.
    """
    clock = clock or MonotonicClock()
    daemon_reads, player_writes = direction()
    player_reads, daemon_writes = direction()
    return MemoryBackend(daemon_reads, daemon_writes, clock), MemoryPeer(player_reads, player_writes, clock)
