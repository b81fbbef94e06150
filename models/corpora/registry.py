"""All corpora by name: load them, and split them by work."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, overload, runtime_checkable

from livegen.core.errors import InputError
from models.corpora import folder, games, hymns, irish, leadsheets, lieder, pop909, scores
from models.corpora.duplicates import Tune, tune_of, twin_reason, twins_of
from models.corpora.loading import read_corpus
from models.corpora.piece import Piece
from models.corpora.source import Corpus, Quarantined, Report, Work

STYLES: tuple[str, ...] = ("pop", "jazz", "folk", "hymn", "song", "classical", "game")
"""Names of the styles, in the order of the model's style vector."""

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        pop909.CORPUS,
        leadsheets.CORPUS,
        irish.CORPUS,
        hymns.CORPUS,
        hymns.MUTOPIA,
        lieder.CORPUS,
        scores.POLISH,
        scores.CHOPIN,
        scores.MUTOPIA,
        scores.QUARTETS,
        *games.CORPORA,
    )
}

_TRAINING_PERCENT = 90
_VALIDATION_PERCENT = 5


class LoadedPieces(list[Piece]):
    """Pieces in a fixed order (corpora as asked for, works by path), with the report of what was left out."""

    def __init__(self, pieces: Sequence[Piece] = (), report: Report | None = None) -> None:
        super().__init__(pieces)
        self.report = report or Report()


def corpus_of(name: str, root: Path) -> Corpus:
    """The loader that a name asks for.

    Args:
        name: a key of `CORPORA`; or the name of another folder of MIDI files under `root`, or "folder" for all below `root`
            itself, with the style of its files after a colon if they do not lie in folders that are called so ("mine:jazz").
        root: the data folder.

    Raises:
        InputError: there is no such corpus, folder or style.
    """
    plain, _, style = name.partition(":")
    if style and style not in STYLES:
        raise InputError(f"style {style!r} of corpus {name!r} is not one of {', '.join(STYLES)}")
    if plain in CORPORA and not style:
        return CORPORA[plain]
    if plain == folder.NAME or (plain not in CORPORA and (root / plain).is_dir()):
        return folder.corpus(plain, style or STYLES[0], STYLES)
    raise InputError(f"corpus {name!r} is not one of {', '.join(CORPORA)}, nor a folder of {root}")


def corpora_in(root: Path) -> list[str]:
    """The names of the known corpora whose folders are in `root`; where there are none, of the folder itself.

    Of corpora that share a folder, only those that have works in it, if one has.
    """
    paths = {name: corpus.path(root) for name, corpus in CORPORA.items() if corpus.path(root).is_dir()}
    shared = {path for path, count in Counter(paths.values()).items() if count > 1}
    full = {name: path for name, path in paths.items() if path in shared and CORPORA[name].works(path)}
    return [name for name, path in paths.items() if name in full or path not in full.values()] or [folder.NAME]


def works_of(corpus: Corpus, root: Path) -> list[Work]:
    """What there is to read, in order.

    Raises:
        InputError: nothing.
    """
    works = corpus.works(corpus.path(root))
    if not works:
        raise InputError(f"{corpus.path(root)} holds no works; get the corpus from {corpus.home} ({corpus.licence})")
    return works


def load_corpora(root: Path, names: Sequence[str], workers: int = 0, limit: int | None = None) -> LoadedPieces:
    """Reads corpora from the folders of `root`.

    Near-duplicates are left out across all of them: the one stays that stands first in the order of `CORPORA`.

    Args:
        root: folder that holds one folder a corpus.
        names: as `corpus_of` knows them.
        workers: processes that read, with a limit of time; with 0, this one reads. The result does not depend on it.
        limit: reads only the first so many works of each corpus.

    Returns:
        The pieces, with `report`.

    Raises:
        InputError: a name is not known, or its folder is missing or holds no work.
    """
    corpora = [corpus_of(name, root) for name in names]
    works = [works_of(corpus, root)[:limit] for corpus in corpora]
    readings = [read_corpus(corpus, its_works, workers) for corpus, its_works in zip(corpora, works, strict=True)]
    pieces = [piece for reading in readings for piece in reading.pieces]
    origins = [path for reading in readings for path in reading.origins]
    twins = twins_by_rank([tune_of(piece) for piece in pieces])
    loaded = LoadedPieces([piece for index, piece in enumerate(pieces) if index not in twins])
    for reading in readings:
        loaded.report.works[reading.name] = reading.works
        loaded.report.quarantined += reading.left_out
        loaded.report.quarantined += [
            Quarantined(reading.name, origins[index], twin_reason(pieces[twin].work))
            for index, twin in twins.items()
            if pieces[index].corpus == reading.name
        ]
        loaded.report.pieces[reading.name] = sum(piece.corpus == reading.name for piece in loaded)
    return loaded


def twins_by_rank(tunes: Sequence[Tune]) -> dict[int, int]:
    """As `twins_of`, but of two that are alike the one stays whose corpus stands first in `CORPORA`."""
    ranks = {name: rank for rank, name in enumerate(CORPORA)}
    order = sorted(range(len(tunes)), key=lambda index: ranks.get(tunes[index].corpus, len(ranks)))
    twins = twins_of([tunes[index] for index in order])
    return {order[index]: order[twin] for index, twin in sorted(twins.items(), key=lambda item: order[item[0]])}


@runtime_checkable
class Selectable(Protocol):
    """Pieces that can be told apart without being made, such as those in shards."""

    def labels(self) -> list[tuple[str, str, str]]:
        """(corpus, work, style) of each piece."""

    def select(self, indices: Sequence[int]) -> Sequence[Piece]:
        """Those pieces alone."""


@overload
def split(pieces: list[Piece]) -> tuple[list[Piece], list[Piece], list[Piece]]: ...


@overload
def split(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]: ...


def split(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
    """(training, validation, test), 90/5/5 by a hash of corpus and work: the same on every run and machine.

    Lists come back as lists; pieces in shards as parts of the shards.
    """
    if isinstance(pieces, Selectable):
        places = _split_places([(corpus, work) for corpus, work, _ in pieces.labels()])
        return pieces.select(places[0]), pieces.select(places[1]), pieces.select(places[2])
    places = _split_places([(piece.corpus, piece.work) for piece in pieces])
    training, validation, test = ([pieces[place] for place in part] for part in places)
    return training, validation, test


def _split_places(names: Sequence[tuple[str, str]]) -> tuple[list[int], list[int], list[int]]:
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for place, (corpus, work) in enumerate(names):
        digest = hashlib.sha256(f"{corpus}/{work}".encode()).digest()
        percent = int.from_bytes(digest[:8], "big") % 100
        part = 0 if percent < _TRAINING_PERCENT else 1 if percent < _TRAINING_PERCENT + _VALIDATION_PERCENT else 2
        parts[part].append(place)
    return parts
