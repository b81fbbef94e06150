"""What a session log says, line by line: what went into the engine, what came out of it, and an engine that says so.

Only what goes in is needed to play a session again; what came out is there to prove that it was the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livegen.core.effects import Effect, Stopgap
from livegen.core.engine import Engine, Incoming
from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.parameters import Settings
from livegen.core.plans import Plan, check_form
from livegen.core.transport import Transport


@dataclass(frozen=True, slots=True)
class Beginning:
    """An engine is made: the first line of a log.

    Attributes:
        version: of the livegen that wrote the log.
        vocabulary: hash of its event vocabulary.
        settings: to begin with; their registry says the styles.
        start_ns: the monotonic time of pulse 0.
        seed: the agent's random numbers.
        channels: MIDI channel 0..15 of each part, in the parts' order.
    """

    version: str
    vocabulary: str
    settings: Settings
    start_ns: int
    seed: int
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """`Engine.receive`."""

    time_ns: int
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class Ticked:
    """`Engine.tick`."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class PlansTake:
    """`Engine.plans_take`."""

    duration_ns: int


@dataclass(frozen=True, slots=True)
class SendEarlier:
    """`Engine.send_earlier`."""

    by_ns: int


@dataclass(frozen=True, slots=True)
class Closed:
    """`Engine.close`."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The engine's transport from here on."""

    transport: Transport


@dataclass(frozen=True, slots=True)
class Did:
    """The effects of a tick or of the end, in order; at least one."""

    effects: tuple[Effect, ...]


Input = Beginning | Received | Ticked | PlansTake | SendEarlier | Closed
Output = Moved | Did
Entry = Input | Output

Log = Callable[[Entry], None]
"""Is given every entry in its order, on the thread that calls the engine; must not block."""


UNPLAYABLE = Plan(-1, 0, 0, None, ())
"""Stands for every plan that is not made as plans are, for which a log has no words: the engine refuses one like the other."""


class LoggedEngine(Engine):
    """An engine that says what is done with it, before it does it, and then what came of it.

    So the input on which an engine fails is the last one of its log.

    Args:
        beginning: how to make it.
        log: is told.
    """

    def __init__(self, beginning: Beginning, log: Log) -> None:
        channels = dict(zip(Part, beginning.channels, strict=True))
        super().__init__(beginning.settings, beginning.start_ns, seed=beginning.seed, channels=channels)
        self._log = log
        self._told = self.transport
        log(beginning)
        log(Moved(self.transport))

    def receive(self, incoming: Incoming, now_ns: int) -> None:
        """As the engine does, and logged."""
        self._log(Received(now_ns, _in_words(incoming)))
        super().receive(incoming, now_ns)
        self._tell_transport()

    def tick(self, now_ns: int) -> list[Effect]:
        """As the engine does, and logged."""
        self._log(Ticked(now_ns))
        return self._told_of(super().tick(now_ns))

    def plans_take(self, time_ns: int) -> None:
        """As the engine does, and logged."""
        self._log(PlansTake(time_ns))
        super().plans_take(time_ns)

    def send_earlier(self, by_ns: int) -> None:
        """As the engine does, and logged."""
        self._log(SendEarlier(by_ns))
        super().send_earlier(by_ns)

    def close(self, now_ns: int) -> list[Effect]:
        """As the engine does, and logged."""
        self._log(Closed(now_ns))
        return self._told_of(super().close(now_ns))

    def _told_of(self, effects: list[Effect]) -> list[Effect]:
        self._tell_transport()
        if effects:
            self._log(Did(tuple(effects)))
        return effects

    def _tell_transport(self) -> None:
        if self.transport is not self._told:
            self._told = self.transport
            self._log(Moved(self.transport))


def _in_words(incoming: Incoming) -> Incoming:
    """What comes in, or what has the same effect and can be written down."""
    try:
        match incoming:
            case Plan():
                check_form(incoming)
            case Stopgap(plan):
                check_form(plan)
    except InputError:
        return UNPLAYABLE
    return incoming
