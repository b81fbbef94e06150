"""The player at the other end of the daemon's ports: on the system's MIDI ports if it has any, else on a cable in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Protocol

from livegen.core.errors import DeviceError
from livegen.core.midi import Message, encode
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import MemoryPeer
from livegen.devices.ports import INPUT_NAME, OUTPUT_NAME, InputPort, OutputPort
from livegen.devices.rtmidi_ports import RtMidiBackend

CLIENT = "livegen bench"

Heard = tuple[bytes, int]
"""A message and its time in ns: when it arrived at our port, or when it was put into the cable."""


class Player(Protocol):
    """One end of two ports. One thread owns it."""

    def send(self, message: Message) -> int:
        """Play a message; the time just before, ns.

        Raises:
            DeviceError: nobody is at the other end.
        """

    def receive(self, timeout_s: float) -> Heard | None:
        """The next message, or None if none comes in time."""

    def close(self) -> None:
        """Leave; idempotent."""


class MemoryPlayer:
    """A player on a cable; see `Player`. What it hears is stamped by who sent it."""

    def __init__(self, peer: MemoryPeer) -> None:
        self._peer = peer
        self._clock = MonotonicClock()

    def send(self, message: Message) -> int:
        """See `Player.send`."""
        time_ns = self._clock.now_ns()
        self._peer.send(encode(message))
        return time_ns

    def receive(self, timeout_s: float) -> Heard | None:
        """See `Player.receive`."""
        return self._peer.receive(timeout_s)

    def close(self) -> None:
        """See `Player.close`."""
        self._peer.close()


class PortPlayer:
    """A player on ports of the system; see `Player`. What it hears is stamped on arrival.

    Args:
        system: the MIDI system, as `midi_system` names it.
        plays_to: name of an input that is there.
        listens_to: name of an output that is there.

    Raises:
        DeviceError: one of them is not.
    """

    def __init__(self, system: str, plays_to: str = INPUT_NAME, listens_to: str = OUTPUT_NAME) -> None:
        self._clock = MonotonicClock()
        self._heard: SimpleQueue[Heard] = SimpleQueue()
        self._backend = RtMidiBackend(system, self._clock, CLIENT)
        self._in: InputPort | None = None
        self._out: OutputPort | None = None
        try:
            self._out = self._backend.open_output(plays_to)
            self._in = self._backend.open_input(
                listens_to, lambda data, time_ns: self._heard.put((data, time_ns)), lambda _: None
            )
        except DeviceError:
            self.close()
            raise

    def send(self, message: Message) -> int:
        """See `Player.send`."""
        if self._out is None:
            raise DeviceError("the player has left")
        data = encode(message)
        time_ns = self._clock.now_ns()
        self._out.send(data)
        return time_ns

    def receive(self, timeout_s: float) -> Heard | None:
        """See `Player.receive`."""
        try:
            return self._heard.get(timeout=timeout_s) if timeout_s > 0 else self._heard.get_nowait()
        except Empty:
            return None

    def close(self) -> None:
        """See `Player.close`."""
        for port in (self._in, self._out):
            if port is not None:
                port.close()
        self._in = self._out = None
        self._backend.close()


def taken(player: Player) -> Iterator[Heard]:
    """All that waits to be heard; does not block."""
    while (heard := player.receive(0.0)) is not None:
        yield heard


def midi_system(backend: str) -> str | None:
    """The MIDI system on which a daemon and a player can meet; None where there is none, and memory must do.

    Args:
        backend: one of `BACKENDS`; "auto" takes the first that works, if any.

    Raises:
        DeviceError: it was asked for by name and is not there, or another livegen plays on it.
    """
    if backend == "none" or os.name == "nt":
        return None
    probe = RtMidiBackend(backend, MonotonicClock(), CLIENT)
    try:
        names = (*probe.list_inputs(), *probe.list_outputs())
        system = probe.name
    except DeviceError:
        if backend != "auto":
            raise
        return None
    finally:
        probe.close()
    for name in names:
        if INPUT_NAME in name or OUTPUT_NAME in name:
            raise DeviceError(
                f"the port {name!r} belongs to a livegen that runs already: stop it, or measure with --backend none"
            )
    return system
