"""Checkpoints that a kill cannot damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside `path`, then rename: a kill or a full disk leaves the old file or the new one, whole."""
    temporary = path.with_suffix(".tmp")
    write(temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
