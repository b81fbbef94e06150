"""Sending ahead of what is heard: everything that is scheduled goes out so much earlier, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law, velocities
from support.stage import BEAT, BEAT_NS, LEAD, PLAYER, Sent, Stage, lead, messages, note_ons, plan_for, settings_with

from livegen.core.engine import LATE_NS, MOST_ADVANCE_NS
from livegen.core.errors import InputError
from livegen.core.events import Note, Part, PlayerEvent
from livegen.core.midi import CLOCK, CONTINUE, START, NoteOff, NoteOn, Realtime, SongPosition
from livegen.core.plans import Plan, PlanRequest

BEGIN = 4 * BEAT
"""By now every stint has begun, however early it must send."""
MS = 1_000_000

few_pitches = st.integers(60, 63)
advances_ns = st.integers(0, MOST_ADVANCE_NS)
sheets = st.lists(
    st.builds(Note, st.sampled_from([Part.CHORDS, Part.BASS]), st.integers(0, 11), few_pitches, st.integers(1, 60), velocities),
    min_size=1,
    max_size=6,
)


class Sheet:
    """A band that plays the same in every window from `BEGIN` on, and keeps what it was asked."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self.notes = tuple(notes)
        self.asked: list[PlanRequest] = []

    def plan(self, request: PlanRequest) -> Plan:
        self.asked.append(request)
        return plan_for(request, self.notes if request.window >= BEGIN else ())

    def observe(self, event: PlayerEvent) -> None:
        pass

    def discard(self, plan_id: int) -> None:
        pass


def accompanied(sheet: Sheet, advance_ns: int, **changes: object) -> Stage:
    """Six bars of accompaniment under a key that is held, sent `advance_ns` ahead."""
    stage = Stage(settings_with(mode="accompany", **changes), sheet, advance_ns=advance_ns)
    stage.press(60)
    stage.advance(24)
    return stage


def until_ns(sent: Iterable[Sent], later_ns: int) -> list[tuple[int, object]]:
    """What is heard from `BEGIN` to the middle of beat 20: when, and what."""
    heard = [(item.due_ns + later_ns, item.message) for item in sent]
    return [(at_ns, message) for at_ns, message in heard if 4 * BEAT_NS <= at_ns < 20.5 * BEAT_NS]


