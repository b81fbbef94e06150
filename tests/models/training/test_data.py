"""What is trained on, and what is kept from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.training.data import divide, divide_few, read_pieces


def many(song: Piece, count: int) -> list[Piece]:
    return [replace(song, work=f"work {index // 2}") for index in range(count)]


class TestDivide:
    def test_it_is_the_split_of_the_registry(self, song: Piece) -> None:
        pieces = many(song, 200)
        training, held_out, test = split(pieces)
        data = divide(pieces)
        assert (list(data.training), list(data.held_out)) == (training, held_out)
        assert test

    def test_without_a_held_out_piece_it_is_refused(self, song: Piece) -> None:
        training, _, _ = split(many(song, 100))
        with pytest.raises(InputError, match="none falls into the validation part"):
            divide(training)


class TestDivideFew:
    @pytest.mark.parametrize("count", [3, 5, 12, 100])
    def test_works_stay_together_and_a_tenth_is_held_out(self, song: Piece, count: int) -> None:
        pieces = many(song, count)
        data = divide_few(pieces)
        assert sorted(map(id, [*data.training, *data.held_out])) == sorted(map(id, pieces))
        works = [{piece.work for piece in part} for part in (data.training, data.held_out)]
        assert not works[0] & works[1]
        assert 1 <= len(works[1]) <= 1 + len(works[0]) // 9

    def test_one_work_is_too_few(self, song: Piece) -> None:
        with pytest.raises(InputError, match="two works at the least"):
            divide_few(many(song, 2))


def test_pieces_come_from_corpora_by_name_or_all(corpora: Path) -> None:
    assert {piece.corpus for piece in read_pieces(corpora, ["irish", "lieder"])} == {"irish", "lieder"}
    assert {piece.corpus for piece in read_pieces(corpora / "irish", [])} == {"folder"}
