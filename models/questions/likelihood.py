"""The question of likelihood: nats a note and bits a second by corpus and role, and who beats whom on the same works."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from livegen.core import vocabulary as v
from livegen.runtime.svg import Plot
from models.networks.losses import Score
from models.progress import Progress
from models.questions.question import Context, Findings, Question, limited
from models.reporting.plots import bars
from models.reporting.tables import Table, figure, interval
from models.scoring import likelihood, metrics
from models.scoring.likelihood import UNIFORM, TakeScores, total
from models.scoring.subject import MARKOV, MARKOV_NOTE, bundled_table

WORKS = 5
"""Works of each corpus unless told otherwise."""

PIECES = 3
"""Pieces of a work, where not all works are scored: some works are a composer's songs all together."""

ROLES = ("accompany", "respond")


def ask(context: Context) -> Findings:
    """Score the test part; see `findings`."""
    pieces = limited(context.test, context.works(WORKS), None if context.whole else PIECES)
    progress = Progress(len(pieces))
    events = None if context.whole else likelihood.EVENTS
    scores = likelihood.evaluate(pieces, context.subjects, bundled_table(), progress.show, events)
    progress.close()
    deployed = {subject.name: "hidden" if subject.hides_history else "shown" for subject in context.subjects}
    return {"events": events, "markov": MARKOV_NOTE, "history": deployed, "groups": findings(scores, context.seed)}


def findings(scores: Sequence[TakeScores], seed: int) -> dict[str, Any]:
    """Sums by corpus, by corpus and role, by role, and in all, with the differences between systems."""
    groups: dict[str, list[TakeScores]] = {}
    for take in scores:
        for group in (take.corpus, f"{take.corpus}, {take.role}", take.role, "all"):
            groups.setdefault(group, []).append(take)
    order = sorted(groups, key=lambda group: (group == "all", group in ROLES))
    return {group: _group(groups[group], seed) for group in order}


def _group(takes: Sequence[TakeScores], seed: int) -> dict[str, Any]:
    names = list(takes[0].scores)
    works: dict[tuple[str, str], list[TakeScores]] = {}
    for take in takes:
        works.setdefault((take.corpus, take.work), []).append(take)
    seconds = sum(take.seconds for take in takes)
    by_work = {name: [total(take.scores[name] for take in group) for group in works.values()] for name in names}
    return {
        "works": len(works),
        "notes": total(by_work[MARKOV]).notes,
        "seconds": round(seconds, 1),
        "systems": {name: _score(total(by_work[name]), seconds) for name in names},
        "difference": {
            f"{one} - {other}": _difference(by_work[one], by_work[other], seed)
            for one, other in combinations([name for name in names if name != UNIFORM], 2)
        },
    }


def _score(score: Score, seconds: float) -> dict[str, Any]:
    fields = {
        name: {
            "nats_per_note": score.nats[name] / max(1, score.notes),
            "nats_per_target": score.nats[name] / max(1, score.count[name]),
            "targets": score.count[name],
        }
        for name in v.HEADS
    }
    bits = sum(score.nats.values()) / math.log(2) / seconds if seconds else math.nan
    return {"nats_per_note": score.nats_per_note, "bits_per_second": bits, "fields": fields}


def _difference(ours: Sequence[Score], theirs: Sequence[Score], seed: int) -> list[float]:
    """Nats a note of one system minus another's, and the interval over works; below 0, the first is better."""
    nats = [sum(mine.nats.values()) - sum(other.nats.values()) for mine, other in zip(ours, theirs, strict=True)]
    notes = [score.notes for score in theirs]
    return [sum(nats) / max(1, sum(notes)), *metrics.ratio_interval(nats, notes, seed)]


def tables(found: Findings) -> list[Table]:
    """Nats a note, bits a second, who beats whom, and the fields of each role."""
    groups = found["groups"]
    if not groups:
        return []
    history = ", ".join(f"{name}: own history {how}" for name, how in found["history"].items())
    cut = f"at most {found['events']} events a take" if found["events"] else "whole takes"
    names = list(groups["all"]["systems"])
    made = [
        Table(
            f"Nats a note on held-out works, {cut}. In role accompany {history}; in role respond it is shown. "
            f"Markov: {found['markov']}.",
            ("takes", "works", "notes", *names),
            [
                (group, str(values["works"]), str(values["notes"]),
                 *(figure(values["systems"][name]["nats_per_note"], 3) for name in names))
                for group, values in groups.items()
            ],
        ),
        Table(
            "Bits a second of the agent's music, on the same takes.",
            ("takes", "seconds", *names),
            [
                (group, figure(values["seconds"], 0),
                 *(figure(values["systems"][name]["bits_per_second"], 2) for name in names))
                for group, values in groups.items()
            ],
        ),
        Table(
            "Differences in nats a note on the same works, with a 95 % interval over works; below 0, the first is better.",
            ("takes", *groups["all"]["difference"]),
            [
                (group, *(interval(value, 3) for value in values["difference"].values())) for group, values in groups.items()
            ],
        ),
    ]  # fmt: skip
    return made + [_fields(role, groups[role]["systems"]) for role in ROLES if role in groups]


def _fields(role: str, systems: Findings) -> Table:
    names = list(systems)
    rows = [
        (name, *(figure(systems[system]["fields"][name]["nats_per_note"], 3) for system in names))
        for name, field in systems[names[0]]["fields"].items()
        if field["targets"]
    ]
    return Table(f"Role {role} by field: nats a note, adding up to the row `{role}` above.", ("field", *names), rows)


def plots(found: Findings) -> list[Plot]:
    """Nats a note by corpus."""
    groups = {name: values for name, values in found["groups"].items() if "," not in name}
    if not groups:
        return []
    names = [name for name in groups["all"]["systems"] if name != UNIFORM]
    series = {name: [values["systems"][name]["nats_per_note"] for values in groups.values()] for name in names}
    return [bars("likelihood", "Nats a note on held-out works", list(groups), series, "nats a note")]


QUESTION = Question("likelihood", "How well does it predict what musicians of these parts did?", ask, tables, plots)
