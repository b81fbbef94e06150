"""A tempo that is tapped: found from two taps on, steadier with each, and led on by the taps after them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.stage import PLAYER, Stage, note_ons, settings_with

from livegen.core.effects import Tap
from livegen.core.midi import Control, Message, NoteOff, NoteOn
from livegen.core.tapping import BOUNCE_NS, LONGEST_NS, MOST_TAPS, Tapping

KEY, PEDAL = 24, 66
SECOND = 1_000_000_000
tempi = st.floats(45, 240)


def tapped(times_ns: list[int]) -> Tapping:
    tapping = Tapping()
    for time_ns in times_ns:
        tapping.receive(time_ns)
    return tapping


def at(tempo_bpm: float, beats: list[int], since_ns: int = 0) -> list[int]:
    return [since_ns + round(beat * 60e9 / tempo_bpm) for beat in beats]


class TestLine:
    def test_one_tap_is_no_tempo(self) -> None:
        assert tapped([SECOND]).line is None

    @law
    @given(tempi, st.integers(2, 12))
    def test_even_taps_are_the_tempo(self, tempo_bpm: float, taps: int) -> None:
        times = at(tempo_bpm, list(range(taps)))
        line = tapped(times).line
        assert line is not None
        assert line.tempo_bpm == pytest.approx(tempo_bpm, rel=1e-6)
        assert line.time_ns == pytest.approx(times[-1], abs=1000)

    @law
    @given(tempi, st.lists(st.integers(1, 4), min_size=3, max_size=8))
    def test_beats_may_be_left_out(self, tempo_bpm: float, steps: list[int]) -> None:
        beats = [0, 1, *(1 + np.cumsum(steps)).tolist()]
        line = tapped(at(tempo_bpm, beats)).line
        assert line is not None
        assert line.tempo_bpm == pytest.approx(tempo_bpm, rel=1e-6)

    @law
    @given(tempi, tempi)
    def test_two_taps_of_another_tempo_are_enough(self, one: float, other: float) -> None:
        first = at(one, list(range(6)))
        line = tapped([*first, *at(other, [1, 2, 3], first[-1] + 2 * LONGEST_NS)]).line
        assert line is not None
        assert line.tempo_bpm == pytest.approx(other, rel=1e-6)

    @law
    @given(tempi, st.integers(0, 2**32))
    def test_a_foot_that_is_uneven_is_evened_out(self, tempo_bpm: float, seed: int) -> None:
        """20 ms to and fro: the line through eight taps is better than the last two."""
        jitter = np.random.default_rng(seed).uniform(-20e6, 20e6, MOST_TAPS)
        times = [SECOND + time + round(off) for time, off in zip(at(tempo_bpm, list(range(MOST_TAPS))), jitter, strict=True)]
        line = tapped(times).line
        assert line is not None
        assert abs(60e9 / line.tempo_bpm - 60e9 / tempo_bpm) < 40e6 / 3

    def test_a_bounce_is_no_tap(self) -> None:
        times = at(120, [0, 1, 2])
        line = tapped([*times, times[-1] + BOUNCE_NS - 1]).line
        assert line is not None
        assert line.tempo_bpm == pytest.approx(120)

    def test_the_last_tempo_stays_when_the_foot_rests(self) -> None:
        line = tapped([*at(90, [0, 1, 2]), 60 * SECOND]).line
        assert line is not None
        assert line.tempo_bpm == pytest.approx(90)


class TestOnStage:
    def playing(self, **changes: object) -> Stage:
        return Stage(settings_with(clock__source="tap", tap__note=KEY, tap__control=PEDAL, **changes))

    def tap(self, stage: Stage, tempo_bpm: float, beats: int) -> None:
        for _ in range(beats):
            stage.advance_to_ns(stage.now_ns + round(60e9 / tempo_bpm))
            stage.receive(Tap())

    def test_our_beats_fall_on_the_taps(self) -> None:
        stage = self.playing()
        stage.advance_to_ns(777_000_000)
        self.tap(stage, 97, 12)
        assert stage.engine.clock_state(stage.now_ns) == "locked"
        assert float(stage.engine.transport.tempo_bpm) == pytest.approx(97, rel=0.002)
        assert abs((stage.pulse + 12) % 24 - 12) < 0.1

    def test_when_the_foot_rests_the_beats_stay_where_they_were_tapped(self) -> None:
        stage = self.playing()
        self.tap(stage, 97, 4)
        tapped_ns = stage.now_ns
        stage.advance_to_ns(tapped_ns + round(16 * 60e9 / 97))
        assert abs((stage.pulse + 12) % 24 - 12) < 0.1
        assert stage.engine.next_deadline_ns() is None

    @pytest.mark.parametrize("press", [NoteOn(PLAYER, KEY, 90), Control(PLAYER, PEDAL, 127)])
    def test_a_key_or_a_pedal_taps_and_is_no_music(self, press: NoteOn | Control) -> None:
        stage = self.playing(mode="respond", thru=True)
        for _ in range(3):
            stage.advance_to_ns(stage.now_ns + round(60e9 / 75))
            stage.receive(press)
            stage.receive(NoteOff(PLAYER, KEY) if isinstance(press, NoteOn) else Control(PLAYER, PEDAL, 0))
        assert stage.engine.transport.tempo_bpm != 120
        stage.advance_to_ns(stage.now_ns + 5 * SECOND)
        assert not stage.observed
        assert not stage.sent

    @pytest.mark.parametrize(("down", "up"), [
        (NoteOn(PLAYER, KEY, 90), NoteOff(PLAYER, KEY)), (Control(PLAYER, 64, 127), Control(PLAYER, 64, 0)),
    ])  # fmt: skip
    def test_what_was_down_before_it_could_tap_comes_up_as_music(self, down: Message, up: Message) -> None:
        stage = self.playing(thru=True)
        stage.change(clock__source="internal", tap__control=64)
        stage.receive(down)
        stage.change(clock__source="tap")
        stage.receive(up)
        assert not stage.wire.sounding
        assert not stage.wire.pedals
        assert stage.engine.counters["taps"] == 0

    def test_what_has_tapped_comes_up_as_a_tap_whoever_gives_the_beat_by_then(self) -> None:
        stage = self.playing(thru=True)
        stage.receive(NoteOn(PLAYER, KEY, 90))
        stage.change(clock__source="internal")
        stage.receive(NoteOff(PLAYER, KEY))
        assert not stage.sent

    def test_a_controller_taps_as_it_gets_there_and_not_while_it_stays(self) -> None:
        stage = self.playing()
        for value in (10, 63, 64, 90, 127, 100, 64, 20, 80):
            stage.receive(Control(PLAYER, PEDAL, value))
        assert stage.engine.counters["taps"] == 2

    def test_the_key_is_music_while_somebody_else_gives_the_beat(self) -> None:
        stage = self.playing(thru=True)
        stage.change(clock__source="internal")
        stage.receive(NoteOn(PLAYER, KEY, 90))
        assert note_ons(stage.sent)
        assert stage.observed

    def test_taps_as_fast_as_music_goes_are_followed_and_no_faster(self) -> None:
        stage = self.playing()
        for _ in range(60):
            stage.advance_to_ns(stage.now_ns + 160_000_000)
            stage.receive(Tap())
        stage.advance(64)
        assert stage.engine.next_deadline_ns() is None

    def test_a_tap_is_nothing_while_somebody_else_gives_the_beat(self) -> None:
        stage = self.playing()
        stage.change(clock__source="internal")
        before = stage.engine.transport
        self.tap(stage, 60, 4)
        assert stage.engine.transport == before

    @law
    @given(st.lists(tempi, min_size=2, max_size=5))
    def test_the_beat_never_goes_back(self, tapped_bpm: list[float]) -> None:
        stage = self.playing()
        last = stage.pulse
        for tempo_bpm in tapped_bpm:
            for _ in range(4):
                self.tap(stage, tempo_bpm, 1)
                assert stage.pulse >= last
                last = stage.pulse
