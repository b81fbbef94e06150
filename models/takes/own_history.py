"""The model's own past in place of the arranger's: it must live with what it played.

On the stage every chord and note that the model reads of itself is its own choice, in training the arranger's; a model that has
only met the latter goes astray on its first mistake. Playing a whole sequence step by step would cost as much as a hundred
passes, so here all of the agent's events are drawn at once, from one pass over the true ones (parallel scheduled sampling,
Duckworth et al., 2019), and put where the network reads. What it must predict stays true, and so does the chord that the heads
are given.

Shapes: B sequences, T events, F fields of a row, N positions, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from livegen.core import vocabulary as v
from models.networks.blocks import GIVEN

if TYPE_CHECKING:
    from models.networks.checkpoint import Model
    from models.takes.dataset import Batch

MIN_P = 0.02
"""Choices less likely than this share of the likeliest are not drawn, as on the stage."""

_CHORD_GIVEN = [GIVEN.index("chord_root"), GIVEN.index("chord_quality")]


@torch.no_grad()
def own_history(model: Model, batch: Batch, share: float, generator: torch.Generator, passes: int = 1) -> Batch:
    """The batch with some of its sequences showing the model's own chords and pitches instead of the true ones.

    A drawn sequence is true up to a random event of its first half and the model's own from there on. Who plays when, how long
    and how loudly stays as it was, and so does what is hidden: a class 0 is never filled in.

    Args:
        model: draws the events; its mode is left as it was.
        batch: true sequences, on the model's device.
        share: of the sequences, 0..1.
        generator: on the CPU; the same state and weights draw the same.
        passes: forward passes; each after the first reads what the one before drew, and comes nearer to real playing.

    Returns:
        A new batch; `targets`, `given` and `style` are those of `batch`.
    """
    sequences, events, _ = batch.rows.shape
    chosen = (torch.rand(sequences, generator=generator) < share).nonzero().squeeze(1)
    starts = (torch.rand(len(chosen), 1, generator=generator) * (events // 2)).long()
    if not len(chosen):
        return batch
    device = batch.rows.device
    own = (torch.arange(1, events) >= starts).to(device)  # [n, T - 1], of the events after each
    chosen = chosen.to(device)
    true = replace(
        batch,
        rows=batch.rows[chosen],
        targets=batch.targets[chosen],
        given=batch.given[chosen],
        style=batch.style[chosen],
    )
    rows = true.rows
    training = model.training
    model.eval()
    for _ in range(passes):
        rows = _redrawn(model, rows, true, own, generator)
    model.train(training)
    return replace(batch, rows=batch.rows.index_copy(0, chosen, rows))


def _redrawn(model: Model, reads: Tensor, true: Batch, own: Tensor, generator: torch.Generator) -> Tensor:
    """The true rows with the agent's chords and pitches drawn anew where `own` says so.

    Args:
        model: in eval mode.
        reads: the rows that it reads, int64 [B, T, F].
        true: the sequences.
        own: bool [B, T - 1], whether the event after is drawn.
        generator: on the CPU.
    """
    hidden = model(reads, true.style)[0][:, :-1]  # [B, T - 1, H]
    targets, given, after = true.targets[:, :-1], true.given[:, :-1], true.rows[:, 1:].clone()
    kind = targets[:, :, v.COLUMN["kind"]]

    def draw(name: str, where: Tensor, told: Tensor) -> Tensor:
        logits = model.heads.logits(name, hidden[where], told)
        return draw_classes(logits, torch.rand(len(logits), 1, generator=generator).to(logits.device))

    chords = own & (kind == v.KIND["CHORD"])
    told = given[chords].clone()
    root = told[:, GIVEN.index("root")] = draw("root", chords, told)
    quality = draw("quality", chords, told)
    _put(after, chords, root=root, quality=torch.where(root == v.NO_ROOT, 1, quality))

    notes = own & (kind == v.KIND["NOTE"])
    told = given[notes].clone()
    told[:, _CHORD_GIVEN] = _chords_in_force(after, kind, given)[notes]
    _put(after, notes, pitch=_ascending(draw("pitch", notes, told), targets[notes], notes))
    return torch.cat([true.rows[:, :1], after], dim=1)


def draw_classes(logits: Tensor, numbers: Tensor) -> Tensor:
    """One class each, never 0: logits [N, C] and uniform numbers [N, 1] -> int64 [N]."""
    logits = logits.float().clone()
    logits[:, 0] = -torch.inf
    probability = torch.softmax(logits, dim=1)
    probability[probability < MIN_P * probability.amax(dim=1, keepdim=True)] = 0.0
    reached = probability.cumsum(dim=1)
    # The last class of all is never below the number, however the sum was rounded, nor is a number rounded to 1 beyond all.
    numbers = numbers.clamp(max=1.0 - 2.0**-24)
    return (reached[:, :-1] <= numbers * reached[:, -1:]).sum(dim=1)


def _put(after: Tensor, where: Tensor, **columns: Tensor) -> None:
    """Write classes at `where`, but not over what is hidden."""
    for name, classes in columns.items():
        shown = after[..., v.COLUMN[name]][where]
        after[..., v.COLUMN[name]][where] = torch.where(shown > 0, classes, 0)


def _chords_in_force(after: Tensor, kind: Tensor, given: Tensor) -> Tensor:
    """The chord that the notes of each position go by, [B, T, 2]: the last one drawn, or what is given where there is none."""
    places = torch.arange(kind.shape[1], device=kind.device)
    last = torch.where(kind == v.KIND["CHORD"], places, -1).cummax(dim=1).values  # [B, T]
    drawn = after[:, :, [v.COLUMN["root"], v.COLUMN["quality"]]]
    drawn = drawn.gather(1, last.clamp(min=0).unsqueeze(-1).expand(-1, -1, 2))
    true = given[:, :, _CHORD_GIVEN]
    return torch.where((last >= 0).unsqueeze(-1) & (true > 0), drawn, true)


def _ascending(pitch: Tensor, targets: Tensor, notes: Tensor) -> Tensor:
    """Pitches [N] in ascending order inside every chord, as the stage plays them; what is struck twice at once is blank.

    Args:
        pitch: of each note.
        targets: the notes, int64 [N, F].
        notes: where they stand, bool [B, T] with N true.
    """
    sequence, place = notes.nonzero(as_tuple=True)
    onset = targets[:, [v.COLUMN["part"], v.COLUMN["pulse"]]]
    begins = torch.ones_like(place, dtype=torch.bool)
    begins[1:] = (sequence.diff() != 0) | (place.diff() != 1) | (onset.diff(dim=0) != 0).any(dim=1)
    keys = (begins.cumsum(dim=0) * v.SIZE["pitch"] + pitch).sort().values
    again = torch.zeros_like(begins)
    again[1:] = keys.diff() == 0
    return torch.where(again, 0, keys % v.SIZE["pitch"])
