"""Chords: matching follows transposition, voicings stay close, symbols are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import chord_symbols, law

from livegen.core.errors import InputError
from livegen.core.harmony import (
    INTERVALS,
    NO_CHORD,
    QUALITIES,
    ChordSymbol,
    close_voicing,
    match_chord,
    nearest_pitch,
    quality_of,
)

PLAIN = ("maj", "min", "dom7", "min7", "dim", "sus4")
pitch_classes = st.integers(0, 11)


def weights_of(chord: ChordSymbol) -> np.ndarray:
    weights = np.zeros(12)
    weights[list(chord.pitch_classes)] = 1.0
    return weights


def test_every_quality_has_its_own_tones() -> None:
    assert set(QUALITIES) == set(INTERVALS)
    assert len(set(INTERVALS.values())) == len(QUALITIES)
    assert all(intervals[0] == 0 and sorted(set(intervals)) == list(intervals) for intervals in INTERVALS.values())


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_template_has_its_own_quality(quality: str) -> None:
    """In any octave, with or without the root written out."""
    assert quality_of(INTERVALS[quality]) == quality
    assert quality_of(interval + 12 for interval in INTERVALS[quality][1:]) == quality


def test_a_bare_fifth_is_major() -> None:
    assert quality_of([0, 7]) == "maj"
    assert quality_of([]) == "maj"


@pytest.mark.parametrize(("root", "quality"), [(-1, "maj"), (12, "maj"), (0, "major"), (None, "")])
def test_a_chord_that_does_not_exist_is_refused(root: int | None, quality: str) -> None:
    with pytest.raises(InputError, match="chord"):
        ChordSymbol(root, quality)


@law
@given(chord_symbols, st.integers(-24, 24))
def test_transposing_moves_every_tone(chord: ChordSymbol, semitones: int) -> None:
    moved = chord.transposed(semitones)
    assert moved.quality == chord.quality
    assert moved.pitch_classes == tuple((pitch_class + semitones) % 12 for pitch_class in chord.pitch_classes)
    assert moved.transposed(-semitones) == chord


@pytest.mark.parametrize("quality", PLAIN)
@pytest.mark.parametrize("root", range(12))
def test_a_chord_is_recognised_from_its_tones_and_bass(root: int, quality: str) -> None:
    chord = ChordSymbol(root, quality)
    assert match_chord(weights_of(chord), bass=root) == chord


def test_silence_is_no_chord() -> None:
    assert match_chord(np.zeros(12)) == NO_CHORD
    assert NO_CHORD.pitch_classes == ()
    assert NO_CHORD.transposed(5) == NO_CHORD


@law
@given(st.lists(st.integers(0, 64), min_size=12, max_size=12), st.none() | pitch_classes, st.integers(0, 11))
def test_matching_gives_a_chord_that_was_asked_for(weights: list[int], bass: int | None, root: int) -> None:
    found = match_chord(np.array(weights, dtype=float), bass, ChordSymbol(root), PLAIN)
    assert found.quality in PLAIN
    assert (found == NO_CHORD) == (not any(weights))


@law
@given(st.lists(st.integers(0, 1000), min_size=12, max_size=12, unique=True), st.integers(1, 11))
def test_matching_does_not_depend_on_the_key(weights: list[int], semitones: int) -> None:
    """Transposed notes have the transposed chord; where two chords score alike, one of them."""
    heard = np.array(weights, dtype=float) + 1e-3 * np.arange(12)
    found = match_chord(heard, bass=0)
    moved = match_chord(np.roll(heard, semitones), bass=semitones)
    assert len(moved.pitch_classes) == len(found.pitch_classes)
    explained = heard[list(found.pitch_classes)].sum() + 0.1 * heard[found.root]
    also = np.roll(heard, semitones)[list(moved.pitch_classes)].sum() + 0.1 * np.roll(heard, semitones)[moved.root]
    assert moved == found.transposed(semitones) or explained == pytest.approx(also, rel=0.2)


def test_the_chord_before_wins_a_tie() -> None:
    """C, E, G and A fit C major and A minor alike; what sounded before goes on."""
    heard = weights_of(ChordSymbol(0, "maj6"))
    for chord in (ChordSymbol(0), ChordSymbol(9, "min")):
        assert match_chord(heard, previous=chord, qualities=("maj", "min")) == chord


@law
@given(chord_symbols, st.integers(12, 115))
def test_a_close_voicing_has_every_tone_once_within_an_octave(chord: ChordSymbol, centre: int) -> None:
    voicing = close_voicing(chord, centre)
    assert list(voicing) == sorted(set(voicing))
    assert sorted(pitch % 12 for pitch in voicing) == sorted(chord.pitch_classes)
    assert all(centre - 6 <= pitch < centre + 6 for pitch in voicing)


@law
@given(pitch_classes, st.integers(6, 121))
def test_the_nearest_pitch_is_at_most_a_tritone_away(pitch_class: int, centre: int) -> None:
    pitch = nearest_pitch(pitch_class, centre)
    assert pitch % 12 == pitch_class
    assert -6 <= pitch - centre < 6
