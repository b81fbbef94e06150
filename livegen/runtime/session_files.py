"""Session logs as files: where a run puts them, and how one is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from livegen.core.errors import ConfigError, InputError
from livegen.core.session_lines import MOST_LINE_BYTES, Line, LineReader
from livegen.runtime.config import Config

SUFFIX = ".livegen"

MOST_FILES = 999
"""Of one run: a new performer begins a new one."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a run puts its logs.

    Attributes:
        folder: is made if it is not there.
        stem: how their names begin, with the date of the run.
        limit_bytes: of all logs of the run together.
    """

    folder: str
    stem: str
    limit_bytes: int

    def create(self) -> tuple[Path, BinaryIO, int]:
        """Make the run's next log, which nobody else has.

        Returns:
            Its path, the file, unbuffered and empty, and how many bytes may go into it.

        Raises:
            OSError: it can't be made.
        """
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        used = 0
        for number in range(1, MOST_FILES + 1):
            path = folder / f"{self.stem}-{number}{SUFFIX}"
            try:
                file: BinaryIO = path.open("xb", buffering=0)
            except FileExistsError:
                used += path.stat().st_size
            else:
                return path, file, self.limit_bytes - used
        raise OSError(f"there are {MOST_FILES} logs of this run already")


def place_of(config: Config, date_time: str) -> LogPlace | None:
    """Where a run's logs go that begins at that time, or None where nothing is recorded.

    Raises:
        ConfigError: the folder is that of a user who is not there.
    """
    if config.session_log is None:
        return None
    # Absolute, since the processes need not agree on where they are.
    try:
        folder = Path(config.session_log).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"session_log: {config.session_log!r}: {error}") from error
    return LogPlace(str(folder), f"livegen-{date_time}", config.session_log_mb * 1_000_000)


class SessionFile:
    """The lines of one log, read while they are iterated over, once.

    Attributes:
        ignored_bytes: of a last line that is cut off, known at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ignored_bytes = 0

    def __iter__(self) -> Iterator[Line]:
        """Every whole line.

        Raises:
            InputError: the file can't be read, is no session log or has been damaged; the text says where.
        """
        reader, line = LineReader(), None
        try:
            with self._path.open("rb") as file:
                while data := file.readline(MOST_LINE_BYTES):
                    if not data.endswith(b"\n") and len(data) < MOST_LINE_BYTES:
                        self.ignored_bytes = len(data)
                        break
                    line = reader.take(data)
                    yield line
        except FileNotFoundError:
            raise InputError(f"{self._path}: there is no such file") from None
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error}") from error
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error
        if line is None:
            raise InputError(f"{self._path}: not a session log of livegen, or cut off before its first line ended")
