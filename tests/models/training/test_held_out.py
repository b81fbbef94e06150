"""What a run is validated on."""

from __future__ import annotations

from dataclasses import replace

import torch

from livegen.core import vocabulary as v
from models.corpora.piece import Piece
from models.takes.dataset import Batch
from models.training.held_out import validation_batches

STYLES = ("pop", "jazz")


def batches_of(pieces: list[Piece], limit: int = 100) -> list[tuple[str, Batch]]:
    return validation_batches(pieces, STYLES, 64, 3, limit)


def pieces_of(song: Piece) -> list[Piece]:
    return [replace(song, corpus=corpus, work=str(work)) for corpus in ("b", "a") for work in range(4)]


def test_the_order_of_the_pieces_changes_nothing(song: Piece) -> None:
    pieces = pieces_of(song)
    for (corpus, one), (again, other) in zip(batches_of(pieces), batches_of(pieces[::-1]), strict=True):
        assert corpus == again
        assert torch.equal(one.rows, other.rows)
        assert torch.equal(one.targets, other.targets)


def test_batches_are_of_one_corpus_and_of_one_length(song: Piece) -> None:
    batches = batches_of(pieces_of(song))
    assert [corpus for corpus, _ in batches] == ["a"] * 3 + ["b"] * 3
    assert {batch.rows.shape[1] for _, batch in batches} == {64}
    assert max(len(batch.rows) for _, batch in batches) == 3


def test_half_of_the_accompaniments_are_seen_without_their_history(song: Piece) -> None:
    """Two takes a piece, `accompany` and `respond`: in the second and fourth piece the former is hidden."""
    rows = torch.cat([batch.rows for _, batch in batches_of(pieces_of(song)[:4])])
    notes = rows[:, :, 0] == v.KIND["NOTE"]
    shown = [bool((one[:, v.COLUMN["pitch"]][of_note] > 0).any()) for one, of_note in zip(rows, notes, strict=True)]
    assert shown == [True, True, False, True] * 2


def test_a_short_take_is_filled_up_with_nothing_to_predict(song: Piece) -> None:
    short = replace(song, melody=song.melody[:2], parts={}, phrases=(0, 24, 48))
    ((_, batch),) = batches_of([short])
    assert batch.rows.shape[1] == 64
    assert not batch.targets[:, -1].any()
    assert not batch.rows[:, -1].any()


def test_a_limit_spreads_over_the_corpora(song: Piece) -> None:
    pieces = [replace(song, corpus=corpus, work=str(work)) for corpus in ("b", "a") for work in range(40)]
    limited = batches_of(pieces, 20)
    assert {corpus for corpus, _ in limited} == {"a", "b"}
    assert sum(len(batch.rows) for _, batch in limited) == 40
