"""Simulated performances under faults: `python -m tests.faults.simulate --minutes 10000 --seed 1`."""

# ruff: noqa: T201 - a command line tool

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from itertools import count

from .world import RIGHT, WORLD_MINUTES, Outcome, Parts, simulate


def main(arguments: list[str] | None = None, parts: Parts = RIGHT) -> int:
    """Play worlds of five minutes, each with the next seed, until so many minutes are played or a rule is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100.0, help="how long to play, in simulated minutes")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the next has the next")
    parser.add_argument("--counts", action="store_true", help="show what happened, and how often")
    options = parser.parse_args(arguments)
    began, played, counts = time.process_time(), 0.0, Counter[str]()
    outcome: Outcome | None = None
    for seed in count(options.seed):
        if played >= options.minutes:
            break
        outcome = simulate(seed, min(WORLD_MINUTES, options.minutes - played), parts)
        if outcome.broken:
            print(failure(outcome))
            return 1
        played += outcome.minutes
        counts.update(outcome.counts)
        spent = time.process_time() - began
        shown = f"{played:8.0f} of {options.minutes:.0f} minutes, {played / spent:.0f} in a second of CPU time, seed {seed}"
        print(f"\r{shown}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if options.counts:
        print(*(f"{name:24}{number:12}" for name, number in sorted(counts.items())), sep="\n")
    digest = 0 if outcome is None else outcome.digest
    print(f"{played:.0f} minutes, {counts['notes']} notes, no rule broken; the last world's digest is {digest:08x}")
    return 0


def failure(outcome: Outcome) -> str:
    """The last that happened, what went wrong, and how to see it again."""
    again = f"python -m tests.faults.simulate --seed {outcome.seed} --minutes {outcome.asked:g}"
    found = f"after {outcome.minutes:.2f} minutes of seed {outcome.seed}: {outcome.broken}\nagain: {again}"
    return "\n".join((*outcome.events, "", found))


if __name__ == "__main__":
    sys.exit(main())
