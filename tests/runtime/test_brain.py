"""The brain's loop on a real pipe: what it answers, and what it leaves out once it has fallen behind."""

from __future__ import annotations

import threading
from contextlib import suppress
from multiprocessing import Pipe

from livegen.core.effects import Ask, Observe
from livegen.core.events import Note, On, Part, PlayerEvent, Tick
from livegen.core.plans import PlanRequest
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator
from livegen.runtime.brain import serve
from livegen.runtime.messages import GeneratorReady

LAST = 99
BEAT_NS = 500_000_000
NOW_NS = 3 * BEAT_NS + 1
"""The windows of 1 and 2 have begun, that of 3 has not."""


def request(plan_id: int) -> PlanRequest:
    """Asked for at its beat, for a window a quarter of a beat later."""
    tick = Tick(plan_id * BEAT_NS, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD}))
    return PlanRequest(plan_id, 24 * plan_id, tick)


def answers(*messages: object) -> tuple[list[int], list[int]]:
    """Plans that a brain makes of what has all come before it looks, and the pitches that it has heard."""
    heard: list[int] = []

    class Hearing(ScriptedGenerator):
        def observe(self, event: PlayerEvent) -> None:
            heard.append(event.pitch)

    performer, brain = Pipe()
    for message in (*messages, Ask(request(LAST))):
        performer.send(message)
    band = Band(Hearing(lambda *_: [Note(Part.LEAD, 0, 60, 6, 80)]))

    def think() -> None:
        with suppress(EOFError):
            serve(brain, band, lambda: None, lambda: NOW_NS)

    thread = threading.Thread(target=think)
    thread.start()
    assert isinstance(performer.recv(), GeneratorReady)
    made = []
    while (plan := performer.recv()).plan_id != LAST:
        made.append(plan.plan_id)
    performer.close()
    thread.join()
    return made, heard


def test_windows_that_are_asked_for_together_are_planned_together() -> None:
    made, _ = answers(Ask(request(3)), Ask(request(4)))
    assert made == [3, 4]


def test_who_has_fallen_behind_does_not_plan_the_past_and_hears_everything() -> None:
    notes = [Observe(On(number, 60 + number, 80, None)) for number in range(3)]
    made, heard = answers(notes[0], Ask(request(1)), notes[1], Ask(request(2)), notes[2], Ask(request(3)))
    assert made == [3]
    assert heard == [60, 61, 62]
