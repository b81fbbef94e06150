"""One daemon a name: a lock that the system takes back when its holder ends, however it ends.

The file is only what the lock hangs on. It stays when the daemon ends, and one that is left over hinders nobody.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from livegen.core.errors import DeviceError

_MOST_BYTES = 32
"""Of the file, when it is read for its holder's number."""

_FAR = 1 << 20
"""Windows keeps others from reading what is locked, so there a byte far behind the end is."""


def lock_folder(system: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Where this user's locks are kept: a folder that is the user's own and does not outlive the machine's run.

    Args:
        system: as `sys.platform` names it.
        environment: the variables that may name it.
    """
    if Path(named := environment.get("XDG_RUNTIME_DIR", "")).is_absolute():
        return Path(named, "livegen")
    if system in ("win32", "darwin"):
        return Path(tempfile.gettempdir(), "livegen")  # the user's own on both
    usual = Path("/run/user", str(os.getuid()))
    return usual / "livegen" if usual.is_dir() else Path(tempfile.gettempdir(), f"livegen-{os.getuid()}")


class NameLock:
    """Keeps a second daemon from making ports of the same names. Single-threaded; belongs to the supervisor.

    Only this user's daemons are seen.

    Args:
        name: the daemon's; it is part of a file's name, and what `checked` in `config` lets pass is fit for one.
        folder: where the file is.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._path = folder / f"{name}.lock"
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock, or find out who holds it; does not block.

        Raises:
            DeviceError: another daemon runs under this name; the text has its process number and what to do.
            OSError: the file cannot be made, or its folder belongs to somebody else.
        """
        _own_folder(self._path.parent)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:  # what POSIX and Windows say of a lock that is held
            holder = _number_in(file)
            os.close(file)
            who = "another livegen" if holder is None else f"another livegen (process {holder})"
            raise DeviceError(
                f"{who} runs under the name {self._name!r} and has the ports '{self._name} in' and '{self._name} out': "
                "stop it, or give this one a name of its own with --name"
            ) from error
        except BaseException:
            os.close(file)
            raise
        self._file = file
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others have the name; idempotent."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with suppress(OSError):
            os.ftruncate(file, 0)
        os.close(file)


def _own_folder(folder: Path) -> None:
    """Make the folder, or be sure that nobody else made it: in a folder for all, anybody can take a name first.

    Raises:
        OSError: it cannot be made, or is not this user's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.getuid()):
        raise PermissionError(f"{folder} belongs to somebody else")


def _number_in(file: int) -> int | None:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        return int(os.read(file, _MOST_BYTES))
    except (OSError, ValueError):
        return None  # it has the lock and has not said its number yet


def _lock(file: int) -> None:
    """Lock an open file for as long as it is open.

    Raises:
        BlockingIOError, PermissionError: another process has.
        OSError: this file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - only there

        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
