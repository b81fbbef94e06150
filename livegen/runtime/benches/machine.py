"""Which machine this is, so that a figure is worth something to others."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def machine() -> dict[str, object]:
    """Processor, cores, system, Python, and `load`: how many processes wanted to run during the last minute."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


class Stolen:
    """How much of the processors' time the host of a virtual machine gives to others, from now on."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._begin = self._ticks()

    def share(self) -> float | None:
        """0..1 of the time until now; None where the system doesn't tell."""
        if self._begin is None or (now := self._ticks()) is None:
            return None
        stolen, passed = (late - early for late, early in zip(now, self._begin, strict=True))
        return round(stolen / passed, 4) if passed else 0.0

    def _ticks(self) -> tuple[int, int] | None:
        """Stolen, and all: the first line of Linux's file counts user, nice, system, idle, iowait, irq, softirq, stolen."""
        try:
            ticks = [int(word) for word in self._stat.read_text(encoding="ascii").partition("\n")[0].split()[1:9]]
        except (OSError, ValueError):
            return None
        return (ticks[7], sum(ticks)) if len(ticks) == 8 else None


def _cpu() -> str:
    """The processor's name, as far as the system tells."""
    if sys.platform == "linux":
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        names = (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith(("model name", "Model")))
        return next(names, platform.machine())
    if sys.platform == "darwin":
        return _said("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def resident_mb(pids: list[int]) -> float | None:
    """Resident memory of these processes together, in MB; None where the system has no `ps`."""
    listed = _said("ps", "-o", "rss=", "-p", ",".join(map(str, pids)))
    return round(sum(map(int, listed.split())) * 1024 / 1e6, 1) if listed else None


def priority(pid: int) -> str | None:
    """Whom a process goes before: "real time N" of 1..99, or "nice N" of -20 (first) to 19; None where nobody tells."""
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(pid) in {os.SCHED_FIFO, os.SCHED_RR}:
        return f"real time {os.sched_getparam(pid).sched_priority}"
    return f"nice {os.getpriority(os.PRIO_PROCESS, pid)}" if hasattr(os, "getpriority") else None


def _said(*command: str) -> str | None:
    """What one of the system's own tools prints; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words and our numbers
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
