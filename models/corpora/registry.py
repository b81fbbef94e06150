"""All corpora by name: load them, and split them by work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from livegen.core.errors import InputError
from models.corpora import hymns, irish, leadsheets, lieder, pop909
from models.corpora.piece import Piece
from models.corpora.source import Corpus, Quarantined, QuarantinedError, Reading, Report, Work

STYLES: tuple[str, ...] = ("pop", "jazz", "folk", "hymn", "song")
"""Names of the styles, in the order of the model's style vector."""

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (pop909.CORPUS, leadsheets.CORPUS, irish.CORPUS, hymns.CORPUS, hymns.MUTOPIA, lieder.CORPUS)
}

_TRAINING_PERCENT = 90
_VALIDATION_PERCENT = 5


class LoadedPieces(list[Piece]):
    """Pieces in a fixed order (corpora as asked for, works by path), with the report of what was left out."""

    def __init__(self, pieces: Sequence[Piece] = (), report: Report | None = None) -> None:
        super().__init__(pieces)
        self.report = report or Report()


def load_corpora(root: Path, names: Sequence[str], workers: int = 1, limit: int | None = None) -> LoadedPieces:
    """Reads corpora from `root/NAME`.

    Args:
        root: folder that holds one folder a corpus.
        names: keys of `CORPORA`.
        workers: processes that read; the result does not depend on it.
        limit: reads only the first so many works of each corpus.

    Returns:
        The pieces, with `report`.

    Raises:
        InputError: a name is not known, or its folder is missing or holds no work.
    """
    loaded = LoadedPieces()
    for name in names:
        if name not in CORPORA:
            raise InputError(f"corpus {name!r} is not one of {', '.join(CORPORA)}")
        corpus = CORPORA[name]
        works = corpus.works(root / name)[:limit]
        if not works:
            raise InputError(f"{root / name} holds no works; get the corpus from {corpus.home} ({corpus.licence})")
        loaded.extend(_load(corpus, works, workers, loaded.report))
    return loaded


def _load(corpus: Corpus, works: Sequence[Work], workers: int, report: Report) -> list[Piece]:
    names = [corpus.name] * len(works)
    if workers > 1:
        # Spawned, not forked: a fork would copy the threads that numpy and torch may hold.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            results = list(pool.map(_read_one, names, works, chunksize=16))
    else:
        results = [_read_one(name, work) for name, work in zip(names, works, strict=True)]
    pieces: list[Piece] = []
    paths: dict[int, Path] = {}
    for work, result in zip(works, results, strict=True):
        if isinstance(result, str):
            report.quarantined.append(Quarantined(corpus.name, work.path, result))
            continue
        report.quarantined += [Quarantined(corpus.name, work.path, reason) for reason in result.left_out]
        paths.update((id(piece), work.path) for piece in result.pieces)
        pieces += result.pieces
    if corpus.prune is not None:
        pieces, dropped = corpus.prune(pieces)
        report.quarantined += [Quarantined(corpus.name, paths[id(piece)], reason) for piece, reason in dropped]
    report.works[corpus.name] = len(works)
    report.pieces[corpus.name] = len(pieces)
    return pieces


def _read_one(name: str, work: Work) -> Reading | str:
    """What a work gave, or the reason why it gave nothing; runs in a worker process."""
    try:
        return CORPORA[name].read(work)
    except QuarantinedError as error:
        return str(error)


def split(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece], list[Piece]]:
    """(training, validation, test), 90/5/5 by a hash of corpus and work: the same on every run and machine."""
    parts: tuple[list[Piece], list[Piece], list[Piece]] = ([], [], [])
    for piece in pieces:
        digest = hashlib.sha256(f"{piece.corpus}/{piece.work}".encode()).digest()
        percent = int.from_bytes(digest[:8], "big") % 100
        parts[0 if percent < _TRAINING_PERCENT else 1 if percent < _TRAINING_PERCENT + _VALIDATION_PERCENT else 2].append(piece)
    return parts
