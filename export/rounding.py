"""What rounded weights cost on music: nats a note of an exported model beside those of its source, on the same takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.generators.session import StepSession
from models.networks.checkpoint import Model
from models.networks.losses import Score
from models.scoring.likelihood import log_softmax, score_of, stepwise
from models.takes.dataset import Batch
from models.training.data import divide, read_pieces
from models.training.held_out import validation_batches

EVENTS = 1000
"""Of each take: past the window of a model that attends to events."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """Nats a note of the source in float32 and of the exported model, on as many notes of as many takes."""

    source: float
    exported: float
    notes: int
    takes: int

    @property
    def loss(self) -> float:
        """What a note costs more."""
        return self.exported - self.source

    def as_table(self) -> dict[str, Any]:
        """For the contract."""
        return {**asdict(self), "loss": self.loss}


def held_out_batches(data: Path, corpora: Sequence[str], styles: Sequence[str], pieces: int) -> list[Batch]:
    """One take each from the validation part of the corpora; of all that are there where none is named.

    Raises:
        InputError: a corpus is unknown or missing, or no piece falls into the validation part.
    """
    batches = [batch for _, batch in validation_batches(divide(read_pieces(data, corpora)).held_out, styles, EVENTS, 1, pieces)]
    if not batches:
        raise InputError(f"{data}: --pieces {pieces} leaves nothing to measure on")
    return batches


@torch.inference_mode()
def measure(model: Model, session: StepSession, batches: Sequence[Batch]) -> Rounding:
    """Score both on the same takes. Blocks for minutes."""
    source, exported = Score(), Score()
    for batch in batches:
        hidden, _ = model(batch.rows, batch.style)
        rows, targets, given = (tensor[0] for tensor in (batch.rows, batch.targets, batch.given))
        wanted = targets[:, 0] > 0
        logits = {head: model.heads.logits(head, hidden[0, wanted], given[wanted]) for head in v.HEADS}
        source += score_of({head: log_softmax(scores.numpy()) for head, scores in logits.items()}, targets[wanted].numpy())
        exported += stepwise(session, rows.numpy(), targets.numpy(), given.numpy(), batch.style.numpy())
    return Rounding(source.nats_per_note, exported.nats_per_note, source.notes, len(batches))
