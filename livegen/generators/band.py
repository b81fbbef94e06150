"""The band: a generator with a drummer beside it, heard in the register that is asked for, that can take plans back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from livegen.core.events import Part, PlayerEvent
from livegen.core.plans import Plan, PlanRequest
from livegen.generators.drums import drum_notes
from livegen.generators.protocol import Generator
from livegen.generators.register import Register

MEMORY = 8
"""How many plans can be taken back; the performer is never further ahead than its lookahead."""
REMEMBERED_EVENTS = 512
"""A plan that the player has played this much over is history and cannot be taken back; it bounds the memory."""


@dataclass(slots=True)
class _Made:
    """A plan that may still be taken back: the context before it, and what the player did since."""

    plan_id: int
    before: object
    since: list[PlayerEvent] = field(default_factory=list)


class Band:
    """What the brain plays with. Single-threaded; owns the generator.

    The player is never forgotten when a plan is taken back: what was heard since is heard again on top of the older context.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._register = Register()
        self._made: deque[_Made] = deque(maxlen=MEMORY)

    def observe(self, event: PlayerEvent) -> None:
        """The player did something."""
        self.generator.observe(event)
        for made in self._made:
            made.since.append(event)
        while self._made and len(self._made[0].since) > REMEMBERED_EVENTS:
            self._made.popleft()

    def plan(self, request: PlanRequest) -> Plan:
        """Fill a window: the generator's notes, and the drummer's if drums are wanted.

        Raises:
            ModelError: as the generator's `plan`.
        """
        parts = request.tick.parts - {Part.DRUMS}
        plan = Plan(request.plan_id, request.window, request.tick.hop, None, ())
        if parts:
            made = _Made(request.plan_id, self.generator.snapshot())
            plan = self.generator.plan(replace(request, tick=replace(request.tick, parts=parts)))
            self._made.append(made)
            plan = replace(plan, notes=self._register.moved(plan.notes, request.register, request.opening))
        if Part.DRUMS in request.tick.parts:
            plan = replace(plan, notes=(*plan.notes, *drum_notes(request)))
        return plan

    def discard(self, plan_id: int) -> None:
        """This plan and all later ones are not played: the context is as if they had never been made."""
        undone: _Made | None = None
        while self._made and self._made[-1].plan_id >= plan_id:
            undone = self._made.pop()
        if undone is None:
            return
        self.generator.restore(undone.before)
        for event in undone.since:
            self.generator.observe(event)

    def reset(self) -> None:
        """Forget everything."""
        self._made.clear()
        self._register = Register()
        self.generator.reset()
