"""Measures of accompaniment on examples that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.scoring import metrics
from models.scoring.metrics import harmony_frames, melody_frames

C, D, E, F, G, A, B = 60, 62, 64, 65, 67, 69, 71
BEAT = 24
C_MAJOR, F_MAJOR = ChordSymbol(0), ChordSymbol(5)


def line(*pitches: int, length: int = BEAT) -> list[tuple[float, int, float]]:
    return [(index * length, pitch, length) for index, pitch in enumerate(pitches)]


def block(*chords: tuple[int, ...], length: int = BEAT) -> list[tuple[float, int, float]]:
    return [(index * length, pitch, length) for index, chord in enumerate(chords) for pitch in chord]


class TestFrames:
    def test_a_note_begins_once_and_sounds_to_its_end(self) -> None:
        melody = melody_frames([(6, C, 12), (24, D, 6)], 6)
        assert melody.pitch_class.tolist() == [-1, 0, 0, -1, 2, -1]
        assert melody.begins.tolist() == [False, True, False, False, True, False]

    def test_what_lies_between_frames_is_rounded(self) -> None:
        melody = melody_frames([(5, C, 14), (23, D, 1)], 6)
        assert melody.pitch_class.tolist() == [-1, 0, 0, -1, 2, -1]

    def test_of_notes_that_overlap_the_later_is_the_melody(self) -> None:
        assert melody_frames([(0, C, 24), (12, D, 6)], 4).pitch_class.tolist() == [0, 0, 2, 0]

    def test_harmony_is_a_set_of_pitch_classes(self) -> None:
        harmony = harmony_frames([(0, C, 6), (0, C + 12, 12), (6, E, 100)], 3)
        assert [set(np.flatnonzero(frame)) for frame in harmony] == [{0}, {0, 4}, {4}]

    def test_chords_that_are_meant_are_held(self) -> None:
        harmony = metrics.chord_frames([(0, 6, C_MAJOR), (6, 12, NO_CHORD), (12, 18, F_MAJOR)], 3)
        assert [set(np.flatnonzero(frame)) for frame in harmony] == [{0, 4, 7}, set(), {0, 5, 9}]


class TestNoteInChord:
    def test_onsets_and_frames_are_counted_apart(self) -> None:
        """C and D over C major: one of two onsets, eight of nine frames, for the D is short."""
        melody = melody_frames([(0, C, 48), (48, D, 6)], 12)
        harmony = harmony_frames(block((C, E, G), length=72), 12)
        assert metrics.onset_nic(melody, harmony) == 0.5
        assert metrics.nic(melody, harmony) == pytest.approx(8 / 9)

    def test_where_nothing_sounds_nothing_counts(self) -> None:
        melody = melody_frames(line(C, D), 8)
        harmony = harmony_frames([(0, C, 6)], 8)
        assert metrics.onset_nic(melody, harmony) == 1.0
        assert metrics.nic(melody, harmony) == 1.0
        assert metrics.coverage(melody, harmony) == 1 / 8

    def test_silence_has_no_score(self) -> None:
        melody, silence = melody_frames(line(C, D), 8), harmony_frames([], 8)
        for value in (metrics.onset_nic(melody, silence), metrics.nic(melody, silence), metrics.mean_size(silence)):
            assert np.isnan(value)
        assert metrics.coverage(melody, silence) == 0.0
        assert np.isnan(metrics.coverage(melody_frames([], 8), silence))

    def test_size(self) -> None:
        assert metrics.mean_size(harmony_frames([(0, C, 6), (0, E, 12)], 4)) == 1.5


class TestCoupling:
    def test_harmony_that_moves_with_the_melody_is_coupled_to_it(self) -> None:
        melody = melody_frames(line(C, F, C, F), 16)
        harmony = harmony_frames(block((C, E, G), (F, A), (C, E, G), (F, A)), 16)
        assert metrics.coupling(melody, harmony, late=4) == 1.0

    def test_harmony_that_never_moves_is_not(self) -> None:
        melody = melody_frames(line(C, F, E, A), 16)
        harmony = harmony_frames(block((C, E, G), length=96), 16)
        assert metrics.coupling(melody, harmony, late=8) == 0.0

    def test_more_than_there_is_leaves_nothing(self) -> None:
        assert np.isnan(metrics.coupling(melody_frames(line(C), 4), harmony_frames(line(C), 4), late=9))

    def test_against_another_song(self) -> None:
        mine, other = melody_frames(line(C, E, G, C), 16), melody_frames(line(C, D, F, A, B), 20)
        harmony = harmony_frames(block((C, E, G), length=96), 16)
        assert metrics.against_others(mine, harmony, [other]) == 0.75
        assert metrics.against_others(mine, harmony, [other, mine]) == 0.375
        assert np.isnan(metrics.against_others(mine, harmony, []))


class TestChanges:
    def test_another_chord_is_a_change(self) -> None:
        chords = [(0, 24, C_MAJOR), (24, 48, C_MAJOR), (48, 60, F_MAJOR), (60, 96, C_MAJOR)]
        assert metrics.changes(chords) == [48, 60]
        assert metrics.share_on([48, 60], BEAT) == 0.5
        assert metrics.share_on([48, 60], 48) == 0.5
        assert metrics.share_on([12, 36], BEAT, offset=12) == 1.0

    def test_no_chord_is_passed_over(self) -> None:
        assert metrics.changes([(0, 24, NO_CHORD), (24, 48, C_MAJOR), (48, 72, NO_CHORD), (72, 96, C_MAJOR)]) == []
        assert np.isnan(metrics.share_on([], BEAT))


class TestChordLengths:
    def test_a_chord_holds_until_another_begins(self) -> None:
        """Written anew it goes on, and the last one lasts to the end."""
        chords = [(0, 24, C_MAJOR), (24, 48, C_MAJOR), (48, 60, NO_CHORD), (60, 72, F_MAJOR), (240, 300, C_MAJOR)]
        assert metrics.chord_lengths(chords, 96) == [10, 6]
        assert metrics.chord_lengths([(0, 24, NO_CHORD)], 96) == []

    def test_entropy_is_in_nats(self) -> None:
        assert metrics.length_entropy([4, 8]) == pytest.approx(np.log(2))
        assert metrics.length_entropy([4, 4, 4]) == 0.0
        assert np.isnan(metrics.length_entropy([]))

    @law
    @given(st.lists(st.integers(1, 64), min_size=1, max_size=40))
    def test_entropy_is_between_none_and_that_of_equal_shares(self, lengths: list[int]) -> None:
        assert -1e-12 <= metrics.length_entropy(lengths) <= np.log(len(set(lengths))) + 1e-12

    def test_its_interval_is_over_songs(self) -> None:
        """Two songs of one length each: drawn are both, or one of them twice."""
        assert metrics.entropy_interval([[4, 4], [8, 8]], 0) == pytest.approx((0.0, np.log(2)))
        assert metrics.entropy_interval([[4, 8], [8, 4]], 0) == pytest.approx((np.log(2), np.log(2)))
        assert np.isnan(metrics.entropy_interval([[], []], 0)).all()


class TestRankCorrelation:
    def test_only_the_order_counts(self) -> None:
        one = [np.array([1, 2, 3, 4]), np.array([5, 6])]
        assert metrics.rank_correlation(one, [song**3 for song in one], 0) == pytest.approx([1.0, 1.0, 1.0])
        assert metrics.rank_correlation(one, [-song for song in one], 0) == pytest.approx([-1.0, -1.0, -1.0])

    def test_equals_share_a_rank(self) -> None:
        """Ranks 1.5, 1.5, 3 against 1, 2, 3."""
        value, _, _ = metrics.rank_correlation([np.array([7, 7, 9])], [np.array([1, 2, 3])], 0)
        assert value == pytest.approx(1.5 / np.sqrt(1.5 * 2.0))

    def test_what_never_changes_correlates_with_nothing(self) -> None:
        assert np.isnan(metrics.rank_correlation([np.array([1, 2])], [np.array([3, 3])], 0)).all()
        assert np.isnan(metrics.rank_correlation([], [], 0)).all()


class TestIntervals:
    def test_the_mean_of_nothing_is_nan(self) -> None:
        assert np.isnan(metrics.mean([np.nan]))
        assert metrics.mean([1.0, np.nan, 3.0]) == 2.0
        assert np.isnan(metrics.mean_interval([np.nan], 0)).all()

    def test_an_interval_holds_the_mean_and_narrows(self) -> None:
        values = np.random.default_rng(0).normal(3.0, 1.0, 400)
        low, high = metrics.mean_interval(values, 0)
        assert low < values.mean() < high
        assert high - low == pytest.approx(2 * 1.96 / np.sqrt(400), rel=0.15)
        wide = metrics.mean_interval(values[:25], 0)
        assert wide[1] - wide[0] > 2 * (high - low)

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        values = [0.1, 0.4, np.nan, 0.9]
        assert metrics.mean_interval(values, 7) == metrics.mean_interval(values, 7)

    def test_a_ratio_weighs_long_works_more(self) -> None:
        assert metrics.ratio_interval([10.0, 20.0], [5, 10], 0) == (2.0, 2.0)
        low, high = metrics.ratio_interval([10.0, 200.0], [10, 100], 0)
        assert (low, high) == (1.0, 2.0)
        assert np.isnan(metrics.ratio_interval([], [], 0)).all()
