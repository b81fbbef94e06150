"""The same rig over every MIDI system: our backend on one side, somebody else's ports on the other."""

from __future__ import annotations

import queue
import time
from typing import Any, Protocol

import rtmidi
from support.jack import JackServer

from livegen.devices.clock import MonotonicClock
from livegen.devices.driver_ports import dispose
from livegen.devices.memory import PLAYER_IN, PLAYER_OUT, memory_cable
from livegen.devices.ports import Backend, InputPort, OutputPort
from livegen.devices.rtmidi_ports import RtMidiBackend

WAIT_S = 5.0


class Ears:
    """An on_message and on_error pair that keeps everything in queues."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[tuple[bytes, int]] = queue.SimpleQueue()
        self.errors: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def on_message(self, data: bytes, time_ns: int) -> None:
        self.messages.put((data, time_ns))

    def on_error(self, error: Exception) -> None:
        self.errors.put(error)

    def next(self) -> tuple[bytes, int]:
        return self.messages.get(timeout=WAIT_S)

    def silent(self) -> bool:
        """Nothing has come; for use after something later has been seen to arrive."""
        return self.messages.empty()


class Rig(Protocol):
    backend: Backend
    far_output: str
    far_input: str

    def open_input(self, ears: Any, pattern: str | None = None) -> InputPort: ...
    def open_output(self, pattern: str | None = None) -> OutputPort: ...
    def play(self, data: bytes) -> None: ...
    def heard(self) -> bytes: ...
    def unplug(self) -> None: ...
    def visible_names(self) -> list[str]: ...
    def close(self) -> None: ...


class MemoryRig:
    far_output = PLAYER_OUT
    far_input = PLAYER_IN

    def __init__(self) -> None:
        self.backend, self._peer = memory_cable()
        self._names: list[str] = []

    def open_input(self, ears: Any, pattern: str | None = None) -> InputPort:
        port = self.backend.open_input(pattern, ears.on_message, ears.on_error)
        self._names.append(port.name)
        return port

    def open_output(self, pattern: str | None = None) -> OutputPort:
        port = self.backend.open_output(pattern)
        self._names.append(port.name)
        return port

    def play(self, data: bytes) -> None:
        self._peer.send(data)

    def heard(self) -> bytes:
        item = self._peer.receive(WAIT_S)
        if item is None:
            raise queue.Empty
        return item[0]

    def unplug(self) -> None:
        self._peer.close()

    def visible_names(self) -> list[str]:
        return self._names

    def close(self) -> None:
        self.backend.close()
        self._peer.close()


class JackRig:
    """The other side is plain python-rtmidi, which sends anything, legal or not."""

    far_output = "far-out:far output"
    far_input = "far-in:far input"

    def __init__(self, server: JackServer) -> None:
        self._server = server
        self.backend: Backend = RtMidiBackend("jack", MonotonicClock())
        self._out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="far-out")
        self._out.open_virtual_port("far output")
        self._in = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name="far-in")
        self._in.ignore_types(False, False, False)
        self._in.open_virtual_port("far input")

    def open_input(self, ears: Any, pattern: str | None = None) -> InputPort:
        port = self.backend.open_input(pattern, ears.on_message, ears.on_error)
        if pattern is None:
            self._server.connect(self.far_output, self._ours("livegen in"))
        return port

    def open_output(self, pattern: str | None = None) -> OutputPort:
        port = self.backend.open_output(pattern)
        if pattern is None:
            self._server.connect(self._ours("livegen out"), self.far_input)
        return port

    def play(self, data: bytes) -> None:
        self._out.send_message(data)

    def heard(self) -> bytes:
        end_s = time.monotonic() + WAIT_S
        while time.monotonic() < end_s:
            if (event := self._in.get_message()) is not None:
                return bytes(event[0])
            time.sleep(0.001)
        raise queue.Empty

    def unplug(self) -> None:
        for client in (self._out, self._in):
            if not client.is_deleted:
                dispose(client, None)

    def visible_names(self) -> list[str]:
        return [port.split(":", 1)[1] for port in self._server.ports()]

    def close(self) -> None:
        self.backend.close()
        self.unplug()

    def _ours(self, name: str) -> str:
        return next(port for port in self._server.ports() if port.endswith(":" + name))
