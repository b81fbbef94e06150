"""A MIDI system whose ports fail: they refuse, delay, double, lose, block, die, and come back under another name."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from random import Random

from livegen.core.errors import DeviceError
from livegen.core.midi import parse
from livegen.devices.clock import ManualClock
from livegen.devices.delivery import Delivery
from livegen.devices.ports import OnError, OnMessage, PortCounts, match_port

from .invariants import Invariants
from .timeline import MILLISECOND, SECOND, Timeline

KEYS = ("keys 20:0", "keys 24:0", "grand keys")
SYNTHS = ("synth 128:0", "synth 129:0", "old synth")
ACTIVE_SENSE = b"\xfe"
DELAYS_MS = {"synth": 0.0, "old synth": 120.0}
"""What has been measured of the outputs, by the part of the name that stays."""


class Synth:
    """Whoever listens at our output: what sounds there, and which pedals are down."""

    def __init__(self) -> None:
        self.sounding: dict[tuple[int, int], int] = {}
        """When each channel and pitch began, in ns."""
        self.pedals: set[int] = set()

    def hear(self, data: bytes, now_ns: int) -> None:
        """Take in a message, as simple gear does: a note that is struck twice needs one end."""
        kind, channel = data[0] & 0xF0, data[0] & 0x0F
        if kind == 0x90 and data[2]:
            self.sounding[channel, data[1]] = now_ns
        elif kind in {0x80, 0x90}:
            self.sounding.pop((channel, data[1]), None)
        elif kind == 0xB0:
            self._turn(channel, data[1], data[2])

    def _turn(self, channel: int, control: int, value: int) -> None:
        """Only the pedal counts: some gear ignores every way to end all notes at once."""
        if control == 64 and value >= 64:
            self.pedals.add(channel)
        elif control in {64, 121}:
            self.pedals.discard(channel)

    def unplugged(self) -> None:
        """It has lost its power."""
        self.sounding.clear()
        self.pedals.clear()


class In:
    """The open input."""

    counts = PortCounts()

    def __init__(self, name: str, delivery: Delivery) -> None:
        self.name = name
        self.alive = True
        self.delivery = delivery

    def close(self) -> None:
        """No more comes."""
        self.alive = False
        self.delivery.cancel()


class Out:
    """The open output."""

    counts = PortCounts()
    drained = True

    def __init__(self, name: str, system: System, burst_bytes: int) -> None:
        self.name = name
        self.max_burst_bytes = burst_bytes
        self.alive = True
        self._system = system

    def send(self, data: bytes) -> None:
        """Hand a message to the system, which may fail."""
        parse(data)
        if not self.alive:
            raise DeviceError("the port has gone")
        self._system.take(data)

    def close(self) -> None:
        """No more goes."""
        self.alive = False


class System:
    """The MIDI system; see `livegen.devices.ports.Backend`. The world calls the verbs that make it fail."""

    name = "simulated"

    def __init__(self, timeline: Timeline, clock: ManualClock, random: Random, rules: Invariants, burst_bytes: int) -> None:
        self.synth = Synth()
        self.faults: Counter[str] = Counter()
        self._timeline = timeline
        self._clock = clock
        self._random = random
        self._rules = rules
        self._burst_bytes = burst_bytes
        self._keys: str | None = KEYS[0]
        self._synth_name: str | None = SYNTHS[0]
        self._input: In | None = None
        self._output: Out | None = None
        self._refuses = self._loses = self._doubles = 0.0
        self._delay_ns = 0
        self._on_the_way: deque[bytes] = deque()
        self._arrives_ns = 0
        self._healed = False

    # --- what the performer sees ---

    def list_inputs(self) -> tuple[str, ...]:
        """The keyboard, while it is plugged in."""
        return () if self._keys is None else (self._keys,)

    def list_outputs(self) -> tuple[str, ...]:
        """The synth, while it is there."""
        return () if self._synth_name is None else (self._synth_name,)

    def open_input(self, pattern: str | None, on_message: OnMessage, on_error: OnError) -> In:
        """See `Backend`."""
        self._input = In(self._name(pattern, self.list_inputs()), Delivery(on_message, on_error, self._timeline))
        return self._input

    def open_output(self, pattern: str | None) -> Out:
        """See `Backend`."""
        name = self._name(pattern, self.list_outputs())
        self._output = Out(name, self, self._burst_bytes)
        self._rules.opened(self._clock.now_ns())
        return self._output

    def close(self) -> None:
        """See `Backend`."""

    def _name(self, pattern: str | None, names: tuple[str, ...]) -> str:
        if self._random.random() < self._refuses:
            raise DeviceError("the system is busy")
        return match_port(pattern or "", names, "simulated")

    def take(self, data: bytes) -> None:
        """A message from the open output."""
        now_ns = self._clock.now_ns()
        if self._random.random() < self._refuses:
            self.faults["refused"] += 1
            self._rules.refused(data, now_ns)
            raise DeviceError("the driver is full")
        self._rules.sent(data, now_ns)
        if self._random.random() < self._loses and data[0] & 0xF0 != 0x80 and data[0] != 0xB0 | data[0] & 0x0F:
            self.faults["lost"] += 1
            return
        for _ in range(1 + (self._random.random() < self._doubles)):
            if self._delay_ns or self._on_the_way:
                self._arrives_ns = max(self._arrives_ns, now_ns + self._random.randrange(self._delay_ns + 1))
                self._on_the_way.append(data)
                self._timeline.at(self._arrives_ns, self._arrive)
            else:
                self.synth.hear(data, now_ns)
        if self._delay_ns and self._random.random() < 0.001:
            # The driver is full for a moment, and waits.
            self.faults["blocked"] += 1
            self._clock.advance(self._random.randrange(10 * MILLISECOND))

    def _arrive(self) -> None:
        if self._on_the_way:
            self.synth.hear(self._on_the_way.popleft(), self._timeline.now_ns())

    # --- what the world does ---

    def deliver(self, data: bytes) -> None:
        """The player's bytes, legal or not, if the keyboard is plugged in."""
        if self._keys is not None and self._input is not None and self._input.alive:
            self._input.delivery.deliver(data)
            if data == ACTIVE_SENSE:
                self._rules.spoke(self._timeline.now_ns())

    def unplug_keys(self, for_ns: int) -> None:
        """The keyboard goes, and comes back under some name."""
        if self._healed:
            return
        self.faults["keys unplugged"] += 1
        self._keys = None
        if self._input is not None:
            self._input.alive = False
        self._timeline.after(for_ns, self._replug_keys)

    def _replug_keys(self) -> None:
        self._keys = self._random.choice(KEYS)

    def unplug_synth(self, for_ns: int) -> None:
        """The synth goes, with all that sounds and is on its way, and comes back under some name."""
        if self._healed:
            return
        self.faults["synth unplugged"] += 1
        self._synth_name = None
        self._lose_output()
        self._on_the_way.clear()
        self.synth.unplugged()
        self._timeline.after(for_ns, self._replug_synth)

    def hide_synth(self, for_ns: int) -> None:
        """The way to the synth goes, not the synth: it plays on what it was told."""
        if self._healed:
            return
        self.faults["synth hidden"] += 1
        self._synth_name = None
        self._lose_output()
        self._timeline.after(for_ns, self._replug_synth)

    def _lose_output(self) -> None:
        self._rules.gone()
        if self._output is not None:
            self._output.alive = False

    def _replug_synth(self) -> None:
        self._synth_name = self._random.choice(SYNTHS)

    def disturb(self, for_ns: int) -> None:
        """The output refuses, loses, doubles and delays for a while."""
        if self._healed:
            return
        kind = self._random.choice(("refuses", "refuses all", "loses", "doubles", "delays"))
        self.faults[kind] += 1
        self._refuses = {"refuses": self._random.random() * 0.5, "refuses all": 1.0}.get(kind, 0.0)
        self._loses = 0.3 if kind == "loses" else 0.0
        self._doubles = 0.3 if kind == "doubles" else 0.0
        self._delay_ns = self._random.choice((2, 20, 200)) * MILLISECOND if kind == "delays" else 0
        self._timeline.after(for_ns, self._calm)

    def _calm(self) -> None:
        if self._refuses:
            self._rules.takes_again(self._timeline.now_ns())
        self._refuses = self._loses = self._doubles = 0.0
        self._delay_ns = 0

    def heal(self) -> None:
        """From now on everything is there and works."""
        self._healed = True
        self._calm()
        self._keys = self._keys or KEYS[0]
        self._synth_name = self._synth_name or SYNTHS[0]

    def settle(self) -> None:
        """What is on its way arrives."""
        while self._on_the_way:
            self._arrive()


def troubles(system: System, timeline: Timeline, random: Random, every_s: float) -> Callable[[], None]:
    """What makes a system fail from time to time, on the average every so many seconds; the world calls it once."""

    def trouble() -> None:
        for_ns = round(random.choice((0.05, 0.5, 3.0)) * random.random() * SECOND) + 1
        random.choice((system.disturb, system.disturb, system.disturb, system.unplug_synth, system.hide_synth))(for_ns)
        again()

    def again() -> None:
        timeline.after(round(random.expovariate(1 / every_s) * SECOND), partial(trouble))

    return again
