"""What an evaluation is made of: questions, each asked of all models at once, and what they are asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from livegen.core.parameters import Settings
from livegen.runtime.svg import Plot
from models.corpora.piece import Piece
from models.reporting.tables import Table
from models.scoring.subject import Subject, settings_of

Item = TypeVar("Item")
Findings = Mapping[str, Any]
"""What a question found, ready for JSON; an interval is [value, low, high], a figure that there isn't is None or NaN."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is asked about.

    Attributes:
        subjects: the models, in the order in which they were named.
        training: the pieces of the training part of the split.
        validation: those of the validation part.
        test: those of the test part.
        changes: NAME=VALUE settings that were asked for.
        limit: works of each corpus, None for the question's own default.
        whole: all works, however long it takes.
        seed: of the playing and of the intervals.
        workers: processes that play.
    """

    subjects: tuple[Subject, ...]
    training: Sequence[Piece]
    validation: Sequence[Piece]
    test: Sequence[Piece]
    changes: Sequence[str] = ()
    limit: int | None = None
    whole: bool = False
    seed: int = 1
    workers: int = 1

    def works(self, default: int) -> int | None:
        """How many works of each corpus to use; None for all."""
        return None if self.whole else default if self.limit is None else self.limit

    def spread(self, items: Sequence[Item], most: int) -> list[Item]:
        """At most so many, evenly spread, unless the number of works was asked for."""
        if self.whole or self.limit is not None or len(items) <= most:
            return list(items)
        return [items[place * len(items) // most] for place in range(most)]

    def settings(self, subject: Subject, mode: str) -> Settings:
        """The daemon's defaults for this model in a mode, with the changes that were asked for."""
        return settings_of(subject.contract, [f"mode={mode}", *self.changes])


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `ask` may take minutes; `tables` and `plots` show what it found; `text` says what it is."""

    name: str
    text: str
    ask: Callable[[Context], Findings]
    tables: Callable[[Findings], list[Table]]
    plots: Callable[[Findings], list[Plot]]


def limited(pieces: Sequence[Piece], limit: int | None, per_work: int | None = None) -> list[Piece]:
    """The first `per_work` pieces of the first `limit` works of each corpus; None for all."""
    works: dict[str, dict[str, int]] = {}
    kept = []
    for piece in pieces:
        seen = works.setdefault(piece.corpus, {})
        if piece.work not in seen and (limit is None or len(seen) < limit):
            seen[piece.work] = 0
        if piece.work in seen and (per_work is None or seen[piece.work] < per_work):
            seen[piece.work] += 1
            kept.append(piece)
    return kept
