"""The scripted generator: plays what it is told, by default what it heard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, player_events
from support.stage import lead

from livegen.core.errors import InputError
from livegen.core.events import Note, Off, On, Part, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import PlanRequest
from livegen.generators.protocol import Generator
from livegen.generators.scripted import HEARD, ScriptedGenerator, in_turn

LEAD_ONLY = frozenset({Part.LEAD})


def request_for(plan_id: int = 1, parts: frozenset[Part] = LEAD_ONLY, hop: int = 24) -> PlanRequest:
    return PlanRequest(plan_id, plan_id * 24, Tick(0, 0, 4, 120.0, 6, hop, parts))


def having_heard(*pitches: int) -> ScriptedGenerator:
    generator = ScriptedGenerator()
    for index, pitch in enumerate(pitches):
        generator.observe(On(index, pitch, 70 + index))
        generator.observe(Off(index, pitch))
    return generator


def pitches_of(generator: ScriptedGenerator, windows: int, hop: int = 24) -> list[int]:
    return [note.pitch for plan_id in range(windows) for note in generator.plan(request_for(plan_id, hop=hop)).notes]


def test_it_is_a_generator() -> None:
    generator: Generator = ScriptedGenerator()
    assert generator.name == "scripted"


class TestEcho:
    def test_it_plays_the_players_notes_back_in_eighths_and_round_again(self) -> None:
        generator = having_heard(60, 64, 67)
        plan = generator.plan(request_for())
        assert plan.notes == (lead(0, 60, 10, 70), lead(12, 64, 10, 71))
        assert pitches_of(generator, 2) == [67, 60, 64, 67]

    def test_half_windows_have_one_note(self) -> None:
        assert pitches_of(having_heard(60, 64, 67), 4, hop=12) == [60, 64, 67, 60]

    def test_a_new_phrase_is_not_mixed_with_the_old(self) -> None:
        generator = having_heard(60, 64)
        generator.plan(request_for())
        generator.observe(On(9, 72, 80))
        generator.observe(On(9, 74, 80))
        assert pitches_of(generator, 2) == [72, 74, 72, 74]

    def test_only_the_last_notes_are_kept(self) -> None:
        generator = having_heard(*range(40, 60))
        assert pitches_of(generator, HEARD // 2) == list(range(60 - HEARD, 60))

    def test_it_is_silent_until_something_is_heard(self) -> None:
        assert pitches_of(ScriptedGenerator(), 3) == []

    def test_the_first_of_the_wanted_parts_plays(self) -> None:
        generator = having_heard(60)
        assert {note.part for note in generator.plan(request_for(parts=frozenset({Part.BASS, Part.CHORDS}))).notes} == {
            Part.CHORDS
        }
        assert generator.plan(request_for(parts=frozenset())).notes == ()

    def test_harmony_gets_the_chord_of_what_was_heard(self) -> None:
        accompaniment = request_for(parts=frozenset({Part.CHORDS}))
        assert having_heard(57, 60, 64).plan(accompaniment).chord == ChordSymbol(9, "min")
        assert ScriptedGenerator().plan(accompaniment).chord == NO_CHORD
        assert having_heard(57, 60, 64).plan(request_for()).chord is None


class TestScript:
    def test_windows_are_played_in_turn_and_then_nothing(self) -> None:
        generator = ScriptedGenerator(in_turn([[lead(0, 60)], [], [lead(0, 62), lead(6, 64)]]))
        assert [len(generator.plan(request_for(plan_id)).notes) for plan_id in range(5)] == [1, 0, 2, 0, 0]

    def test_notes_are_put_in_the_order_of_plans(self) -> None:
        bass = Note(Part.BASS, 0, 40, 6, 80)
        generator = ScriptedGenerator(in_turn([[bass, lead(6, 64), lead(0, 67), lead(0, 60)]]))
        assert generator.plan(request_for()).notes == (lead(0, 60), lead(0, 67), lead(6, 64), bass)

    def test_a_script_sees_what_is_asked_and_what_was_heard(self) -> None:
        generator = ScriptedGenerator(lambda request, context: [lead(0, context.heard[-1].pitch + request.plan_id)])
        generator.observe(On(0, 60, 80))
        assert generator.plan(request_for(5)).notes == (lead(0, 65),)


@law
@given(st.lists(player_events | st.just("plan"), max_size=20), st.lists(player_events | st.just("plan"), max_size=20))
def test_a_restored_context_has_the_same_future(before: list[object], after: list[object]) -> None:
    generator = ScriptedGenerator()

    def live(steps: list[object]) -> list[object]:
        plans: list[object] = []
        for step in steps:
            if isinstance(step, On | Off):
                generator.observe(step)
            else:
                plans.append(generator.plan(request_for(len(plans))))
        return plans

    live(before)
    state = generator.snapshot()
    future = live(after)
    generator.restore(state)
    assert live(after) == future
    generator.reset()
    assert generator.snapshot() == ScriptedGenerator().snapshot()


def test_a_foreign_snapshot_is_refused() -> None:
    with pytest.raises(InputError, match="not dict"):
        ScriptedGenerator().restore({})


def test_the_plan_is_for_what_was_asked() -> None:
    plan = having_heard(60).plan(replace(request_for(7, hop=12), opening=True))
    assert (plan.plan_id, plan.window, plan.hop) == (7, 7 * 24, 12)
