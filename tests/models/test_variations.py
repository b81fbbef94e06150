"""Other pieces from one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pieces import pieces, seeds

from livegen.core.events import Part
from livegen.generators.drums import KICK
from models.corpora.piece import Piece, PieceNote
from models.takes.excerpts import chord_at, length_of
from models.takes.variations import MODULATION_SHARE, in_thirds, modulated, rendered_anew, varied, with_drums, with_melody_moved

law = settings(deadline=None, max_examples=50)


@law
@given(pieces(), st.integers(0, 700), st.integers(-6, 6))
def test_a_change_of_key_moves_everything_that_comes_after_it(piece: Piece, pulse: int, semitones: int) -> None:
    changed = modulated(piece, pulse, semitones)
    for before, after in ((piece.melody, changed.melody), *((piece.parts[part], changed.parts[part]) for part in piece.parts)):
        assert [(note.onset, note.duration) for note in after] == [(note.onset, note.duration) for note in before]
        moved = [later.pitch - note.pitch for note, later in zip(before, after, strict=True)]
        assert moved == [semitones if note.onset >= pulse else 0 for note in before]
    for start in range(0, length_of(piece), 12):
        for end in range(start + 1, start + 12, 5):
            if end <= pulse:
                assert chord_at(changed, start, end) == chord_at(piece, start, end)
            elif start >= pulse:
                assert chord_at(changed, start, end) == chord_at(piece, start, end).transposed(semitones)


def test_a_change_of_key_stays_on_the_keyboard(song: Piece) -> None:
    """It goes the other way round."""
    for edge, semitones, found in ((126, 3, 117), (1, -3, 10)):
        high = replace(song, melody=(PieceNote(0, edge, 24), PieceNote(24, edge, 24)), parts={}, chords=())
        assert [note.pitch for note in modulated(high, 24, semitones).melody] == [edge, found]


def test_drums_have_no_key(song: Piece) -> None:
    drums = (PieceNote(48, KICK, 3, 90),)
    changed = modulated(replace(song, parts={**song.parts, Part.DRUMS: drums}), 24, 3)
    assert changed.parts[Part.DRUMS] == drums


def test_a_melody_moves_by_octaves_where_melodies_are_played(song: Piece) -> None:
    up = with_melody_moved(song, 12)
    assert [note.pitch - 12 for note in up.melody] == [note.pitch for note in song.melody]
    assert up.parts == song.parts
    assert with_melody_moved(with_melody_moved(up, 12), 12) == with_melody_moved(up, 12)
    assert with_melody_moved(replace(song, melody=()), 12).melody == ()


def test_another_rendering_has_the_same_chords(song: Piece) -> None:
    one, other = rendered_anew(song, "1"), rendered_anew(song, "2")
    assert one.chords == other.chords == song.chords
    assert one.melody == song.melody
    assert one.parts != other.parts
    for note in one.parts[Part.CHORDS]:
        assert note.pitch % 12 in chord_at(song, note.onset, note.onset + 1).pitch_classes


def test_a_beat_in_thirds_is_told_by_its_notes() -> None:
    assert in_thirds(tuple(PieceNote(5 + at, 60, 8) for at in (0, 8, 16, 24, 40)), 5)
    assert not in_thirds(tuple(PieceNote(at, 60, 8) for at in (0, 12, 16, 24, 36)), 0)


def test_a_drummer_keeps_the_bars(song: Piece) -> None:
    drums = with_drums(replace(song, bar_offset=24), 0).parts[Part.DRUMS]
    assert drums == tuple(sorted(drums))
    assert length_of(song) - 24 <= drums[-1].onset < length_of(song)
    straight = with_drums(replace(song, bar_offset=24, style="pop"), 0).parts[Part.DRUMS]
    assert {note.onset % 96 for note in straight if note.pitch == KICK} == {24, 72}


@law
@given(pieces(), seeds)
def test_a_variation_keeps_the_melody_but_for_its_key(piece: Piece, seed: int) -> None:
    other = varied(piece, np.random.default_rng(seed))
    assert [(note.onset, note.duration) for note in other.melody] == [(note.onset, note.duration) for note in piece.melody]
    assert other.phrases == piece.phrases
    steps = [later.pitch - note.pitch for note, later in zip(piece.melody, other.melody, strict=True)]
    assert sum(one != another for one, another in pairwise(steps)) <= 1


def test_most_pieces_are_left_as_they_are(song: Piece) -> None:
    song = replace(song, corpus="pop909")
    rng = np.random.default_rng(0)
    drawn = [varied(song, rng) for _ in range(400)]
    assert np.mean([piece == song for piece in drawn]) > 0.5
    assert np.mean([piece.chords != song.chords for piece in drawn]) == pytest.approx(MODULATION_SHARE, abs=0.05)
    assert 0.01 < np.mean([Part.DRUMS in piece.parts for piece in drawn]) < 0.06
