"""Fit the order-2 Markov table: `python -m models.markov --data DIR --out FILE`. Counting, no training; a minute or two."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.generators.markov import save_table
from livegen.generators.ngram import Memory, Ngram
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.networks.losses import Score
from models.takes.dataset import held_out_takes
from models.takes.fast_rows import Rows
from models.training.data import read_pieces
from models.training.recipe import read_recipe

AGENT = frozenset(v.KIND[name] for name in ("CHORD", "NOTE", "END"))


def fit(pieces: Iterable[Piece]) -> Ngram:
    """Count every event of the agent in the takes of these pieces."""
    table = Ngram()
    for piece in pieces:
        for _, rows in held_out_takes(piece):
            memory = Memory()
            for row in rows:
                if int(row[0]) in AGENT:
                    table.learn(row, memory)
                memory = memory.after(row)
    return table


def score(table: Ngram, rows: Rows) -> Score:
    """Nats of every event of the agent in one take."""
    memory, total = Memory(), Score()
    for row in rows:
        if int(row[0]) in AGENT:
            for name, nats in table.nats(row, memory):
                total.nats.update({name: nats})
                total.count[name] += 1
            total.notes += int(row[0]) == v.KIND["NOTE"]
        memory = memory.after(row)
    return total


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 written, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.markov", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--recipe", default="edge", help="whose corpora to count")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    options = parser.parse_args(arguments)
    try:
        pieces = read_pieces(options.data, list(read_recipe(options.recipe)["data"]["weights"]))
        train, _, _ = split(pieces)
        save_table(fit(train), options.out)
    except (InputError, OSError) as error:
        print(f"not fitted: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: counted {len(train)} pieces, {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
