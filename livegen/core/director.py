"""Who plays when: the modes as a small state machine over what the listener hears.

A stint is a stretch of music in which the agent plays. The director opens and closes stints; the planner fills them.
"""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.listener import Listener, Phrase
from livegen.core.parameters import Settings
from livegen.core.transport import Transport, grid_at_or_after

HALF_BEAT = PULSES_PER_BEAT // 2
PLANNING_NS = 30_000_000
"""Time that a plan needs at the least: a stint begins no sooner than this from now."""

LONG_END_GAP = 0.3
"""Share of the gap that is waited after a phrase whose last note was long: that note has said already that it is over."""

REST_BEATS = 8.0
"""Accompaniment stops after this much silence of the player."""

MODE_PARTS: dict[str, frozenset[Part]] = {
    "respond": frozenset({Part.LEAD}),
    "accompany": frozenset({Part.CHORDS, Part.BASS, Part.DRUMS}),
    "harmonize": frozenset({Part.CHORDS}),
    "listen": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Stint:
    """The agent plays `parts` from pulse `start` to pulse `end` (None: until further notice).

    `phrase_end_ns` is when the player's phrase ended that this answers, None where nothing is answered.
    """

    start: int
    end: int | None
    parts: frozenset[Part]
    phrase_end_ns: int | None = None


class Director:
    """Decides on stints. Single-threaded; owned by the engine."""

    def __init__(self) -> None:
        self.stint: Stint | None = None
        self.advance_ns = 0
        """So much before it is to be heard everything must be sent."""
        self.not_before = 0
        """No stint begins before this pulse."""

    def reset(self, listener: Listener) -> None:
        """Stop, and wait for the player."""
        self.stint = None
        listener.close_phrase()

    def player_pressed(self, settings: Settings) -> bool:
        """The player struck a key; whether the agent must yield at once."""
        if settings.mode != "respond" or self.stint is None:
            return False
        self.stint = None
        return True

    def update(self, listener: Listener, settings: Settings, transport: Transport, now_ns: int) -> Stint | None:
        """The stint that holds now, opened or closed as need be."""
        parts = MODE_PARTS[settings.mode] & settings.parts
        match settings.mode:
            case "respond":
                self._respond(listener, settings, transport, now_ns, parts)
            case "accompany" | "harmonize":
                self._accompany(listener, transport, now_ns, parts)
            case _:
                self.stint = None
        return self.stint

    def next_deadline_ns(self, listener: Listener, settings: Settings, transport: Transport) -> int | None:
        """When `update` may decide something new although nothing has been played."""
        if settings.mode == "respond":
            if self.stint is not None and self.stint.end is not None:
                return transport.ns_at(self.stint.end)
            if listener.phrase is not None and not listener.keys_down and settings.parts & MODE_PARTS["respond"]:
                return listener.phrase.end_ns + gap_ns(listener.phrase, settings, transport)
        if settings.mode in {"accompany", "harmonize"} and self.stint is not None and not listener.keys_down:
            return listener.last_activity_ns + transport.ns_of_beats(REST_BEATS)
        return None

    def _respond(
        self, listener: Listener, settings: Settings, transport: Transport, now_ns: int, parts: frozenset[Part]
    ) -> None:
        if not parts:
            self.reset(listener)
            return
        if self.stint is not None:
            if self.stint.end is not None and now_ns >= transport.ns_at(self.stint.end):
                self.stint = None
            return
        phrase = listener.phrase
        if phrase is None or listener.keys_down or now_ns < phrase.end_ns + gap_ns(phrase, settings, transport):
            return
        start = max(self.not_before, answer_start(transport, phrase.end_ns, now_ns + self.advance_ns))
        heard = transport.beats(phrase.end_ns - phrase.start_ns)
        beats = min(settings.answer_max_beats, max(2.0, float(-(-heard // 1))))
        listener.close_phrase()
        self.stint = Stint(start, grid_at_or_after(start + beats * PULSES_PER_BEAT, PULSES_PER_BEAT), parts, phrase.end_ns)

    def _accompany(self, listener: Listener, transport: Transport, now_ns: int, parts: frozenset[Part]) -> None:
        rested = not listener.keys_down and now_ns >= listener.last_activity_ns + transport.ns_of_beats(REST_BEATS)
        if not parts or (self.stint is not None and rested):
            self.reset(listener)
        elif self.stint is None and listener.phrase is not None and not rested:
            start = max(self.not_before, answer_start(transport, listener.phrase.start_ns, now_ns + self.advance_ns))
            self.stint = Stint(start, None, parts, None)
        elif self.stint is not None and self.stint.parts != parts:
            self.stint = Stint(self.stint.start, None, parts, None)


def gap_ns(phrase: Phrase, settings: Settings, transport: Transport) -> int:
    """How long the player must be silent for the phrase to be over."""
    return transport.ns_of_beats(settings.phrase_gap_beats * (LONG_END_GAP if phrase.ends_long else 1.0))


def answer_start(transport: Transport, since_ns: int, now_ns: int) -> int:
    """Where the agent comes in: on the next beat, or on the half beat before it if that is a whole beat away from `since_ns`.

    A pulse is kept back, so that what the player hears begins within the beat and not at its very end.
    """
    soonest = transport.pulse_at(now_ns + PLANNING_NS)
    beat = grid_at_or_after(soonest, PULSES_PER_BEAT)
    if beat <= transport.pulse_at(since_ns) + PULSES_PER_BEAT - 1:
        return beat
    return grid_at_or_after(soonest, HALF_BEAT)
