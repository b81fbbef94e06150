"""The network of `livegen.core.beat_network` as it is trained: the same numbers, for many performances at once.

B is the number of performances, N of strikes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from livegen.core.beat_network import LAYERS, PERIODS_S, PLACES, shapes
from livegen.core.strike_features import FEATURES

_UNHEARD, _BETWEEN, _AFTER = 0.1, 0.15, 0.2
"""Shares of features, of what the first layer says and of what the second says that are dropped in training."""


class BeatHearing(nn.Module):
    """Says of each strike on which place of its beat it is, and how long the beat is."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units
        self.entrance = nn.Linear(FEATURES, units)
        self.layers = nn.GRU(units, units, LAYERS, batch_first=True, dropout=_BETWEEN)
        self.places = nn.Linear(units, PLACES)
        self.periods = nn.Linear(units, len(PERIODS_S))
        self._unheard, self._after = nn.Dropout(_UNHEARD), nn.Dropout(_AFTER)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """From features [B, N, F] to logits of the places, [B, N, 13], and of the periods, [B, N, 48]."""
        heard, _ = self.layers(nn.functional.gelu(self.entrance(self._unheard(features))))
        heard = self._after(heard)
        return self.places(heard), self.periods(heard)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """What `livegen.core.beat_network` wants, but for `usual_places`."""
        return {name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in self._named().items()}

    def load(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Go on from what `arrays` once gave."""
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.tensor(arrays[name].astype(np.float32)))

    def _named(self) -> dict[str, Tensor]:
        ends = {"entrance": self.entrance, "places": self.places, "periods": self.periods}
        named = {name: end.weight for name, end in ends.items()} | {f"{name}_bias": end.bias for name, end in ends.items()}
        for layer in range(LAYERS):
            for name, theirs in {"into": "ih", "back": "hh"}.items():
                named[f"{name}_{layer}"] = getattr(self.layers, f"weight_{theirs}_l{layer}")
                named[f"{name}_bias_{layer}"] = getattr(self.layers, f"bias_{theirs}_l{layer}")
        return {name: named[name] for name in shapes(self.units) if name != "usual_places"}
