"""The brain's loop on a real pipe: what it answers, and what it leaves out once it has fallen behind."""

from __future__ import annotations

from multiprocessing import Pipe

import pytest

from livegen.core.effects import Ask, Observe
from livegen.core.events import Note, On, Part, Tick
from livegen.core.plans import Plan, PlanRequest
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator
from livegen.runtime.brain import serve
from livegen.runtime.messages import GeneratorReady


def request(plan_id: int) -> PlanRequest:
    tick = Tick(plan_id * 500_000_000, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD}))
    return PlanRequest(plan_id, 24 * plan_id, tick)


def answers(*messages: object) -> tuple[list[object], list[int]]:
    """What a brain says to messages that have all come before it looks; and the pitches that it had heard by its last plan."""
    heard: list[int] = []

    class Hearing(ScriptedGenerator):
        def observe(self, event: object) -> None:
            if isinstance(event, On):
                heard.append(event.pitch)

    performer, brain = Pipe()
    for message in messages:
        performer.send(message)
    # The performer says no more, but can still listen: the brain reads to the end, and then finds that it has gone.
    said: list[object] = []
    beats = iter(range(2))

    def beat() -> None:
        if next(beats, None) is None:
            raise EOFError

    with pytest.raises(EOFError):
        serve(brain, Band(Hearing(lambda *_: [Note(Part.LEAD, 0, 60, 6, 80)])), beat)
    while performer.poll(0):
        said.append(performer.recv())
    return said, heard


def test_it_says_that_it_is_ready_and_answers() -> None:
    said, _ = answers(Ask(request(1)))
    assert isinstance(said[0], GeneratorReady)
    assert [plan.plan_id for plan in said[1:] if isinstance(plan, Plan)] == [1]


def test_who_has_fallen_behind_plans_only_what_was_asked_last_and_hears_everything() -> None:
    notes = [Observe(On(number, 60 + number, 80, None)) for number in range(3)]
    said, heard = answers(notes[0], Ask(request(1)), notes[1], Ask(request(2)), notes[2], Ask(request(3)))
    assert [plan.plan_id for plan in said[1:] if isinstance(plan, Plan)] == [3]
    assert heard == [60, 61, 62]
