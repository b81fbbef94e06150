"""A daemon on one core among busy programs: `python -m tests.faults.one_core [--minutes M] [--busy N]`.

All processes of a daemon, and so many programs that compute without end, share one core, as on a small or a throttled computer;
the player, the synth and JACK have the others. A line every ten seconds says how many notes were heard and how the plans fared:
how many came, how many were late and were replaced by the last plan going on or by the fallback, and how many windows stayed
silent. Exit code 1 if nothing is heard for ten seconds, if a process had to be started again, or if a note hangs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from .concert import Peers, Stage, own_server, wait_until
from .kills import PATIENCE_S, ROLES, print_line

EVERY_S = 10.0
LADDER = {
    "plans_": ("plans_overdue", "plans_repeated", "plans_fallback"),
    "windows_": ("windows_silent",),
    "notes_": ("notes_late_dropped",),
}
"""Counters of the health read-out by the beginning of their names."""


@contextmanager
def on_one_core() -> Iterator[None]:
    """What is started in here runs on one core, which nothing else is kept from."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many programs that compute without end, on that core too."""
    with on_one_core():
        programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def ladder(stage: Stage) -> dict[str, int]:
    """The counters of `LADDER` as they are now; without those that nobody answered for."""
    found = {f"{group}{name}": value for group in LADDER for name, value in stage.readings(group).items()}
    return {name: found[name] for names in LADDER.values() for name in names if name in found}


def play(minutes: float, number: int) -> int:
    """Play so long; the exit code."""
    wrong = []
    with own_server("core"), closing(Peers(own=True)) as peers, ExitStack() as stack:
        synth = peers.synth
        with on_one_core():
            stage = stack.enter_context(closing(Stage("--in", Peers.keyboard, "--out", Peers.instrument)))
        if not wait_until(lambda: len(stage.pids()) == len(ROLES), PATIENCE_S):
            wrong.append("not all processes have come up")
        with busy(number):
            for _ in range(max(1, round(minutes * 60 / EVERY_S))):
                notes = synth.notes
                time.sleep(EVERY_S)
                heard = synth.notes - notes
                print_line(f"{heard:4} notes; {', '.join(f'{name} {value}' for name, value in ladder(stage).items())}")
                if not heard:
                    wrong.append("silence")
        restarts = stage.readings("restarts/")
        if any(restarts.values()):
            wrong.append(f"processes that had to be started again: {restarts}")
        stack.close()
        if not synth.wait_for(lambda: not synth.sounding, PATIENCE_S):
            wrong.append(f"hung: {sorted(synth.sounding)}")
    outcome = "; ".join(wrong) or "music, and no note hung"
    print_line(f"{minutes:g} minutes beside {number} busy programs on one core: {outcome}")
    return 1 if wrong else 0


def main() -> int:
    """Read the options and play."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.one_core", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default: 2)")
    parser.add_argument("--busy", type=int, default=2, metavar="N", help="programs that compute without end (default: 2)")
    options = parser.parse_args()
    return play(options.minutes, options.busy)


if __name__ == "__main__":
    sys.exit(main())
