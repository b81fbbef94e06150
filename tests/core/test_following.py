"""The performance follows what is played, and any change of who gives the beat leaves one beat and no hung note."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stage import BEAT, PLAYER, Stage, note_ons, settings_with

from livegen.core.effects import InputLost, Panic, SessionBeat, Tap
from livegen.core.events import Note, Part
from livegen.core.midi import CLOCK, Control, NoteOn, Realtime
from livegen.core.parameters import CLOCK_SOURCES
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator

TUNE = [
    (0, 60),
    (12, 64),
    (24, 67),
    (48, 65),
    (60, 64),
    (72, 62),
    (96, 64),
    (108, 65),
    (120, 67),
    (132, 65),
    (144, 64),
    (168, 60),
]
"""Pulse and pitch, two bars of four."""
TUNE_PULSES = 192


def play(stage: Stage, tempo_bpm: float, bars: int, jitter_ns: int = 0) -> list[int]:
    """The tune at a tempo; when its beats were, in ns."""
    rng = np.random.default_rng(1)
    begin_ns, pulse_ns = stage.now_ns + 100_000_000, 60e9 / tempo_bpm / BEAT
    for turn in range(bars // 2):
        for pulse, pitch in TUNE:
            off_ns = rng.uniform(-jitter_ns, jitter_ns)
            stage.advance_to_ns(max(stage.now_ns + 1, begin_ns + round((turn * TUNE_PULSES + pulse) * pulse_ns + off_ns)))
            stage.press(pitch)
            stage.release(pitch)
    return [begin_ns + round(beat * BEAT * pulse_ns) for beat in range(bars * 4)]


def strike(stage: Stage, count: int) -> None:
    """Equal notes, half a second apart."""
    for _ in range(count):
        stage.press(67)
        stage.release(67)
        stage.advance_to_ns(stage.now_ns + 500_000_000)


@pytest.mark.parametrize("tempo_bpm", [76, 97, 120, 138])
def test_our_beats_come_to_lie_on_the_players(tempo_bpm: float) -> None:
    stage = Stage(settings_with(clock__source="follow", tempo__bpm=110))
    beats = play(stage, tempo_bpm, 12, jitter_ns=15_000_000)
    assert stage.engine.clock_state(stage.now_ns) == "locked"
    assert 0 < stage.engine.beat_confidence(stage.now_ns) <= 1
    off = (stage.engine.transport.pulse_at(beats[-1]) + BEAT / 2) % BEAT - BEAT / 2
    assert abs(off) * 60e9 / tempo_bpm / BEAT < 70_000_000
    # As it is without what it is bent by, to be with the player.
    stage.change(clock__source="internal")
    assert stage.engine.settings.tempo_bpm == pytest.approx(tempo_bpm, rel=0.04)


def test_how_long_keys_are_held_is_heard() -> None:
    sure = []
    for held_ms in (30, 350):
        stage = Stage(settings_with(clock__source="follow"))
        for at in range(24):
            stage.advance_to_ns(1_000_000_000 + at * 400_000_000)
            stage.press(60 + at % 3)
            stage.advance_to_ns(stage.now_ns + held_ms * 1_000_000)
            stage.release(60 + at % 3)
        sure.append(stage.engine.beat_confidence(stage.now_ns))
    assert sure[0] != sure[1]


def test_where_all_keys_come_up_at_once_none_is_held_any_longer() -> None:
    sure = {}
    for how in ("never", "one by one", "all notes off", "the keyboard has gone", "panic"):
        stage = Stage(settings_with(clock__source="follow"))
        play(stage, 97, 2)
        stage.press(40)
        stage.advance_to_ns(stage.now_ns + 100_000_000)
        match how:
            case "one by one":
                stage.release(40)
            case "all notes off":
                stage.receive(Control(PLAYER, 123, 0))
            case "the keyboard has gone":
                stage.receive(InputLost())
            case "panic":
                stage.receive(Panic())
        strike(stage, 6)
        sure[how] = stage.engine.beat_confidence(stage.now_ns)
    assert len({sure[how] for how in sure if how != "never"}) == 1
    assert sure["never"] != sure["one by one"]


@pytest.mark.parametrize("tempo_bpm", [60, 120])
def test_the_tempo_that_was_set_says_which_of_equal_notes_are_the_beat(tempo_bpm: float) -> None:
    stage = Stage(settings_with(clock__source="follow", tempo__bpm=tempo_bpm, follow__within=20))
    strike(stage, 32)
    assert stage.engine.clock_state(stage.now_ns) == "locked"
    assert float(stage.engine.transport.tempo_bpm) == pytest.approx(tempo_bpm, rel=0.04)


def test_another_tempo_that_is_set_is_looked_for_from_then_on() -> None:
    """The music goes on at the old one until it is found."""
    stage = Stage(settings_with(clock__source="follow", tempo__bpm=120, follow__within=20))
    strike(stage, 32)
    stage.change(tempo__bpm=60)
    assert stage.engine.clock_state(stage.now_ns) == "no beat"
    assert float(stage.engine.transport.tempo_bpm) == pytest.approx(120, rel=0.04)
    strike(stage, 32)
    assert float(stage.engine.transport.tempo_bpm) == pytest.approx(60, rel=0.04)


def test_where_any_tempo_is_looked_for_one_that_is_set_changes_nothing() -> None:
    stage = Stage(settings_with(clock__source="follow", tempo__bpm=120))
    strike(stage, 32)
    assert stage.engine.clock_state(stage.now_ns) == "locked"
    stage.change(tempo__bpm=60)
    assert stage.engine.clock_state(stage.now_ns) == "locked"


def test_before_there_is_a_beat_nobody_accompanies() -> None:
    band = Band(ScriptedGenerator(lambda *_: [Note(Part.CHORDS, 0, 60, 12, 80)]))
    stage = Stage(settings_with(clock__source="follow", mode="accompany"), band)
    assert stage.engine.clock_state(stage.now_ns) == "no beat"
    stage.press(60)
    stage.advance(4)
    assert not note_ons(stage.sent)
    play(stage, 120, 8)
    assert note_ons(stage.sent)


@pytest.mark.parametrize("source", ["follow", "tap"])
@pytest.mark.parametrize("stall_ms", [50, 200, 450])
def test_what_waited_while_we_were_late_does_not_bend_what_has_been_played(source: str, stall_ms: int) -> None:
    """We wake, and are given one note after the other, each with the time at which it came; between them we go on."""
    stage = Stage(settings_with(clock__source=source, tap__note=40))
    play(stage, 97, 12)
    came_ns = stage.now_ns
    stage.clock.advance(stall_ms * 1_000_000)
    rng, pulses = np.random.default_rng(stall_ms), []
    for _ in range(60):
        came_ns += int(rng.integers(0, stall_ms * 1_000_000 // 60))
        stage.engine.receive(NoteOn(0, 40 if source == "tap" else int(rng.integers(128)), 90), came_ns)
        stage.clock.advance(100_000)
        stage.tick()
        pulses.append(stage.engine.transport.pulse_at(stage.now_ns))
    assert all(one <= other for one, other in pairwise(pulses[1:]))


def test_in_silence_the_tempo_that_was_found_goes_on() -> None:
    stage = Stage(settings_with(clock__source="follow"))
    play(stage, 97, 12)
    stage.advance(32)
    assert stage.engine.clock_state(stage.now_ns) == "no beat"
    assert float(stage.engine.transport.tempo_bpm) == pytest.approx(97, rel=0.04)
    assert stage.engine.next_deadline_ns() is None


def test_music_that_goes_on_does_not_wait_for_a_beat() -> None:
    band = Band(ScriptedGenerator(lambda *_: [Note(Part.CHORDS, 0, 60, 12, 80)]))
    stage = Stage(settings_with(mode="accompany"), band)
    stage.press(60)
    stage.advance(4)
    stage.change(clock__source="follow")
    assert note_ons(stage.advance(4))


class TestSwitching:
    @settings(deadline=None, max_examples=12)
    @given(
        sources=st.lists(st.sampled_from(CLOCK_SOURCES), min_size=1, max_size=5),
        tempi=st.lists(st.sampled_from([70, 96, 120, 150]), min_size=6, max_size=6),
    )
    def test_there_is_one_beat_whoever_gives_it(self, sources: list[str], tempi: list[int]) -> None:
        """A band that strikes each half beat while sources come and go, each with a tempo and a beat of its own: positions only
        rise, every pulse is ticked once to those who follow us, every half beat is struck once, and nothing is left sounding.
        """
        notes = [Note(Part.CHORDS, onset, 60, 6, 80) for onset in (0, 12)]
        stage = Stage(settings_with(mode="accompany", clock__send=True), Band(ScriptedGenerator(lambda *_: notes)))
        stage.press(60)
        last = 0.0
        for source, tempo in zip(("internal", *sources), tempi, strict=False):
            stage.change(clock__source=source)
            place = stage.pulse / BEAT + 0.2
            for step in range(4 * BEAT):
                stage.advance_to_ns(stage.now_ns + round(60e9 / tempo / BEAT))
                if source == "midi":
                    stage.receive(Realtime(CLOCK))
                elif step % BEAT == 0 and source == "tap":
                    stage.receive(Tap())
                elif step % 12 == 0 and source == "link":
                    stage.receive(SessionBeat(place + (step + 1) / BEAT, stage.now_ns, tempo, 1))
                elif step % 12 == 0 and source == "follow":
                    stage.press(61 + step % 7)
                    stage.release(61 + step % 7)
                assert stage.pulse >= last
                last = stage.pulse
        ticks = [item for item in stage.sent if item.message == Realtime(CLOCK)]
        assert abs(len(ticks) - stage.pulse) <= 2
        times = [item.due_ns for item in stage.sent if item.part is Part.CHORDS and isinstance(item.message, NoteOn)]
        assert all(later - earlier > 60_000_000 for earlier, later in pairwise(times))
        assert len(times) >= stage.pulse / 12 - 4
        stage.release(60)
        stage.close()
