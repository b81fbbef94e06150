"""Arrays in one file that can be mapped into memory, and files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from models.sharding.arrays import DTYPES, Arrays

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class ShardFile:
    """What the manifest says of a file: its name, its size, its SHA-256, and (offset, length) of each array."""

    name: str
    size: int
    sha256: str
    arrays: Mapping[str, tuple[int, int]]

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "file": self.name,
            "bytes": self.size,
            "sha256": self.sha256,
            "arrays": {name: list(place) for name, place in self.arrays.items()},
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ShardFile:
        """From the manifest.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        places = {str(name): (int(offset), int(length)) for name, (offset, length) in entry["arrays"].items()}
        name = str(entry["file"])
        if Path(name).name != name or set(places) != set(DTYPES):
            raise ValueError(name)
        return cls(name, int(entry["bytes"]), str(entry["sha256"]), places)


def write_arrays(folder: Path, stem: str, arrays: Arrays) -> ShardFile:
    """Writes `STEM-HASH.shard` into a folder: beside it first, then renamed, so that no half file has that name."""
    data = bytearray()
    places: dict[str, tuple[int, int]] = {}
    for name, dtype in DTYPES.items():
        data += bytes(-len(data) % ALIGNMENT)
        places[name] = (len(data), len(arrays[name]))
        data += arrays[name].astype(dtype, copy=False).tobytes()
    digest = hashlib.sha256(data).hexdigest()
    file = ShardFile(f"{stem}-{digest[:12]}.shard", len(data), digest, places)
    replace_file(folder / file.name, bytes(data))
    return file


def map_arrays(folder: Path, file: ShardFile, *, check: bool = True) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays, read from the disk when they are looked at.

    Args:
        folder: where the file is.
        file: what the manifest says of it.
        check: whether to compare the SHA-256 of the whole file, besides its size.

    Raises:
        InputError: the file is missing or is not what the manifest says.
    """
    path = folder / file.name
    try:
        size = path.stat().st_size
        whole = size == file.size and (not check or sha256_of(path) == file.sha256)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; build the shards again") from error
    if not whole:
        what = f"has {size} bytes, not {file.size}" if size != file.size else "does not have the SHA-256 of the manifest"
        raise InputError(f"{path} {what}: damaged or replaced; build the shards again")
    mapped = np.memmap(path, np.uint8, "r")
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, (offset, length) in file.arrays.items():
        dtype = np.dtype(DTYPES[name])
        if offset < 0 or length < 0 or offset + length * dtype.itemsize > size:
            raise InputError(f"{path}: array {name} lies outside of the file; build the shards again")
        arrays[name] = mapped[offset : offset + length * dtype.itemsize].view(dtype)
    return arrays


def replace_file(path: Path, data: bytes) -> None:
    """Puts `data` at `path` at once: whoever opens it sees the old file or the whole new one, even after a crash."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes JSON with sorted keys, the same bytes for the same value."""
    replace_file(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def sha256_of(path: Path) -> str:
    """Of a file's contents, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
