"""Kills each process of a playing daemon, again and again: `python -m tests.faults.kills [--times N] [--seed S]`.

A daemon on a JACK server accompanies a player; a synth outlives it. In each round performer, brain, desk and supervisor are
killed (SIGKILL) in turn, each at a random moment with notes sounding; after the supervisor's death the daemon is started anew,
as a service manager does. A line for each kill says how many notes sounded, how long until they had ended, until another
process was in its place, and until there was music again. Exit code 1 if a note hangs, a process is not replaced, or there is
silence. How long it took is a figure and no condition; JACK itself takes seconds to bury a killed client, and lets no other in
meanwhile.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

from .concert import Peers, Stage, Synth, own_server, runs, wait_until

ROLES = ("performer", "brain", "desk", "supervisor")
PATIENCE_S = 60.0
"""More than the longest note, and than JACK and a busy machine take: what has not come by then never comes."""
EARLIEST_S, LATEST_S = 0.2, 3.0
"""After there was music again."""


@dataclass
class Kill:
    """What came of one kill; times are in seconds after it."""

    role: str
    killed_s: float = 0.0
    """When, on the monotonic clock."""
    sounding: int = 0
    ended_s: float = 0.0
    replaced_s: float = 0.0
    music_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        told = (
            f"{self.role:10} {self.sounding:2} notes sounding, ended after {self.ended_s:5.2f} s, "
            f"replaced after {self.replaced_s:5.2f} s, music after {self.music_s:5.2f} s"
        )
        return told if not self.wrong else f"{told}: {'; '.join(self.wrong)}"

    def since_s(self) -> float:
        return time.monotonic() - self.killed_s

    def wait_for_ends(self, synth: Synth, before_s: float) -> None:
        """Until nothing sounds that began before that."""
        if not synth.wait_for(lambda: not synth.older_than(before_s), PATIENCE_S):
            self.wrong.append(f"hung: {sorted(synth.older_than(before_s))}")
        self.ended_s = self.since_s()


def kill(stage: Stage, synth: Synth, role: str, chance: random.Random) -> Kill:
    """Kill one process while something sounds, and wait for what must happen.

    Raises:
        AssertionError: the daemon, started anew, does not start.
    """
    outcome = Kill(role)
    wait_until(lambda: len(stage.pids()) == len(ROLES), PATIENCE_S)
    pids, restarts = stage.pids(), stage.readings("restarts/")
    time.sleep(chance.uniform(EARLIEST_S, LATEST_S))
    if not synth.wait_for(lambda: synth.sounding, PATIENCE_S):
        outcome.wrong.append("nothing sounded before")
    outcome.sounding = len(synth.sounding)
    os.kill(pids[role], signal.SIGKILL)
    outcome.killed_s = time.monotonic()
    if role == "supervisor":
        _after_the_supervisor(stage, synth, pids, outcome)
    else:
        _after_a_child(stage, synth, pids, outcome)
        wanted = {**restarts, role: restarts.get(role, 0) + 1}
        if (counted := stage.readings("restarts/")) != wanted:
            outcome.wrong.append(f"miscounted: restarts are {counted}, not {wanted}")
    replaced_s = time.monotonic()
    if not synth.wait_for(lambda: synth.began_s > replaced_s, PATIENCE_S):
        outcome.wrong.append("silence afterwards")
    outcome.music_s = outcome.since_s()
    return outcome


def _after_a_child(stage: Stage, synth: Synth, pids: dict[str, int], outcome: Kill) -> None:
    def replaced() -> bool:
        now = stage.pids()
        return now.keys() == pids.keys() and now[outcome.role] != pids[outcome.role]

    if outcome.role != "performer":
        outcome.wait_for_ends(synth, outcome.killed_s)
    if not wait_until(replaced, PATIENCE_S):
        outcome.wrong.append(f"missed: process {pids[outcome.role]} was not replaced")
    outcome.replaced_s = outcome.since_s()
    if outcome.role == "performer":
        # What a predecessor began has no other end than its successor's or the supervisor's.
        outcome.wait_for_ends(synth, time.monotonic())


def _after_the_supervisor(stage: Stage, synth: Synth, pids: dict[str, int], outcome: Kill) -> None:
    stage.daemon.stop(signal.SIGKILL)
    if not wait_until(lambda: not any(map(runs, pids.values())), PATIENCE_S):
        outcome.wrong.append(f"left behind: {', '.join(role for role, pid in pids.items() if runs(pid))}")
    outcome.wait_for_ends(synth, time.monotonic())
    stage.start()
    if not wait_until(lambda: stage.pids().keys() == pids.keys(), PATIENCE_S):
        outcome.wrong.append(f"missed: the new daemon has only {', '.join(stage.pids())}")
    outcome.replaced_s = outcome.since_s()


def play(times: int, seed: int) -> int:
    """Kill, and print what came of it; the exit code."""
    chance, failures, kills = random.Random(seed), Counter[str](), 0
    with own_server("kills"), closing(Peers(own=True)) as peers:
        synth = peers.synth
        with closing(Stage("--in", Peers.keyboard, "--out", Peers.instrument)) as stage:
            for number in range(1, times + 1):
                for role in ROLES:
                    outcome = kill(stage, synth, role, chance)
                    kills += 1
                    failures.update(text.partition(":")[0] for text in outcome.wrong)
                    print_line(f"{number:3} {outcome.line()}")
                    if outcome.wrong:
                        print_line("\n".join(stage.daemon.lines[-40:]))
        if not synth.wait_for(lambda: not synth.sounding, PATIENCE_S):
            failures["hung"] += 1
        print_line(f"{kills} kills, {synth.notes} notes, the longest of {synth.longest_s:.1f} s")
    others = {text: count for text, count in failures.items() if text not in {"hung", "missed"}}
    print_line(f"{failures['hung']} notes hung, {failures['missed']} restarts missed, otherwise wrong: {others or 'nothing'}")
    return 1 if failures.total() else 0


def print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Read the options and kill."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="rounds, each with a kill of every process (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    return play(options.times, options.seed)


if __name__ == "__main__":
    sys.exit(main())
