"""The band: what is taken back leaves no trace, the drummer sits beside the generator, memory is bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, player_events

from livegen.core.errors import ModelError
from livegen.core.events import Note, Off, On, Part, PlayerEvent, Tick
from livegen.core.plans import Plan, PlanRequest
from livegen.generators.band import MEMORY, REMEMBERED_EVENTS, Band
from livegen.generators.drums import drum_notes
from livegen.generators.protocol import Generator

TRIO = frozenset({Part.LEAD, Part.CHORDS, Part.BASS})


class Recorder:
    """A generator whose context is the list of everything that it was told."""

    def __init__(self) -> None:
        self.log: tuple[object, ...] = ()
        self.broken = False

    name = "recorder"

    def observe(self, event: PlayerEvent) -> None:
        self.log += (event,)

    def plan(self, request: PlanRequest) -> Plan:
        if self.broken:
            raise ModelError("broken")
        self.log += (request,)
        return Plan(request.plan_id, request.window, request.tick.hop, None, (Note(Part.LEAD, 0, len(self.log), 6, 80),))

    def snapshot(self) -> object:
        return self.log

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self.log = state

    def reset(self) -> None:
        self.log = ()


def request_for(plan_id: int, parts: frozenset[Part] = TRIO) -> PlanRequest:
    return PlanRequest(plan_id, plan_id * 24, Tick(plan_id, 0, 4, 120.0, 12, 24, parts))


@dataclass(frozen=True)
class Discarded:
    """Take back the plans from the one that is `back` before the newest on."""

    back: int


histories = st.lists(st.one_of(player_events, st.just("plan"), st.builds(Discarded, st.integers(0, MEMORY - 1))), max_size=40)


@law
@given(histories)
def test_a_plan_that_is_taken_back_was_never_made(history: list[PlayerEvent | str | Discarded]) -> None:
    """The context is what it would be without it, the player's events since then kept, in their order."""
    generator = Recorder()
    band = Band(generator)
    expected: list[object] = []
    plan_id = 0
    for step in history:
        if isinstance(step, Discarded):
            first = plan_id - step.back
            band.discard(first)
            expected = [item for item in expected if not (isinstance(item, PlanRequest) and item.plan_id >= first)]
        elif step == "plan":
            plan_id += 1
            band.plan(request_for(plan_id))
            expected.append(request_for(plan_id))
        else:
            assert isinstance(step, On | Off)
            band.observe(step)
            expected.append(step)
        assert list(generator.log) == expected


def test_taking_back_what_is_not_there_changes_nothing() -> None:
    generator = Recorder()
    band = Band(generator)
    band.plan(request_for(1))
    band.observe(On(0, 60, 80))
    before = generator.log
    band.discard(2)
    assert generator.log == before
    band.discard(1)
    band.discard(1)
    assert generator.log == (On(0, 60, 80),)


def test_a_reset_forgets_plans_and_context() -> None:
    generator = Recorder()
    band = Band(generator)
    band.observe(On(0, 60, 80))
    band.plan(request_for(1))
    band.reset()
    assert generator.log == ()
    band.discard(1)
    assert generator.log == ()


def test_a_plan_that_fails_leaves_nothing_to_take_back() -> None:
    generator = Recorder()
    band = Band(generator)
    band.observe(On(0, 60, 80))
    generator.broken = True
    with pytest.raises(ModelError):
        band.plan(request_for(1))
    band.observe(Off(1, 60))
    band.discard(1)
    assert generator.log == (On(0, 60, 80), Off(1, 60))


class TestMemory:
    def test_only_the_last_plans_can_be_taken_back(self) -> None:
        """Older ones are history: they were played long ago."""
        generator = Recorder()
        band = Band(generator)
        for plan_id in range(1, 21):
            band.plan(request_for(plan_id))
        band.discard(1)
        assert generator.log == tuple(request_for(plan_id) for plan_id in range(1, 21 - MEMORY))

    def test_a_plan_that_was_long_played_over_is_history(self) -> None:
        """In `listen` mode nothing is ever planned or taken back, and hours of playing must not pile up."""
        generator = Recorder()
        band = Band(generator)
        band.plan(request_for(1))
        for count in range(REMEMBERED_EVENTS + 1):
            band.observe(On(count, 60, 80))
        before = generator.log
        band.discard(1)
        assert generator.log == before

    def test_what_is_kept_is_bounded(self) -> None:
        band = Band(Recorder())
        for count in range(3 * REMEMBERED_EVENTS):
            if count % 40 == 0:
                band.plan(request_for(count))
            band.observe(On(count, 60, 80))
        assert len(band._made) <= MEMORY
        assert sum(len(made.since) for made in band._made) <= MEMORY * REMEMBERED_EVENTS


class TestDrummer:
    def test_drums_are_added_after_the_generators_notes(self) -> None:
        generator = Recorder()
        request = request_for(1, TRIO | {Part.DRUMS})
        plan = Band(generator).plan(request)
        assert plan.notes == (Note(Part.LEAD, 0, 1, 6, 80), *drum_notes(request))
        assert [note.part for note in plan.notes] == sorted(note.part for note in plan.notes)

    def test_the_generator_hears_nothing_of_them(self) -> None:
        """It was never trained on drums."""
        generator = Recorder()
        Band(generator).plan(request_for(1, TRIO | {Part.DRUMS}))
        assert generator.log == (request_for(1, TRIO),)

    def test_drums_alone_do_not_wake_the_generator(self) -> None:
        generator = Recorder()
        request = request_for(1, frozenset({Part.DRUMS}))
        plan = Band(generator).plan(request)
        assert generator.log == ()
        assert (plan.plan_id, plan.window, plan.hop, plan.chord) == (1, 24, 24, None)
        assert plan.notes == drum_notes(request)

    def test_without_drums_the_plan_is_the_generators(self) -> None:
        assert Band(Recorder()).plan(request_for(1)).notes == (Note(Part.LEAD, 0, 1, 6, 80),)

    def test_other_requests_pass_as_they_are(self) -> None:
        generator = Recorder()
        request = replace(request_for(1), opening=True, style=(("jazz", 1.0),), seed=7)
        Band(generator).plan(request)
        assert generator.log == (request,)


def test_the_recorder_is_a_generator() -> None:
    generator: Generator = Recorder()
    assert generator.name == "recorder"
