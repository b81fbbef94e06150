"""Who listens on a UDP port of this machine, where Linux tells."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_MULTIPROCESSING = "multiprocessing"
"""In the command line of a process that Python started for another: to be stopped is the one that started it."""


def holder_of(port: int, proc: Path = Path("/proc")) -> str | None:
    """The process that listens on a UDP port, as "process 123 (livegen run)".

    None where it cannot be known: on other systems, and of other users' processes. It looks at every process, for some ms.

    Args:
        port: 1..65535.
        proc: where the system shows its processes.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not sockets:
        return None
    for process in sorted(proc.glob("[0-9]*")):
        with suppress(OSError):
            if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                number = _starter(process)
                return f"process {number} ({_command(proc / str(number))})"
    return None


def _inodes(port: int, proc: Path) -> set[str]:
    """Of the sockets that are bound to the port, whatever the address."""
    found = set()
    for table in ("udp", "udp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _starter(process: Path) -> int:
    """The number of the process, or of the one that a person would know it by."""
    while _MULTIPROCESSING in (process / "cmdline").read_text(errors="replace"):
        status = (process / "status").read_text(errors="replace")
        parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
        if int(parent) <= 1:
            break  # who started it has gone
        process = process.parent / parent
    return int(process.name)


def _command(process: Path) -> str:
    """Program and first argument, which tells one of our commands from another."""
    words = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    if len(words) > 2 and words[1] == "-m":
        words = words[2:]
    elif len(words) > 1 and Path(words[0]).name.startswith("python"):
        words = words[1:]
    shown = " ".join([Path(words[0]).name, *words[1:2]])
    return "".join(character if character.isprintable() else "?" for character in shown)[:60]
