"""A running average of the weights: what is validated and kept, since it is steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a model's weights (Polyak and Juditsky, 1992).

    Args:
        model: whose weights are averaged; the average begins as they are.
    """

    def __init__(self, model: nn.Module) -> None:
        self._weights: list[Tensor] = list(model.parameters())
        self.values = [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def add(self, decay: float) -> None:
        """Take the present weights in; `decay` is the share of the old average that is kept."""
        torch._foreach_lerp_(self.values, self._weights, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights within, its own after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        """Values change places, storage does not: an LSTM on a GPU keeps its weights in one block."""
        for weight, value in zip(self._weights, self.values, strict=True):
            own = weight.clone()
            weight.copy_(value)
            value.copy_(own)

    @torch.no_grad()
    def restore(self, values: list[Tensor]) -> None:
        """Go on from values that were saved."""
        for value, saved in zip(self.values, values, strict=True):
            value.copy_(saved)
