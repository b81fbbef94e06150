"""Near-duplicates: the same tune in another key, under another name, in another arrangement, in another corpus.

Two pieces are compared by the intervals of their melodies. A run of intervals that many works have, such as a scale or a
repeated note, tells nothing and is not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.corpora.piece import Piece

Grams = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two pieces count as one.

    Attributes:
        gram: intervals in an n-gram, 1..8.
        share: of the n-grams of the piece that has fewer, from which the two count as one.
        common: an n-gram of more works than this is not counted.
        fewest: a piece with fewer n-grams that count is not judged.
        unequal: nor are two of which one has so many times the n-grams of the other: a long work is not left out for a tune
            that it quotes.
    """

    gram: int = 8
    share: float = 0.4
    common: int = 12
    fewest: int = 24
    unequal: int = 8

    def holds(self, shared: int, one: int, other: int) -> bool:
        """Whether pieces of `one` and `other` n-grams are alike when they share so many."""
        fewer, more = min(one, other), max(one, other)
        return fewer >= self.fewest and more <= self.unequal * fewer and shared >= self.share * fewer


WORKS = Likeness()
"""For whole works, long and short."""

TUNES = Likeness(gram=5, common=1 << 30, fewest=1, unequal=1 << 30)
"""For dance tunes: short, without scales, other in every player's ornaments."""


def drop_duplicates(pieces: Sequence[Piece], likeness: Likeness = WORKS) -> tuple[list[Piece], list[tuple[Piece, str]]]:
    """Keeps the first of the pieces that are alike.

    Returns:
        The pieces to keep and the others with the reason, both in the order given.
    """
    twins = twins_of([tune_of(piece) for piece in pieces], likeness)
    kept = [piece for index, piece in enumerate(pieces) if index not in twins]
    return kept, [(pieces[index], twin_reason(pieces[twin].work)) for index, twin in sorted(twins.items())]


def twin_reason(work: str) -> str:
    """Why a piece that is like one of this work is left out."""
    return f"near-duplicate: of {work}"


@dataclass(frozen=True, slots=True)
class Tune:
    """What is compared: the pitches of a melody in order, with the names of its corpus and work."""

    corpus: str
    work: str
    pitches: npt.NDArray[np.integer]


def tune_of(piece: Piece) -> Tune:
    """The melody of a piece."""
    return Tune(piece.corpus, piece.work, np.array([note.pitch for note in piece.melody], dtype=np.int64))


def twins_of(tunes: Sequence[Tune], likeness: Likeness = WORKS) -> dict[int, int]:
    """The numbers of the tunes to leave out, each with the number of the earlier one, itself kept, that it is like.

    Tunes of one work don't count as twins: they stand on one side of every split.
    """
    names = [(tune.corpus, tune.work) for tune in tunes]
    grams = _numbered(names, [interval_grams(tune.pitches, likeness.gram) for tune in tunes], likeness.common)
    holders: dict[int, list[int]] = defaultdict(list)
    twins: dict[int, int] = {}
    for index, own in enumerate(grams):
        shared: Counter[int] = Counter()
        for gram in own.shared:
            shared.update(holders[gram])
        for other, count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
            if names[other] != names[index] and likeness.holds(count, own.count, grams[other].count):
                twins[index] = other
                break
        else:
            for gram in own.shared:
                holders[gram].append(index)
    return twins


def interval_grams(pitches: npt.NDArray[np.integer], size: int) -> Grams:
    """The runs of `size` melodic intervals (1..8), each once, a byte for each interval."""
    steps = (np.diff(pitches.astype(np.int64)) + 128).astype(np.uint64)
    count = len(steps) - size + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64)
    grams = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        grams = (grams << np.uint64(8)) | steps[place : place + count]
    return np.unique(grams)


@dataclass(frozen=True, slots=True)
class _Own:
    """What a piece brings: how many n-grams count, and the numbers of those that another work has too."""

    count: int
    shared: list[int]


def _numbered(names: Sequence[tuple[str, str]], grams: Sequence[Grams], common: int) -> list[_Own]:
    """The n-grams of each piece by number, without those of more than `common` works."""
    if not grams:
        return []
    numbers: dict[tuple[str, str], int] = {}
    work_of = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    sizes = [len(own) for own in grams]
    values, number = np.unique(np.concatenate(grams), return_inverse=True)
    held = np.unique(np.stack([number, np.repeat(work_of, sizes)], axis=1), axis=0)
    works = np.bincount(held[:, 0], minlength=len(values))
    result = []
    for own in np.split(number, np.cumsum(sizes)[:-1]):
        telling = own[works[own] <= common]
        # What only one work has cannot be shared.
        result.append(_Own(len(telling), telling[works[telling] > 1].tolist()))
    return result