class TestWhatIsScheduled:
    @given(advance_ns=advances_ns, notes=sheets, hop=st.sampled_from(["half", "beat"]), lookahead=st.floats(0.1, 2))
    @slow_law
    def test_it_is_sent_so_much_earlier_and_is_the_same(
        self, advance_ns: int, notes: list[Note], hop: str, lookahead: float
    ) -> None:
        settings = {"hop": hop, "lookahead": lookahead, "clock__send": True}
        plain = accompanied(Sheet(notes), 0, **settings)
        ahead = accompanied(Sheet(notes), advance_ns, **settings)
        assert note_ons(plain.sent)
        assert until_ns(ahead.sent, advance_ns) == until_ns(plain.sent, 0)
        assert all(item.time_ns == item.due_ns for item in ahead.sent)

    @given(advance_ns=advances_ns, lookahead=st.floats(0.1, 2))
    @slow_law
    def test_it_is_decided_so_much_earlier(self, advance_ns: int, lookahead: float) -> None:
        """And the generator is told how far it really looks ahead."""
        plain, ahead = Sheet(()), Sheet(())
        for sheet, by_ns in ((plain, 0), (ahead, advance_ns)):
            accompanied(sheet, by_ns, lookahead=lookahead)
        asked = {request.window: request.tick.time_ns for request in plain.asked}
        ahead_of = [request for request in ahead.asked if request.window >= BEGIN]
        assert len(ahead_of) > 16
        pulse_ns = BEAT_NS / BEAT
        for request in ahead_of:
            assert request.window not in asked or request.tick.time_ns == asked[request.window] - advance_ns
            assert request.tick.lookahead == pytest.approx(request.window - request.tick.time_ns / pulse_ns, abs=0.51)

    def test_a_plan_that_comes_late_still_goes_to_the_fallback_before_its_window_is_sent(self) -> None:
        stage = Stage(advance_ns=100 * MS)
        stage.play(60, 0.25)
        stage.advance_to_ns(BEAT_NS - 108 * MS - 1)
        assert stage.overdue == []
        stage.advance_to_ns(BEAT_NS - 108 * MS)
        assert [request.window for request in stage.overdue] == [BEAT]
        stage.answer(lead(0, 64, 48))
        (sent,) = stage.advance_to_ns(BEAT_NS)
        assert (sent.due_ns, sent.message) == (BEAT_NS - 100 * MS, NoteOn(LEAD, 64, 80))

    def test_what_is_late_is_late_against_the_time_at_which_it_must_be_sent(self) -> None:
        for late_ns, played in ((LATE_NS, 1), (LATE_NS + 1, 0)):
            stage = Stage(advance_ns=50 * MS)
            stage.play(60, 0.25)
            stage.advance_to_ns(BEAT_NS * 3 // 4)
            stage.answer(lead(0, 64))
            stage.sleep(BEAT_NS // 4 - 50 * MS + late_ns)
            assert len(note_ons(stage.sent)) == played
            assert stage.engine.counters["notes_late_dropped"] == 1 - played

    def test_an_answer_begins_where_it_can_still_be_planned_and_sent(self) -> None:
        """The report says when it is heard."""
        stage = Stage(advance_ns=300 * MS)
        stage.play(60, 0.25)
        stage.advance(0.5)
        (request,) = stage.asked
        assert stage.engine.transport.ns_at(request.window) >= request.tick.time_ns + 330 * MS
        stage.answer(lead(0, 64))
        stage.advance(2)
        (answer,) = stage.answers
        assert answer.due_ns == stage.engine.transport.ns_at(request.window)


class TestWhatIsNot:
    def test_what_is_played_through_goes_out_at_once(self) -> None:
        stage = Stage(settings_with(mode="listen", thru=True), advance_ns=200 * MS)
        stage.advance(0.3)
        (sent,) = stage.press(60)
        assert (sent.due_ns, sent.message) == (stage.now_ns, NoteOn(PLAYER, 60, 80))

    def test_an_answer_ends_at_once_when_the_player_comes_back(self) -> None:
        stage = Stage(advance_ns=100 * MS)
        stage.play(60, 0.25)
        stage.advance_to_ns(BEAT_NS * 3 // 4)
        stage.answer(lead(0, 64, 24), lead(12, 67))
        stage.advance_to_ns(BEAT_NS)
        assert messages(stage.press(62)) == [NoteOff(LEAD, 64)]
        assert note_ons(stage.advance(4)) == []


class TestTempo:
    @pytest.mark.parametrize("bpm", [40, 300])
    def test_where_the_tempo_changes_the_clock_goes_on_without_a_gap_or_a_burst(self, bpm: float) -> None:
        """What was sent is heard at the old tempo, so the new one begins with what is sent next."""
        stage = Stage(settings_with(clock__send=True), advance_ns=400 * MS)
        stage.tick()
        before = len(stage.advance(2.01))
        stage.change(tempo__bpm=bpm)
        stage.advance(2)
        ticks = [item for item in stage.sent[before - 1 :] if item.message == Realtime(CLOCK)]
        assert all(item.time_ns == item.due_ns for item in ticks)
        steps = {later.due_ns - sooner.due_ns for sooner, later in pairwise(ticks[1:])}
        assert steps <= {int(60e9 / bpm / 24), int(60e9 / bpm / 24) + 1}

    def test_the_rest_of_a_window_that_has_begun_plays_although_its_place_is_to_come_again(self) -> None:
        """Here another output is found, which needs less time; a clock that slows down does the same."""
        stage = Stage(settings_with(mode="accompany"), advance_ns=400 * MS)
        stage.press(60)
        (window,) = (request.window for request in stage.asked)
        stage.answer(Note(Part.CHORDS, 0, 64, 6, 80), Note(Part.CHORDS, 6, 67, 6, 80))
        stage.advance_to_ns(stage.engine.transport.ns_at(window) - 399 * MS)
        assert [message.pitch for message in note_ons(stage.sent)] == [64]
        stage.engine.send_earlier(0)
        stage.change(part__chords=False, part__bass=False, part__drums=False)
        stage.advance(2)
        assert [message.pitch for message in note_ons(stage.sent)] == [64, 67]
        assert stage.discarded == []


class TestFollowersOfAClock:
    @pytest.mark.parametrize(
        ("advance_ms", "told"),
        [(0, [Realtime(START)]), (10, [Realtime(START)]), (125, [SongPosition(1), Realtime(CONTINUE)]), (100, [])],
    )
    def test_they_are_told_where_the_song_will_be_when_they_hear_it(self, advance_ms: int, told: list[object]) -> None:
        """At 120 bpm a sixteenth takes 125 ms; what is no sixteenth cannot be said, and waits for the bar line."""
        stage = Stage(settings_with(clock__source="midi", clock__send=True), advance_ns=advance_ms * MS)
        stage.advance(1.001)
        stage.receive(Realtime(START))
        before = len(stage.sent)
        stage.receive(Realtime(CLOCK))
        words = [message for message in messages(stage.sent[before:]) if message != Realtime(CLOCK)]
        assert words == told


class TestBounds:
    @pytest.mark.parametrize("advance_ns", [-1, MOST_ADVANCE_NS + 1])
    def test_what_is_out_of_range_is_refused_and_changes_nothing(self, advance_ns: int) -> None:
        stage = Stage(advance_ns=20 * MS)
        with pytest.raises(InputError, match=r"delay of .* ms is not in 0\.\.500"):
            stage.engine.send_earlier(advance_ns)
        assert stage.engine.advance_ns == 20 * MS
