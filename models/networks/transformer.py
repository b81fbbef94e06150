"""The Transformer backbone: a decoder with rotary positions that sees a rolling window of the stream.

The attention of every layer reaches `context` events back, in training as on the stage. Training sequences are longer than the
window, so the model knows what it is to have lost its beginning. Positions are relative (RoPE), so the stage goes on for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks.blocks import EventEmbedding, Heads, Heard
from models.networks.fast import Dropout, RMSNorm, rotate, windowed_attention

ROPE_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Sizes of the network.

    Attributes:
        width: of the residual stream, a multiple of `heads`.
        layers: how many blocks.
        heads: of the queries.
        kv_heads: of keys and values, a divisor of `heads`.
        context: how many events back attention reaches, the present one included.
        head: width of the prediction heads.
        dropout: share dropped in training.
        styles: the names behind the style weights.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    context: int
    head: int
    dropout: float
    styles: tuple[str, ...]

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


def rope_tables(positions: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines by position, each [positions, head_width / 2] (Su et al., "RoFormer", 2021)."""
    rates = ROPE_BASE ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    angles = torch.arange(positions, dtype=torch.float64).unsqueeze(1) * rates
    return angles.cos().float(), angles.sin().float()


class Block(nn.Module):
    """Attention and a two-layer perceptron, each after a norm and added to the stream."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width, kv_width = config.width, config.kv_heads * config.head_width
        self.attention_norm = RMSNorm(width, eps=1e-5)
        self.qkv = nn.Linear(width, width + 2 * kv_width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = RMSNorm(width, eps=1e-5)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.drop = Dropout(config.dropout)
        for layer in (self.out, self.down):
            nn.init.normal_(layer.weight, std=0.02 / (2 * config.layers) ** 0.5)
        for layer in (self.qkv, self.up):
            nn.init.normal_(layer.weight, std=0.02)
        for layer in (self.up, self.down):
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """The stream x [B, T, W], rotary tables [T, D / 2] -> [B, T, W]."""
        x = x + self.drop(self.out(self._attend(self.attention_norm(x), cos, sin)))
        return x + self.drop(self.down(functional.gelu(self.up(self.mlp_norm(x)), approximate="tanh")))

    def _attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        config = self.config
        every = self.qkv(x).unflatten(-1, (-1, config.head_width)).transpose(1, 2)  # [B, heads + 2 * kv_heads, T, D]
        turned = rotate(every[:, : config.heads + config.kv_heads], cos, sin)  # [B, heads + kv_heads, T, D]
        q, k, v = turned[:, : config.heads], turned[:, config.heads :], every[:, config.heads + config.kv_heads :]
        return windowed_attention(q, k, v, config.context).transpose(1, 2).flatten(2)


class TransformerModel(nn.Module):
    """One step an event, then the heads."""

    kind = "transformer"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = EventEmbedding(config.width, len(config.styles))
        self.heard = Heard()
        self.heard_in = nn.Linear(Heard.width, config.width, bias=False)
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = RMSNorm(config.width, eps=1e-5)
        self.heads = Heads(config.width, config.head)

    def forward(self, rows: Tensor, style: Tensor) -> tuple[Tensor, None]:
        """Rows int64 [B, T, F] from silence on, style float [B, S] -> hidden [B, T, W], and no state."""
        length = rows.shape[1]
        features, _ = self.heard(rows)  # [B, T, width]
        x = self.drop(self.embed(rows, style) + self.heard_in(features))  # [B, T, W]
        cos, sin = (table.to(x.device) for table in rope_tables(length, self.config.head_width))
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.drop(self.norm(x)), None
