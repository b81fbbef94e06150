"""A MIDI clock as the world sends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

TICKS = 24
"""A beat."""


NEAR = 2
"""So near to a change of tempo no tick is lost: with such jitter nobody could tell it from a change that came a tick sooner."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A clock: beats at each tempo in turn; how late or early ticks are; shares of those that are lost and that come twice."""

    tempi: Sequence[tuple[int, float]]
    jitter_ns: int = 0
    lost: float = 0.0
    doubled: float = 0.0

    def ticks(self, seed: int) -> Iterator[tuple[int, float, int, float]]:
        """Number of the tick, when it should have come, when it came, in ns, and the tempo from there on."""
        rng = np.random.default_rng(seed)
        number, due, last = 0, 1e9, 0
        for beats, bpm in self.tempi:
            for step in range(beats * TICKS):
                near = min(step, beats * TICKS - step) <= NEAR
                came = max(last + 1, round(due + rng.uniform(-self.jitter_ns, self.jitter_ns)))
                if rng.random() >= self.lost or near:
                    yield number, due, came, bpm
                    last = came
                    if rng.random() < self.doubled:
                        last = came + 300_000
                        yield number, due, last, bpm
                number, due = number + 1, due + 60e9 / bpm / TICKS
