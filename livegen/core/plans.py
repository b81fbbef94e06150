"""What the performer asks of a generator, and what it gets: frozen values that cross the process boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral

from livegen.core.errors import InputError
from livegen.core.events import Note, Part, Tick
from livegen.core.harmony import ChordSymbol

MOST_NOTES = 128
"""A plan of more notes is no music, and would fill the schedule."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose.

    Attributes:
        temperature: boldness; 0 takes the likeliest.
        top_p: share of probability that is kept, in (0, 1].
        min_p: what is less likely than this share of the likeliest is dropped, in [0, 1).
        density: -1 to 1, fewer or more notes than the generator would play of itself; 0 leaves it alone.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    min_p: float = 0.02
    density: float = 0.0


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Asks for the agent's notes in one window.

    Attributes:
        plan_id: generation number, rising by one a request; a plan that names an older one than the performer wants is stale.
        window: first pulse of the window on the transport's beat.
        tick: the event that opens the window in the stream.
        sampling: temperature and cuts.
        style: weight of each named style, 0..1; a name that the generator doesn't know counts as nothing.
        guidance: how far what the style changes is played up: 0 not at all, 1 as it was learnt.
        opening: this window begins an answer, which must begin with a note at once.
        seed: the plan's random numbers come from (seed, plan_id) and nothing else.
        register: semitones above (or, negative, below) where the generator would play of itself.
    """

    plan_id: int
    window: int
    tick: Tick
    sampling: Sampling = field(default_factory=Sampling)
    style: tuple[tuple[str, float], ...] = ()
    guidance: float = 1.0
    opening: bool = False
    seed: int = 0
    register: float = 0.0

    @property
    def wants_chord(self) -> bool:
        """Whether the window begins with a chord: it does when somebody plays harmony."""
        return bool(self.tick.parts & {Part.CHORDS, Part.BASS})


@dataclass(frozen=True, slots=True)
class Plan:
    """The agent's notes in one window, sorted by (part, onset, pitch); durations may reach beyond the window's end."""

    plan_id: int
    window: int
    hop: int
    chord: ChordSymbol | None
    notes: tuple[Note, ...]


def check_plan(plan: Plan, request: PlanRequest) -> None:
    """Refuse what a broken generator could make: notes that MIDI does not have, or that lie outside the window.

    A plan comes from another process, so its types are checked too.

    Raises:
        InputError: the plan cannot be played; the text says why.
    """
    if (plan.window, plan.hop) != (request.window, request.tick.hop):
        raise InputError(f"plan {plan.plan_id} is for {plan.hop} pulses at {plan.window}, not for what was asked for")
    if plan.chord is not None and not isinstance(plan.chord, ChordSymbol):
        raise InputError(f"plan {plan.plan_id} has a {type(plan.chord).__name__} for its chord")
    if not isinstance(plan.notes, tuple) or len(plan.notes) > MOST_NOTES:
        raise InputError(f"plan {plan.plan_id} does not hold at most {MOST_NOTES} notes")
    for note in plan.notes:
        if not isinstance(note, Note) or not _playable(note, plan.hop):
            raise InputError(f"plan {plan.plan_id} has a note that cannot be played: {note}")


def _playable(note: Note, hop: int) -> bool:
    # NaN and fractions pass comparisons that they should not, so whole numbers come first.
    numbers = (note.onset, note.pitch, note.velocity, note.duration)
    return (
        all(isinstance(number, Integral) for number in numbers)
        and 0 <= note.onset < hop
        and 0 <= note.pitch <= 127
        and 1 <= note.velocity <= 127
        and note.duration >= 1
        and isinstance(note.part, Part)
    )
