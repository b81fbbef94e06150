"""What the performer asks of a generator, and what it gets: frozen values that cross the process boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral

from livegen.core.errors import InputError
from livegen.core.events import Note, Part, Tick
from livegen.core.harmony import QUALITIES, ChordSymbol

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

    Raises:
        InputError: the plan cannot be played; the text says why.
    """
    check_form(plan)
    if (plan.window, plan.hop) != (request.window, request.tick.hop):
        raise InputError(f"plan {plan.plan_id} is for {plan.hop} pulses at {plan.window}, not for what was asked for")


def check_form(plan: Plan) -> None:
    """Refuse what no request could want. A plan comes from another process, so its types are checked too.

    Raises:
        InputError: the plan can be neither played nor written down; the text says why.
    """
    if not (_is_whole(plan.plan_id, 0, _MOST) and _is_whole(plan.window, -_MOST, _MOST) and _is_whole(plan.hop, 1, _MOST)):
        raise InputError(f"plan {plan.plan_id} is for {plan.hop} pulses at {plan.window}, which is no window")
    if plan.chord is not None and not _is_chord(plan.chord):
        raise InputError(f"plan {plan.plan_id} has {plan.chord!r} for its chord")
    if not isinstance(plan.notes, tuple) or len(plan.notes) > MOST_NOTES:
        raise InputError(f"plan {plan.plan_id} does not hold at most {MOST_NOTES} notes")
    for note in plan.notes:
        if not isinstance(note, Note) or not _is_playable(note, plan.hop):
            raise InputError(f"plan {plan.plan_id} has a note that cannot be played: {note}")


_MOST = 1 << 62
"""Numbers are bounded, so that nothing that is calculated from them takes for ever."""


def _is_playable(note: Note, hop: int) -> bool:
    return (
        isinstance(note.part, Part)
        and _is_whole(note.onset, 0, hop - 1)
        and _is_whole(note.pitch, 0, 127)
        and _is_whole(note.velocity, 1, 127)
        and _is_whole(note.duration, 1, _MOST)
    )


def _is_chord(chord: object) -> bool:
    # What has been unpickled was never constructed, so nobody has looked at it.
    if not isinstance(chord, ChordSymbol) or not isinstance(chord.quality, str) or chord.quality not in QUALITIES:
        return False
    return chord.root is None or _is_whole(chord.root, 0, 11)


def _is_whole(number: object, least: int, most: int) -> bool:
    """NaN and fractions pass comparisons that they should not, so whole numbers come first; a truth is none."""
    return isinstance(number, Integral) and not isinstance(number, bool) and least <= int(number) <= most
