"""What a chord is chosen from: pitch classes by age and by place in the form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part, Tick
from livegen.core.harmonic_memory import (
    AGES,
    CHANNELS,
    FADING_BEATS,
    LAGS_BARS,
    LAST_NOTES,
    LATELY_BEATS,
    MEMORY_BEATS,
    OWN_CHANNELS,
    PLACES,
    Features,
    HarmonicMemory,
)  # fmt: skip
from livegen.core.harmony import ChordSymbol

NS_PER_PULSE = 500_000_000 // PULSES_PER_BEAT
LIKENESS = 3 + len(AGES) + len(LATELY_BEATS)
MEMORY_ROW = len(FADING_BEATS) + LAST_NOTES + 1

Notes = list[tuple[int, int]]
melodies = st.lists(st.tuples(st.integers(0, 400), st.integers(36, 84)), max_size=24).map(sorted)


def tick_at(window: int, lookahead: int = 6, tempo_bpm: float | None = 120.0) -> Tick:
    time_ns = (window - lookahead) * NS_PER_PULSE
    return Tick(time_ns, window // 12 % 8, 4, tempo_bpm, lookahead, PULSES_PER_BEAT, frozenset({Part.CHORDS}))


def heard(notes: Notes, window: int, every: int = PULSES_PER_BEAT) -> HarmonicMemory:
    """Notes as (pulse, pitch), with a window planned every so many pulses up to `window`."""
    memory, waiting = HarmonicMemory(), list(notes)
    for at in range(window % every, window + 1, every):
        while waiting and waiting[0][0] < at - 6:
            pulse, pitch = waiting.pop(0)
            memory = memory.struck(pitch, pulse * NS_PER_PULSE)
        memory = memory.placed(tick_at(at), at)
    return memory


def features(notes: Notes, window: int, every: int = PULSES_PER_BEAT) -> Features:
    return heard(notes, window, every).features(tick_at(window), window)


def test_silence_is_silent() -> None:
    """Nothing heard: no count anywhere, only the place in the bar."""
    assert HarmonicMemory().silent
    found = features([], 96)
    assert not found.heard.any()
    assert found.heard.shape == (CHANNELS, 12)
    assert found.place.shape == (PLACES,)


@given(melodies, st.integers(1, 11))
@slow_law
def test_what_is_higher_is_seen_higher_and_nothing_else_changes(notes: Notes, semitones: int) -> None:
    """A transposed melody gives the same features, turned round the circle of pitch classes."""
    low, high = features(notes, 384), features([(pulse, pitch + semitones) for pulse, pitch in notes], 384)
    np.testing.assert_allclose(np.roll(low.heard, semitones, axis=1), high.heard, atol=1e-6)
    np.testing.assert_allclose(low.place, high.place, atol=1e-6)


@given(melodies, melodies)
@slow_law
def test_what_has_not_been_heard_leaves_no_trace(notes: Notes, later: Notes) -> None:
    """Notes from the planning on change nothing."""
    window = 240
    future = [(max(pulse, window - 6), pitch) for pulse, pitch in later]
    first, second = features(notes, window), features(sorted([*notes, *future]), window)
    np.testing.assert_array_equal(first.heard, second.heard)
    np.testing.assert_array_equal(first.place, second.place)


@given(melodies)
@slow_law
def test_fading_does_not_depend_on_how_often_one_looks(notes: Notes) -> None:
    """Counts are the same whether a window was planned every half beat or every two beats."""
    often, seldom = features(notes, 384, 12), features(notes, 384, 48)
    np.testing.assert_allclose(often.heard[: len(FADING_BEATS)], seldom.heard[: len(FADING_BEATS)], atol=1e-6)


def test_a_note_just_before_the_beat_belongs_to_the_beat() -> None:
    """A pulse early, it is remembered in the beat that it was meant for."""
    bar = 4 * PULSES_PER_BEAT
    found = features([(bar - 1, 62)], 2 * bar)
    assert found.heard[MEMORY_ROW, 2] == 1.0


def test_the_form_is_remembered_at_each_lag() -> None:
    """A note of the beat where we are, so many bars ago, stands in that lag's row; one of the beat after it, in the next."""
    bar = 4 * PULSES_PER_BEAT
    for index, bars in enumerate(LAGS_BARS):
        window = 20 * bar
        found = features([(window - bars * bar, 60), (window - bars * bar + PULSES_PER_BEAT, 64)], window)
        rows = found.heard[MEMORY_ROW + 2 * index : MEMORY_ROW + 2 * index + 2]
        assert [list(np.flatnonzero(row)) for row in rows] == [[0], [4]]


