"""The question of control: does each knob move what it says, on every song?"""

from __future__ import annotations

from typing import Any

from livegen.runtime.svg import Plot
from models.progress import Progress
from models.questions.continuation import MODES
from models.questions.question import Context, Findings, Question, limited
from models.reporting.plots import lines
from models.reporting.tables import Table, figure, interval, yes
from models.scoring.continuation import Task, styled, tasks
from models.scoring.controls import KNOBS, Knob, swept
from models.scoring.subject import Subject

WORKS, MOST = 1, 8
"""Works of each corpus, and of all together, unless told otherwise."""

WANTED = 0.9
"""Spearman's correlation that a knob must reach."""


def ask(context: Context) -> Findings:
    """Sweep every knob of every model; an interval is over songs."""
    chosen = context.spread(tasks(limited(context.test, context.works(WORKS))), MOST)
    if not chosen:
        return {}
    systems = {
        subject.name: {knob.name: _swept(context, subject, knob, chosen) for knob in KNOBS} for subject in context.subjects
    }
    return {"works": len(chosen), "wanted": WANTED, "systems": systems}


def _swept(context: Context, subject: Subject, knob: Knob, chosen: list[Task]) -> dict[str, Any]:
    settings = context.settings(subject, MODES[knob.role])
    progress = Progress(len(chosen))
    found = swept(
        knob, chosen, subject.generator, lambda task: styled(settings, task.piece), seed=context.seed, progress=progress.show
    )
    progress.close()
    return found


def tables(found: Findings) -> list[Table]:
    """Each knob's correlation, and what it moves from its lowest to its highest value."""
    if not found:
        return []
    rows = []
    for system, knobs in found["systems"].items():
        for name, values in knobs.items():
            if not values:
                rows.append((f"{system}: {name}", "no such knob", "-", "-", "-", "-"))
                continue
            reached = values["spearman"][0]
            rows.append((
                f"{system}: {name}", values["moves"], interval(values["spearman"], 2), figure(values["of_means"], 2),
                f"{figure(values['means'][0][0], 2)} to {figure(values['means'][-1][0], 2)}",
                yes(None if reached is None else reached >= found["wanted"]),
            ))  # fmt: skip
    title = (
        f"Knobs on {found['works']} held-out works. Spearman: mean over songs with a 95 % interval, and of the means over "
        f"songs; wanted: {found['wanted']:g}."
    )
    return [Table(title, ("knob", "moves", "Spearman", "of means", "from lowest to highest", "reached"), rows)]


def plots(found: Findings) -> list[Plot]:
    """What each knob moves, over its values."""
    made = []
    for knob in KNOBS:
        known = {system: knobs[knob.name] for system, knobs in found.get("systems", {}).items() if knobs.get(knob.name)}
        if known:
            series = {system: values["means"] for system, values in known.items()}
            x = next(iter(known.values()))["values"]
            name = f"knob-{knob.parameter}-{knob.role}"
            title = f"{knob.parameter.capitalize()} as {knob.role}"
            made.append(lines(name, title, x, series, x_label=knob.parameter, y_label=knob.moves))
    return made


QUESTION = Question("controls", "Do the knobs do what they say?", ask, tables, plots)
