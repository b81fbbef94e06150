"""The question of originality: does it copy more of the training data than a human melody that was never trained on does?"""

from __future__ import annotations

from livegen.runtime.svg import Plot
from models.corpora.piece import PieceNote
from models.progress import Progress
from models.questions.continuation import systems
from models.questions.question import Context, Findings, Question, limited
from models.reporting.plots import bars
from models.reporting.tables import Table, figure, interval
from models.scoring import originality
from models.scoring.continuation import BARS, Task, tasks
from models.scoring.human_interval import compared
from models.scoring.originality import LENGTHS, MEASURES, Index, items

WORKS = 8
"""Works of each corpus unless told otherwise."""

HUMAN = "human"


def ask(context: Context) -> Findings:
    """Continue held-out works as lead and look the continuations up in all training melodies, beside the human ones."""
    chosen = tasks(limited(context.test, context.works(WORKS)))
    index = Index(items(piece.melody) for piece in context.training)
    players = systems(context, "lead")
    measures: dict[str, list[dict[str, float]]] = {name: [] for name in (HUMAN, *players)}
    progress = Progress(len(chosen))
    for at, task in enumerate(chosen):
        progress.show(at, f"originality: {task.name}")
        measures[HUMAN].append(index.copied(_line(task, list(task.piece.melody))))
        for name, play in players.items():
            measures[name].append(index.copied(_line(task, play(task))))
    progress.close()
    human = measures[HUMAN]
    return {
        "works": len(chosen),
        "bars": BARS,
        "trained_on": len(context.training),
        "longest": {name: max((value["longest run"] for value in values), default=None) for name, values in measures.items()},
        "measures": compared(human, {name: values for name, values in measures.items() if name != HUMAN}, context.seed),
    }


def _line(task: Task, notes: list[PieceNote]) -> originality.Items:
    return items(task.stretch(notes, task.half).notes)


def tables(found: Findings) -> list[Table]:
    """Shares of copied runs and the longest run."""
    if not found["measures"]:
        return []
    names = list(found["measures"][MEASURES[0]]["systems"])
    header = ["measure", HUMAN, "human interval"]
    for name in names:
        header += [name, "is"]
    rows = []
    for measure in MEASURES:
        values = found["measures"][measure]
        low, high = (figure(end, 2) for end in values["interval"])
        row = [measure, interval(values["human"], 2), f"{low} to {high}"]
        for name in names:
            row += [interval(values["systems"][name]["mean"], 2), values["systems"][name]["verdict"] or "-"]
        rows.append(row)
    longest = ["longest run of all", figure(found["longest"][HUMAN], 0), ""]
    for name in names:
        longest += [figure(found["longest"][name], 0), ""]
    title = (
        f"Originality: share of runs of n steps (interval and time) that stand in one of {found['trained_on']} training "
        f"pieces, and the longest such run in steps; {found['bars']} bars after a prompt of {found['bars']}, {found['works']} "
        "held-out works. Below the human interval is more original than a human."
    )
    return [Table(title, header, [*rows, longest])]


def plots(found: Findings) -> list[Plot]:
    """Copied runs by length."""
    if not found["measures"]:
        return []
    by_length = [found["measures"][f"{length}-grams"] for length in LENGTHS]
    names = list(by_length[0]["systems"])
    series = {HUMAN: [values["human"] for values in by_length]}
    series |= {name: [values["systems"][name]["mean"] for values in by_length] for name in names}
    labels = [f"{length} steps" for length in LENGTHS]
    return [bars("originality", "Runs that stand in the training data", labels, series, "share of runs")]


QUESTION = Question("originality", "Does it copy more of its training data than a human does?", ask, tables, plots)
