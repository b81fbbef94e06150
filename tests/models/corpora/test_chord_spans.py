"""Chords from labels, from pitch classes, from notes; accompaniment from chords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from models.corpora.chords import chord_of, inferred, merged, parse_harte
from models.corpora.patterns import patterns_for, render
from models.corpora.piece import ChordSpan, PieceNote
from models.corpora.source import QuarantinedError


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("N", NO_CHORD),
        ("C:maj", ChordSymbol(0, "maj")),
        ("Bb:min7/b3", ChordSymbol(10, "min7")),
        ("F#:7", ChordSymbol(6, "dom7")),
        ("Cb:maj", ChordSymbol(11, "maj")),
        ("D:sus4(b7)", ChordSymbol(2, "sus4")),
        ("E:minmaj7", ChordSymbol(4, "min")),
    ],
)
def test_labels_become_root_and_quality(label: str, expected: ChordSymbol) -> None:
    assert parse_harte(label) == expected


@pytest.mark.parametrize("label", ["H:maj", "C:blue", "", "Cx:min"])
def test_an_unknown_label_is_quarantined(label: str) -> None:
    with pytest.raises(QuarantinedError, match="unknown chord label"):
        parse_harte(label)


def test_pitch_classes_become_the_nearest_quality() -> None:
    assert chord_of([7, 11, 2, 5, 9]) == ChordSymbol(7, "dom7")
    assert chord_of([]) == NO_CHORD


def test_equal_neighbours_merge_and_overlaps_are_cut() -> None:
    c, g = ChordSymbol(0), ChordSymbol(7)
    spans = [ChordSpan(0, 24, c), ChordSpan(24, 60, c), ChordSpan(48, 96, g), ChordSpan(96, 96, c)]
    assert merged(spans) == (ChordSpan(0, 48, c), ChordSpan(48, 96, g))


def _block(onset: int, pitches: tuple[int, ...], duration: int = 48) -> list[PieceNote]:
    return [PieceNote(onset, pitch, duration) for pitch in pitches]


def test_chords_are_heard_in_notes_and_silence_is_a_gap() -> None:
    notes = [*_block(0, (48, 64, 67)), *_block(48, (43, 62, 65, 71)), *_block(144, (45, 60, 64))]
    assert inferred(notes, 24) == (
        ChordSpan(0, 48, ChordSymbol(0, "maj")),
        ChordSpan(48, 96, ChordSymbol(7, "dom7")),
        ChordSpan(144, 192, ChordSymbol(9, "min")),
    )


def test_windows_follow_the_bar_lines() -> None:
    notes = [*_block(0, (48, 64, 67), 24), *_block(24, (41, 60, 69), 48)]
    spans = inferred(notes, 48, origin=24)
    assert [(span.start, span.end, span.symbol.root) for span in spans] == [(0, 24, 0), (24, 72, 5)]


@st.composite
def progressions(draw: st.DrawFn) -> list[ChordSpan]:
    lengths = draw(st.lists(st.sampled_from([12, 24, 48, 72, 96, 192]), min_size=1, max_size=12))
    spans, start = [], 0
    for length in lengths:
        root = draw(st.one_of(st.none(), st.integers(0, 11)))
        spans.append(ChordSpan(start, start + length, ChordSymbol(root, draw(st.sampled_from(QUALITIES)))))
        start += length
    return spans


@given(spans=progressions(), beats_per_bar=st.integers(1, 12), compound=st.booleans(), key=st.text(max_size=4))
def test_every_chord_is_heard_and_nothing_else(spans: list[ChordSpan], beats_per_bar: int, compound: bool, key: str) -> None:
    parts = render(spans, beats_per_bar, 0, key, compound=compound)
    for span in spans:
        inside = {part: [note for note in notes if span.start <= note.onset < span.end] for part, notes in parts.items()}
        if span.symbol.root is None:
            assert not inside[Part.CHORDS]
            assert not inside[Part.BASS]
            continue
        assert {note.pitch % 12 for note in inside[Part.CHORDS]} == set(span.symbol.pitch_classes)
        assert inside[Part.BASS][0].pitch % 12 == span.symbol.root
        for note in (*inside[Part.CHORDS], *inside[Part.BASS]):
            assert note.duration >= 1
            assert note.onset + note.duration <= span.end
            assert 1 <= note.velocity <= 127
    assert all(28 <= note.pitch <= 55 for note in parts[Part.BASS])


def test_the_pattern_depends_on_the_work_alone() -> None:
    spans = [ChordSpan(0, 96, ChordSymbol(0)), ChordSpan(96, 192, ChordSymbol(7, "dom7"))]
    assert render(spans, 4, 0, "one") == render(spans, 4, 0, "one")
    renderings = {render(spans, 4, 0, f"work {number}")[Part.CHORDS] for number in range(20)}
    assert len(renderings) > len(patterns_for(4))


def test_downbeats_are_louder_than_offbeats() -> None:
    spans = [ChordSpan(0, 96 * 8, ChordSymbol(0))]
    walking = next(bass for key in range(50) if len(bass := render(spans, 4, 0, str(key))[Part.BASS]) == 32)
    first = [note.velocity for note in walking if note.onset % 96 == 0]
    second = [note.velocity for note in walking if note.onset % 96 == 24]
    assert sum(first) > sum(second)


def test_a_walking_bass_leads_into_the_next_root_by_step() -> None:
    spans = [ChordSpan(0, 96, ChordSymbol(0)), ChordSpan(96, 192, ChordSymbol(5))]
    walking = next(bass for key in range(50) if len(bass := render(spans, 4, 0, str(key))[Part.BASS]) == 8)
    assert abs(walking[3].pitch - walking[4].pitch) % 12 in (1, 11)
