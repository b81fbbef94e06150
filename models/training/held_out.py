"""The fixed sequences that a run is validated on, by corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from models.corpora.piece import Piece
from models.takes.dataset import Batch, example_of, held_out_takes, stack, style_weights
from models.takes.fast_rows import Rows


def validation_batches(
    pieces: Sequence[Piece], styles: Sequence[str], length: int, size: int, limit: int
) -> list[tuple[str, Batch]]:
    """Fixed sequences from held-out pieces: the first `length` events of each take, half of them with hidden history.

    Args:
        pieces: the validation part of the split.
        styles: names behind the style weights, in order.
        length: events a sequence, T; shorter takes are padded with rows that predict nothing.
        size: sequences a batch at the most.
        limit: pieces at the most, spread over the corpora as they come.

    Returns:
        Corpus and batch; the sequences of a batch are of one corpus.
    """
    chosen = sorted(pieces, key=_shuffled)[:limit]
    batches = []
    for corpus in sorted({piece.corpus for piece in chosen}):
        examples = [
            example_of(_padded(rows, length + 1), role == "accompany" and place % 2 == 1, style_weights(piece.style, styles))
            for place, piece in enumerate(piece for piece in chosen if piece.corpus == corpus)
            for role, rows in held_out_takes(piece)
        ]
        batches += [(corpus, stack(examples[at : at + size])) for at in range(0, len(examples), size)]
    return batches


def _shuffled(piece: Piece) -> bytes:
    """A key that sorts pieces into an order of no meaning, the same everywhere."""
    return hashlib.sha256(f"{piece.corpus}/{piece.work}/{len(piece.melody)}".encode()).digest()


def _padded(rows: Rows, events: int) -> Rows:
    """The first so many events, filled up with rows that are nothing and ask for nothing."""
    return np.pad(rows[:events], [(0, max(0, events - len(rows))), (0, 0)])
