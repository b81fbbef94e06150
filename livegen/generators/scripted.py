"""A generator that plays by a script: to check a MIDI set-up by ear with nothing that could surprise, and for tests.

By default it plays the player's last notes back in their order and round again, one each half beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Note, On, PlayerEvent
from livegen.core.harmony import match_chord
from livegen.core.plans import Plan, PlanRequest

HEARD = 8
"""How many of the player's notes are played back."""

_STEP = PULSES_PER_BEAT // 2
_NOTE_PULSES = 10


@dataclass(frozen=True, slots=True)
class Context:
    """What a ScriptedGenerator remembers, as a value.

    Attributes:
        heard: the notes that the player struck since we played last, oldest first, at most `HEARD`.
        steps: half beats that we filled since the player's last note.
        windows: windows that we filled.
    """

    heard: tuple[On, ...] = ()
    steps: int = 0
    windows: int = 0


Script = Callable[[PlanRequest, Context], Iterable[Note]]
"""The notes of a window, given what is asked and what went before."""


def echo(request: PlanRequest, context: Context) -> Iterable[Note]:
    """One note each half beat, as the player struck them; the first of the wanted parts plays."""
    if not context.heard or not request.tick.parts:
        return
    for step, onset in enumerate(range(0, request.tick.hop, _STEP), start=context.steps):
        on = context.heard[step % len(context.heard)]
        yield Note(min(request.tick.parts), onset, on.pitch, _NOTE_PULSES, on.velocity)


def in_turn(windows: Sequence[Sequence[Note]]) -> Script:
    """The notes of these windows one after the other, then nothing."""

    def script(_: PlanRequest, context: Context) -> Iterable[Note]:
        return windows[context.windows] if context.windows < len(windows) else ()

    return script


class ScriptedGenerator:
    """See `Generator`. Nothing here takes time worth speaking of.

    Args:
        script: what to play.
    """

    def __init__(self, script: Script = echo) -> None:
        self._script = script
        self._context = Context()

    @property
    def name(self) -> str:
        """Always "scripted"."""
        return "scripted"

    @property
    def notice(self) -> str | None:
        """Always None: it runs anywhere."""
        return None

    def observe(self, event: PlayerEvent) -> None:
        """Keep the player's notes; the first after we played begins anew."""
        if isinstance(event, On):
            before = () if self._context.steps else self._context.heard
            self._context = replace(self._context, heard=(*before, event)[-HEARD:], steps=0)

    def plan(self, request: PlanRequest) -> Plan:
        """Fill one window; see `Generator.plan`."""
        notes = sorted(self._script(request, self._context), key=lambda note: (note.part, note.onset, note.pitch))
        chord = match_chord(self._weights()) if request.wants_chord else None
        steps, windows = self._context.steps + request.tick.hop // _STEP, self._context.windows + 1
        self._context = replace(self._context, steps=steps, windows=windows)
        return Plan(request.plan_id, request.window, request.tick.hop, chord, tuple(notes))

    def snapshot(self) -> Context:
        """The context as a value."""
        return self._context

    def restore(self, state: object) -> None:
        """Go back to a context that `snapshot` gave.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(state, Context):
            raise InputError(f"a context of the scripted generator is needed, not {type(state).__name__}")
        self._context = state

    def reset(self) -> None:
        """Forget everything."""
        self._context = Context()

    def _weights(self) -> list[float]:
        """How often each pitch class was heard, [12]."""
        pitch_classes = [on.pitch % 12 for on in self._context.heard]
        return [float(pitch_classes.count(pitch_class)) for pitch_class in range(12)]
