"""The question of continuation: does what the agent makes of eight bars lie where human continuations lie?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from livegen.core.events import Part
from livegen.generators.protocol import Generator
from livegen.runtime.svg import Plot
from models.corpora.piece import PieceNote
from models.progress import Progress
from models.questions.question import Context, Findings, Question, limited
from models.reporting.plots import bars
from models.reporting.tables import Table, figure, interval
from models.scoring import continuation
from models.scoring.accompaniment import HARMONY
from models.scoring.continuation import BARS, Task, styled, tasks
from models.scoring.human_interval import compared
from models.scoring.music_measures import MEASURES, measured
from models.scoring.subject import MARKOV, fresh_markov

WORKS = 4
"""Works of each corpus unless told otherwise."""

PROMPT_AGAIN = "the prompt again"
"""A baseline: whoever repeats is close to the human in every measure, and has nothing to say."""

ROLES: Mapping[str, tuple[Part, ...]] = {"lead": (Part.LEAD,), "accompaniment": HARMONY}
MODES = {"lead": "respond", "accompaniment": "accompany"}

Play = Callable[[Task], list[PieceNote]]
"""What a system makes of a task; onsets in pulses of the task's piece."""


def ask(context: Context) -> Findings:
    """Continue held-out works as lead and as accompaniment, and compare; an interval is over works."""
    chosen = tasks(limited(context.test, context.works(WORKS)))
    return {role: _findings(context, role, chosen) for role in ROLES}


def _findings(context: Context, role: str, chosen: Sequence[Task]) -> dict[str, Any]:
    parts = ROLES[role]
    chosen = [task for task in chosen if role == "lead" or task.has_harmony]
    players = systems(context, role)
    human: list[dict[str, float]] = []
    measures: dict[str, list[dict[str, float]]] = {name: [] for name in (*players, PROMPT_AGAIN)}
    progress = Progress(len(chosen))
    for index, task in enumerate(chosen):
        progress.show(index, f"{role}: {task.name}")
        written = task.written(parts)
        human.append(_measured(task, written, written))
        for name, play in players.items():
            notes = play(task)
            # Who accompanies has been playing all along and follows itself; who leads follows the player.
            measures[name].append(_measured(task, notes, written if role == "lead" else notes))
        prompt = [note for note in written if note.onset < task.half]
        again = [PieceNote(note.onset + task.half, note.pitch, note.duration, note.velocity) for note in prompt]
        measures[PROMPT_AGAIN].append(_measured(task, again, written))
    progress.close()
    return {"works": len(chosen), "bars": BARS, "measures": compared(human, measures, context.seed)}


def systems(context: Context, role: str) -> dict[str, Play]:
    """Who continues, by name, in the role's mode and each work's own style."""
    play = continuation.lead if role == "lead" else continuation.accompaniment

    def player(make: Callable[[], Generator], subject_index: int) -> Play:
        settings = context.settings(context.subjects[subject_index], MODES[role])
        return lambda task: play(task, make(), styled(settings, task.piece), context.seed)

    players = {subject.name: player(subject.generator, index) for index, subject in enumerate(context.subjects)}
    return {**players, MARKOV: player(fresh_markov, 0)}


def _measured(task: Task, notes: Sequence[PieceNote], before: Sequence[PieceNote]) -> dict[str, float]:
    return measured(task.stretch(notes, task.half), task.stretch(before, 0), task.key)


def tables(found: Findings) -> list[Table]:
    """A table a role: each measure of the human continuation and of every system."""
    return [_table(role, values) for role, values in found.items() if values["measures"]]


def _table(role: str, found: Findings) -> Table:
    names = list(found["measures"][MEASURES[0]]["systems"])
    rows = []
    for measure in MEASURES:
        values = found["measures"][measure]
        low, high = (figure(end, 2) for end in values["interval"])
        row = [measure, interval(values["human"], 2), f"{low} to {high}", figure(values["spread"], 2)]
        for name in names:
            system = values["systems"][name]
            row += [interval(system["mean"], 2), system["verdict"] or "-", figure(system["distance"][0], 2)]
        rows.append(row)
    header = ["measure", "human", "human interval", "human spread"]
    for name in names:
        header += [name, "is", "distance"]
    title = (
        f"Continuation as {role}: {found['bars']} bars after a prompt of {found['bars']}, {found['works']} held-out works. "
        "Means with 95 % intervals over works; whether the mean lies in the human interval; mean distance to the work's own."
    )
    return Table(title, header, rows)


def plots(found: Findings) -> list[Plot]:
    """Every measure as a distance from the human mean, in half widths of the human interval: within -1 and 1 is human."""
    made = []
    for role, values in found.items():
        if not values["measures"]:
            continue
        names = list(values["measures"][MEASURES[0]]["systems"])
        series = {name: [_scaled(values["measures"][measure], name) for measure in MEASURES] for name in names}
        title = f"Continuation as {role}: distance from the human mean (within -1 and 1: human)"
        made.append(bars(f"continuation-{role}", title, MEASURES, series, "half widths of the human interval"))
    return made


def _scaled(values: Mapping[str, Any], name: str) -> float | None:
    middle, mean, (low, high) = values["human"][0], values["systems"][name]["mean"][0], values["interval"]
    known = None not in (middle, mean, low, high) and high > low
    return (mean - middle) / ((high - low) / 2) if known else None


QUESTION = Question("continuation", "Does what it makes of eight bars lie where human continuations lie?", ask, tables, plots)
