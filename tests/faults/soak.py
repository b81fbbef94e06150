"""A long evening: `python -m tests.faults.soak [--hours H] [--seed S]` or `python -m tests.faults.soak --jack [--minutes M]`.

Either a whole performer in virtual time, with a player, a brain that is in time, and nothing that fails; or a real daemon on a
JACK server, which accompanies a real player. A table says of each process how much memory it held after the warm-up and at the
end, the slope of the line through all samples between, and the fewest and most threads and descriptors.
Exit code 1 if memory grows by more than it may in an hour, if threads or descriptors change, or if a note hangs at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livegen.core.effects import Ask
from livegen.generators.markov import MarkovGenerator
from livegen.runtime.link import Arrived
from livegen.runtime.messages import Change

from .concert import Peers, Stage, own_server, wait_until
from .kills import PATIENCE_S, ROLES, print_line
from .people import BrainLink, random_plan
from .players import Player
from .storm import resident_mb
from .timeline import MILLISECOND, SECOND
from .world import RIGHT, _World

SAMPLES = 240
"""Of a soak, at equal distances."""

WARM = 0.1
"""The share of virtual time before the first sample that counts: what is kept of the past has its full size then."""

PLANS_TAKE_MS = 30
SETTINGS = (("mode", "accompany"), ("clock/send", True))


@dataclass
class Process:
    """What was seen of one process: its memory in MB, threads and descriptors, by the time in hours."""

    name: str
    pid: int
    hours: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def sample(self, hours: float) -> None:
        self.hours.append(hours)
        self.memory.append(resident_mb(self.pid))
        self.threads.append(len(os.listdir(f"/proc/{self.pid}/task")))
        self.descriptors.append(len(os.listdir(f"/proc/{self.pid}/fd")))

    @property
    def slope(self) -> float:
        """MB an hour."""
        return float(np.polyfit(self.hours, self.memory, 1)[0])

    def line(self) -> str:
        return (
            f"{self.name:12}{self.memory[0]:9.1f}{self.memory[-1]:9.1f}{self.slope:12.2f}"
            f"{min(self.threads):8}{max(self.threads):5}{min(self.descriptors):8}{max(self.descriptors):5}"
        )

    def steady(self, most_mb: float) -> bool:
        return self.slope < most_mb and len(set(self.threads)) == 1 and len(set(self.descriptors)) == 1


HEAD = f"{'process':12}{'MB then':>9}{'MB now':>9}{'MB an hour':>12}{'threads':>13}{'descriptors':>13}"


def judge(processes: list[Process], most_mb: float) -> int:
    """Print the table; the exit code."""
    steady = all(process.steady(most_mb) for process in processes)
    print_line("\n".join((HEAD, *(process.line() for process in processes))))
    print_line("steady" if steady else f"NOT STEADY: more than {most_mb:g} MB an hour, or threads or descriptors come and go")
    return 0 if steady else 1


class _Pianist(Player):
    """Plays what can be listened to."""

    def begin(self) -> None:
        length_s = self._random.choice((self._phrase, self._phrase, self._chords, self._pedalled))()
        rest_s = self._random.choice((0.0, 0.5, 2.0, 12.0))
        self._timeline.after(round((length_s + rest_s) * SECOND) + 1, self.begin)


class _Brain(BrainLink):
    """Is there, and in time."""

    def post(self, message: Any) -> bool:
        if isinstance(message, Ask):
            plan = random_plan(message.request, self._random)
            self._timeline.at(self._timeline.now_ns() + PLANS_TAKE_MS * MILLISECOND, lambda: self._say(plan))
        return True


class _Evening(_World):
    """A world where nothing fails; `sample` is called now and then with the hours that have gone by."""

    def __init__(self, seed: int, hours: float, sample: Callable[[float], None]) -> None:
        super().__init__(seed, hours * 60, RIGHT)
        self._hours = hours
        self._sample = sample
        self._healthy = True

    def _fallback(self) -> Callable[[], Any]:
        return MarkovGenerator

    def run(self) -> None:
        timeline, inbox = self._timeline, self._inbox
        _Pianist(timeline, self._system, self._random("player"), rest_s=1.0, senses=False).begin()
        _Brain(timeline, inbox, self._random("brain"), life_s=1e9).call()
        inbox.put(Arrived("desk", Change(SETTINGS), timeline.now_ns()))
        for place in range(SAMPLES + 1):
            hours = self._hours * (WARM + (1 - WARM) * place / SAMPLES)
            timeline.after(round(hours * 3600 * SECOND) - SECOND, lambda hours=hours: self._sample(hours))
        self._play()


def simulated(hours: float, seed: int, most_mb: float) -> int:
    """Hours of virtual time; the exit code."""
    process, began_s = Process("performer", os.getpid()), time.process_time()

    def sample(at_hours: float) -> None:
        process.sample(at_hours)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{at_hours:.2f} of {hours:g} hours ")

    evening = _Evening(seed, hours, sample)
    evening.run()
    counts = evening.counts()
    print_line(
        f"{hours:g} simulated hours in {(time.process_time() - began_s) / 60:.1f} minutes: {counts['notes']} notes began and "
        f"ended; at most {counts['inbox longest']} messages waited; the digest is {evening.rules.digest:08x}"
    )
    return judge([process], most_mb)


def on_jack(minutes: float, warm_minutes: float, most_mb: float) -> int:
    """Real minutes, after others in which the lists of free objects and all else that is bounded fill up; the exit code."""
    with own_server("soak"), closing(Peers(own=True)) as peers:
        with closing(Stage("--in", Peers.keyboard, "--out", Peers.instrument, "--bpm", "240")) as stage:
            stage.switch_on("clock/send")
            assert wait_until(lambda: len(stage.pids()) == len(ROLES), PATIENCE_S)
            processes = [Process(role, stage.pids()[role]) for role in ROLES]
            began_s = time.monotonic() + warm_minutes * 60
            for place in range(SAMPLES + 1):
                due_s = began_s + minutes * 60 * place / SAMPLES
                time.sleep(max(0.0, due_s - time.monotonic()))
                for process in processes:
                    process.sample((time.monotonic() - began_s) / 3600)
            assert not any(stage.readings("restarts/").values()), "a process had to be started again"
        ended = peers.synth.wait_for(lambda: not peers.synth.sounding, PATIENCE_S)
        print_line(f"{minutes:g} minutes on JACK: {peers.synth.notes} notes were heard, {'all' if ended else 'NOT ALL'} ended")
        return judge(processes, most_mb) or int(not ended)


def main() -> int:
    """Read the options and soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0, help="of virtual time (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated player (default: 0)")
    parser.add_argument("--jack", action="store_true", help="a real daemon instead, in real time")
    parser.add_argument("--minutes", type=float, default=10.0, help="of real time (default: 10)")
    parser.add_argument("--warm-minutes", type=float, default=14.0, help="of real time before memory is sampled (default: 14)")
    parser.add_argument("--mb-per-hour", type=float, default=1.0, help="how much memory may grow (default: 1)")
    options = parser.parse_args()
    if options.jack:
        return on_jack(options.minutes, options.warm_minutes, options.mb_per_hour)
    return simulated(options.hours, options.seed, options.mb_per_hour)


if __name__ == "__main__":
    sys.exit(main())
