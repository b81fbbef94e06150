"""Compares an exported model with its source, through the session that the daemon runs.

Torch runs whole sequences as in training, the session one event a step, so the check covers both the graphs and the claim that
a step is the sequence. Stretches of events are thrown away at random, as plans are, and the session goes on from the state
before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from export.random_events import random_rows
from livegen.core import vocabulary as v
from livegen.core.harmonic_memory import CHANNELS, PLACES
from livegen.generators.contract import FLOAT32, GIVEN
from livegen.generators.session import State, StepSession
from models.networks.blocks import GIVEN_SIZE
from models.networks.checkpoint import Model
from models.networks.chords import ChordNet

LIMIT = 1e-4
"""Largest difference that counts as the same; of numbers beyond 1 as a share of the number, since cell states reach
hundreds and float32 has seven digits."""

NATS_LIMIT = 0.05
"""Most that rounded weights may cost a note, on random events: more is a fault, not rounding."""

_STRETCH = 20
_ROLLBACK_SHARE = 0.3

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parity:
    """What was compared, and the largest difference (see `LIMIT`) of `hidden`, of the state, of any logit, and of chord logits.

    Attributes:
        nats: what a note costs more than with the source's own weights, if the source is right: the divergence of all heads'
            distributions, summed over the heads, mean over the steps.
        exact: whether the weights are those of the source, so that the differences must be within `LIMIT`.
    """

    steps: int
    rollbacks: int
    hidden: float
    state: float
    logits: float
    chords: float
    nats: float
    exact: bool

    @property
    def worst(self) -> float:
        """The largest difference of all."""
        return max(self.hidden, self.state, self.logits, self.chords)

    @property
    def ok(self) -> bool:
        """Whether the two are the same model."""
        return self.worst < LIMIT if self.exact else self.nats < NATS_LIMIT and self.chords < LIMIT


def compare(
    model: Model,
    session: StepSession,
    steps: int = 1000,
    *,
    batch: int = 1,
    seed: int = 0,
    chords: ChordNet | None = None,
) -> Parity:
    """Feed the same random legal events to both, at least `steps` a sequence of the batch. Blocks for seconds to a minute."""
    with torch.inference_mode(), _one_thread():
        return _Comparison(model, session, batch, np.random.default_rng(seed)).run(steps, chords)


class _Comparison:
    """Both models, and the worst seen so far."""

    def __init__(self, model: Model, session: StepSession, batch: int, rng: np.random.Generator) -> None:
        self.model, self.session, self.batch, self.rng = model, session, batch, rng
        self.style = rng.random((batch, len(model.config.styles)), dtype=np.float32)
        self.hidden = self.state = self.logits = self.nats = 0.0

    def run(self, steps: int, chords: ChordNet | None) -> Parity:
        """Stretch by stretch; each rolled back one is compared with a sequence of its own."""
        kept, state = random_rows(self.rng, self.batch, 0), self.session.initial_state(self.batch)
        kept_hidden: list[npt.NDArray[np.float32]] = []
        rollbacks = 0
        while kept.shape[1] < steps:
            stretch = random_rows(self.rng, self.batch, _STRETCH)
            hidden, after = self._feed(stretch, state)
            if self.rng.random() < _ROLLBACK_SHARE:
                rollbacks += 1
                self._check(np.concatenate([kept, stretch], axis=1), hidden, after)
            else:
                kept, state = np.concatenate([kept, stretch], axis=1), after
                kept_hidden.append(hidden)
        self._check(kept, np.concatenate(kept_hidden, axis=1), state)
        done = kept.shape[1] + rollbacks * _STRETCH
        exact = self.session.contract.weights == FLOAT32
        chosen = _chords_distance(chords, self.session, self.rng)
        return Parity(done, rollbacks, self.hidden, self.state, self.logits, chosen, self.nats / done, exact)

    def _feed(self, rows: Rows, state: State) -> tuple[npt.NDArray[np.float32], State]:
        """Rows [B, T, F], one at a time -> hidden [B, T, width] and the state after them."""
        found = []
        for at in range(rows.shape[1]):
            hidden, state = self.session.step(rows[:, at], self.style, state)
            found.append(hidden)
        return np.stack(found, axis=1), state

    def _check(self, rows: Rows, hidden: npt.NDArray[np.float32], state: State) -> None:
        """Compare the last events of a sequence: rows [B, T, F], what the session made of the last of them [B, t, width]."""
        output, states = _whole(self.model, torch.from_numpy(rows), torch.from_numpy(self.style))
        output = output[:, -hidden.shape[1] :]
        trunks = torch.cat([self.model.heads.trunk[head](output) for head in v.HEADS], dim=-1)  # [B, t, heads * head]
        self.hidden = max(self.hidden, _distance(hidden, trunks))
        for mine, theirs in zip(state.values, states, strict=True):
            self.state = max(self.state, _distance(mine, theirs))
        flat, sources = hidden.reshape(-1, hidden.shape[2]), output.flatten(0, 1)
        given = np.stack([self.rng.integers(0, GIVEN_SIZE[name], len(flat)) for name in GIVEN], axis=-1)
        for head, logits in self.session.heads(flat, given).items():
            expected = self.model.heads.logits(head, sources, torch.from_numpy(given))
            self.logits = max(self.logits, _distance(logits, expected))
            self.nats += _divergence(torch.from_numpy(logits), expected) / self.batch


def _whole(model: Model, rows: Tensor, style: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What torch makes of whole sequences: hidden [B, T, H], and its state tensors in the order of the session's."""
    output, after = model(rows, style)
    if after is None:
        return output, [model.heard(rows)[1]]
    h, c, counts = after
    return output, [counts, *(tensor[layer] for layer in range(len(h)) for tensor in (h, c))]


def _chords_distance(chords: ChordNet | None, session: StepSession, rng: np.random.Generator) -> float:
    """Largest difference of the chord graph's logits; 0 where there is none."""
    if chords is None:
        return 0.0
    heard, place = rng.random((64, CHANNELS, 12), dtype=np.float32), rng.random((64, PLACES), dtype=np.float32)
    return _distance(session.chords(heard, place), chords(torch.from_numpy(heard), torch.from_numpy(place)))


def _divergence(ours: Tensor, theirs: Tensor) -> float:
    """Kullback-Leibler divergence of our distributions from theirs, logits [N, classes], summed over N, in nats."""
    log_ours, log_theirs = ours.double().log_softmax(dim=1), theirs.double().log_softmax(dim=1)
    return float((log_theirs.exp() * (log_theirs - log_ours)).sum())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch's threads spin for each other: beside a busy core so little work takes fifty times longer on two than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _distance(ours: npt.NDArray[np.float32], theirs: Tensor) -> float:
    expected = theirs.numpy()
    return float((np.abs(ours - expected) / np.maximum(1.0, np.abs(expected))).max())
