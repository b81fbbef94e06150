"""From our own output to our own input, through the system's MIDI ports."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from livegen.core.errors import DeviceError
from livegen.core.midi import NoteOff, NoteOn, encode
from livegen.devices.clock import Clock, MonotonicClock
from livegen.devices.open_backend import open_backend
from livegen.runtime.benches.figures import Figures, Outcome, Samples, Setup, percentiles_ms

ROUNDTRIPS = 200


def measure_roundtrip(setup: Setup) -> Outcome:
    """What the MIDI system takes of its own; None where there are no virtual ports."""
    setup.progress("MIDI round trip")
    samples = roundtrip_ns(setup.backend)
    figures: Figures | None = percentiles_ms(samples) if samples else None
    drawn = (Samples("roundtrip", "From a port to another and back into livegen", {"round trip": samples}),) if samples else ()
    return Outcome({"roundtrip_ms": figures}, drawn)


def roundtrip_ns(backend_name: str) -> list[int]:
    """From each send on our own virtual output to the callback of an input that listens to it; empty without virtual ports."""
    if os.name == "nt":
        return []
    clock = MonotonicClock()
    try:
        backend = open_backend(backend_name, clock)
        if backend is None:
            return []
        output = backend.open_output(None)
    except DeviceError:
        return []
    arrived: SimpleQueue[int] = SimpleQueue()
    try:
        source = backend.open_input("livegen out", lambda _, time_ns: arrived.put(time_ns), lambda _: None)
        samples = list(_roundtrips(output.send, arrived, clock))
        source.close()
    except DeviceError:
        samples = []
    finally:
        output.close()
        backend.close()
    return samples


def _roundtrips(send: Callable[[bytes], None], arrived: SimpleQueue[int], clock: Clock) -> Iterator[int]:
    for index in range(ROUNDTRIPS):
        message = NoteOn(0, 60, 64) if index % 2 == 0 else NoteOff(0, 60)
        start = clock.now_ns()
        send(encode(message))
        try:
            yield arrived.get(timeout=0.5) - start
        except Empty:
            continue
