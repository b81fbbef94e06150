"""The LSTM backbone: the fastest, its state is the whole cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.networks.blocks import EventEmbedding, Heads, Heard
from models.networks.fast import LSTM, Dropout

LSTMState = tuple[Tensor, Tensor, Tensor]
"""Hidden and cell, each [layers, B, H], and the counts of `Heard`, [B, taus, 24]."""


@dataclass(frozen=True, slots=True)
class LSTMConfig:
    """Sizes of the network; `styles` are the names behind the style weights."""

    embedding: int
    hidden: int
    layers: int
    head: int
    dropout: float
    styles: tuple[str, ...]


class LSTMModel(nn.Module):
    """One step an event, then the heads."""

    kind = "lstm"

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = EventEmbedding(config.embedding, len(config.styles))
        self.heard = Heard()
        self.heard_in = nn.Linear(Heard.width, config.embedding, bias=False)
        self.heard_out = nn.Linear(Heard.width, config.hidden, bias=False)
        self.drop = Dropout(config.dropout)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = LSTM(config.embedding, config.hidden, config.layers, batch_first=True, dropout=between)
        self.heads = Heads(config.hidden, config.head)
        self._remember_at_first()

    def _remember_at_first(self) -> None:
        """Forget gates begin open (bias 1), so that gradients reach back from the first step on."""
        size = self.config.hidden
        with torch.no_grad():
            for layer in range(self.config.layers):
                getattr(self.lstm, f"bias_ih_l{layer}")[size : 2 * size] += 1.0

    def forward(self, rows: Tensor, style: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Rows int64 [B, T, F], style float [B, S], state or None for silence -> hidden [B, T, H], state."""
        features, counts = self.heard(rows, None if state is None else state[2])  # [B, T, width]
        x = self.drop(self.embed(rows, style) + self.heard_in(features))  # [B, T, E]
        hidden, (h, c) = self.lstm(x, None if state is None else state[:2])
        return self.drop(hidden + self.heard_out(features)), (h, c, counts)
