"""Archives of arrays (`.npz`), read as files that may be damaged. Blocks on the disk."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from livegen.core.errors import ModelError

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, BadZipFile, zlib.error)
"""What numpy and zipfile raise for a file that is damaged, or no archive of arrays: they have no common base."""


def read_arrays(path: Path, what: str) -> dict[str, npt.NDArray[np.generic]]:
    """All arrays of an archive by name.

    Args:
        path: the file.
        what: it should be, for the message, such as "a Markov table".

    Raises:
        ModelError: the file is missing, damaged or something else.
    """
    try:
        # numpy reads an array's header before it knows the checksum, and what a damaged header says can be anything.
        with ZipFile(path) as archive_file:
            if (damaged := archive_file.testzip()) is not None:
                raise ModelError(f"{path}: not {what}: {damaged} in it is damaged")
        # Opened here, because numpy leaves the file open when it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise ModelError(f"{path}: not {what}: {error}") from error
