"""The LSTM backbone: the fastest, its state is the whole cache."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from livegen.core import vocabulary as v
from models.network import EventEmbedding, Heads

State = tuple[Tensor, Tensor]
"""Hidden and cell, each [layers, B, H]."""


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

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = EventEmbedding(config.embedding, len(config.styles))
        self.drop = nn.Dropout(config.dropout)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(config.embedding, config.hidden, config.layers, batch_first=True, dropout=between)
        self.heads = Heads(config.hidden, config.head)

    def forward(self, rows: Tensor, style: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Rows int64 [B, T, F], style float [B, S], state or None for silence -> hidden [B, T, H], state."""
        x = self.drop(self.embed(rows, style))  # [B, T, E]
        hidden, state = self.lstm(x, state)
        return self.drop(hidden), state

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return sum(parameter.numel() for parameter in self.parameters())


def save(model: LSTMModel, path: Path, **extra: Any) -> None:
    """Write a checkpoint that rebuilds itself: sizes, vocabulary hash, weights, and what the caller adds."""
    torch.save({"config": asdict(model.config), "vocabulary": v.HASH, "weights": model.state_dict(), **extra}, path)


def load(path: Path) -> tuple[LSTMModel, dict[str, Any]]:
    """Read a checkpoint that `save` wrote.

    Raises:
        ValueError: it was trained on another vocabulary.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if checkpoint["vocabulary"] != v.HASH:
        raise ValueError(f"{path}: vocabulary {checkpoint['vocabulary']}, but this source has {v.HASH}; train again")
    config = dict(checkpoint["config"])
    config["styles"] = tuple(config["styles"])
    model = LSTMModel(LSTMConfig(**config))
    model.load_state_dict(checkpoint["weights"])
    return model.eval(), checkpoint
