"""Do the knobs do what they say? Each is swept over its range, and what it should move is measured on the same songs.

The figure is Spearman's rank correlation between the knob's value and the measure, on each song for itself; its mean over songs
counts, since a correlation over all songs together would mix the knob with the difference between songs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.parameters import Registry, Settings
from livegen.core.plans import Plan
from livegen.generators.band import Band
from livegen.generators.protocol import Generator
from models.corpora.piece import PieceNote
from models.scoring import continuation
from models.scoring.continuation import Task
from models.scoring.human_interval import with_interval
from models.scoring.metrics import mean
from models.scoring.music_measures import entropy_bits

VALUES = 7
"""Places at which a knob is tried."""

DRAWS = 64
"""How often the same window is drawn to see how uncertain it is."""

TEMPERATURES = (0.2, 1.6)
"""The range in which temperature is swept: 0 has no entropy at all, and beyond 1.6 there is nothing that one would play."""

Role = Literal["lead", "accompaniment"]


@dataclass(frozen=True, slots=True)
class Knob:
    """A parameter and what it should move.

    Attributes:
        parameter: its name in the registry.
        role: as what the agent plays.
        moves: what it should move, with its unit.
        measure: that of one song under some settings; NaN where the song says nothing.
    """

    parameter: str
    role: Role
    moves: str
    measure: Callable[[Task, Generator, Settings, int], float]

    @property
    def name(self) -> str:
        """Such as "density, lead"."""
        return f"{self.parameter}, {self.role}"

    def values(self, registry: Registry) -> list[float]:
        """Where it is tried, ascending; nothing where the daemon has no such knob."""
        if self.parameter not in registry:
            return []
        row = registry[self.parameter]
        low, high = TEMPERATURES if self.parameter == "temperature" else (row.low, row.high)
        return [float(value) for value in np.linspace(low, high, VALUES)]


def swept(
    knob: Knob,
    tasks: Sequence[Task],
    make: Callable[[], Generator],
    settings: Callable[[Task], Settings],
    *,
    seed: int,
    progress: Callable[[int, str], object],
) -> dict[str, object]:
    """Try a knob at all its values on all songs.

    Returns:
        `values`; `means`, the measure's [mean, low, high] over songs at each value; `spearman`, [mean, low, high] over songs;
        `of_means`, Spearman's correlation of the means. Empty where there is no such knob.
    """
    values = knob.values(settings(tasks[0]).registry) if tasks else []
    if not values:
        return {}
    measured = np.full((len(tasks), len(values)), np.nan)
    for row, task in enumerate(tasks):
        progress(row, f"{knob.name}: {task.name}")
        for column, value in enumerate(values):
            changed = settings(task).with_changes({knob.parameter: value})[0]
            measured[row, column] = knob.measure(task, make(), changed, seed)
    means = [with_interval(list(column), seed) for column in measured.T]
    return {
        "moves": knob.moves,
        "values": values,
        "means": means,
        "spearman": with_interval([spearman(values, list(row)) for row in measured], seed),
        "of_means": spearman(values, [value[0] for value in means]),
    }


def drawn_entropy(task: Task, generator: Generator, settings: Settings, seed: int) -> float:
    """How uncertain the next window is after the prompt, in bits: it is drawn `DRAWS` times from the same context.

    The entropies of four things drawn are added up: how many notes, and the first one's onset, pitch and duration.
    """
    band = Band(generator)
    request = next(continuation.requests(task.prompt, (task.half, task.half + PULSES_PER_BEAT), band, settings, seed))
    before = generator.snapshot()
    plans: list[Plan] = []
    for number in range(DRAWS):
        generator.restore(before)
        plans.append(generator.plan(replace(request, opening=False, seed=seed * DRAWS + number)))
    firsts = [plan.notes[0] for plan in plans if plan.notes]
    drawn: list[list[int]] = [
        [len(plan.notes) for plan in plans],
        [note.onset for note in firsts],
        [note.pitch for note in firsts],
        [note.duration for note in firsts],
    ]
    return sum(entropy_bits(list(Counter(symbols).values())) for symbols in drawn)


def _played(task: Task, generator: Generator, settings: Settings, seed: int, role: Role) -> list[PieceNote]:
    if role == "lead":
        return continuation.lead(task, generator, settings, seed)
    first_half = Task(task.name, task.prompt)
    return continuation.accompaniment(first_half, generator, settings, seed)


def _notes_a_second(role: Role) -> Callable[[Task, Generator, Settings, int], float]:
    def measure(task: Task, generator: Generator, settings: Settings, seed: int) -> float:
        seconds = task.half / PULSES_PER_BEAT * 60.0 / task.piece.tempo_bpm
        return len(_played(task, generator, settings, seed, role)) / seconds

    return measure


def _mean_pitch(role: Role) -> Callable[[Task, Generator, Settings, int], float]:
    def measure(task: Task, generator: Generator, settings: Settings, seed: int) -> float:
        return mean([note.pitch for note in _played(task, generator, settings, seed, role)])

    return measure


KNOBS: tuple[Knob, ...] = (
    Knob("temperature", "lead", "entropy of what is drawn, bits", drawn_entropy),
    *(Knob("density", role, "notes a second", _notes_a_second(role)) for role in ("lead", "accompaniment")),
    *(Knob("register", role, "mean pitch", _mean_pitch(role)) for role in ("lead", "accompaniment")),
)
"""What is tested, in the order of the tables."""


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation, -1..1, ties sharing their mean rank; 0 if one of them never moves.

    A pair of which something isn't known is left out; NaN if fewer than three are left.
    """
    pairs = np.array([one, other], dtype=np.float64)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 3:
        return np.nan
    ranks = np.array([_ranks(row) for row in pairs])
    ranks -= ranks.mean(axis=1, keepdims=True)
    size = float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
    return float(ranks[0] @ ranks[1] / size) if size else 0.0


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    below = (values[:, None] > values).sum(axis=1)
    equal = (values[:, None] == values).sum(axis=1)
    ranks: npt.NDArray[np.float64] = below + (equal - 1) / 2
    return ranks
