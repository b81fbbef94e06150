"""When the agent comes in, and when it stops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from support.pieces import pieces, seeds

from livegen.core.director import REST_BEATS, answer_start
from livegen.core.events import Part
from livegen.core.transport import Transport
from models.corpora.piece import Piece, PieceNote
from models.takes.excerpts import length_of
from models.takes.passing import Stretch, first_window, heard_out, last_end, passing, phrase_starts, released, stints, within

law = settings(deadline=None, max_examples=50)
BASS = frozenset({Part.BASS})


@law
@given(pieces(), seeds)
def test_stretches_cover_the_piece_in_turn(piece: Piece, seed: int) -> None:
    """The player begins, each passes on where a phrase begins, and nobody has more phrases than allowed."""
    stretches = passing(piece, (1, 3), (1, 2), np.random.default_rng(seed))
    assert stretches[0].start == 0
    assert stretches[-1].end == length_of(piece)
    assert [stretch.agents for stretch in stretches] == [index % 2 == 1 for index in range(len(stretches))]
    assert [stretch.end for stretch in stretches[:-1]] == [stretch.start for stretch in stretches[1:]]
    for stretch in stretches:
        count = sum(stretch.start <= phrase < stretch.end for phrase in phrase_starts(piece))
        assert 1 <= count <= (2 if stretch.agents else 3)
    assert {stretch.start for stretch in stretches[1:]} <= set(phrase_starts(piece))


@law
@given(pieces(), seeds)
def test_every_note_is_in_one_stretch(piece: Piece, seed: int) -> None:
    stretches = passing(piece, (1, 3), (1, 2), np.random.default_rng(seed))
    assert within(piece.melody, stretches) == list(piece.melody)


def test_a_tune_without_phrases_has_them_every_four_bars(song: Piece) -> None:
    assert phrase_starts(replace(song, phrases=(0,))) == (0, 384)
    assert phrase_starts(song) == song.phrases
    assert phrase_starts(replace(song, phrases=(), melody=())) == ()


def test_keys_come_up_for_the_agent() -> None:
    notes = [PieceNote(0, 60, 20), PieceNote(10, 62, 50), PieceNote(29, 64, 50), PieceNote(29, 65, 2)]
    assert [note.duration for note in released(notes, 30)] == [20, 20, 3, 2]


def test_an_answer_is_known_by_the_silence_before_it() -> None:
    notes = [PieceNote(0, 60, 20), PieceNote(10, 62, 20)]
    assert heard_out(notes, 8, 48) == 38
    assert heard_out(notes, 8, 36) == 35
    assert heard_out([], 8, 48) == 8


def test_an_answer_is_over_with_its_last_note() -> None:
    notes = [PieceNote(0, 60, 24), PieceNote(24, 62, 24), PieceNote(240, 64, 24)]
    assert last_end(notes, Stretch(0, 240, True)) == 48
    assert last_end(notes, Stretch(12, 36, True)) == 36
    assert last_end(notes, Stretch(60, 240, True)) == 60


@pytest.mark.parametrize("onset", [0, 1, 11, 12, 13, 18, 23, 24, 100])
def test_who_plays_along_comes_in_as_on_the_stage(song: Piece, onset: int) -> None:
    """By the director's own rule, at a tempo where planning takes less than a pulse."""
    transport = Transport.starting(0, 40.0)
    pressed_ns = transport.ns_at(onset)
    (turn,) = stints([PieceNote(onset, 60, 24)], BASS, song)
    assert turn.start == answer_start(transport, pressed_ns, pressed_ns)
    assert turn.since == onset + 1


def test_who_plays_along_rests_when_the_player_rests(song: Piece) -> None:
    rest = int(REST_BEATS * 24)
    notes = [PieceNote(0, 60, 24), PieceNote(24 + rest, 60, 24), PieceNote(48 + 2 * rest + 1, 60, 24)]
    turns = stints(notes, BASS, replace(song, melody=(*song.melody, PieceNote(2000, 60, 24))))
    assert [(turn.start, turn.end) for turn in turns] == [(12, 48 + 2 * rest), (48 + 2 * rest + 24, 72 + 3 * rest + 1)]


def test_nobody_plays_after_the_end(song: Piece) -> None:
    assert [turn.end for turn in stints(song.melody, BASS, song)] == [length_of(song)]
    assert stints([PieceNote(length_of(song) - 1, 60, 1)], BASS, song) == []
    assert stints([], BASS, song) == []


def test_windows_begin_on_the_half_beat_before() -> None:
    piece = Piece("c", "w", "pop", 120.0, 4, 8, ())
    assert [first_window(pulse, piece) for pulse in (8, 19, 20, 31, 32)] == [8, 8, 20, 20, 32]
