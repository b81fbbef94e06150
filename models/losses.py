"""What the model is scored on: nats of each field of the agent's events, and nats a note.

A note's cost is all that it takes to say it: its part, onset, pitch, duration and (where the source has one) velocity, plus its
share of the chords, kinds and window ends around it. Every model here, neural or not, is scored by the same sum.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import Tensor

from livegen.core import vocabulary as v
from models.lstm import LSTMModel


@dataclass
class Score:
    """Sums over scored events: nats and counts of targets by field, and the number of notes."""

    nats: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)
    notes: int = 0

    @property
    def nats_per_note(self) -> float:
        """All nats over all notes."""
        return sum(self.nats.values()) / max(1, self.notes)

    def __iadd__(self, other: Score) -> Score:
        # Counter.update rather than +=, which would drop a field whose cost is 0.
        self.nats.update(other.nats)
        self.count.update(other.count)
        self.notes += other.notes
        return self


def field_nats(model: LSTMModel, hidden: Tensor, targets: Tensor, given: Tensor) -> dict[str, Tensor]:
    """Cross entropy of each head on the targets that have its field.

    Args:
        model: whose heads predict.
        hidden: [B, T, H].
        targets: int64 [B, T, F], zeros where nothing is to be predicted.
        given: int64 [B, T, G].

    Returns:
        By head, the nats of each target, [number of targets with that field].
    """
    nats = {}
    agent = targets[:, :, 0] > 0  # [B, T]
    hidden, targets, given = hidden[agent], targets[agent], given[agent]  # [N, H], [N, F], [N, G]
    for name in v.HEADS:
        wanted = targets[:, v.COLUMN[name]]  # [N]
        has = wanted > 0
        logits = model.heads.logits(name, hidden[has], given[has])
        nats[name] = torch.nn.functional.cross_entropy(logits.float(), wanted[has], reduction="none")
    return nats


def score_of(nats: dict[str, Tensor], targets: Tensor) -> Score:
    """The sums of `field_nats`."""
    return Score(
        Counter({name: float(values.detach().sum()) for name, values in nats.items()}),
        Counter({name: values.numel() for name, values in nats.items()}),
        int((targets[:, :, 0] == v.KIND["NOTE"]).sum()),
    )
