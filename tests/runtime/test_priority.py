"""Going first: real time where the system allows it, else niceness, else nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from livegen.runtime.priority import NICENESS, go_first

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no scheduler to ask")


def refusing(*_: object) -> None:
    raise PermissionError


def noting(asked: list[int]) -> Callable[[int], int]:
    def nice(step: int) -> int:
        asked.append(step)
        return step

    return nice


def test_real_time_is_asked_for_and_niceness_is_not_needed_then(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[int] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda _pid, policy, _param: policies.append(policy))
    monkeypatch.setattr(os, "nice", refusing)
    go_first()
    assert policies == [os.SCHED_RR]


def test_where_real_time_is_refused_niceness_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "sched_setscheduler", refusing)
    monkeypatch.setattr(os, "nice", noting(asked))
    go_first()
    assert asked == [NICENESS]


def test_who_gets_neither_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refused(name: str) -> Callable[..., None]:
        def ask(*_: object) -> None:
            asked.append(name)
            raise PermissionError

        return ask

    monkeypatch.setattr(os, "sched_setscheduler", refused("real time"))
    monkeypatch.setattr(os, "nice", refused("niceness"))
    go_first()
    assert asked == ["real time", "niceness"]


def test_threads_that_start_later_have_the_same_place() -> None:
    """In a process of its own, since it cannot be given back."""
    script = (
        "import os, threading\n"
        "from livegen.runtime.priority import go_first\n"
        "def place(): return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)\n"
        "go_first()\n"
        "seen = []\n"
        "thread = threading.Thread(target=lambda: seen.append(place()))\n"
        "thread.start(); thread.join()\n"
        "assert seen == [place()], seen\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
