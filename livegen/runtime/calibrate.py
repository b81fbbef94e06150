"""Measuring an output's delay through real ports: opens them, plays the test notes, and closes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from livegen.core.calibration import Calibration, Measured, Trial
from livegen.core.errors import DeviceError
from livegen.core.midi import Message, NoteOn, encode, parse
from livegen.devices.clock import Clock
from livegen.devices.ports import Backend, InputPort, OutputPort, match_port
from livegen.runtime.config import Config

Announce = Callable[[str, str], None]
"""Is given the names of the input and the output as soon as they are open."""


def measure_delay(backend: Backend, config: Config, trial: Trial, clock: Clock, announce: Announce) -> tuple[str, Measured]:
    """Measure the delay from the configuration's output to its input, which somebody has connected or connects now.

    Blocks while nothing comes back, as long as the trial says, and then for about 25 ms a note and its delay. No test note is
    left sounding.

    Args:
        backend: where the ports are; it stays open.
        config: names the ports.
        trial: what to do.
        clock: the one that stamps what arrives.
        announce: is told the ports' names.

    Returns:
        The output's name, and what was measured.

    Raises:
        DeviceError: a port is not there or goes away, or what came back is no measurement; the text names the ports.
    """
    inbox: SimpleQueue[tuple[bytes, int]] = SimpleQueue()
    if config.input is not None:
        # Looked for first, so that the output is not opened in vain.
        match_port(config.input, backend.list_inputs(), "input")
    output = backend.open_output(config.output)
    try:
        source = backend.open_input(config.input, lambda data, time_ns: inbox.put((data, time_ns)), lambda _: None)
        try:
            announce(source.name, output.name)
            calibration = Calibration(trial, clock.now_ns())
            try:
                _play(calibration, source, output, inbox, clock)
                return output.name, calibration.result()
            except DeviceError as error:
                raise DeviceError(f"from {output.name!r} to {source.name!r}: {error}") from error
        finally:
            source.close()
    finally:
        output.close()


def _play(
    calibration: Calibration, source: InputPort, output: OutputPort, inbox: SimpleQueue[tuple[bytes, int]], clock: Clock
) -> None:
    while not calibration.finished:
        if not source.alive:
            raise DeviceError("the input has gone: check the device, and try again")
        _send(output, calibration.tick(clock.now_ns()))
        with suppress(Empty):
            data, time_ns = inbox.get(timeout=max(0, calibration.next_deadline_ns() - clock.now_ns()) / 1e9)
            calibration.receive(parse(data), time_ns)


def _send(output: OutputPort, messages: list[Message]) -> None:
    """Send a note and its end; whatever interrupts, the end."""
    ends = [message for message in messages if not isinstance(message, NoteOn)]
    try:
        for message in messages:
            output.send(encode(message))
    except BaseException:
        for end in ends:
            with suppress(DeviceError):
                output.send(encode(end))
        raise
