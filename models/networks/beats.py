"""The beat tracker as a network, so that its numbers can be fitted: as `livegen.core.beat_grid`, but many at once.

A strike is where its first note is. To the tracker, which has come to take the mean of its notes, that is all the difference.

B is the number of performances, K of patterns, S of states, T of tempi, N the stride.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from livegen.core import beat_statistics as fitted
from livegen.core.beat_grid import PERIODS, STRIDE, Layout
from livegen.core.strikes import FRAME_NS, TOGETHER, Strikes
from models.performances import Performance

_LONGEST = 200
"""Frames of silence between strikes, at most."""


@dataclass(slots=True)
class Heard:
    """A strike: frames since the last one, its further notes by lateness, and when it was."""

    frames: int
    spread: list[int]
    time_ns: int


def heard(performance: Performance) -> list[Heard]:
    """The strikes of a performance, as the tracker hears them, but that each is where its first note is."""
    strikes, found = Strikes(), list[Heard]()
    # `spread` goes on counting until the next strike begins.
    for note in performance.notes:
        frames = strikes.receive(note.onset_ns)
        if frames is not None:
            found.append(Heard(min(frames, _LONGEST), strikes.spread, strikes.time_ns))
    return found


@dataclass(frozen=True, slots=True)
class _Tables:
    """As `livegen.core.beat_grid.Knowledge` has them."""

    rate: Tensor
    charge: Tensor
    whole: Tensor
    spread: Tensor
    drift: Tensor
    follow: Tensor
    first: Tensor


class BeatFilter(nn.Module):
    """Begins with the numbers that the tracker has; `numbers` says what they have become."""

    def __init__(self) -> None:
        super().__init__()

        def number(value: Any) -> nn.Parameter:
            return nn.Parameter(torch.tensor(np.array(value), dtype=torch.float32))

        self.strikes = number(np.log(fitted.STRIKES / (1 - fitted.STRIKES)))
        self.transitions = number(fitted.TRANSITIONS)
        self.pattern_by_tempo = number(fitted.PATTERN_BY_TEMPO)
        self.first_pattern = number(fitted.FIRST_PATTERN)
        self.first_place = number(fitted.FIRST_PLACE)
        self.tempo = number(fitted.TEMPO)
        self.growth = number(fitted.GROWTH)
        self.chords = number(np.log(fitted.CHORDS))
        self.chord_floor = number(math.log(fitted.CHORD_FLOOR))
        self.chord_weight = number(math.log(fitted.CHORD_WEIGHT / (1 - fitted.CHORD_WEIGHT)))
        self.stray = number(math.log(fitted.STRAY))
        self.deviation = number(math.log(fitted.SPREAD_NS / 1e9))
        self.drifting = number(math.log(fitted.DRIFT))
        self.octave = number(math.log(fitted.OCTAVE))
        self.jump = number(math.log(fitted.JUMP))
        self.layout = layout = Layout()
        self._starts, self._tempo = torch.tensor(layout.starts), torch.tensor(layout.tempo)
        self._by_tempo = torch.tensor(layout.by_tempo, dtype=torch.float32)
        self._off = torch.tensor(layout.seconds_off(), dtype=torch.float32)
        self._after, self._kind = torch.tensor(layout.beside()[TOGETHER:]), torch.tensor(layout.kind)
        self._kinds = list(fitted.KINDS)
        logs = torch.tensor(np.log(PERIODS), dtype=torch.float32)
        self._apart = logs[:, None] - logs
        self._from, self._leaving = _moves(layout)

    def numbers(self) -> dict[str, Any]:
        """The constants of `livegen.core.beat_statistics` as they are now."""
        with torch.no_grad():
            chance = torch.sigmoid(self.strikes).clamp(0.001, 0.99)
            return {
                "STRIKES": chance.numpy(),
                "TRANSITIONS": torch.log_softmax(self.transitions, dim=1).numpy(),
                "PATTERN_BY_TEMPO": self.pattern_by_tempo.numpy(),
                "FIRST_PATTERN": torch.log_softmax(self.first_pattern, dim=0).numpy(),
                "TEMPO": torch.log_softmax(self.tempo, dim=0).numpy(),
                "GROWTH": self.growth.numpy(),
                "FIRST_PLACE": torch.log_softmax(self.first_place, dim=0).tolist(),
                "CHORDS": self.chords.exp().tolist(),
                "CHORD_FLOOR": float(self.chord_floor.exp()),
                "CHORD_WEIGHT": float(torch.sigmoid(self.chord_weight)),
                "STRAY": float(self.stray.exp()),
                "SPREAD_NS": float(self.deviation.exp()) * 1e9,
                "DRIFT": float(self.drifting.exp()),
                "OCTAVE": float(self.octave.exp()),
                "JUMP": float(self.jump.exp()),
            }

    def forward(self, batch: Sequence[Sequence[Heard]]) -> Iterator[Tensor]:
        """The belief after each strike, [B, S], until the last performance ends; those that have ended stand still."""
        tables = self._tables()
        mass = tables.first.expand(len(batch), -1, -1)
        for at in range(max(map(len, batch))):
            strikes = [performance[min(at, len(performance) - 1)] for performance in batch]
            if at:
                gaps = [strike.frames if at < len(line) else TOGETHER + 1 for strike, line in zip(strikes, batch, strict=True)]
                mass = self._struck(tables, mass, torch.tensor(gaps))
            notes = torch.tensor([strike.spread for strike in strikes], dtype=torch.float32) @ tables.spread
            mass = mass * torch.exp(notes[:, None])
            mass = mass / mass.sum(dim=(1, 2), keepdim=True)
            yield mass.sum(dim=1)

    def _struck(self, tables: _Tables, mass: Tensor, gaps: Tensor) -> Tensor:
        mass = self._stepped(tables, mass, torch.full_like(gaps, TOGETHER), charged=False)
        left = gaps - TOGETHER
        while int(left.max()) > 0:
            count = left.clamp(min=0, max=STRIDE)
            mass = self._stepped(tables, mass, count, charged=True)
            left = left - count
        mass = mass * tables.rate
        return mass / mass.sum(dim=(1, 2), keepdim=True)

    def _stepped(self, tables: _Tables, mass: Tensor, count: Tensor, *, charged: bool) -> Tensor:
        """Mass, [B, K, S], after some frames, [B], at most a stride."""
        performances, patterns, _ = mass.shape
        weighed = mass * tables.charge if charged else mass
        leaving = torch.gather(weighed, 2, self._leaving[count][:, None].expand(-1, patterns, -1))
        leaving = leaving.view(performances, patterns, len(PERIODS), STRIDE)
        if charged:
            leaving = leaving * tables.whole[:, :, None]
        entering = torch.einsum("bkin,ij->bkjn", leaving, tables.drift)
        entering = torch.einsum("bkjn,jkl->bljn", entering, tables.follow)
        both = torch.cat([entering.reshape(performances, patterns, -1), weighed], dim=2)
        moved = torch.gather(both, 2, self._from[count][:, None].expand(-1, patterns, -1))
        return moved / tables.charge if charged else moved

    def _tables(self) -> _Tables:
        deviation = self.deviation.exp()
        bump = torch.exp(-0.5 * (self._off / deviation) ** 2)
        density = bump * (FRAME_NS / 1e9 / deviation / math.sqrt(2 * math.pi))
        liking = self._by_tempo @ self.pattern_by_tempo
        follow = torch.softmax(self.transitions + liking[:, None], dim=2)
        chance = torch.sigmoid(self.strikes).clamp(0.001, 0.99)
        later = -torch.log1p(-torch.einsum("tkl,lp->tkp", follow, chance))[self._tempo]
        at = -torch.log1p(-chance)[:, :, None] * density[0] + later.permute(1, 2, 0) * density[1]
        stray = self.stray.exp() * FRAME_NS / 1e9
        rate = at.sum(dim=1) + stray
        near = (bump.amax(dim=0) * self.chords.exp()[self._kinds][:, None]).amax(dim=0) + self.chord_floor.exp()
        spread = (torch.sigmoid(self.chord_weight) * near.log())[self._after]
        summed = torch.cat([torch.zeros(len(rate), 1), rate.cumsum(dim=1)], dim=1)
        before = summed[:, self._starts]
        tempi = torch.softmax(self._by_tempo @ self.tempo, dim=0)
        first = torch.softmax(self.first_pattern + liking, dim=1)[self._tempo].T
        first = first * (tempi[self._tempo] * self.first_place.exp()[self._kind]) * rate
        return _Tables(
            rate=rate,
            charge=torch.exp(summed[:, :-1] - before[:, self._tempo]),
            whole=torch.exp(before - summed[:, self._starts + torch.tensor(PERIODS)]),
            spread=spread,
            drift=self._drift(tempi),
            follow=follow * (self._by_tempo @ self.growth).exp()[:, None, None],
            first=first / first.sum(),
        )

    def _drift(self, tempi: Tensor) -> Tensor:
        def near(middle: float) -> Tensor:
            return torch.exp(-0.5 * ((self._apart - middle) / self.drifting.exp()) ** 2)

        drift = near(0.0) / near(0.0).sum(dim=1, keepdim=True) + self.jump.exp() * tempi
        for octave in (-math.log(2), math.log(2)):
            other = near(octave)
            drift = drift + self.octave.exp() * other / other.sum(dim=1, keepdim=True).clamp(min=1.0)
        return drift


def _moves(layout: Layout) -> tuple[Tensor, Tensor]:
    """Where mass goes, by the frames of a step.

    Returns:
        Where each state's mass comes from, [N + 1, S], among what has entered, [T, N], and then the states; and which states
        leave, [N + 1, T * N].
    """
    states, entered = np.arange(len(layout.tempo)), len(PERIODS) * STRIDE
    counts = np.arange(STRIDE + 1)[:, np.newaxis]
    door = layout.tempo * STRIDE + np.minimum(layout.frame, STRIDE - 1)
    come = np.where(layout.frame >= counts, entered + states - counts, door)
    ends = (layout.starts + PERIODS)[:, np.newaxis] - counts[:, :, np.newaxis]
    leaving = np.minimum(ends + np.arange(STRIDE), len(states) - 1)
    return torch.tensor(come), torch.tensor(leaving.reshape(STRIDE + 1, -1))
