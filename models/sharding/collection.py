"""Shards as a sequence of pieces, each made when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.sharding.arrays import Arrays, melody_pitches, piece_at, strings_of
from models.sharding.files import ShardFile, map_arrays

MANIFEST = "manifest.json"
FORMAT = 1
"""Raised when a reader of the old would misread the new."""


def read_manifest(path: Path, *, complete: bool = True) -> dict[str, Any]:
    """The manifest of a folder of shards.

    Args:
        path: the folder.
        complete: whether that of a build that did not end is refused.

    Raises:
        InputError: there is none, it is damaged, of another format, or of a build that did not end.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        known = manifest["format"] == FORMAT
        ended = bool(manifest["complete"])
    except OSError as error:
        raise InputError(f"{path / MANIFEST}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path / MANIFEST} is damaged ({error}); build the shards again") from error
    if not known:
        raise InputError(f"{path / MANIFEST} has format {manifest['format']}, this is {FORMAT}; build the shards again")
    if complete and not ended:
        raise InputError(f"{path}: the build of these shards has not ended; run it again, it goes on where it stopped")
    return dict(manifest)


@dataclass(frozen=True, slots=True)
class Shard:
    """One corpus: its arrays in memory or mapped, and its strings."""

    arrays: Arrays
    strings: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path, entry: Mapping[str, Any], *, check: bool = True) -> Shard:
        """The shard that an entry of the manifest names.

        Raises:
            InputError: the file is missing, damaged or not what the entry says.
        """
        try:
            file = ShardFile.from_json(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder / MANIFEST} is damaged ({error!r}); build the shards again") from error
        arrays = map_arrays(folder, file, check=check)
        return cls(arrays, strings_of(arrays))

    def __len__(self) -> int:
        return len(self.arrays["tempo_bpm"])

    def piece(self, index: int) -> Piece:
        """Piece `index`, 0..len - 1."""
        return piece_at(self.arrays, self.strings, index)

    def label(self, index: int) -> tuple[str, str, str]:
        """(corpus, work, style) of a piece."""
        corpus, work, style = (self.strings[int(self.arrays[name][index])] for name in ("corpus", "work", "style"))
        return corpus, work, style

    def pitches(self, index: int) -> npt.NDArray[np.uint8]:
        """The pitches of its melody, [notes]."""
        return melody_pitches(self.arrays, index)


class Shards(Sequence[Piece]):
    """The pieces of all shards in a folder, without near-duplicates, as equal to those that were read as can be.

    A piece is made anew each time that it is asked for. May be pickled: it is opened again on the other side.

    Args:
        path: the folder.
        check: whether to compare hashes, which reads all files once.

    Raises:
        InputError: a file is missing or damaged, or the build has not ended.
    """

    def __init__(self, path: Path, *, check: bool = True) -> None:
        self.path = path
        self.manifest = read_manifest(path)
        entries: dict[str, Any] = self.manifest["corpora"]
        self.shards = {name: Shard.open(path, entries[name], check=check) for name in self.manifest["order"]}
        self._places = [
            (name, index)
            for name, shard in self.shards.items()
            for index in range(len(shard))
            if str(index) not in self.manifest["twins"].get(name, {})
        ]

    @overload
    def __getitem__(self, index: int) -> Piece: ...

    @overload
    def __getitem__(self, index: slice) -> Shards: ...

    def __getitem__(self, index: int | slice) -> Piece | Shards:
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        name, place = self._places[index]
        return self.shards[name].piece(place)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Piece]:
        return (self.shards[name].piece(place) for name, place in self._places)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.path, self._places)

    def labels(self) -> list[tuple[str, str, str]]:
        """(corpus, work, style) of each piece, without making any."""
        return [self.shards[name].label(place) for name, place in self._places]

    def select(self, indices: Sequence[int]) -> Shards:
        """Those pieces alone, in that order."""
        chosen = object.__new__(Shards)
        chosen.path, chosen.manifest, chosen.shards = self.path, self.manifest, self.shards
        chosen._places = [self._places[index] for index in indices]
        return chosen

    def only(self, names: Sequence[str]) -> Shards:
        """The pieces of these corpora, corpus by corpus in the order of the names.

        Raises:
            InputError: there is no shard of one.
        """
        for name in names:
            if name not in self.shards:
                raise InputError(
                    f"{self.path} holds no shard of {name!r}, only of {', '.join(self.shards)}; build it with --corpora"
                )
        return self.select([index for name in names for index, (corpus, _) in enumerate(self._places) if corpus == name])


def _reopened(path: Path, places: list[tuple[str, int]]) -> Shards:
    shards = Shards(path, check=False)
    shards._places = places
    return shards
