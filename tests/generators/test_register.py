"""The register knob: octaves, in order, and nothing else about the notes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.statistics import spearman

from livegen.core.events import Note, Part
from livegen.generators.register import RANGES, Register

KNOB = [-24.0, -18.0, -12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 18.0, 24.0]
semitones = st.floats(-24, 24)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Note, ...]:
    """Notes of one window as a grammar lets them be: sorted, no part on a pitch that it sounds."""
    kept: list[Note] = []
    for note in sorted(
        draw(st.lists(st.builds(Note, st.sampled_from(list(Part)), st.integers(0, 23), st.integers(0, 127), st.integers(1, 48),
                                st.just(80)), max_size=8)),
        key=lambda note: (note.part, note.onset, note.pitch),
    ):  # fmt: skip
        if not any((before.part, before.pitch) == (note.part, note.pitch) for before in kept):
            kept.append(note)
    return tuple(kept)


def moved(notes: tuple[Note, ...], knob: float) -> tuple[Note, ...]:
    return Register().moved(notes, knob, opening=False)


def chord(*pitches: int) -> tuple[Note, ...]:
    return tuple(Note(Part.CHORDS, 0, pitch, 24, 80) for pitch in pitches)


@law
@given(windows())
def test_in_the_middle_everything_stays(notes: tuple[Note, ...]) -> None:
    assert moved(notes, 0.0) == notes


@law
@given(windows(), semitones)
def test_notes_keep_their_pitch_class_and_place(notes: tuple[Note, ...], knob: float) -> None:
    before = {(note.part, note.onset, note.pitch % 12) for note in notes}
    after = {(note.part, note.onset, note.pitch % 12) for note in moved(notes, knob)}
    assert after == before


@law
@given(windows(), semitones)
def test_what_comes_of_it_is_lawful(notes: tuple[Note, ...], knob: float) -> None:
    """Sorted, nothing twice, no part on a pitch that it sounds, durations positive, ranges kept where notes were in range."""
    after = moved(notes, knob)
    order = [(note.part, note.onset, note.pitch) for note in after]
    assert order == sorted(set(order))
    for index, note in enumerate(after):
        assert note.duration >= 1
        assert 0 <= note.pitch <= 127
        for before in after[:index]:
            if (before.part, before.pitch) == (note.part, note.pitch):
                assert before.onset + before.duration <= note.onset


@law
@given(st.sampled_from(list(Part)), st.integers(0, 127), semitones, semitones)
def test_no_note_goes_the_other_way(part: Part, pitch: int, one: float, other: float) -> None:
    note = Note(part, 0, pitch, 6, 80)
    low, high = (moved((note,), knob)[0].pitch for knob in sorted((one, other)))
    assert low <= high


@law
@given(st.lists(st.integers(48, 76), min_size=1, max_size=5, unique=True).map(sorted), semitones, semitones)
def test_no_tone_of_a_chord_goes_the_other_way(pitches: list[int], one: float, other: float) -> None:
    """Tones that meet count as one."""
    low, high = (moved(chord(*pitches), knob) for knob in sorted((one, other)))
    if len(low) == len(high) == len(pitches):
        assert np.mean([note.pitch for note in low]) <= np.mean([note.pitch for note in high])


def test_a_chord_is_inverted() -> None:
    """The lowest tone moves up first, the highest down first."""
    close = chord(60, 64, 67)
    assert [note.pitch for note in moved(close, 4.0)] == [64, 67, 72]
    assert [note.pitch for note in moved(close, -4.0)] == [55, 60, 64]
    assert [note.pitch for note in moved(close, 12.0)] == [72, 76, 79]


def test_mean_pitch_follows_the_knob_and_nearly_by_as_much() -> None:
    """Over many chords, lines and basses."""
    rng = np.random.default_rng(1)
    notes = [
        *((Note(Part.CHORDS, 0, int(pitch), 24, 80) for pitch in sorted(rng.choice(np.arange(52, 72), 3, replace=False)))
          for _ in range(60)),
        *([Note(Part.BASS, 0, int(rng.integers(33, 50)), 24, 80)] for _ in range(60)),
    ]  # fmt: skip
    windows_ = [tuple(window) for window in notes]
    for part in (Part.CHORDS, Part.BASS):
        own = [window for window in windows_ if window[0].part == part]
        means = [np.mean([note.pitch for window in own for note in moved(window, knob)]) for knob in KNOB]
        assert spearman(KNOB, means) > 0.95
        up = [mean - means[5] for mean, knob in zip(means, KNOB, strict=True) if knob == 12.0]
        assert abs(up[0] - 12.0) < 1.0


def test_a_lead_keeps_its_octave_through_an_answer() -> None:
    """Else the line would be torn apart between its windows."""
    line = [(Note(Part.LEAD, 0, pitch, 6, 80),) for pitch in (60, 62, 64, 66, 68, 70, 72)]
    for knob in KNOB:
        register = Register()
        steps = {
            register.moved(window, knob, opening=index == 0)[0].pitch - window[0].pitch for index, window in enumerate(line)
        }
        assert len(steps) == 1


def test_different_answers_move_at_different_settings() -> None:
    register = Register()
    answers = [(Note(Part.LEAD, 0, pitch, 6, 80),) for pitch in range(60, 72)]
    up = [register.moved(window, 6.0, opening=True)[0].pitch > window[0].pitch for window in answers]
    assert 4 <= sum(up) <= 8


def test_drums_stay() -> None:
    drums = (Note(Part.DRUMS, 0, 36, 3, 80), Note(Part.DRUMS, 0, 42, 3, 60))
    assert moved(drums, 24.0) == drums


@law
@given(windows(), semitones)
def test_parts_do_not_leave_their_ranges(notes: tuple[Note, ...], knob: float) -> None:
    inside = tuple(note for note in notes if note.part in RANGES and note.pitch in RANGES[note.part])
    assert all(note.pitch in RANGES[note.part] for note in moved(inside, knob))


def test_the_bass_stays_below_the_chords() -> None:
    played = (*chord(57, 60, 64), Note(Part.BASS, 0, 40, 24, 80))
    for knob in KNOB[1:]:
        after = moved(played, knob)
        assert max(note.pitch for note in after if note.part is Part.BASS) < min(
            note.pitch for note in after if note.part is Part.CHORDS
        )


def test_only_pitch_changes() -> None:
    notes = (Note(Part.LEAD, 3, 61, 7, 33),)
    (after,) = moved(notes, 12.0)
    assert replace(after, pitch=61) == notes[0]
    assert after.pitch == 73
