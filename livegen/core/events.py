"""What is heard and what is answered, as frozen values: the six kinds of the event stream.

The player's events are known when they happen (a note-on before its duration); the agent's are notes with durations inside a
planning window. Time is monotonic nanoseconds; musical position is in pulses, 24 to the beat, as on the MIDI clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from livegen.core.harmony import ChordSymbol

PULSES_PER_BEAT = 24
"""Musical resolution: one pulse is one MIDI clock, 1/24 beat."""


class Part(IntEnum):
    """A voice of the agent; the order is the order of notes inside a window."""

    LEAD = 0
    CHORDS = 1
    BASS = 2
    DRUMS = 3

    @property
    def label(self) -> str:
        """The name used for tracks, parameters and files, such as "bass"."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class On:
    """The player pressed a key. `phase` is the pulse within the beat, 0..23, or None in free playing."""

    time_ns: int
    pitch: int
    velocity: int
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class Off:
    """The player's note ended (the key came up, or the pedal that held it)."""

    time_ns: int
    pitch: int
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Opens a planning window that the agent fills.

    Attributes:
        time_ns: when the planning was asked for, `lookahead` before the window begins.
        half_beat: the window's place in the bar in half beats, 0 at the downbeat; None in free playing.
        beats_per_bar: 1..12, or None in free playing.
        tempo_bpm: beats a minute, or None in free playing.
        lookahead: pulses from now to the window's begin.
        hop: the window's length in pulses, 12 or 24.
        parts: who plays in this window.
    """

    time_ns: int
    half_beat: int | None
    beats_per_bar: int | None
    tempo_bpm: float | None
    lookahead: int
    hop: int
    parts: frozenset[Part]


@dataclass(frozen=True, slots=True)
class Chord:
    """The agent's plan for the window, before its notes."""

    symbol: ChordSymbol


@dataclass(frozen=True, slots=True)
class Note:
    """A note of the agent: `onset` in pulses from the window's begin, `duration` in pulses (at least 1)."""

    part: Part
    onset: int
    pitch: int
    duration: int
    velocity: int


@dataclass(frozen=True, slots=True)
class End:
    """Closes the window."""


PlayerEvent = On | Off
AgentEvent = Chord | Note | End
Event = On | Off | Tick | Chord | Note | End
