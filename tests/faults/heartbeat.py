"""Watches the performer's heartbeat from a process of its own: `python -m tests.faults.heartbeat PID`.

It maps the memory that the daemon's processes share, looks at the time that stands there a thousand times a second, and answers
each line on its input with the longest time in ms between two heartbeats since the line before, and when it ended.
"""

from __future__ import annotations

import mmap
import re
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from livegen.runtime.priority import go_first
from livegen.runtime.shared import ROLES

LOOK_S = 0.001
_BLOCK = re.compile(r"/dev/shm/psm_\w+")  # noqa: S108 - where Linux keeps shared memory


class Heartbeat:
    """The longest gaps in one process's heartbeat, watched by another process."""

    def __init__(self, pid: int) -> None:
        command = [sys.executable, "-m", "tests.faults.heartbeat", str(pid)]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.longest_ms()

    def longest_ms(self) -> float:
        """Since the last question."""
        assert self._watcher.stdin is not None
        assert self._watcher.stdout is not None
        self._watcher.stdin.write("\n")
        self._watcher.stdin.flush()
        return float(self._watcher.stdout.readline())

    def close(self) -> None:
        self._watcher.communicate("")


def main(pid: int) -> None:
    """Watch until the input ends."""
    go_first()
    found = _BLOCK.search(Path(f"/proc/{pid}/maps").read_text())
    assert found is not None, f"process {pid} shares no memory"
    with Path(found[0]).open("rb") as file:
        block = mmap.mmap(file.fileno(), 8 * len(ROLES), prot=mmap.PROT_READ)
    longest_ns, asked = 0, threading.Event()

    def ask() -> None:
        for _ in sys.stdin:
            asked.set()
        asked.set()
        over.set()

    over = threading.Event()
    threading.Thread(target=ask, daemon=True).start()
    place = 8 * ROLES.index("performer")
    (last_ns,) = struct.unpack_from("q", block, place)
    while not over.is_set():
        (beat_ns,) = struct.unpack_from("q", block, place)
        longest_ns = max(longest_ns, beat_ns - last_ns, time.perf_counter_ns() - beat_ns)
        last_ns = beat_ns
        if asked.is_set():
            asked.clear()
            sys.stdout.write(f"{longest_ns / 1e6:.1f}\n")
            sys.stdout.flush()
            longest_ns = 0
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main(int(sys.argv[1]))
