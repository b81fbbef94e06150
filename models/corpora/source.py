"""What a corpus is to the registry: where it can be had, which works its folder holds, how one work is read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livegen.core.errors import InputError
from models.corpora.piece import Piece

MIN_MELODY_NOTES = 16
"""A shorter melody tells nothing about how music goes on."""


class QuarantinedError(InputError):
    """A file cannot be used; the message is the reason that the report gives."""


@dataclass(frozen=True, slots=True)
class Work:
    """One file (or folder of files) to read.

    Attributes:
        path: what `Corpus.read` opens.
        group: works of one group stay on one side of every split.
        kind: what the corpus's index says of style and instruments, or empty.
    """

    path: Path
    group: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A work, or a part of one, that was left out, and why."""

    corpus: str
    path: Path
    reason: str


@dataclass(slots=True)
class Report:
    """What loading left out; nothing is dropped without standing here."""

    quarantined: list[Quarantined] = field(default_factory=list)
    works: dict[str, int] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """A few lines to print: pieces and works of each corpus, then the reasons with their counts."""
        lines = [f"{corpus}: {self.pieces[corpus]} pieces from {works} works" for corpus, works in self.works.items()]
        counts: dict[tuple[str, str], int] = {}
        for entry in self.quarantined:
            # What follows a colon names the case, such as the twin of a duplicate; the count is over the kind of reason.
            key = (entry.corpus, entry.reason.split(":")[0])
            counts[key] = counts.get(key, 0) + 1
        lines += [f"  left out of {corpus}: {count} x {reason}" for (corpus, reason), count in sorted(counts.items())]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one work gave: its pieces, and a reason for each stretch of it that is left out."""

    pieces: list[Piece]
    left_out: list[str] = field(default_factory=list)


Read = Callable[[Work], Reading]
Prune = Callable[[Sequence[Piece]], tuple[list[Piece], list[tuple[Piece, str]]]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A loader.

    Attributes:
        name: what recipes call it.
        style: one of `models.corpora.registry.STYLES`; that of most of its pieces.
        home: where the files can be had.
        licence: under which they are.
        works: lists what a folder holds, in a stable order.
        read: one work, as several pieces if its metre changes; raises `QuarantinedError`.
        prune: looks at all pieces at once; returns those to keep, and the others with a reason.
        folder: folder name, where it is not the corpus's own: two corpora may read different files of one folder.
    """

    name: str
    style: str
    home: str
    licence: str
    works: Callable[[Path], list[Work]]
    read: Read
    prune: Prune | None = None
    folder: str = ""

    def path(self, root: Path) -> Path:
        """Its folder under `root`."""
        return root / (self.folder or self.name)


def indexed_works(folder: Path, group_column: str, only_style: str = "", without_style: str = "") -> list[Work]:
    """The `*.mid` files of a folder, each with its group and kind from `index.csv`.

    The index may list files that are not there (works kept apart); a file that it does not list is its own group. With
    `only_style`, only the files whose style in the index contains it; with `without_style`, only the others.
    """
    rows: dict[str, dict[str, str]] = {}
    index = folder / "index.csv"
    if index.is_file():
        with index.open(newline="", encoding="utf-8") as stream:
            rows = {Path(row["file"]).name: row for row in csv.DictReader(stream)}
    works = []
    for path in sorted(folder.glob("*.mid")):
        row = rows.get(path.name, {})
        kind = row.get("style") or ""
        if only_style in kind and not (without_style and without_style in kind):
            works.append(Work(path, row.get(group_column) or path.stem, kind))
    return works


def long_enough(stretches: Iterable[Piece]) -> Reading:
    """The stretches of a work that hold a melody of `MIN_MELODY_NOTES` notes.

    Raises:
        QuarantinedError: none does.
    """
    reading = Reading([])
    for piece in stretches:
        if len(piece.melody) >= MIN_MELODY_NOTES:
            reading.pieces.append(piece)
        else:
            reading.left_out.append(f"a stretch with regular bars is too short: {len(piece.melody)} melody notes")
    if not reading.pieces:
        raise QuarantinedError("no stretch with regular bars is long enough")
    return reading


def require_melody(notes: Iterable[object]) -> None:
    """Raises `QuarantinedError` if there are fewer than `MIN_MELODY_NOTES`."""
    count = sum(1 for _ in notes)
    if count < MIN_MELODY_NOTES:
        raise QuarantinedError(f"fewer than {MIN_MELODY_NOTES} melody notes: {count}")
