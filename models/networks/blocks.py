"""What every backbone shares: the embedding of an event, what was heard, and the heads that predict the agent's next event.

Shapes: B sequences, T events, F fields of a row, E embedding, H hidden, S styles, N positions picked for prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livegen.core import vocabulary as v
from models.networks.fast import summed_lookup

HEARD_SECONDS: tuple[float, ...] = (0.7, 3.0, 12.0)
"""Time constants with which heard pitch classes fade."""

HEARD_VOICES = 2
"""The player's pitch classes and the agent's are counted apart."""

_HEARD_CHUNK = 64
HEARD_FLOOR = 0.5
"""Weight below which a count says little: it keeps the shares small while hardly anything has been heard."""

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
        fields = summed_lookup([table_of(table) for table in self.fields], rows)  # [B, T, E]
        # In full numbers: what begins here is the residual stream of a Transformer, which sums over all layers.
        return fields.float() + self.style(style).unsqueeze(1)


def dt_seconds() -> Tensor:
    """Seconds of each class of `dt`, [classes]: the class's lower edge, 0 for "absent"."""
    return torch.tensor([0.0, *v.DT_EDGES], dtype=torch.float32) / 100.0


class Heard(nn.Module):
    """Pitch classes as they fade: what a small network would otherwise need millions of events to learn to add up.

    Nothing here is trained but the projection. The player's `ON`s count at their time, the agent's `NOTE`s at their window's
    planning; a pitch that is hidden does not count. The counts are state: [B, taus, 24], the player's 12 and the agent's 12.
    """

    width = len(HEARD_SECONDS) * HEARD_VOICES * 13

    def __init__(self) -> None:
        super().__init__()
        pitches = torch.arange(128)
        one_hot = torch.cat([torch.zeros(1, 12), torch.nn.functional.one_hot(pitches % 12, 12).float()])
        self.register_buffer("pitch_class", one_hot, persistent=False)  # [129, 12]
        rates = 1.0 / torch.tensor(HEARD_SECONDS)
        self.register_buffer("rates", rates, persistent=False)  # [taus]
        self.register_buffer("seconds", dt_seconds(), persistent=False)  # [dt classes]

    def initial(self, batch: int) -> Tensor:
        """Silence, [B, taus, 24]."""
        return self.rates.new_zeros(batch, len(HEARD_SECONDS), 12 * HEARD_VOICES)

    @torch.no_grad()
    def forward(self, rows: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rows int64 [B, T, F], counts before or None -> features float [B, T, width], counts after."""
        counts = self.initial(len(rows)) if counts is None else counts
        kind, dt = rows[:, :, v.COLUMN["kind"]], self.seconds[rows[:, :, v.COLUMN["dt"]]]  # [B, T]
        struck = self.pitch_class[rows[:, :, v.COLUMN["pitch"]]]  # [B, T, 12]
        voices = [struck * (kind == v.KIND[name]).unsqueeze(-1) for name in ("ON", "NOTE")]
        added = torch.cat(voices, dim=-1)  # [B, T, 24]
        features = []
        for at in range(0, rows.shape[1], _HEARD_CHUNK):
            table, counts = self._chunk(dt[:, at : at + _HEARD_CHUNK], added[:, at : at + _HEARD_CHUNK], counts)
            features.append(heard_features(table))
        return torch.cat(features, dim=1), counts

    def _chunk(self, dt: Tensor, added: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Counts after each event of a chunk [B, t, taus, 24], and at its end."""
        at = dt.cumsum(dim=1)  # [B, t]
        age = (at.unsqueeze(2) - at.unsqueeze(1)).unsqueeze(1) * self.rates.view(1, -1, 1, 1)  # [B, taus, t, t]
        fading = torch.exp(-age.clamp(min=0.0)).tril()
        table = torch.matmul(fading, added.unsqueeze(1))  # [B, taus, t, 24]
        before = torch.exp(-at.unsqueeze(1) * self.rates.view(1, -1, 1))  # [B, taus, t]
        table = table + before.unsqueeze(-1) * counts.unsqueeze(2)
        return table.transpose(1, 2), table[:, :, -1]


def heard_features(counts: Tensor) -> Tensor:
    """Counts [..., taus, 24] -> shares and how much there is of each voice, [..., taus * 26]."""
    voices = counts.unflatten(-1, (HEARD_VOICES, 12))  # [..., taus, voices, 12]
    total = voices.sum(dim=-1, keepdim=True)
    features = torch.cat([voices / (total + HEARD_FLOOR), torch.log1p(total)], dim=-1)
    return features.flatten(-3)


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
        if self.given[name]:
            tables = [table_of(table) for table in self.given[name].values()]
            z = z + summed_lookup(tables, given[:, [GIVEN.index(other) for other in self.given[name]]])
        return self.out[name](torch.nn.functional.gelu(z, approximate="tanh"))
