"""What fills a window whose plan has not come: the rest of the last plan for up to a bar, then the fallback, then nothing.

What is committed plays in any case. The first plan that is in time is the top of the ladder again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.plans import Plan, PlanRequest
from livegen.core.transport import Transport

Rung = Literal["brain", "last plan", "fallback", "nobody"]


class Ladder:
    """Where the plans come from. Single-threaded; owned by the score.

    Attributes:
        rung: who filled the last window that was filled.
    """

    def __init__(self) -> None:
        self.rung: Rung = "brain"
        self._last: Plan | None = None

    def in_time(self, plan: Plan) -> None:
        """The generator has filled a window."""
        self._last, self.rung = plan, "brain"

    def forget(self) -> None:
        """The music that the last plan belonged to has ended."""
        self._last = None

    def rest(self, request: PlanRequest, transport: Transport) -> Plan | None:
        """The last plan once more, without what of it rings on until here.

        None for a lead, whom nobody would take for the same musician, and more than a bar after the last plan.
        """
        last, tick = self._last, request.tick
        if last is None or Part.LEAD in tick.parts:
            return None
        since = request.window - last.window
        if not 0 < since <= transport.beats_per_bar * PULSES_PER_BEAT:
            return None
        self.rung = "last plan"
        notes = (
            note
            for note in last.notes
            if note.part in tick.parts and note.onset < tick.hop and note.onset + note.duration <= since
        )
        return replace(last, plan_id=request.plan_id, window=request.window, hop=tick.hop, notes=tuple(notes))
