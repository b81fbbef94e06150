"""The port protocol: what the performer knows of MIDI systems, and the matching of port names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from livegen.core.errors import DeviceError

INPUT_NAME: Final = "livegen in"
OUTPUT_NAME: Final = "livegen out"

OnMessage = Callable[[bytes, int], None]
"""Receives one legal message and its monotonic time in ns, on the driver's thread: stamp and enqueue, nothing else."""

OnError = Callable[[Exception], None]
"""Receives the first exception of each kind that a port met while delivering, on the driver's thread."""

_ALSA_NUMBERS: Final = re.compile(r"\s+\d+:\d+$")
_JACK_SUFFIX: Final = re.compile(r"-\d\d(?=:)")


@dataclass(frozen=True, slots=True)
class PortCounts:
    """What went through a port since it was opened.

    Attributes:
        passed: messages delivered to the callback without error, or handed to the driver.
        refused: messages that were not legal MIDI; they went nowhere.
        failed: messages whose callback raised (input), or that were lost because the port was gone or full (output).
    """

    passed: int = 0
    refused: int = 0
    failed: int = 0


class InputPort(Protocol):
    """An open input. The thread that opened it owns it; the callback runs on the driver's thread."""

    @property
    def name(self) -> str:
        """Our port's name, or that of the port that we listen to."""
        ...

    @property
    def alive(self) -> bool:
        """Whether messages can still arrive. Does not block; costs well under 1 ms, so poll it at 1 to 2 Hz."""
        ...

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        ...

    def close(self) -> None:
        """Stop delivering, then free the port; idempotent, ends within about a second. No callback runs after it returns."""
        ...


class OutputPort(Protocol):
    """An open output. One thread at a time may send."""

    @property
    def name(self) -> str:
        """Our port's name, or that of the port that we play to."""
        ...

    @property
    def alive(self) -> bool:
        """Whether a send has a chance. Does not block; costs well under 1 ms, so poll it at 1 to 2 Hz."""
        ...

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread."""
        ...

    @property
    def max_burst_bytes(self) -> int:
        """A hint for pacing: MIDI bytes that may be sent at once without loss; spread more over the next milliseconds."""
        ...

    def send(self, data: bytes) -> None:
        """Send one whole message. Blocks for a bounded time only (a few driver periods), and only when the driver is full.

        Raises:
            InputError: the bytes are not one legal MIDI message; nothing was sent.
            DeviceError: the port is closed, has gone or takes nothing any more; the message is lost and counted.
        """
        ...

    @property
    def drained(self) -> bool:
        """Whether the system has taken all that was sent, or never will because it is dead. Does not block."""
        ...

    def close(self) -> None:
        """Free the port; idempotent, ends within about a second. Sends nothing: release the notes before.

        What the system has not taken yet is lost: wait until it is `drained`, if that matters.
        """
        ...


class Backend(Protocol):
    """One MIDI system. Its methods belong to the thread that owns the ports."""

    @property
    def name(self) -> str:
        """The system's name for logs and `livegen doctor`."""
        ...

    def list_inputs(self) -> tuple[str, ...]:
        """Names of the ports that we can listen to. Cheap after the first call; opens no client.

        Raises:
            DeviceError: the MIDI system is not there.
        """
        ...

    def list_outputs(self) -> tuple[str, ...]:
        """Names of the ports that we can play to; as `list_inputs`."""
        ...

    def open_input(self, pattern: str | None, on_message: OnMessage, on_error: OnError) -> InputPort:
        """Open our virtual input `livegen in` (pattern None), or listen to the first port that matches.

        What the callback raises is caught, counted and, the first time for each class of exception, told to `on_error`;
        delivery goes on. Illegal messages are refused the same way.

        Raises:
            DeviceError: no port matches (the text names those that exist), or the MIDI system is not there.
        """
        ...

    def open_output(self, pattern: str | None) -> OutputPort:
        """Open our virtual output `livegen out` (pattern None), or play to the first port that matches; errors as above."""
        ...

    def close(self) -> None:
        """Free what the backend holds besides its ports, which the caller closes first; idempotent."""
        ...


def match_port(pattern: str, names: Sequence[str], kind: str) -> str:
    """Find the port that a pattern means; pure.

    A pattern is a glob when it holds `*`, `?` or `[`, otherwise a part of the name; case is ignored, and so are the numbers
    that ALSA appends (` 20:0`) and that JACK puts into a second client's name (`synth-01:`), because they change when a device
    comes back. A name that equals the pattern wins, then the first in the list.

    Args:
        pattern: glob or part of a name.
        names: the ports that exist.
        kind: "input" or "output", for the error text.

    Raises:
        DeviceError: nothing matches; the text names the ports that exist.
    """
    wanted = pattern.casefold()
    stable = stable_name(wanted)
    is_glob = any(sign in wanted for sign in "*?[")
    exact = [name for name in names if name.casefold() == wanted]
    for name in exact or names:
        forms = (name.casefold(), stable_name(name.casefold()))
        if is_glob and any(fnmatch.fnmatchcase(form, wanted) for form in forms):
            return name
        if any(wanted in form for form in forms) or stable in forms[1]:
            return name
    existing = ", ".join(repr(name) for name in names) or "none"
    raise DeviceError(f"no MIDI {kind} port matches {pattern!r}; existing ports: {existing}")


def stable_name(name: str) -> str:
    """A port name without the numbers that change from one start to the next."""
    return _JACK_SUFFIX.sub("", _ALSA_NUMBERS.sub("", name))