def test_a_repeated_bar_is_like_itself() -> None:
    """Playing the same bar again, likeness at a lag of one bar is whole; of two bars that differ, nothing."""
    bar = 4 * PULSES_PER_BEAT
    same = [(at * bar + beat * PULSES_PER_BEAT, 60 + 2 * beat) for at in range(4) for beat in range(4)]
    other = [(pulse, 60 + (pulse // bar * 5 + 3) * (pulse // PULSES_PER_BEAT) ** 2 % 12) for pulse, _ in same]
    assert features(same, 4 * bar).place[LIKENESS] == pytest.approx(1.0)
    assert features(other, 4 * bar).place[LIKENESS] < 0.8


def test_what_comes_back_in_another_key_is_remembered_in_the_key_of_now() -> None:
    """A tune of two bars, then the same a minor third higher: the memory two bars ago is moved up, and says so."""
    bar, tune = 4 * PULSES_PER_BEAT, (60, 65, 64, 70, 67, 61, 69, 62)
    notes = [(at * bar * 2 + index * PULSES_PER_BEAT, pitch + 3 * at) for at in range(2) for index, pitch in enumerate(tune)]
    found = features(notes[:15], 4 * bar - PULSES_PER_BEAT)
    assert found.place[LIKENESS + len(LAGS_BARS) + LAGS_BARS.index(2)] == 1.0
    assert list(np.flatnonzero(found.heard[MEMORY_ROW + 2 * LAGS_BARS.index(2)])) == [(tune[7] + 3) % 12]


class TestKey:
    """Is what is heard lately the key of before, or where has it moved?"""

    SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
    BELIEF = slice(3 + len(AGES), 3 + len(AGES) + len(LATELY_BEATS))
    ROWS = slice(MEMORY_ROW + 2 * len(LAGS_BARS), MEMORY_ROW + 2 * len(LAGS_BARS) + len(LATELY_BEATS))

    def played(self, semitones: int) -> Features:
        """Eight bars of scale, the last of them moved up."""
        notes = [(12 * step, self.SCALE[step % 8] + (semitones if step >= 56 else 0)) for step in range(64)]
        return features(notes, 64 * 12 + 6)

    def test_it_is_kept(self) -> None:
        found = self.played(0)
        assert (found.place[self.BELIEF] > 0.9).all()
        assert (found.heard[self.ROWS][:, [1, 3, 6, 8, 10]] < 0.02).all()

    @pytest.mark.parametrize("semitones", [1, 6, 10])
    def test_it_has_moved_and_with_it_what_was_heard_before(self, semitones: int) -> None:
        found = self.played(semitones)
        index = LATELY_BEATS.index(4)
        assert found.place[self.BELIEF][index] < 0.2
        moved = found.heard[self.ROWS][index]
        assert {int(place) for place in np.flatnonzero(moved > 0.05)} == {(note + semitones) % 12 for note in self.SCALE}

    def test_without_a_past_there_is_nothing_to_move(self) -> None:
        assert not features([], 96).heard[self.ROWS].any()


def test_the_memory_forgets_after_a_round() -> None:
    """A note `MEMORY_BEATS` beats ago is not taken for one of now."""
    memory = HarmonicMemory().struck(60, 0).placed(tick_at(PULSES_PER_BEAT), PULSES_PER_BEAT)
    assert memory.beats.any()
    later = (MEMORY_BEATS + 1) * PULSES_PER_BEAT
    assert not memory.placed(tick_at(later), later).beats.any()


def test_keys_that_are_down_are_heard_until_they_come_up() -> None:
    memory = HarmonicMemory().struck(60, 0).struck(67, 0)
    row = len(FADING_BEATS) + LAST_NOTES
    down = memory.placed(tick_at(24), 24).features(tick_at(24), 24).heard[row]
    up = memory.released(60).placed(tick_at(24), 24).features(tick_at(24), 24).heard[row]
    assert list(np.flatnonzero(down)) == [0, 7]
    assert list(np.flatnonzero(up)) == [7]


def test_the_own_chord_and_how_long_it_holds_are_known() -> None:
    """G7 for three beats."""
    memory = HarmonicMemory().planned(ChordSymbol(7, "dom7"), 0).planned(ChordSymbol(7, "dom7"), 24)
    found = memory.features(tick_at(72), 72)
    assert list(np.flatnonzero(found.heard[OWN_CHANNELS[0]])) == [2, 5, 7, 11]
    assert list(np.flatnonzero(found.heard[OWN_CHANNELS[1]])) == [7]
    assert list(np.flatnonzero(found.place[-9:])) == [3]


def test_a_snapshot_stays_as_it_was() -> None:
    """Going on from a memory changes nothing in it."""
    memory = heard([(0, 60), (30, 64)], 96)
    before = memory.beats.copy(), memory.counts.copy()
    memory.struck(65, 96 * NS_PER_PULSE).placed(tick_at(192), 192)
    np.testing.assert_array_equal(before[0], memory.beats)
    np.testing.assert_array_equal(before[1], memory.counts)


def test_a_tempo_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="not a tempo"):
        HarmonicMemory().placed(tick_at(0, tempo_bpm=float("nan")), 0)


def test_without_a_beat_half_a_second_counts_as_one() -> None:
    """Free playing: the same notes at the free tempo give the same counts."""
    memory = HarmonicMemory().struck(60, 0)
    free, clocked = (memory.placed(tick_at(48, tempo_bpm=tempo), 48) for tempo in (None, 120.0))
    np.testing.assert_array_equal(free.counts, clocked.counts)
