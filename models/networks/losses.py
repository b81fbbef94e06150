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
from models.networks.checkpoint import Model

TALLY = 2 * len(v.HEADS) + 1
"""Numbers in a tally: nats by head, targets by head, notes."""


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

    @classmethod
    def of(cls, tally: Tensor) -> Score:
        """The score that a tally [TALLY] holds."""
        numbers = tally.tolist()
        heads = len(v.HEADS)
        return cls(
            Counter(dict(zip(v.HEADS, numbers[:heads], strict=True))),
            Counter(dict(zip(v.HEADS, map(int, numbers[heads:-1]), strict=True))),
            int(numbers[-1]),
        )


def field_nats(model: Model, hidden: Tensor, targets: Tensor, given: Tensor) -> dict[str, Tensor]:
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


def tally_of(nats: dict[str, Tensor], targets: Tensor) -> Tensor:
    """The sums of `field_nats` in one tensor, so that they need not leave the device: float64 [TALLY]."""
    sums = [nats[name].detach().sum(dtype=torch.float64) for name in v.HEADS]
    counts = [sums[0].new_tensor(nats[name].numel()) for name in v.HEADS]
    notes = (targets[:, :, 0] == v.KIND["NOTE"]).sum().to(torch.float64)
    return torch.stack([*sums, *counts, notes])


def score_of(nats: dict[str, Tensor], targets: Tensor) -> Score:
    """The sums of `field_nats`."""
    return Score.of(tally_of(nats, targets))


def weighted_sum(nats: dict[str, Tensor], targets: Tensor, changed: Tensor, change_weight: float) -> Tensor:
    """What goes down in training: all nats, those of chords that differ from the one before `change_weight` times.

    Args:
        nats: of `field_nats`.
        targets: int64 [B, T, F].
        changed: bool [B, T].
        change_weight: 1 makes it the sum that is published.

    Returns:
        A number, to be divided by the notes.
    """
    total = torch.stack([values.sum() for values in nats.values()]).sum()
    for name in ("root", "quality"):
        of_change = changed[targets[:, :, v.COLUMN[name]] > 0]
        total = total + (change_weight - 1.0) * (nats[name] * of_change).sum()
    return total
