"""What a stretch of music is like: known answers on made-up music, and laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import PieceNote
from models.scoring.music_measures import (
    MEASURES,
    Stretch,
    entropy_bits,
    groove_similarity,
    in_key,
    measured,
    pitch_class_entropy,
    self_similarity,
)

C = ChordSymbol(0)
BAR = 96
notes_of_stretch = st.lists(
    st.builds(PieceNote, st.integers(0, 4 * BAR - 1), st.integers(21, 96), st.integers(1, 96)), max_size=20
)


def stretch(*notes: tuple[int, int], bars: int = 4) -> Stretch:
    """Quarters at (beat, pitch)."""
    return Stretch(tuple(PieceNote(24 * beat, pitch, 24) for beat, pitch in notes), bars, 4)


def of_bars(*bars: tuple[int, ...]) -> Stretch:
    """A quarter a pitch, bar by bar."""
    return stretch(
        *((4 * bar + beat, pitch) for bar, pitches in enumerate(bars) for beat, pitch in enumerate(pitches)), bars=len(bars)
    )


class TestEntropy:
    def test_one_pitch_class_has_none_and_four_have_two_bits(self) -> None:
        grid = of_bars((60, 72, 60, 48), (60, 62, 64, 65)).grid
        assert pitch_class_entropy(grid, 1) == pytest.approx((0 + 2) / 2)

    def test_a_window_of_four_bars_adds_them_up(self) -> None:
        grid = of_bars((60,), (62,), (64,), (65,)).grid
        assert pitch_class_entropy(grid, 1) == 0
        assert pitch_class_entropy(grid, 4) == pytest.approx(2)

    def test_silent_bars_say_nothing(self) -> None:
        assert pitch_class_entropy(of_bars((60, 62), (), ()).grid, 1) == pytest.approx(1)
        assert math.isnan(pitch_class_entropy(of_bars((), ()).grid, 1))

    @given(st.lists(st.integers(0, 50), min_size=1, max_size=12))
    def test_it_lies_between_0_and_the_logarithm_of_the_classes(self, counts: list[int]) -> None:
        assert 0 <= entropy_bits(counts) <= math.log2(len(counts)) + 1e-9


class TestGroove:
    def test_the_same_rhythm_is_the_same_whatever_the_pitches(self) -> None:
        assert groove_similarity(of_bars((60, 61, 62, 63), (70, 71, 72, 73)).grid) == 1

    def test_it_counts_the_places_that_differ(self) -> None:
        """Four quarters against none: four of sixteen places."""
        assert groove_similarity(of_bars((60, 61, 62, 63), ()).grid) == pytest.approx(1 - 4 / 16)


class TestSelfSimilarity:
    def test_a_bar_that_comes_back_is_found_in_the_prompt(self) -> None:
        prompt = of_bars((60, 64, 67, 72), (50, 51, 52, 53))
        assert self_similarity(of_bars((60, 64, 67, 72)).grid, prompt.grid) == pytest.approx(1)
        assert self_similarity(of_bars((61, 65, 68, 73)).grid, prompt.grid) == pytest.approx(0)

    def test_it_looks_back_and_never_ahead(self) -> None:
        """The first bar has nothing before it but the prompt; the second has the first."""
        prompt = of_bars((50,))
        assert self_similarity(of_bars((60,), (60,)).grid, prompt.grid) == pytest.approx(0.5)

    def test_silence_is_left_out(self) -> None:
        assert math.isnan(self_similarity(of_bars((), ()).grid, of_bars((60,)).grid))


class TestKey:
    def test_the_minor_scale_has_both_sevenths(self) -> None:
        notes = [PieceNote(0, pitch, 24) for pitch in (69, 71, 72, 74, 76, 77, 79, 80)]
        assert in_key(notes, ChordSymbol(9, "min")) == 1
        assert in_key(notes, ChordSymbol(9)) == pytest.approx(5 / 8)

    def test_without_a_key_nothing_is_known(self) -> None:
        assert math.isnan(in_key([PieceNote(0, 60, 24)], NO_CHORD))
        assert math.isnan(in_key([], C))


class TestMeasured:
    def test_density_is_a_beat_and_against_the_prompt(self) -> None:
        values = measured(of_bars((60, 62), (64, 65)), of_bars((60,), (60,)), C)
        assert tuple(values) == MEASURES
        assert (values["density"], values["density/prompt"], values["in key"]) == (0.5, 2.0, 1.0)

    def test_an_empty_prompt_has_no_density_to_compare_with(self) -> None:
        assert math.isnan(measured(of_bars((60,)), of_bars(()), C)["density/prompt"])

    @given(notes_of_stretch, st.integers(-11, 11))
    def test_transposing_all_of_it_changes_nothing(self, notes: list[PieceNote], semitones: int) -> None:
        part, moved = (Stretch(tuple(replace(note, pitch=note.pitch + by) for note in notes), 4, 4) for by in (0, semitones))
        one = measured(part, part, C)
        other = measured(moved, moved, C.transposed(semitones))
        assert list(one.values()) == pytest.approx(list(other.values()), nan_ok=True)

    @given(notes_of_stretch)
    def test_every_onset_stands_on_the_grid_once(self, notes: list[PieceNote]) -> None:
        """But for what is nearer to the bar line after the last."""
        late = sum(round(note.onset / 6) == 64 for note in notes)
        assert int(np.sum(Stretch(tuple(notes), 4, 4).grid)) == len(notes) - late
