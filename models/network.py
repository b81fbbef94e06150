"""What every backbone shares: the embedding of an event and the heads that predict the agent's next one.

Shapes: B sequences, T events, F fields of a row, E embedding, H hidden, S styles, N positions picked for prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livegen.core import vocabulary as v

HEAD_GIVEN: dict[str, tuple[str, ...]] = {
    "kind": (),
    "root": (),
    "quality": ("root",),
    "part": ("chord_root", "chord_quality"),
    "pulse": ("chord_root", "chord_quality", "part"),
    "pitch": ("chord_root", "chord_quality", "part", "pulse"),
    "duration": ("chord_root", "chord_quality", "part", "pulse", "pitch"),
    "velocity": ("part", "pulse", "pitch", "duration"),
}
"""What each head is given besides the hidden state. The window's chord goes straight to the heads, so that notes fit their
chord even where the backbone is kept from seeing its own history."""

GIVEN: tuple[str, ...] = ("root", "part", "pulse", "pitch", "duration", "chord_root", "chord_quality")
"""Columns of the `given` input of the heads, in order; class 0 means not known yet."""

GIVEN_SIZE: dict[str, int] = {name: v.SIZE[name.removeprefix("chord_")] for name in GIVEN}


def init_embedding(table: nn.Embedding, std: float) -> None:
    """Normal weights, zero for the absent class, so that an unfilled field adds nothing."""
    nn.init.normal_(table.weight, std=std)
    with torch.no_grad():
        table.weight[0].zero_()


class PitchTable(nn.Module):
    """Embeds a pitch class index 0..128 (0 absent) as pitch class plus octave, so that octaves share what they mean."""

    def __init__(self, width: int, std: float) -> None:
        super().__init__()
        self.pitch_class = nn.Embedding(13, width)
        self.octave = nn.Embedding(12, width)
        for table in (self.pitch_class, self.octave):
            init_embedding(table, std)
        pitches = torch.arange(128)
        zero = torch.zeros(1, dtype=torch.long)
        self.register_buffer("to_class", torch.cat([zero, 1 + pitches % 12]), persistent=False)
        self.register_buffer("to_octave", torch.cat([zero, 1 + pitches // 12]), persistent=False)

    def forward(self, pitch: Tensor) -> Tensor:
        """[...] int64 -> [..., width]."""
        return self.pitch_class(self.to_class[pitch]) + self.octave(self.to_octave[pitch])

    def table(self) -> Tensor:
        """The same as one table, [129, width], for export."""
        return self(torch.arange(129, device=self.octave.weight.device))


def make_table(name: str, size: int, width: int, std: float) -> nn.Module:
    """The embedding of one field: pitch is split in class and octave, all others are plain."""
    if name == "pitch":
        return PitchTable(width, std)
    table = nn.Embedding(size, width)
    init_embedding(table, std)
    return table


def table_of(module: nn.Module) -> Tensor:
    """The weights of a field's embedding as one table [classes, width]."""
    return module.table() if isinstance(module, PitchTable) else module.weight


class EventEmbedding(nn.Module):
    """Sum of the embeddings of all fields and of the style weights."""

    def __init__(self, width: int, styles: int) -> None:
        super().__init__()
        std = width**-0.5
        self.fields = nn.ModuleList([make_table(field.name, field.size, width, std) for field in v.FIELDS])
        self.style = nn.Linear(styles, width, bias=False)
        nn.init.normal_(self.style.weight, std=std)

    def forward(self, rows: Tensor, style: Tensor) -> Tensor:
        """Rows int64 [B, T, F], style float [B, S] -> [B, T, E]."""
        total = self.style(style).unsqueeze(1)  # [B, 1, E]
        for column, table in enumerate(self.fields):
            total = total + table(rows[:, :, column])
        return total  # [B, T, E]


class Heads(nn.Module):
    """Small sequential heads: kind, then the fields of that kind, each given those before it."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict({name: nn.Linear(hidden, width) for name in v.HEADS})
        std = 0.5 * width**-0.5
        tables = {
            name: {other: make_table(other, GIVEN_SIZE[other], width, std) for other in HEAD_GIVEN[name]} for name in v.HEADS
        }
        self.given = nn.ModuleDict({name: nn.ModuleDict(given) for name, given in tables.items()})
        self.out = nn.ModuleDict({name: nn.Linear(width, v.SIZE[name]) for name in v.HEADS})

    def logits(self, name: str, hidden: Tensor, given: Tensor) -> Tensor:
        """Logits of one head: hidden [N, H], given int64 [N, len(GIVEN)] -> [N, classes]."""
        z = self.trunk[name](hidden)  # [N, width]
        for other, table in self.given[name].items():
            z = z + table(given[:, GIVEN.index(other)])
        return self.out[name](torch.nn.functional.gelu(z, approximate="tanh"))
