"""Compares an exported model with its source, through the session that the daemon runs.

Torch runs whole sequences as in training, the session one event a step, so the check covers both the graphs and the claim that
a step is the sequence. Stretches of events are thrown away at random, as plans are, and both go on from the state before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from livegen.core import vocabulary as v
from livegen.core.events import Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import QUALITIES, ChordSymbol
from livegen.core.stream import StreamEncoder
from livegen.generators.contract import GIVEN
from livegen.generators.session import StepSession
from models.lstm import LSTMModel
from models.network import GIVEN_SIZE

LIMIT = 1e-4
"""Largest difference that counts as the same; of numbers beyond 1 as a share of the number, since cell states reach
hundreds and float32 has seven digits."""

_STRETCH = 20
_ROLLBACK_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Parity:
    """What was compared and the largest difference (see `LIMIT`) of `hidden`, of the state and of any logit."""

    steps: int
    rollbacks: int
    hidden: float
    state: float
    logits: float

    @property
    def ok(self) -> bool:
        """Whether the two are the same model."""
        return all(worst < LIMIT for worst in (self.hidden, self.state, self.logits))


def compare(model: LSTMModel, session: StepSession, steps: int = 1000, batch: int = 1, seed: int = 0) -> Parity:
    """Feed the same random legal events to both, at least `steps` a sequence of the batch. Blocks for seconds."""
    with torch.inference_mode(), _one_thread():
        return _compare(model, session, steps, batch, np.random.default_rng(seed))


def _compare(model: LSTMModel, session: StepSession, steps: int, batch: int, rng: np.random.Generator) -> Parity:
    encoders = [StreamEncoder() for _ in range(batch)]
    times = [0] * batch
    ours, theirs = session.initial_state(batch), None
    worst, rollbacks, done = np.zeros(3), 0, 0
    while done < steps:
        rows = np.zeros((batch, _STRETCH, len(v.FIELDS)), dtype=np.int64)
        for index in np.ndindex(batch, _STRETCH):
            times[index[0]] += int(rng.exponential(2e8))
            rows[index] = encoders[index[0]].encode(random_event(rng, times[index[0]]))
        style = rng.random((batch, len(model.config.styles)), dtype=np.float32)
        given = np.stack([rng.integers(0, GIVEN_SIZE[name], (batch, _STRETCH)) for name in GIVEN], axis=-1)
        output, after = model(torch.from_numpy(rows), torch.from_numpy(style), theirs)  # [B, T, H]
        trunks = torch.cat([model.heads.trunk[head](output) for head in v.HEADS], dim=-1)  # [B, T, heads * head]
        state = ours
        for at in range(_STRETCH):
            hidden, state = session.step(rows[:, at], style, state)
            worst[0] = np.maximum(worst[0], _distance(hidden, trunks[:, at]))
            for head, logits in session.heads(hidden, given[:, at]).items():
                expected = model.heads.logits(head, output[:, at], torch.from_numpy(given[:, at]))
                worst[2] = np.maximum(worst[2], _distance(logits, expected))
        pairs = zip(state, (tensor[layer] for layer in range(model.config.layers) for tensor in after), strict=True)
        worst[1] = np.max([worst[1], *(_distance(mine, expected) for mine, expected in pairs)])
        done += _STRETCH
        if rng.random() < _ROLLBACK_SHARE:
            rollbacks += 1
        else:
            ours, theirs = state, after
    return Parity(done, rollbacks, *map(float, worst))


def random_event(rng: np.random.Generator, now_ns: int) -> Event:
    """Any event that the encoder takes."""
    phase = None if rng.random() < 0.3 else int(rng.integers(24))
    pitch = int(rng.integers(128))
    match v.KINDS[rng.integers(len(v.KINDS))]:
        case "ON":
            return On(now_ns, pitch, int(rng.integers(1, 128)), phase)
        case "OFF":
            return Off(now_ns, pitch, phase)
        case "TICK":
            beats, parts = int(rng.integers(1, 13)), frozenset(part for part in Part if rng.random() < 0.5)
            lookahead, hop = int(rng.integers(49)), int(rng.choice(v.HOPS))
            if phase is None:
                return Tick(now_ns, None, None, None, lookahead, hop, parts)
            return Tick(now_ns, int(rng.integers(2 * beats)), beats, float(rng.uniform(20, 300)), lookahead, hop, parts)
        case "CHORD":
            root = int(rng.integers(13))
            return Chord(ChordSymbol(root if root < 12 else None, str(rng.choice(QUALITIES))))
        case "NOTE":
            duration, velocity = int(rng.choice(v.DURATIONS)), int(rng.integers(1, 128))
            return Note(Part(int(rng.integers(4))), int(rng.integers(24)), pitch, duration, velocity)
        case _:
            return End()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch's threads spin for each other: beside a busy core so little work takes fifty times longer on two than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _distance(ours: npt.NDArray[np.float32], theirs: torch.Tensor) -> float:
    expected = theirs.numpy()
    return float((np.abs(ours - expected) / np.maximum(1.0, np.abs(expected))).max())
