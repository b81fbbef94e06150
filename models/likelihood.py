"""Nats a note on held-out takes: the exported model by the daemon's own session, the Markov table, and a uniform model.

All are scored on the same events by the same sum, `models.losses.Score`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.generators.ngram import Ngram
from livegen.generators.session import FloatArray, StepSession
from models import markov
from models.corpora.piece import Piece
from models.dataset import Rows, held_out_takes, hide_history, targets_and_given
from models.losses import Score

HIDDEN, SHOWN, MARKOV, UNIFORM = "model, history hidden", "model, history shown", "Markov, order 2", "uniform"
SYSTEMS = (HIDDEN, SHOWN, MARKOV, UNIFORM)

_CHOICES = {name: v.SIZE[name] - 1 for name in v.HEADS} | {"kind": len(markov.AGENT)}
"""Among how many classes a uniform model chooses."""


@dataclass(frozen=True, slots=True)
class TakeScores:
    """One held-out take: where it is from, as what it was staged, and each system's score by the names in `SYSTEMS`."""

    corpus: str
    work: str
    role: str
    scores: dict[str, Score]


def evaluate(
    pieces: Sequence[Piece], session: StepSession, table: Ngram, progress: Callable[[int, str], object]
) -> list[TakeScores]:
    """Score every held-out take of these pieces.

    A take of role `respond` is scored with its history shown whatever the model: where the agent leads, the daemon never hides
    it. `progress` is given the pieces done and the next one's name.
    """
    results = []
    for index, piece in enumerate(pieces):
        progress(index, f"{piece.corpus}/{piece.work}")
        style = style_of(piece, session.contract.styles)
        for role, rows in held_out_takes(piece):
            targets, given = targets_and_given(rows)
            shown = stepwise(session, rows, targets, given, style)
            hidden = stepwise(session, hide_history(rows), targets, given, style) if role == "accompany" else shown
            scores = {HIDDEN: hidden, SHOWN: shown, MARKOV: markov.score(table, rows), UNIFORM: uniform(targets)}
            results.append(TakeScores(piece.corpus, piece.work, role, scores))
    return results


def style_of(piece: Piece, styles: Sequence[str]) -> FloatArray:
    """The piece's own style as weights, float32 [1, S]; all zero where the model doesn't know it."""
    return np.array([[float(name == piece.style) for name in styles]], dtype=np.float32)


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
