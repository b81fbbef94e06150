"""Run by test_rtmidi_ports in a process of its own: open and close ports beside a flood of messages, which another one sends.

Before an input is closed the GIL is held for some ms, so that whatever waits for it on a driver's thread does so just then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise

from support.jack import JackServer
from support.jack_death import Heartbeat, say

from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.ports import InputPort
from livegen.devices.rtmidi_ports import RtMidiBackend

INPUTS = 20
OUTPUTS = 10
HOLD_S = 0.01
NUMBERS = 1 << 14


def flood() -> None:
    """Send six numbers each 4 ms, as pitch bend, until killed."""
    out = RtMidiBackend("jack", MonotonicClock(), "flood").open_output(None)
    say("flooding")
    sys.stdout.flush()
    number = 0
    while True:
        with suppress(DeviceError):  # a full ring drains
            for _ in range(6):
                out.send(bytes((0xE0, number & 0x7F, number >> 7)))
                number = (number + 1) % NUMBERS
        time.sleep(0.004)


def churn() -> None:
    server = JackServer(f"livegen-churn-{os.getpid()}")
    os.environ.update(server.environment)
    server.start()
    flooding = subprocess.Popen([sys.executable, __file__, "flood"], stdout=subprocess.PIPE)
    try:
        assert flooding.stdout is not None
        flooding.stdout.readline()
        open_and_close()
    finally:
        flooding.kill()
        flooding.wait()
        server.stop()
    say("survived")


def open_and_close() -> None:
    backend = RtMidiBackend("jack", MonotonicClock())
    heard: list[int] = []

    def listen() -> InputPort:
        return backend.open_input("flood", lambda data, _: heard.append(data[1] | data[2] << 7), say)

    sys.setswitchinterval(1.0)
    for _ in range(INPUTS):
        port = listen()
        before = len(heard)
        time.sleep(0.02)
        assert len(heard) > before, "nothing was heard"
        hold()
        port.close()
        closed = len(heard)
        time.sleep(0.002)
        assert len(heard) == closed, "heard after closing"

    sys.setswitchinterval(0.005)
    heard.clear()
    busy, heartbeat = listen(), Heartbeat()
    try:
        for _ in range(OUTPUTS):
            out = backend.open_output(None)
            out.close()
        say(f"longest heartbeat gap {heartbeat.gap_ms:.1f} ms")
        assert heartbeat.gap_ms < 100
    finally:
        heartbeat.stop()
    busy.close()
    assert all((after - before) % NUMBERS == 1 for before, after in pairwise(heard)), "lost, or out of order"
    backend.close()


def hold() -> None:
    """Keep the GIL: nobody may ask for it within the interval for switching."""
    end = time.perf_counter() + HOLD_S
    while time.perf_counter() < end:
        pass


if __name__ == "__main__":
    flood() if sys.argv[1:] == ["flood"] else churn()
