"""Nats a note on held-out takes: exported models by the daemon's own session, the Markov table, and a uniform model.

All are scored on the same events by the same sum, `models.networks.losses.Score`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import PULSES_PER_BEAT
from livegen.generators.ngram import Ngram
from livegen.generators.session import FloatArray, StepSession
from models import markov
from models.corpora.piece import Piece
from models.networks.losses import Score
from models.scoring.subject import MARKOV, Subject
from models.takes.dataset import held_out_takes, hide_history, targets_and_given
from models.takes.fast_rows import Rows

UNIFORM = "uniform"
EVENTS = 1500
"""Events of a take that are scored unless told otherwise: an hour of Lied must not outweigh all tunes."""

_CHOICES = {name: v.SIZE[name] - 1 for name in v.HEADS} | {"kind": len(markov.AGENT)}
"""Among how many classes a uniform model chooses."""


@dataclass(frozen=True, slots=True)
class TakeScores:
    """One held-out take.

    Attributes:
        corpus: where it is from.
        work: the unit of all intervals.
        role: as what it was staged, `accompany` or `respond`.
        seconds: length of the windows that the agent fills.
        scores: each system's score by its name.
    """

    corpus: str
    work: str
    role: str
    seconds: float
    scores: dict[str, Score]


def evaluate(
    pieces: Sequence[Piece],
    subjects: Sequence[Subject],
    table: Ngram,
    progress: Callable[[int, str], object],
    events: int | None = EVENTS,
) -> list[TakeScores]:
    """Score every held-out take of these pieces by every model as it is deployed, by Markov and by guessing.

    A take of role `respond` is scored with its history shown whatever the model: where the agent leads, the daemon never hides
    it. `progress` is given the pieces done and the next one's name. Of each take at most the first `events` events count.
    """
    results = []
    for index, piece in enumerate(pieces):
        progress(index, f"{piece.corpus}/{piece.work}")
        for role, whole in held_out_takes(piece):
            rows = whole if events is None else whole[: events + 1]
            targets, given = targets_and_given(rows)
            scores = {}
            for subject in subjects:
                seen = hide_history(rows) if role == "accompany" and subject.hides_history else rows
                style = style_of(piece, subject.contract.styles)
                scores[subject.name] = stepwise(subject.session, seen, targets, given, style)
            scores |= {MARKOV: markov.score(table, rows), UNIFORM: uniform(targets)}
            results.append(TakeScores(piece.corpus, piece.work, role, seconds_of(rows, piece.tempo_bpm), scores))
    return results


def style_of(piece: Piece, styles: Sequence[str]) -> FloatArray:
    """The piece's own style as weights, float32 [1, S]; all zero where the model doesn't know it."""
    return np.array([[float(name == piece.style) for name in styles]], dtype=np.float32)


def seconds_of(rows: Rows, tempo_bpm: float) -> float:
    """How long the windows of a take last together."""
    hops = rows[rows[:, 0] == v.KIND["TICK"], v.COLUMN["hop"]]
    pulses = sum(v.HOPS[int(hop) - 1] for hop in hops)
    return pulses / PULSES_PER_BEAT * 60.0 / tempo_bpm


def stepwise(session: StepSession, rows: Rows, targets: Rows, given: Rows, style: FloatArray) -> Score:
    """Feed a take to the session one event at a time, and score its heads on the agent's events.

    Args:
        session: the exported model.
        rows: what it sees, int64 [T + 1, F]; the last event is only a target.
        targets: int64 [T, F], zeros where nothing is to be predicted.
        given: int64 [T, G].
        style: float32 [1, S].
    """
    state = session.initial_state()
    wanted = np.flatnonzero(targets[:, 0])
    hidden: list[FloatArray] = []
    for at in range(int(wanted[-1]) + 1 if len(wanted) else 0):
        output, state = session.step(rows[at : at + 1], style, state)
        if targets[at, 0]:
            hidden.append(output)
    if not hidden:
        return Score()
    logits = session.heads(np.concatenate(hidden), given[wanted])
    return score_of({name: log_softmax(logits[name]) for name in v.HEADS}, targets[wanted])


def log_softmax(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Log probabilities from logits, both [N, classes]."""
    scores = np.asarray(logits, dtype=np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    normalised: npt.NDArray[np.float64] = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return normalised


def score_of(log_probabilities: dict[str, npt.NDArray[np.float64]], targets: Rows) -> Score:
    """The score of predictions [N, classes] by head, on targets [N, F] of which each has the fields that its kind has."""
    nats, count = {}, {}
    for name, table in log_probabilities.items():
        wanted = targets[:, v.COLUMN[name]]
        has = np.flatnonzero(wanted)
        nats[name] = -float(table[has, wanted[has]].sum())
        count[name] = len(has)
    return Score(Counter(nats), Counter(count), int((targets[:, 0] == v.KIND["NOTE"]).sum()))


def uniform(targets: Rows) -> Score:
    """The score of guessing: every class that a field can have is as likely."""
    count = Counter({name: int((targets[:, v.COLUMN[name]] > 0).sum()) for name in v.HEADS})
    nats = Counter({name: count[name] * math.log(_CHOICES[name]) for name in v.HEADS})
    return Score(nats, count, int((targets[:, 0] == v.KIND["NOTE"]).sum()))


def total(scores: Iterable[Score]) -> Score:
    """The sum of scores."""
    whole = Score()
    for score in scores:
        whole += score
    return whole
