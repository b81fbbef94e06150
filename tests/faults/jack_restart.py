"""Kills a JACK server under a playing daemon, and starts it anew: `python -m tests.faults.jack_restart [--times N] [--seed S]`.

A line for each time says for how long the performer's heart did not beat at the longest, while it played and while the server
died and came back; how long after the server both of the daemon's ports were there, and when a new synth, connected to a new
keyboard, heard music. Exit code 1 if that takes longer than it may, if there is silence, or if a note hangs at the new synth.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field

from livegen.devices.ports import stable_name
from tests.support.jack import JackServer

from .concert import Peers, Stage, own_server, wait_until
from .heartbeat import Heartbeat
from .kills import PATIENCE_S, ROLES, print_line

DOWN_S = (0.2, 5.0)
PLAYS_S = 3.0
PORTS = ("livegen:livegen in", "livegen:livegen out")


@dataclass
class Restart:
    """What came of one; times are in seconds after the server was there again."""

    down_s: float
    played_ms: float = 0.0
    gap_ms: float = 0.0
    ports_s: float = 0.0
    music_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        told = (
            f"down for {self.down_s:4.1f} s; heartbeat away for {self.gap_ms:5.1f} ms ({self.played_ms:.1f} before); "
            f"ports back after {self.ports_s:5.2f} s, music after {self.music_s:5.2f} s"
        )
        return told if not self.wrong else f"{told}: {'; '.join(self.wrong)}"


def restart(server: JackServer, heartbeat: Heartbeat, down_s: float) -> Restart:
    """Let a synth hear the daemon, take the server away from both, and let another synth hear it on the next server."""
    outcome = Restart(down_s)
    with closing(Peers(own=False)) as peers:
        if not peers.synth.wait_for(lambda: peers.synth.sounding, PATIENCE_S):
            outcome.wrong.append("nothing sounded before")
        heartbeat.longest_ms()
        time.sleep(PLAYS_S)
        outcome.played_ms = heartbeat.longest_ms()
        server.kill()
        began_s = time.monotonic()
        wait_until(lambda: not peers.alive, PATIENCE_S)
    time.sleep(max(0.0, began_s + down_s - time.monotonic()))
    server.start()
    began_s = time.monotonic()
    if not wait_until(lambda: set(PORTS) <= set(map(stable_name, server.ports())), PATIENCE_S):
        outcome.wrong.append(f"of the ports there are only {server.ports()}")
    outcome.ports_s = time.monotonic() - began_s
    with closing(Peers(own=False)) as peers:
        synth = peers.synth
        if not synth.wait_for(lambda: synth.notes, PATIENCE_S):
            outcome.wrong.append("silence afterwards")
        outcome.music_s = time.monotonic() - began_s
        outcome.gap_ms = heartbeat.longest_ms()
        time.sleep(PLAYS_S)
        before_s = time.monotonic()
        if not synth.wait_for(lambda: not synth.older_than(before_s), PATIENCE_S):
            outcome.wrong.append(f"hung: {sorted(synth.older_than(before_s))}")
    return outcome


def play(options: argparse.Namespace) -> int:
    """Take the server away so many times; the exit code."""
    chance, failed = random.Random(options.seed), 0
    gaps_ms, ports_s = [0.0], [0.0]
    with own_server("restart") as server, closing(Stage("--bpm", "120")) as stage:
        assert wait_until(lambda: len(stage.pids()) == len(ROLES), PATIENCE_S)
        # With a clock to send there is always something to do: a beat every 20 ms.
        stage.switch_on("clock/send")
        with closing(Heartbeat(stage.pids()["performer"])) as heartbeat:
            for number in range(1, options.times + 1):
                outcome = restart(server, heartbeat, chance.uniform(*DOWN_S))
                gaps_ms.append(outcome.gap_ms)
                ports_s.append(outcome.ports_s)
                if outcome.gap_ms > options.gap_ms:
                    outcome.wrong.append(f"no heartbeat for more than {options.gap_ms:g} ms")
                if outcome.ports_s > options.back_s:
                    outcome.wrong.append(f"ports away for more than {options.back_s:g} s")
                failed += bool(outcome.wrong)
                print_line(f"{number:3} {outcome.line()}")
                if outcome.wrong:
                    print_line("\n".join(stage.daemon.lines[-10:]))
        restarts = stage.readings("restarts/")
    if any(restarts.values()):
        failed += 1
    for kind in ("in", "out"):
        told = sum(f"MIDI {kind} has gone" in line for line in stage.daemon.lines)
        if told < options.times:
            print_line(f"only {told} times it was said that MIDI {kind} has gone")
            failed += 1
    print_line(f"{options.times} times, {failed} failed; longest gap {max(gaps_ms):.1f} ms, latest ports {max(ports_s):.2f} s")
    print_line(f"processes that had to be started again: {restarts}")
    return 1 if failed else 0


def main() -> int:
    """Read the options and play."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.jack_restart", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of how long the server is away (default: 0)")
    parser.add_argument("--gap-ms", type=float, default=100.0, help="the longest time without a heartbeat (default: 100)")
    parser.add_argument("--back-s", type=float, default=3.0, help="the latest that both ports are back (default: 3)")
    return play(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
