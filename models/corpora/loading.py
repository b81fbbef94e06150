"""One corpus read: its pieces, where each came from, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.corpora.piece import Piece
from models.corpora.reading import LIMIT_S, read_works
from models.corpora.source import Corpus, Quarantined, Work


@dataclass(frozen=True, slots=True)
class CorpusReading:
    """What reading a corpus gave.

    Attributes:
        name: of the corpus.
        works: how many were read.
        pieces: in the order of the works.
        origins: the file or folder of each piece.
        left_out: works, or parts of them, that were not used.
    """

    name: str
    works: int
    pieces: list[Piece]
    origins: list[Path]
    left_out: list[Quarantined]


def read_corpus(
    corpus: Corpus,
    works: Sequence[Work],
    workers: int = 0,
    limit_s: float = LIMIT_S,
    shown: Callable[[int], None] = lambda _done: None,
) -> CorpusReading:
    """Reads works and prunes them as the corpus says. The arguments are those of `read_works`; blocks until all is read."""
    pieces: list[Piece] = []
    origins: list[Path] = []
    left_out: list[Quarantined] = []
    for work, outcome in zip(works, read_works(corpus.read, works, workers, limit_s, shown), strict=True):
        if isinstance(outcome, str):
            left_out.append(Quarantined(corpus.name, work.path, outcome))
            continue
        left_out += [Quarantined(corpus.name, work.path, reason) for reason in outcome.left_out]
        pieces += outcome.pieces
        origins += [work.path] * len(outcome.pieces)
    if corpus.prune is not None:
        by_identity = {id(piece): path for piece, path in zip(pieces, origins, strict=True)}
        pieces, dropped = corpus.prune(pieces)
        origins = [by_identity[id(piece)] for piece in pieces]
        left_out += [Quarantined(corpus.name, by_identity[id(piece)], reason) for piece, reason in dropped]
    return CorpusReading(corpus.name, len(works), pieces, origins, left_out)
