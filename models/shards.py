"""Build shards from a folder of corpora: `python -m models.shards --data DIR --out DIR`.

Writes one shard a corpus and `manifest.json`. What is finished is not built again; what was killed goes on where it stopped.
Training and evaluation take the folder as their `--data`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.corpora.reading import LIMIT_S
from models.corpora.registry import corpora_in, load_corpora
from models.progress import Progress
from models.sharding.build import Workshop, build
from models.sharding.collection import MANIFEST, Shards
from models.sharding.files import sha256_of
from models.sharding.page import write_page


def open_pieces(path: Path, names: Sequence[str] = ()) -> Sequence[Piece]:
    """The pieces in a folder of shards or of corpora; which it is, its `manifest.json` tells.

    Corpora are read by this process, which takes minutes; what was left out goes to stderr.

    Args:
        path: the folder.
        names: the corpora wanted; without names all that are there.

    Raises:
        InputError: a corpus is unknown or missing, or a shard is damaged.
    """
    if (path / MANIFEST).is_file():
        shards = Shards(path)
        return shards.only(names) if names else shards
    print(f"reading the corpora in {path}", file=sys.stderr)
    loaded = load_corpora(path, names or corpora_in(path))
    print(loaded.report.summary(), file=sys.stderr)
    return loaded


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 built, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.shards", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with any MIDI files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards: a new one, or one to go on with")
    parser.add_argument("--corpora", help="names, separated by commas; without it all known ones in DIR, or else DIR itself")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that read (default: all cores)")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help=f"seconds that a file may take (default: {LIMIT_S:g})")
    parser.add_argument("--report", action="store_true", help="write OUT/report: what is in the shards, with plots")
    options = parser.parse_args(arguments)
    try:
        names = [name.strip() for name in options.corpora.split(",")] if options.corpora else corpora_in(options.data)
        progress = _Shown()
        build(options.data, options.out, names, Workshop(max(1, options.workers), options.limit, progress.say, progress.show))
        shards = Shards(options.out)
        if options.report:
            print(f"report: {write_page(shards, options.out / 'report')}")
    except (InputError, OSError) as error:
        print(f"not built: {error}", file=sys.stderr)
        return 2
    duplicates = sum(len(twins) for twins in shards.manifest["twins"].values())
    print(f"{len(shards)} pieces without {duplicates} near-duplicates; {MANIFEST} {sha256_of(options.out / MANIFEST)}")
    return 0


class _Shown:
    """The progress bar, and the lines that stand above it."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def show(self, done: int, total: int, name: str) -> None:
        self._bar = self._bar or Progress(total, done)
        self._bar.show(done, name)

    def say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.close()
        print(line)


if __name__ == "__main__":
    sys.exit(main())
