"""A Link session gives the beat: tempo, beats and bar lines are its, and nothing is played twice or left sounding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law
from support.stage import BEAT, BEAT_NS, CHORDS, Stage, plan_for, settings_with

from livegen.core.effects import CountIn, SessionBeat
from livegen.core.events import Note, Part
from livegen.core.midi import NoteOff

MINUTE_NS = 60_000_000_000


def linked(**changes: object) -> Stage:
    return Stage(settings_with(mode="accompany", clock__source="link", **changes))


def beat_now(stage: Stage, beat: float, tempo_bpm: float = 120.0, peers: int = 1) -> None:
    stage.receive(SessionBeat(beat, stage.now_ns, tempo_bpm, peers))


def place(stage: Stage) -> float:
    """Beats since the bar line."""
    return stage.pulse / BEAT % 4


def state(stage: Stage) -> str:
    return stage.engine.clock_state(stage.now_ns)


class TestStates:
    def test_without_peers_it_waits_and_keeps_our_tempo(self) -> None:
        stage = linked(tempo__bpm=90)
        assert state(stage) == "waiting"
        beat_now(stage, 0.0, 90.0, peers=0)
        assert (state(stage), stage.engine.transport.tempo_bpm) == ("waiting", 90)

    def test_with_peers_it_is_locked_until_nothing_is_heard_of_them_and_the_tempo_goes_on(self) -> None:
        stage = linked()
        beat_now(stage, 0.0, 100.0)
        assert state(stage) == "locked"
        stage.advance(8)
        assert (state(stage), float(stage.engine.transport.tempo_bpm)) == ("free-wheel", 100.0)

    def test_another_source_does_not_hear_it(self) -> None:
        stage = Stage(settings_with(clock__source="tap"))
        beat_now(stage, 2.5, 77.0)
        assert (state(stage), stage.engine.transport.tempo_bpm) == ("waiting", 120)

    def test_its_bars_are_counted_by_everybody_so_none_is_counted_in(self) -> None:
        stage = linked()
        beat_now(stage, 0.0)
        stage.receive(CountIn())
        assert stage.engine.counters["refused_counts"] == 1

    def test_its_tempo_stays_when_it_is_left(self) -> None:
        stage = linked()
        beat_now(stage, 0.0, 93.5)
        stage.change(clock__source="internal")
        assert (state(stage), stage.engine.settings.tempo_bpm) == ("internal", 93.5)


class TestJoining:
    def test_another_place_in_the_bar_is_gone_to_at_once_and_forwards(self) -> None:
        stage = linked()
        stage.advance(1.5)
        before = stage.pulse
        beat_now(stage, 3.75)
        assert place(stage) == 3.75
        assert stage.pulse > before

    def test_what_sounds_ends_there(self) -> None:
        stage = linked()
        stage.press(60)
        stage.advance(0.4)
        stage.answer(Note(Part.CHORDS, 0, 60, 96, 70))
        stage.advance(0.2)
        sent = stage.receive(SessionBeat(3.0, stage.now_ns, 120.0, 1))
        assert [item.message for item in sent] == [NoteOff(CHORDS, 60)]

    def test_a_beat_below_zero_is_a_place_in_the_bar_too(self) -> None:
        stage = linked()
        beat_now(stage, -1.5)
        assert place(stage) == 2.5

    def test_a_small_difference_is_bent_away_without_a_jump(self) -> None:
        stage = linked()
        stage.advance(2)
        beat_now(stage, 2.25)
        assert abs(place(stage) - 2.0) < 0.01
        stage.advance(2)
        elapsed = (stage.now_ns - 2 * BEAT_NS) / BEAT_NS
        assert abs(place(stage) - (2.25 + elapsed) % 4) < 0.01

    def test_a_waltz_has_its_own_bar(self) -> None:
        stage = linked(beats_per_bar=3)
        beat_now(stage, 4.0)
        assert stage.pulse / BEAT % 3 == 1.0


tempi = st.floats(40, 240)


@slow_law
@given(tempi, st.lists(st.tuples(st.floats(0.1, 3.0), st.floats(-100, 100), tempi), max_size=6))
def test_it_is_never_gone_back_and_a_bar_later_everybody_is_at_one_place(
    tempo_bpm: float, changes: list[tuple[float, float, float]]
) -> None:
    """Whatever the session does: other tempi, other places."""
    stage = linked()
    stage.press(60)
    beat, at_ns, pulse = 0.0, 0, 0.0
    beat_now(stage, beat, tempo_bpm)
    for wait, jump, other in [*changes, (0.1, 0.0, tempo_bpm)]:
        stage.sleep(round(wait * BEAT_NS))
        assert stage.pulse >= pulse
        pulse = stage.pulse
        beat += (stage.now_ns - at_ns) * tempo_bpm / MINUTE_NS + jump
        at_ns, tempo_bpm = stage.now_ns, other
        beat_now(stage, beat, tempo_bpm)
        assert stage.pulse >= pulse
        pulse = stage.pulse
        for request in stage.asked[-1:]:
            stage.receive(plan_for(request, [Note(Part.CHORDS, 0, 55, 24, 70)]))
    bar_ns = round(8 * MINUTE_NS / tempo_bpm)
    for _ in range(64):
        stage.sleep(bar_ns // 64)
    off = (place(stage) - (beat + (stage.now_ns - at_ns) * tempo_bpm / MINUTE_NS) + 2) % 4 - 2
    assert abs(off) < 0.02
    stage.close()
    assert stage.wire.sounding == set()
