"""The director: when the agent plays in each mode, and when it makes room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, slow_law, tempi
from support.stage import BEAT, BEAT_NS, LEAD, Stage, lead, note_ons, settings_with

from livegen.core.director import PLANNING_NS, REST_BEATS, answer_start
from livegen.core.events import Part
from livegen.core.ledger import Owner
from livegen.core.transport import Transport
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator

ROUNDING_NS = 2
"""A beat is not a whole number of nanoseconds at most tempi."""

phrases = st.lists(st.tuples(st.floats(0.02, 1.5), st.floats(0.0, 0.1)), min_size=1, max_size=5)
"""Notes as (length, rest after it) in beats; the rests are shorter than any gap that ends a phrase."""


def echoing(**changes: object) -> Stage:
    return Stage(settings_with(**changes), Band(ScriptedGenerator()))


class TestRespond:
    @slow_law
    @given(tempo_bpm=tempi | st.sampled_from([20.0, 299.999, 300.0]), lead_in=st.floats(0, 4), phrase=phrases)
    def test_an_answer_begins_within_a_beat_of_the_last_release(
        self, tempo_bpm: float, lead_in: float, phrase: list[tuple[float, float]]
    ) -> None:
        """At every tempo and wherever in the beat, with the default gap; and it begins on a beat or half beat."""
        stage = echoing(tempo__bpm=tempo_bpm)
        stage.advance(lead_in)
        for length, rest in phrase:
            stage.play(60, length)
            released_ns = stage.now_ns
            stage.advance(rest)
        beat_ns = 60e9 / tempo_bpm
        stage.advance_to_ns(released_ns + round(1.2 * beat_ns))
        (answer,) = stage.answers
        assert answer.phrase_end_ns == released_ns
        assert 0 < answer.due_ns - released_ns <= beat_ns + ROUNDING_NS
        assert stage.engine.transport.whole_pulse_at(answer.due_ns) % (BEAT // 2) == 0
        assert note_ons(stage.sent)[0].channel == LEAD

    @law
    @given(tempi, st.integers(0, 10**10), st.integers(0, 2 * 10**9))
    def test_the_start_is_the_next_beat_that_can_be_made(self, tempo_bpm: float, end_ns: int, waited_ns: int) -> None:
        """Or a half beat, if that beat is a beat or more after the phrase; never so soon that no plan could be made."""
        transport = Transport.starting(0, tempo_bpm)
        now_ns = end_ns + waited_ns
        start = answer_start(transport, end_ns, now_ns)
        soonest = transport.pulse_at(now_ns + PLANNING_NS)
        assert soonest <= start < soonest + BEAT
        assert start % (BEAT // 2) == 0
        if start % BEAT:
            assert start + BEAT // 2 > transport.pulse_at(end_ns) + BEAT - 1

    def test_the_next_beat_is_taken_if_there_is_time(self) -> None:
        stage = echoing()
        stage.play(60, 0.25)
        stage.advance(1)
        (answer,) = stage.answers
        assert answer.due_ns == BEAT_NS

    def test_the_half_beat_before_it_if_the_beat_is_too_far(self) -> None:
        stage = echoing()
        stage.play(60, 0.95)
        stage.advance(1)
        (answer,) = stage.answers
        assert answer.due_ns == 1.5 * BEAT_NS

    def test_nothing_is_answered_while_a_key_is_down(self) -> None:
        stage = echoing()
        stage.press(60)
        stage.play(64, 0.5)
        stage.advance(6)
        assert note_ons(stage.sent) == []
        stage.release(60)
        stage.advance(1)
        assert len(stage.answers) == 1

    def test_an_answer_is_as_long_as_the_phrase_in_whole_beats(self) -> None:
        """At least two beats, and at most what is set."""
        for played, set_, heard in [(0.2, 8.0, 2), (2.5, 8.0, 3), (6.0, 4.0, 4)]:
            stage = echoing(answer__max_beats=set_)
            stage.play(60, played)
            stage.advance(16)
            assert len(note_ons(stage.sent)) in {2 * heard, 2 * heard + 1}, (
                "the scripted agent plays eighths; a half beat may come first"
            )

    def test_one_phrase_has_one_answer(self) -> None:
        stage = echoing()
        stage.play(60, 0.25)
        stage.advance(20)
        assert len(stage.answers) == 1
        assert stage.engine.next_deadline_ns() is None

    def test_the_agent_yields_at_once(self) -> None:
        """In the moment of the key press everything that it holds ends, and what it planned is taken back."""
        stage = echoing()
        stage.play(60, 0.25)
        stage.advance(1.1)
        assert list(stage.ledger.sounding(Owner.GENERATED))
        sent = stage.press(72)
        assert stage.wire.sounding == set()
        assert all(item.time_ns == stage.now_ns for item in sent)
        assert stage.engine.counters["yields"] == 1
        assert stage.advance(8) == [], "not before the key comes up"

    def test_a_note_that_rings_on_after_the_answer_yields_too(self) -> None:
        stage = Stage()
        stage.play(60, 0.25)
        stage.advance(0.6)
        stage.answer(lead(0, 64, duration=192))
        stage.advance(5)
        assert stage.wire.sounding == {(LEAD, 64)}
        stage.press(72)
        assert stage.wire.sounding == set()

    def test_a_yield_before_the_first_note_leaves_silence(self) -> None:
        stage = echoing()
        stage.play(60, 0.25)
        stage.advance(0.5)
        assert stage.engine.counters["plans"] >= 1, "the answer is already planned"
        stage.press(72)
        stage.advance(8)
        assert note_ons(stage.sent) == []
        assert stage.answers == []

    def test_without_the_lead_nobody_answers(self) -> None:
        """And a phrase that nobody answered is not answered later."""
        stage = echoing(part__lead=False)
        stage.play(60, 0.25)
        stage.advance(4)
        stage.change(part__lead=True)
        stage.advance(4)
        assert stage.sent == []
        stage.play(60, 0.25)
        stage.advance(2)
        assert note_ons(stage.sent)

    def test_taking_the_lead_away_ends_the_answer_with_its_window(self) -> None:
        stage = echoing()
        stage.play(60, 0.25)
        stage.advance(0.9)
        stage.change(part__lead=False)
        stage.advance(8)
        assert len(note_ons(stage.sent)) <= 2
        assert stage.wire.sounding == set()


class TestAccompany:
    def test_it_begins_within_a_beat_of_the_first_note_and_goes_on_while_you_play(self) -> None:
        stage = echoing(mode="accompany")
        stage.advance(0.3)
        begin_ns = stage.now_ns
        for _ in range(12):
            stage.play(60, 0.9)
            stage.advance(0.1)
        ons = [item for item in stage.sent if item.part is not None]
        assert 0 < ons[0].due_ns - begin_ns <= BEAT_NS
        last_ns = max(item.due_ns for item in ons)
        assert stage.now_ns - last_ns < BEAT_NS

    def test_it_keeps_to_its_parts(self) -> None:
        stage = Stage(settings_with(mode="accompany", part__drums=False))
        stage.press(60)
        stage.advance(4)
        assert {request.tick.parts for request in stage.asked} == {frozenset({Part.CHORDS, Part.BASS})}

    def test_a_held_chord_is_no_silence(self) -> None:
        stage = echoing(mode="accompany")
        stage.press(60)
        assert note_ons(stage.advance(40)[-20:])

    def test_it_rests_after_eight_beats_of_silence_and_begins_again(self) -> None:
        stage = echoing(mode="accompany")
        stage.play(60, 1)
        rests_ns = stage.now_ns + round(REST_BEATS * BEAT_NS)
        stage.advance(30)
        begun = [item.due_ns for item in stage.sent if item.part is not None]
        assert rests_ns - BEAT_NS < max(begun) <= rests_ns + BEAT_NS
        assert stage.engine.next_deadline_ns() is None
        stage.press(62)
        assert note_ons(stage.advance(2))

    def test_plans_that_the_rest_makes_void_are_neither_played_nor_remembered(self) -> None:
        """What the context has forgotten must not sound, or model and stage would part."""
        stage = echoing(mode="accompany", lookahead=2.0)
        stage.play(60, 0.5)
        stage.advance(REST_BEATS + 4)
        (first_thrown,) = stage.discarded
        rest_ns = round((0.5 + REST_BEATS) * BEAT_NS)
        assert first_thrown <= stage.engine.counters["plans"]
        assert all(item.due_ns < rest_ns + BEAT_NS for item in stage.sent)
        assert not note_ons(item for item in stage.sent if item.due_ns > rest_ns + BEAT_NS // 2)

    def test_a_part_that_is_taken_away_leaves_the_others_playing(self) -> None:
        stage = Stage(settings_with(mode="accompany"))
        stage.press(60)
        stage.advance(3)
        stage.change(part__bass=False)
        stage.asked.clear()
        stage.advance(3)
        assert stage.discarded == []
        assert [request.window % BEAT for request in stage.asked] == [0, 0, 0]
        assert {request.tick.parts for request in stage.asked} == {frozenset({Part.CHORDS, Part.DRUMS})}

    def test_playing_on_does_not_interrupt_it(self) -> None:
        stage = echoing(mode="accompany")
        stage.press(60)
        stage.advance(2.1)
        sounding = set(stage.wire.sounding)
        assert sounding
        stage.press(64)
        assert stage.wire.sounding == sounding
        assert stage.engine.counters["yields"] == 0


class TestListen:
    def test_it_plays_nothing_and_hears_everything(self) -> None:
        stage = echoing(mode="listen")
        for _ in range(5):
            stage.play(60, 0.5)
            stage.advance(2)
        assert stage.sent == []
        assert len(stage.observed) == 10
        assert stage.engine.next_deadline_ns() is None


@pytest.mark.parametrize("before", ["respond", "accompany"])
@pytest.mark.parametrize("after", ["respond", "accompany", "listen"])
def test_a_change_of_mode_in_the_middle_of_a_note_lets_go_of_it(before: str, after: str) -> None:
    """And throws away what was planned; the new mode waits for the player."""
    if before == after:
        return
    stage = echoing(mode=before)
    stage.play(60, 0.25)
    stage.advance(1)
    assert stage.wire.sounding
    stage.change(mode=after)
    assert stage.wire.sounding == set()
    assert note_ons(stage.advance(12)) == []
