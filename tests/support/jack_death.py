"""Run by test_rtmidi_ports in a process of its own: lose a JACK server while sending, and go on with the next."""

from __future__ import annotations

import os
import sys
import threading
import time

from support.jack import JackServer
from support.rigs import Ears

from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.rtmidi_ports import RtMidiBackend


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")


class Heartbeat:
    """A thread that should wake each millisecond; remembers the longest gap in ms."""

    def __init__(self) -> None:
        self.gap_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(0.001):
            now = time.perf_counter()
            self.gap_ms = max(self.gap_ms, 1000 * (now - last))
            last = now


def _last(ports: list[str], name: str) -> str:
    """The newest of our ports: those of a server that was frozen meanwhile are still there."""
    return [port for port in ports if port.endswith(name)][-1]


def main(ending: str) -> None:
    server = JackServer(f"livegen-death-{os.getpid()}")
    os.environ.update(server.environment)
    server.start()
    heartbeat = Heartbeat()
    try:
        lose_and_go_on(server, ending, heartbeat)
    finally:
        heartbeat.stop()
        server.thaw()
        server.stop()
    say("survived")


def lose_and_go_on(server: JackServer, ending: str, heartbeat: Heartbeat) -> None:
    backend, ears = RtMidiBackend("jack", MonotonicClock()), Ears()
    inward, outward = backend.open_input(None, ears.on_message, ears.on_error), backend.open_output(None)
    for _ in range(500):
        outward.send(b"\x90\x3c\x40")
    getattr(server, ending)()

    begin = time.perf_counter()
    refused = 0
    for _ in range(10_000):
        try:
            outward.send(b"\x90\x3c\x40")
        except DeviceError:
            refused += 1
    say(f"10000 sends in {1000 * (time.perf_counter() - begin):.1f} ms, {refused} refused")
    assert refused > 8000
    assert outward.counts.failed == refused

    over = threading.Event()
    begin = time.perf_counter()
    while inward.alive or outward.alive:
        assert time.perf_counter() - begin < 3
        over.wait(0.1)
    say(f"noticed after {1000 * (time.perf_counter() - begin):.0f} ms")
    try:
        backend.list_inputs()
    except DeviceError as error:
        say(error)
    else:
        raise AssertionError("listing the ports of a dead server")

    begin = time.perf_counter()
    inward.close()
    outward.close()
    say(f"closed in {1000 * (time.perf_counter() - begin):.1f} ms, longest heartbeat gap {heartbeat.gap_ms:.1f} ms")
    assert heartbeat.gap_ms < 100

    if ending == "freeze":
        server.thaw()
    else:
        server.start()
    inward, outward = backend.open_input(None, ears.on_message, ears.on_error), backend.open_output(None)
    ports = server.ports()
    server.connect(_last(ports, "livegen out"), _last(ports, "livegen in"))
    outward.send(b"\xb0\x01\x02")
    assert ears.next()[0] == b"\xb0\x01\x02"
    inward.close()
    outward.close()
    backend.close()


if __name__ == "__main__":
    main(sys.argv[1])
