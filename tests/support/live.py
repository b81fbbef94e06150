"""The daemon as a person starts it, on real MIDI ports, and a peer that plays to it and writes down what it hears."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from livegen.devices.clock import MonotonicClock
from livegen.devices.ports import InputPort, OutputPort
from livegen.devices.rtmidi_ports import RtMidiBackend

NOTE_ON, NOTE_OFF = 0x90, 0x80
LEAD, CHORDS, BASS, DRUMS = 0, 1, 2, 9


@dataclass(frozen=True)
class Heard:
    """One message as the peer heard it."""

    time_s: float
    data: tuple[int, ...]

    @property
    def kind(self) -> int:
        return self.data[0] & 0xF0

    @property
    def channel(self) -> int:
        return self.data[0] & 0x0F

    @property
    def is_on(self) -> bool:
        return self.kind == NOTE_ON and self.data[2] > 0

    @property
    def is_off(self) -> bool:
        return self.kind == NOTE_OFF or (self.kind == NOTE_ON and self.data[2] == 0)


@dataclass
class Ear:
    """Everything heard so far, from the driver's thread; `wait_for` blocks until something has come true of it."""

    heard: list[Heard] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, data: bytes, _: int) -> None:
        with self.changed:
            self.heard.append(Heard(time.perf_counter(), tuple(data)))
            self.changed.notify_all()

    def since(self, time_s: float) -> list[Heard]:
        with self.changed:
            return [item for item in self.heard if item.time_s >= time_s]

    def sounding(self) -> set[tuple[int, int]]:
        """Channel and pitch of every note that has begun and not ended."""
        with self.changed:
            return sounding_of(self.heard)

    def wait_for(self, condition: Callable[[list[Heard]], object], timeout_s: float) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(lambda: condition(self.heard), timeout_s))


def sounding_of(heard: list[Heard]) -> set[tuple[int, int]]:
    held: set[tuple[int, int]] = set()
    for item in heard:
        if item.is_on:
            held.add((item.channel, item.data[1]))
        elif item.is_off:
            held.discard((item.channel, item.data[1]))
    return held


class Peer:
    """A JACK client of its own: an output that plays to the daemon, an input that hears it."""

    def __init__(self) -> None:
        self.ear = Ear()
        self._backend = RtMidiBackend("jack", MonotonicClock(), "peer")
        self._out: OutputPort | None = None
        self._in: InputPort | None = None

    def be_a_synth(self) -> str:
        """Offer a port of our own that the daemon may play to; like hardware, it outlives the daemon. Its name."""
        self._in = self._backend.open_input(None, self.ear.hear, lambda error: None)
        return "peer:livegen in"

    def connect(self) -> None:
        """Play to the daemon, and hear it unless it plays to us already."""
        self._out = self._backend.open_output("livegen:livegen in")
        if self._in is None:
            self._in = self._backend.open_input("livegen:livegen out", self.ear.hear, lambda error: None)

    def press(self, pitch: int, velocity: int = 80) -> None:
        assert self._out is not None
        self._out.send(bytes([NOTE_ON, pitch, velocity]))

    def release(self, pitch: int) -> None:
        assert self._out is not None
        self._out.send(bytes([NOTE_OFF, pitch, 0]))

    def play(self, pitches: list[int], seconds: float = 0.2) -> None:
        """A line in equal notes, in real time."""
        pause = threading.Event()
        for pitch in pitches:
            self.press(pitch)
            pause.wait(seconds * 0.9)
            self.release(pitch)
            pause.wait(seconds * 0.1)

    def close(self) -> None:
        for resource in (self._in, self._out, self._backend):
            if resource is not None:
                resource.close()


class Daemon:
    """`livegen run` as a process of its own; its output is read line by line."""

    def __init__(self, *options: str) -> None:
        self.lines: list[str] = []
        self._printed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "livegen", "run", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._printed:
                self.lines.append(line.rstrip())
                self._printed.notify_all()
        self.process.wait()
        with self._printed:
            self._printed.notify_all()

    def wait_for_line(self, part: str, timeout_s: float = 30.0, count: int = 1) -> str:
        """The `count`-th line that contains `part`."""

        def found() -> list[str]:
            return [line for line in self.lines if part in line]

        with self._printed:
            self._printed.wait_for(lambda: len(found()) >= count or self.process.poll() is not None, timeout_s)
            assert len(found()) >= count, f"no line with {part!r} in {timeout_s:.1f} s: {self.lines}"
            return found()[count - 1]

    def children(self) -> dict[str, int]:
        """Process numbers by role, as the health read-out gives them."""
        readings = ask_osc("/livegen/health", "pid/")
        return {str(name).removeprefix("pid/"): int(pid) for name, pid in zip(readings[::2], readings[1::2], strict=True)}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait(5)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def daemon(*options: str) -> Iterator[Daemon]:
    """A daemon that is ready, and stopped at the end."""
    started = Daemon(*options)
    try:
        started.wait_for_line("ready in")
        yield started
    finally:
        started.stop()


@contextmanager
def peer() -> Iterator[Peer]:
    """A peer that is closed at the end."""
    opened = Peer()
    try:
        yield opened
    finally:
        opened.close()


def ask_osc(address: str, *arguments: Any, port: int = 7700, timeout_s: float = 2.0) -> list[Any]:
    """Send one OSC message and return the arguments of the answer."""
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.sendto(builder.build().dgram, ("127.0.0.1", port))
        answer: list[Any] = OscMessage(client.recv(65536)).params
        return answer


def oscsend(*words: str, port: int = 7700) -> None:
    """liblo's own client, as a person would call it."""
    subprocess.run(["oscsend", "localhost", str(port), *words], check=True, timeout=10)
