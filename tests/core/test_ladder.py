"""What is played while plans are late: each rung in its turn, counted, and the top again with the first plan in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law
from support.stage import BEAT, CHORDS, Sent, Stage, lead, plan_for, settings_with

from livegen.core.effects import Stopgap, Unplanned
from livegen.core.events import Note, Part
from livegen.core.harmony import ChordSymbol
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.plans import PlanRequest

HIT = Note(Part.DRUMS, 12, 38, 3, 90)
LOW = Note(Part.BASS, 0, 40, 12, 80)
TRIAD = tuple(Note(Part.CHORDS, 0, pitch, 96, 70) for pitch in (60, 64, 67))
C, F = ChordSymbol(0), ChordSymbol(5)


@pytest.fixture
def stage() -> Stage:
    """Accompanying; the first window, from beat 1 to 2, has been asked for and answered in time."""
    stage = Stage(settings_with(mode="accompany"))
    stage.advance(0.1)
    stage.press(72)
    stage.advance(0.8)
    stage.receive(replace(plan_for(stage.asked.pop(0), [*TRIAD, LOW, HIT]), chord=C))
    return stage


def to_beat(stage: Stage, beat: float) -> list[Sent]:
    return stage.advance(beat - stage.pulse / BEAT)


def struck(sent: list[Sent], stage: Stage) -> list[tuple[int, Part | None, int]]:
    """Pulse, part and pitch of every note that began."""
    return [
        (round(stage.engine.transport.pulse_at(item.due_ns)), item.part, item.message.pitch)
        for item in sent
        if isinstance(item.message, NoteOn)
    ]


def overdue(stage: Stage, window: int) -> PlanRequest:
    """Goes on until the fallback is asked for this window."""
    to_beat(stage, (window + 1) / BEAT)
    assert stage.overdue[-1].window == window
    return stage.overdue[-1]


def overdue_just_before(stage: Stage, window: int) -> PlanRequest:
    """Goes on until the fallback is asked for this window, which has not begun."""
    to_beat(stage, window / BEAT - 0.005)
    assert stage.overdue[-1].window == window
    return stage.overdue[-1]


def test_what_was_in_time_comes_from_the_brain(stage: Stage) -> None:
    assert stage.engine.plans_from() == "brain"


def test_first_the_last_plan_goes_on_and_its_chord_rings(stage: Stage) -> None:
    """The bass and the drums once more; what is held until then is not struck anew."""
    to_beat(stage, 1.9)
    sent = to_beat(stage, 2.9)
    assert struck(sent, stage) == [(48, Part.BASS, 40), (60, Part.DRUMS, 38)]
    assert {pitch for channel, pitch in stage.wire.sounding if channel == CHORDS} == {60, 64, 67}
    assert (stage.engine.plans_from(), stage.engine.counters["plans_repeated"]) == ("last plan", 1)
    assert not stage.overdue


def test_after_a_bar_of_it_the_fallback_is_asked(stage: Stage) -> None:
    request = overdue(stage, 6 * BEAT)
    assert [late.window for late in stage.overdue] == [6 * BEAT]
    assert stage.engine.counters["plans_repeated"] == 4
    stage.receive(Stopgap(plan_for(request, [HIT])))
    assert (stage.engine.plans_from(), stage.engine.counters["plans_fallback"]) == ("fallback", 1)
    assert struck(to_beat(stage, 6.9), stage) == [(6 * BEAT + 12, Part.DRUMS, 38)]


def test_where_the_fallback_fails_too_there_is_silence_from_the_next_bar_on(stage: Stage) -> None:
    request = overdue(stage, 6 * BEAT)
    stage.receive(Stopgap(replace(plan_for(request, [replace(note, duration=192) for note in TRIAD]), chord=C)))
    request = overdue(stage, 7 * BEAT)
    stage.receive(Unplanned(request.plan_id))
    assert (stage.engine.plans_from(), stage.engine.counters["windows_silent"]) == ("nobody", 1)
    to_beat(stage, 7.9)
    assert stage.wire.sounding
    to_beat(stage, 8.1)
    assert not stage.wire.sounding


def test_the_first_plan_in_time_is_the_top_again(stage: Stage) -> None:
    overdue(stage, 6 * BEAT)
    to_beat(stage, 6.9)
    stage.receive(plan_for(stage.asked[-1], [LOW]))
    assert stage.engine.plans_from() == "brain"
    assert struck(to_beat(stage, 7.5), stage) == [(7 * BEAT, Part.BASS, 40)]


def test_without_a_brain_the_ladder_begins_at_once(stage: Stage) -> None:
    """Not when the window is overdue: who is not there need not be waited for."""
    to_beat(stage, 1.8)
    stage.receive(Unplanned(stage.asked[-1].plan_id))
    assert stage.engine.plans_from() == "last plan"


@slow_law
@given(lookahead=st.floats(0.1, 2), away=st.floats(0.5, 6), hop=st.sampled_from(["half", "beat"]))
def test_within_a_bar_of_its_return_the_brain_plays_again(lookahead: float, away: float, hop: str) -> None:
    """Whatever it was asked while it was away; from then on it answers at once."""
    stage = Stage(settings_with(mode="accompany", lookahead=lookahead, hop=hop))
    stage.press(72)
    for step in range(round(away * 8)):
        stage.advance(0.125)
        for request in stage.asked[-1:] if step % 3 else stage.overdue[-1:]:
            stage.receive(Unplanned(request.plan_id))
    back = stage.pulse
    while stage.pulse < back + 4 * BEAT:
        asked = len(stage.asked)
        stage.advance(0.1)
        for request in stage.asked[asked:]:
            stage.receive(plan_for(request, [replace(HIT, onset=0)]))
    assert stage.engine.plans_from() == "brain"
    stage.advance(0.5)
    assert Part.DRUMS in {item.part for item in stage.sent}


def test_silence_at_the_bar_lengthens_nothing(stage: Stage) -> None:
    request = overdue(stage, 6 * BEAT)
    stage.receive(Stopgap(plan_for(request, [replace(LOW, duration=30)])))
    request = overdue(stage, 7 * BEAT)
    stage.receive(Unplanned(request.plan_id))
    to_beat(stage, 7.5)
    assert not {pitch for channel, pitch in stage.wire.sounding if channel != CHORDS}


def test_a_lead_has_no_rest_of_a_plan() -> None:
    stage = Stage()
    stage.play(60, 0.25)
    stage.advance(0.5)
    stage.answer(lead(0, 64, 6))
    to_beat(stage, 2.1)
    assert [late.window for late in stage.overdue] == [2 * BEAT]
    assert stage.engine.counters["plans_repeated"] == 0


class TestReplacing:
    """The brain's own plan comes after another has filled its window: from then on it is played."""

    def test_what_is_not_played_yet_is_replaced_and_what_sounds_ends(self, stage: Stage) -> None:
        request = overdue(stage, 6 * BEAT)
        gap = [Note(Part.BASS, 0, 45, 6, 80), Note(Part.BASS, 12, 47, 6, 80), Note(Part.DRUMS, 18, 42, 3, 80)]
        stage.receive(Stopgap(plan_for(request, gap)))
        to_beat(stage, 6.2)
        sent = stage.receive(plan_for(request, [replace(LOW, onset=12, pitch=41, duration=6)]))
        sent += to_beat(stage, 6.9)
        assert struck(sent, stage) == [(6 * BEAT + 12, Part.BASS, 41)]
        assert not {pitch for channel, pitch in stage.wire.sounding if channel != CHORDS}
        assert stage.engine.counters["plans_replaced"] == 1

    def test_a_chord_that_should_have_been_struck_comes_in_at_the_next_sixteenth(self, stage: Stage) -> None:
        request = overdue(stage, 6 * BEAT)
        stage.receive(Stopgap(replace(plan_for(request, [Note(Part.CHORDS, 0, 65, 96, 70)]), chord=F)))
        to_beat(stage, 6.1)
        sent = stage.receive(replace(plan_for(request, TRIAD), chord=C))
        sent += to_beat(stage, 6.9)
        # C is in both chords, and rings on.
        assert struck(sent, stage) == [(6 * BEAT + 6, Part.CHORDS, pitch) for pitch in (64, 67)]
        assert NoteOff(CHORDS, 65) in [item.message for item in sent]

    def test_a_chord_of_the_fallback_is_forgotten_with_its_notes(self, stage: Stage) -> None:
        request = overdue_just_before(stage, 6 * BEAT)
        stage.receive(Stopgap(replace(plan_for(request, []), chord=ChordSymbol(6))))
        stage.receive(replace(plan_for(request, []), chord=C))
        to_beat(stage, 6.5)
        assert {pitch for channel, pitch in stage.wire.sounding if channel == CHORDS} == {60, 64, 67}

    def test_the_agent_strikes_nothing_of_its_own_where_it_harmonizes(self) -> None:
        stage = Stage(settings_with(mode="harmonize"))
        stage.advance(0.1)
        stage.press(72)
        request = overdue(stage, BEAT)
        stage.receive(Stopgap(replace(plan_for(request, [LOW]), chord=F)))
        stage.receive(replace(plan_for(request, TRIAD), chord=C))
        assert not struck(to_beat(stage, 1.9), stage)

    def test_a_window_that_is_over_is_not_replaced(self, stage: Stage) -> None:
        request = overdue(stage, 6 * BEAT)
        stage.receive(Stopgap(plan_for(request, [HIT])))
        to_beat(stage, 7.1)
        stage.receive(plan_for(request, [LOW]))
        assert stage.engine.counters["plans_stale"] == 1

    def test_it_is_replaced_once(self, stage: Stage) -> None:
        request = overdue(stage, 6 * BEAT)
        stage.receive(Stopgap(plan_for(request, [])))
        for _ in range(2):
            stage.receive(plan_for(request, [HIT]))
        assert (stage.engine.counters["plans_replaced"], stage.engine.counters["plans_stale"]) == (1, 1)
        assert len(struck(to_beat(stage, 6.9), stage)) == 1

    def test_what_the_last_plan_filled_is_replaced_too(self, stage: Stage) -> None:
        to_beat(stage, 2.1)
        stage.receive(plan_for(stage.asked[0], [replace(HIT, pitch=51)]))
        assert struck(to_beat(stage, 2.9), stage) == [(60, Part.DRUMS, 51)]
