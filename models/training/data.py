"""Where a training run's pieces come from, and which of them it never trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.sharding.collection import Shards
from models.shards import open_pieces

_EVERY = 10
"""One work in so many is held out where nothing is kept for tests."""


@dataclass(frozen=True, slots=True)
class Data:
    """Pieces to train on, and others to validate on."""

    training: Sequence[Piece]
    held_out: Sequence[Piece]


def read_pieces(data: Path, names: Sequence[str]) -> Sequence[Piece]:
    """The pieces of the named corpora, or of all that are there, from a folder of shards, of corpora or of MIDI files.

    Raises:
        InputError: a corpus is unknown or missing.
    """
    return open_pieces(data, names)


def divide(pieces: Sequence[Piece]) -> Data:
    """The training and the validation part of the split by work.

    Raises:
        InputError: none falls into the validation part.
    """
    parts = [_part(piece) for piece in pieces]
    training, held_out = (_select(pieces, [at for at, part in enumerate(parts) if part == wanted]) for wanted in (0, 1))
    if not held_out:
        raise InputError(f"{len(pieces)} pieces are too few: none falls into the validation part")
    return Data(training, held_out)


def divide_few(pieces: Sequence[Piece]) -> Data:
    """As `divide`, but nothing is kept for tests, and a tenth of the works to validate on is found among a handful too.

    Raises:
        InputError: all pieces are of one work.
    """
    works = sorted({piece.work for piece in pieces})
    if len(works) < 2:
        raise InputError("there must be two works at the least: one to train on and one to validate on")
    held_out = set(works[::_EVERY])
    parts = [[at for at, piece in enumerate(pieces) if (piece.work in held_out) == wanted] for wanted in (False, True)]
    return Data(*(_select(pieces, part) for part in parts))


def _part(piece: Piece) -> int:
    """0 training, 1 validation, 2 test."""
    return next(index for index, part in enumerate(split([piece])) if part)


def _select(pieces: Sequence[Piece], indices: Sequence[int]) -> Sequence[Piece]:
    """Some of the pieces; of shards without reading them."""
    return pieces.select(indices) if isinstance(pieces, Shards) else [pieces[index] for index in indices]
