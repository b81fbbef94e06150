"""The question of style: is each style heard in what is played, and does a mix of two lie between them?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from livegen.core import vocabulary as v
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.parameters import Settings
from livegen.runtime.svg import Plot
from models.corpora.piece import Piece, PieceNote
from models.progress import Progress
from models.questions.continuation import MODES
from models.questions.question import Context, Findings, Question, limited
from models.reporting.plots import shades
from models.reporting.tables import Table, figure, interval, yes
from models.scoring import continuation
from models.scoring.accompaniment import HARMONY
from models.scoring.continuation import BARS, Task, tasks
from models.scoring.human_interval import with_interval
from models.scoring.metrics import mean
from models.scoring.music_measures import Stretch, in_order
from models.scoring.style_classifier import StyleClassifier, confusion, fitted
from models.scoring.style_features import Vector, harmony_features, lead_features
from models.scoring.subject import Subject
from models.takes.roles import cut, length_of

WORKS, MOST = 1, 8
"""Works of each corpus, and of all together, that are played to, unless told otherwise."""

PROMPT_BARS = 2
"""Bars that a lead hears first: the more it hears, the more it is the prompt whose style it has."""

EXAMPLES = 400
"""Most human examples of a style."""

LEAST = 20
"""A style with fewer human examples is not judged."""

FEATURES: Mapping[str, Callable[[Stretch], Vector | None]] = {"lead": lead_features, "accompaniment": harmony_features}


def ask(context: Context) -> Findings:
    """Judge what each model plays in each style under the same prompts; intervals are over prompts."""
    return {role: _role(context, role) for role in FEATURES}


def _role(context: Context, role: str) -> dict[str, Any]:
    known = {style for subject in context.subjects for style in subject.contract.styles}
    examples = human_examples([piece for piece in context.training if piece.style in known], role, LEAST)
    chosen = context.spread(tasks(limited(context.test, context.works(WORKS))), MOST)
    if len(examples) < 2 or not chosen:
        return {}
    classifier = fitted(examples)
    unseen = human_examples([*context.validation, *context.test], role, 1)
    unseen = {style: vectors for style, vectors in unseen.items() if style in examples}
    return {
        "styles": list(classifier.styles),
        "chance": 1 / len(classifier.styles),
        "human": confusion(classifier, unseen, mean),
        "works": len(chosen),
        "systems": {subject.name: judged(context, subject, role, classifier, chosen) for subject in context.subjects},
    }


def human_examples(pieces: Sequence[Piece], role: str, least: int) -> dict[str, list[Vector]]:
    """Features of `BARS` bars from the middle of each piece, by style: of styles that have `least`, at most `EXAMPLES` each."""
    found: dict[str, list[Vector]] = {}
    for piece in pieces:
        if (vector := FEATURES[role](_middle(piece, role))) is not None:
            found.setdefault(piece.style, []).append(vector)
    spread = {
        style: [vectors[int(at)] for at in np.linspace(0, len(vectors) - 1, min(len(vectors), EXAMPLES))]
        for style, vectors in found.items()
    }
    return {style: spread[style] for style in sorted(spread) if len(spread[style]) >= least}


def _middle(piece: Piece, role: str) -> Stretch:
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    first = piece.bar_offset + max(0, (length_of(piece) // bar - BARS) // 2) * bar
    part = cut(piece, first, first + BARS * bar)
    notes = part.melody if role == "lead" else [note for name in HARMONY for note in part.parts.get(name, ())]
    # Told in the vocabulary's durations, as the agent's are: or the classifier would hear who counts more finely.
    ordered = in_order(notes)
    spoken = [replace(note, duration=v.DURATIONS[v.duration_class(note.duration) - 1]) for note in ordered]
    return Stretch(tuple(spoken), BARS, piece.beats_per_bar)


def judged(
    context: Context, subject: Subject, role: str, classifier: StyleClassifier, chosen: Sequence[Task]
) -> dict[str, Any]:
    """What the classifier makes of one model in every style, and in mixes of neighbours.

    Returns:
        `confusion`, a row a style; `accuracy` [mean, low, high], each prompt's share of styles that were told; `by change`, the
        same of what the style changes; `mixes`, by
        pair: mean log-odds of the first against the second style when playing the first, the mix and the second, the paired
        differences first - mix and mix - second [mean, low, high], and whether the mix lies `between`.
    """
    plain = context.settings(subject, MODES[role])
    styles = [style for style in classifier.styles if style in subject.contract.styles]
    pairs = list(pairwise(styles)) + ([(styles[-1], styles[0])] if len(styles) > 2 else [])
    wanted: dict[tuple[str, ...], Settings] = {(style,): plain.with_changes({"style": style})[0] for style in styles}
    for pair in pairs:
        none = plain.with_changes({"style": "none"})[0]
        wanted[pair] = none.with_changes({f"style/{style}": 0.5 for style in pair})[0]
    vectors: dict[tuple[str, ...], list[Vector | None]] = {names: [] for names in wanted}
    progress = Progress(len(chosen))
    for index, task in enumerate(chosen):
        progress.show(index, f"styles, {role}: {task.name}")
        for names, settings in wanted.items():
            notes = _played(task, subject, settings, role, context.seed)
            vectors[names].append(FEATURES[role](Stretch(tuple(notes), BARS, task.piece.beats_per_bar)))
    progress.close()
    odds = {names: [_judge(classifier, vector) for vector in rows] for names, rows in vectors.items()}
    plainly = {style: vectors[style,] for style in styles}
    return {
        "confusion": confusion(
            classifier, {style: [row for row in vectors[style,] if row is not None] for style in styles}, mean
        ),
        "accuracy": _accuracy_of(classifier, plainly, context.seed),
        "by change": _accuracy_of(classifier, changes(classifier, plainly), context.seed),
        "mixes": {f"{one} + {other}": _mix(classifier, odds, one, other, context.seed) for one, other in pairs},
    }


def _played(task: Task, subject: Subject, settings: Settings, role: str, seed: int) -> list[PieceNote]:
    bar = task.piece.beats_per_bar * PULSES_PER_BEAT
    if role == "accompaniment":
        opening = Task(task.name, task.prompt)
        notes = continuation.accompaniment(opening, subject.generator(), settings, seed)
        return [note for note in notes if note.onset < task.half]
    start = PROMPT_BARS * bar
    prompt, stretch = cut(task.piece, 0, start), (start, start + BARS * bar)
    notes = continuation.carry_on(prompt, stretch, subject.generator(), settings, seed)
    return [PieceNote(note.onset - start, note.pitch, note.duration, note.velocity) for note in notes]


Heard = Mapping[str, Sequence[Vector | None]]
"""Features by style and prompt; None where too little was played."""


def changes(classifier: StyleClassifier, heard: Heard) -> Heard:
    """What each style changes, prompt by prompt: the mean over the styles taken away, the human mean put in its place.

    All styles played to the same prompt, so what is the prompt's, or the model's own accent, is in all of them.
    """
    moved: dict[str, list[Vector | None]] = {style: [] for style in heard}
    for row in zip(*heard.values(), strict=True):
        known = [vector for vector in row if vector is not None]
        for style, vector in zip(heard, row, strict=True):
            moved[style].append(None if vector is None else vector - np.mean(known, axis=0) + classifier.mean)
    return moved


def _accuracy_of(classifier: StyleClassifier, heard: Heard, seed: int) -> list[float]:
    """The share of styles that are told, with its interval over prompts."""
    odds = {style: [_judge(classifier, vector) for vector in rows] for style, rows in heard.items()}
    told = [
        mean([_told(classifier, row[at], style) for style, row in odds.items()]) for at in range(len(next(iter(odds.values()))))
    ]
    return with_interval(told, seed)


def _told(classifier: StyleClassifier, judged_as: Vector | None, style: str) -> float:
    """1 if the likeliest style is the one that was asked for, else 0; NaN where too little was played to judge."""
    return np.nan if judged_as is None else float(classifier.styles[int(np.argmax(judged_as))] == style)


def _judge(classifier: StyleClassifier, vector: Vector | None) -> Vector | None:
    return None if vector is None else classifier.log_probabilities(vector[np.newaxis])[0]


def _mix(
    classifier: StyleClassifier, odds: Mapping[tuple[str, ...], Sequence[Vector | None]], one: str, other: str, seed: int
) -> dict[str, Any]:
    first, second = (classifier.styles.index(style) for style in (one, other))

    def against(names: tuple[str, ...]) -> list[float]:
        return [np.nan if row is None else float(row[first] - row[second]) for row in odds[names]]

    ends, middle = [against((style,)) for style in (one, other)], against((one, other))
    above = [end - mixed for end, mixed in zip(ends[0], middle, strict=True)]
    below = [mixed - end for end, mixed in zip(ends[1], middle, strict=True)]
    return {
        "odds": [mean(values) for values in (ends[0], middle, ends[1])],
        "first - mix": with_interval(above, seed),
        "mix - second": with_interval(below, seed),
        "between": bool(mean(above) > 0 and mean(below) > 0),
    }


def tables(found: Findings) -> list[Table]:
    """Accuracy against chance, confusion, and the mixes."""
    made = []
    for role, values in found.items():
        if not values:
            continue
        made.append(_accuracy(role, values))
        for name, system in values["systems"].items():
            made.append(_confusion(f"{name} as {role}", values["styles"], system["confusion"]))
            made.append(_mixes(f"{name} as {role}", system["mixes"]))
    return made


def _accuracy(role: str, values: Findings) -> Table:
    human = [values["human"][at][at] for at in range(len(values["styles"]))]
    known = [share for share in human if share is not None and not np.isnan(share)]
    rows = [("held-out human pieces", figure(mean(known), 2), "-", "-", "-", figure(values["chance"], 2))]
    for name, system in values["systems"].items():
        cells = []
        for accuracy in (system["accuracy"], system["by change"]):
            reached = None if accuracy[0] is None else accuracy[0] >= 2 * values["chance"]
            cells += [interval(accuracy, 2), yes(reached)]
        rows.append((name, *cells, figure(values["chance"], 2)))
    title = (
        f"Styles told apart as {role} by a classifier trained on human pieces; each style played to the same {values['works']} "
        "held-out works."
    )
    return Table(title, ("played by", "told", "twice chance", "told by what it changes", "twice chance", "chance"), rows)


def _confusion(title: str, styles: Sequence[str], shares: Sequence[Sequence[float | None]]) -> Table:
    rows = [(style, *(figure(share, 2) for share in row)) for style, row in zip(styles, shares, strict=True)]
    title = f"{title}: the style asked for (row) and what the classifier heard (column), as shares."
    return Table(title, ("asked", *styles), rows)


def _mixes(title: str, mixes: Findings) -> Table:
    rows = [
        (name, *(figure(value, 2) for value in mix["odds"]), interval(mix["first - mix"], 2), interval(mix["mix - second"], 2),
         yes(mix["between"]))
        for name, mix in mixes.items()
    ]  # fmt: skip
    header = ("mix, half and half", "first", "mix", "second", "first - mix", "mix - second", "between")
    return Table(f"{title}: log-odds of the first style against the second, as the classifier hears it.", header, rows)


def plots(found: Findings) -> list[Plot]:
    """The confusion matrices."""
    return [
        shades(f"styles-{role}-{name}", f"{name} as {role}: asked (row), heard (column)", values["styles"], values["styles"],
               system["confusion"])
        for role, values in found.items() if values
        for name, system in values["systems"].items()
    ]  # fmt: skip


QUESTION = Question("styles", "Is each style heard, and does a mix lie between?", ask, tables, plots)
