"""The key of a piece, from its signature and its notes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.harmony import ChordSymbol
from models.corpora.keys import key_of
from models.corpora.piece import PieceNote

MAJOR = (0, 4, 7, 12, 11, 9, 7, 5, 4, 2, 7, 0)
MINOR = (0, 3, 7, 12, 11, 8, 7, 5, 3, 2, 7, 0)


def _notes(steps: tuple[int, ...], tonic: int) -> list[PieceNote]:
    return [PieceNote(24 * at, 60 + tonic + step, 24) for at, step in enumerate(steps)]


@given(st.integers(0, 11), st.sampled_from(((MAJOR, "maj"), (MINOR, "min"))))
def test_a_tune_in_any_key_is_heard_in_it(tonic: int, scale: tuple[tuple[int, ...], str]) -> None:
    assert key_of(_notes(scale[0], tonic)) == ChordSymbol(tonic, scale[1])


@pytest.mark.parametrize(
    ("fifths", "keys"), [(0, {(0, "maj"), (9, "min")}), (-3, {(3, "maj"), (0, "min")}), (4, {(4, "maj"), (1, "min")})]
)
def test_a_signature_leaves_two_keys(fifths: int, keys: set[tuple[int, str]]) -> None:
    found = [key_of(_notes(scale, tonic), fifths) for scale in (MAJOR, MINOR) for tonic in range(12)]
    assert {(key.root, key.quality) for key in found if key is not None} == keys


def test_silence_has_no_key() -> None:
    assert key_of([]) is None
