"""Pieces as arrays: nothing is lost on the way there and back, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.sharding.arrays import DTYPES, melody_pitches, packed, piece_at, strings_of
from models.sharding.files import map_arrays, write_arrays

pulses = st.integers(-(1 << 20), 1 << 30)
notes = st.lists(
    st.builds(PieceNote, pulses, st.integers(0, 127), st.integers(1, 1 << 20), st.none() | st.integers(1, 127)), max_size=6
).map(tuple)
symbols = st.builds(ChordSymbol, st.none() | st.integers(0, 11), st.sampled_from(QUALITIES))
pieces = st.builds(
    Piece,
    corpus=st.text(max_size=8),
    work=st.text(max_size=8),
    style=st.sampled_from(("pop", "jazz", "")),
    tempo_bpm=st.floats(20, 400),
    beats_per_bar=st.integers(1, 12),
    bar_offset=st.integers(0, 287),
    melody=notes,
    parts=st.dictionaries(st.sampled_from(Part), notes),
    chords=st.lists(st.builds(ChordSpan, pulses, pulses, symbols), max_size=4).map(tuple),
    phrases=st.lists(pulses, max_size=4).map(tuple),
    key=st.none() | symbols,
)


@given(st.lists(pieces, max_size=4))
def test_pieces_come_back_as_they_were(some: list[Piece]) -> None:
    arrays = packed(some)
    strings = strings_of(arrays)
    assert [piece_at(arrays, strings, index) for index in range(len(some))] == some
    assert [melody_pitches(arrays, index).tolist() for index in range(len(some))] == [
        [note.pitch for note in piece.melody] for piece in some
    ]


@given(st.lists(pieces, max_size=3))
def test_the_same_pieces_make_the_same_bytes(some: list[Piece]) -> None:
    first, second = packed(some), packed([replace(piece, parts=dict(reversed(piece.parts.items()))) for piece in some])
    assert list(first) == list(DTYPES)
    assert all(first[name].tobytes() == second[name].tobytes() for name in DTYPES)


def test_they_come_back_from_a_mapped_file_too(tmp_path: Path) -> None:
    melody = (PieceNote(3, 60, 24, 90), PieceNote(27, 62, 24))
    some = [
        Piece("a", "é", "pop", 97.25, 3, 5, melody, {Part.DRUMS: melody, Part.BASS: ()}, (ChordSpan(0, 9, NO_CHORD),), (3,)),
        Piece("a", "", "folk", 1 / 3, 12, 0, (), key=ChordSymbol(9, "min")),
    ]
    file = write_arrays(tmp_path, "a", packed(some))
    arrays = map_arrays(tmp_path, file)
    assert [piece_at(arrays, strings_of(arrays), index) for index in (0, 1)] == some
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.name.startswith("a-")
    assert file.name == f"a-{file.sha256[:12]}.shard"


@pytest.mark.parametrize(
    ("note", "field"),
    [
        (PieceNote(0, 128, 1), "pitch"),
        (PieceNote(0, -1, 1), "pitch"),
        (PieceNote(1 << 31, 60, 1), "onset"),
        (PieceNote(0, 60, 1, 0), "velocity"),
        (PieceNote(0, 60, 1, 128), "velocity"),
    ],
)
def test_what_does_not_fit_is_refused(note: PieceNote, field: str) -> None:
    with pytest.raises(InputError, match=f"cannot be stored: {field} reaches"):
        packed([Piece("a", "b", "pop", 120.0, 4, 0, (note,))])
