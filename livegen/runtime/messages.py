"""What the processes say to each other: small frozen values. Effects and plans of the core travel as they are."""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.events import PlayerEvent
from livegen.core.parameters import Settings, Value


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message on a link: who calls."""

    role: str
    pid: int


@dataclass(frozen=True, slots=True)
class GeneratorReady:
    """The brain has its model and may be asked; `notice` says why it does not run where it was asked to."""

    name: str
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """To a brain that has just come up: what the player did lately, oldest first."""

    events: tuple[PlayerEvent, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The brain could not make a plan, or (None) take an event in; the reason, for the read-out."""

    plan_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is wrong outside that the musician can put right; said once."""

    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """The desk asks for parameters to be changed, all or none."""

    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The process that gets this ends in an orderly way."""


@dataclass(frozen=True, slots=True)
class State:
    """The performer's settings, to the desk and whoever watches."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Health:
    """Counters and gauges by name, at about 4 Hz."""

    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class AnswerTiming:
    """An answer has begun: nanoseconds from the phrase's end to the first note, and the same in beats."""

    phrase_end_ns: int
    delay_ns: int
    delay_beats: float


@dataclass(frozen=True, slots=True)
class PortsOpen:
    """The performer plays: its ports' names (empty where there is none) and the monotonic time of its first beat.

    `advance_ns` is how long before it is to be heard it sends what is scheduled.
    """

    input: str
    output: str
    beat_zero_ns: int
    advance_ns: int = 0


@dataclass(frozen=True, slots=True)
class StartFailed:
    """A process could not start; the reason, for the person at the terminal."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeskReady:
    """The desk listens at this address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class LogOpened:
    """The session is recorded in this file."""

    path: str


@dataclass(frozen=True, slots=True)
class LogEnded:
    """Recording has ended before the session; the reason, for the person at the terminal. The music goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class TakeTimings:
    """The performer hands over what it has measured of its schedule, and begins anew."""


@dataclass(frozen=True, slots=True)
class TimingsTaken:
    """How late each note went out since the last time, in ns (the latest of very many), and notes dropped since the start."""

    late_ns: tuple[int, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """A process has died and is started again; `exit_code` is negative for a signal."""

    role: str
    exit_code: int | None
