"""What the engine wants done: frozen values that a shell carries out, and what a shell tells the engine besides MIDI."""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.events import Part, PlayerEvent
from livegen.core.midi import Message
from livegen.core.plans import Plan, PlanRequest


@dataclass(frozen=True, slots=True)
class Send:
    """Send `message` now. It was to be sent at `due_ns`; `part` is None for what belongs to nobody (played through, panic)."""

    due_ns: int
    message: Message
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Observe:
    """Tell the generator what the player did."""

    event: PlayerEvent


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the generator for a plan, wanted before the window begins."""

    request: PlanRequest


@dataclass(frozen=True, slots=True)
class Overdue:
    """The plan has not come and the window is about to begin: fill it from the fallback."""

    request: PlanRequest


@dataclass(frozen=True, slots=True)
class Discard:
    """This plan and all later ones will not be played: roll the context back to before them."""

    plan_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The first note of an answer goes out now: the phrase ended at `phrase_end_ns`, the note is to be heard at `due_ns`."""

    phrase_end_ns: int
    due_ns: int


Effect = Send | Observe | Ask | Overdue | Discard | Answered


@dataclass(frozen=True, slots=True)
class Panic:
    """Silence everything; nothing plays until the player or a command asks."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A beat is now, says a foot."""


@dataclass(frozen=True, slots=True)
class CountIn:
    """Count a bar in: a bar line is now, and the music begins at the next."""


@dataclass(frozen=True, slots=True)
class SessionBeat:
    """Where the beat of an Ableton Link session is, which programs of one network share.

    Attributes:
        beat: number of beats, with its fraction, whose multiples of the bar are bar lines; below 0 before the session's first.
        time_ns: when it is there.
        tempo_bpm: beats a minute.
        peers: how many other programs there are.
    """

    beat: float
    time_ns: int
    tempo_bpm: float
    peers: int


@dataclass(frozen=True, slots=True)
class InputLost:
    """The player's port has gone: what it held has ended."""


@dataclass(frozen=True, slots=True)
class Stopgap:
    """A plan of the fallback for a window that was overdue. The generator's own may still replace what is left of it."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Whoever was asked for this plan will not make it."""

    plan_id: int


@dataclass(frozen=True, slots=True)
class GeneratorLost:
    """The generator has died: release what it holds; open requests go to the fallback."""
