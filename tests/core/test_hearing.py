"""What the player's latest notes say of the chord."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.hearing import HALF_LIFE_NS, Hearing


def heard(*pitches: int, step_ns: int = 100_000_000) -> Hearing:
    hearing = Hearing()
    for index, pitch in enumerate(pitches):
        hearing = hearing.struck(pitch, index * step_ns)
    return hearing


def test_silence_has_no_chord() -> None:
    assert Hearing().judged(10**9).chord == NO_CHORD


def test_a_broken_triad_is_that_triad_in_any_octave() -> None:
    assert heard(60, 76, 55).judged(10**9).chord == ChordSymbol(0, "maj")
    assert heard(69, 60, 88).judged(10**9).chord == ChordSymbol(9, "min")


def test_the_latest_notes_count_most() -> None:
    """C major, then after four half-lives G major."""
    hearing = heard(60, 64, 67)
    for pitch in (67, 71, 74):
        hearing = hearing.struck(pitch, 4 * HALF_LIFE_NS)
    assert hearing.judged(4 * HALF_LIFE_NS).chord == ChordSymbol(7, "maj")


def test_a_note_weighs_half_after_its_half_life() -> None:
    assert heard(60).faded(HALF_LIFE_NS).weights[0] == 0.5


def test_time_that_goes_back_changes_nothing() -> None:
    hearing = heard(60, 64, 67)
    assert hearing.faded(0) is hearing


@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 10**10)), max_size=20), st.integers(0, 11))
@settings(deadline=None)
def test_transposed_notes_give_the_transposed_weights(notes: list[tuple[int, int]], semitones: int) -> None:
    plain, moved = Hearing(), Hearing()
    for pitch, time_ns in sorted(notes, key=lambda note: note[1]):
        plain, moved = plain.struck(pitch, time_ns), moved.struck(pitch + semitones, time_ns)
    assert moved.weights == tuple(plain.weights[(pitch_class - semitones) % 12] for pitch_class in range(12))
