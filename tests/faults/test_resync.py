"""After a gap, in which nothing of us ran, the music is where it would be; what was missed is not played after."""

from __future__ import annotations

import pytest
from support.stage import BEAT, BEAT_NS, PLAYER, Sent, Stage, note_ons, settings_with

from livegen.core.engine import GAP_NS, LATE_NS
from livegen.core.midi import ACTIVE_SENSING, CLOCK, CONTINUE, START, STOP, NoteOff, NoteOn, Realtime, SongPosition
from livegen.generators.band import Band
from livegen.generators.markov import MarkovGenerator

MINUTE_NS = 60_000_000_000
TICK = Realtime(CLOCK)
gaps = pytest.mark.parametrize("gap_ns", [GAP_NS + 40_000_000, 1_337_000_000, 10 * MINUTE_NS, 60 * MINUTE_NS])


def resyncs(stage: Stage) -> int:
    return stage.engine.counters["resyncs"]


def follow(sent: list[Sent]) -> tuple[bool, int]:
    """Whether a drum machine that hears this plays, and which pulse of its song comes next."""
    running, song_pulse = False, 0
    for one in sent:
        match one.message:
            case Realtime(status) if status == CLOCK:
                song_pulse += running
            case Realtime(status) if status == START:
                running, song_pulse = True, 0
            case Realtime(status) if status == CONTINUE:
                running = True
            case Realtime(status) if status == STOP:
                running = False
            case SongPosition(sixteenths):
                assert not running
                song_pulse = sixteenths * 6
    return running, song_pulse


@gaps
def test_a_clock_is_not_caught_up_with(gap_ns: int) -> None:
    """The followers are led to where the song is by now, and count on from there."""
    stage = Stage(settings_with(clock__send=True))
    stage.tick()
    stage.advance(9.3)
    running, song_pulse = follow(stage.sent)
    assert running
    away = int(stage.pulse) + 1 - song_pulse
    burst = stage.sleep(gap_ns)
    assert [one.message for one in burst] == [Realtime(STOP)]
    assert resyncs(stage) == 1
    stage.advance(4.4)
    running, song_pulse = follow(stage.sent)
    assert running
    bar = 4 * BEAT
    if gap_ns < 30 * MINUTE_NS:
        assert song_pulse == int(stage.pulse) + 1 - away
    else:
        assert song_pulse % bar == (int(stage.pulse) + 1 - away) % bar, "too far to say: a new beginning, with the bar"
    ticks = [one for one in stage.sent if one.message == TICK and one.time_ns > BEAT_NS * 9.3 + gap_ns]
    assert all(one.time_ns == one.due_ns for one in ticks)


def test_a_follower_that_waits_for_its_start_still_gets_it() -> None:
    stage = Stage(settings_with(clock__send=True))
    stage.tick()
    stage.advance(0.1)
    before = stage.engine._clock_out._started
    stage.sleep(3 * BEAT_NS)
    stage.advance(8.2)
    assert follow(stage.sent)[0]
    assert before or any(one.message == Realtime(START) for one in stage.sent)


def test_a_stall_is_no_gap() -> None:
    stage = Stage(settings_with(clock__send=True))
    stage.tick()
    stage.advance(2)
    stage.sleep(GAP_NS - 10_000_000)
    assert resyncs(stage) == 0
    assert sum(one.message == TICK for one in stage.sent) == int(stage.pulse) + 1


@pytest.mark.parametrize("gap_ns", [1_337_000_000, 10 * MINUTE_NS])
def test_notes_are_not_caught_up_with_and_none_hangs(gap_ns: int) -> None:
    stage = Stage(settings_with(mode="accompany", click=True), Band(MarkovGenerator()))
    stage.play(60, 1)
    stage.play(64, 3)
    assert note_ons(stage.sent)
    held = set(stage.wire.sounding)
    burst = stage.sleep(gap_ns)
    assert all(one.time_ns - one.due_ns <= LATE_NS for one in burst if isinstance(one.message, NoteOn))
    assert len(note_ons(burst)) <= 8
    assert held
    assert resyncs(stage) == 1
    stage.advance(16)
    assert stage.engine.counters["resyncs"] == 1
    stage.close()


def test_where_nothing_was_due_nothing_was_missed() -> None:
    stage = Stage(settings_with())
    stage.tick()
    stage.sleep(10 * MINUTE_NS)
    assert resyncs(stage) == 0


def test_a_gap_says_nothing_of_a_keyboard() -> None:
    """What it sent meanwhile is not known yet."""
    stage = Stage(settings_with())
    stage.receive(Realtime(ACTIVE_SENSING))
    stage.press(60)
    stage.sleep(5 * BEAT_NS)
    assert stage.engine.counters["sensing_losses"] == 0
    stage.advance(2)
    assert stage.engine.counters["sensing_losses"] == 1


def test_what_waited_for_us_is_no_gap_of_its_own() -> None:
    """Each message carries the time at which it came, long before we woke: there was one gap, however many they are."""
    stage = Stage(settings_with(mode="respond", click=True))
    stage.tick()
    stage.clock.advance(3 * BEAT_NS)
    for place in range(5):
        for message in (NoteOn(PLAYER, 60, 80), NoteOff(PLAYER, 60)):
            stage.engine.receive(message, (10 + place) * 1_000_000)
            stage.tick()
    assert resyncs(stage) == 1
