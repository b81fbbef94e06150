"""What a step makes go down, and the validation score."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.networks.checkpoint import Model
from models.networks.losses import TALLY, Score, field_nats, tally_of, weighted_sum
from models.takes.dataset import Batch
from models.training.ranks import Ranks


class Objective(nn.Module):
    """Model and loss in one module, so that DDP sees every weight in one forward pass.

    Args:
        model: what is trained.
        change_weight: how often the nats of a chord change count.
    """

    def __init__(self, model: Model, change_weight: float) -> None:
        super().__init__()
        self.model, self.change_weight = model, change_weight

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The sum to go down (not yet divided by notes), and the tally float64 [TALLY] of the unweighted nats."""
        with torch.autocast(batch.rows.device.type, dtype=torch.bfloat16):
            hidden, _ = self.model(batch.rows, batch.style)
            nats = field_nats(self.model, hidden, batch.targets, batch.given)
        return weighted_sum(nats, batch.targets, batch.changed, self.change_weight), tally_of(nats, batch.targets)


@torch.no_grad()
def validate(objective: Objective, batches: Sequence[tuple[str, Batch]], ranks: Ranks) -> dict[str, Score]:
    """The score on fixed batches by corpus, without dropout; the ranks share the batches."""
    corpora = sorted({corpus for corpus, _ in batches})
    tallies = torch.zeros(len(corpora), TALLY, dtype=torch.float64, device=ranks.device)
    objective.eval()
    for corpus, batch in batches[ranks.rank :: ranks.count]:
        tallies[corpora.index(corpus)] += objective(batch.to(ranks.device))[1]
    objective.train()
    return {corpus: Score.of(tally) for corpus, tally in zip(corpora, ranks.sum(tallies), strict=True)}
