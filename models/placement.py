"""Placement against published tables: `python -m models.placement --jsb16 FILE` (or `--jsb FILE`, `--nottingham FILE`).

Our backbone and heads are trained from nothing on a published data set, in its own split, and scored in its own unit. The data
are not ours to ship or to fetch: the user points to a file in the published format. What is trained here plays nowhere.

- `--jsb16`: 382 chorales on a grid of sixteenths, four voices a step (`Jsb16thSeparated.json` of the JSB-Chorales-dataset).
  Every voice of every step is one token, soprano first; the unit is nats a token.
- `--jsb`, `--nottingham`: sets of sounding pitches a step (the pickled piano rolls of Boulanger-Lewandowski, Bengio and
  Vincent, 2012). A step is told as its pitches, ascending, and an end; the unit is nats a step, all of them added up.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from models.networks.blocks import GIVEN
from models.networks.checkpoint import Model, build, parameter_count
from models.progress import Progress
from models.reporting.tables import Table, figure
from models.scoring.placement_data import Sets, read_sets
from models.takes.fast_rows import Rows
from models.training.schedule import learning_rate

STYLES = ("placement",)
PUBLISHED: dict[str, tuple[tuple[str, str], ...]] = {
    "jsb16": (("Music Transformer (validation)", ".335"), ("DaRoPE, 3.6 M parameters", ".455"), ("a count table", ".626")),
    "jsb": (("TCN, .3 M parameters", "8.10"),),
    "nottingham": (("TCN, 1 M parameters", "3.07"),),
}
"""What there is to beat, in the unit of each set."""

HEADS: dict[str, tuple[str, ...]] = {"jsb16": ("pitch",), "jsb": ("kind", "pitch"), "nottingham": ("kind", "pitch")}
"""What is predicted: on the grid everything but the pitch is known beforehand."""

UNITS = {"jsb16": "nats a token", "jsb": "nats a step", "nottingham": "nats a step"}

_REST = 1
"""Class of pitch 0, which no chorale has: a silent voice."""
_STEP_NS = {"jsb16": 125_000_000, "jsb": 500_000_000, "nottingham": 500_000_000}
_GIVEN = [GIVEN.index("part"), GIVEN.index("pulse")]
_KNOWN = [v.COLUMN["part"], v.COLUMN["pulse"]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the model of a placement is made and trained; the sizes are those of `models.networks.checkpoint.build`."""

    sizes: dict[str, Any]
    steps: int = 6000
    batch: int = 16
    length: int = 1024
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.1
    transpose: int = 5
    validate_every: int = 200
    patience: int = 6
    seed: int = 1


_LARGE = {"kind": "transformer", "width": 256, "layers": 4, "heads": 8, "kv_heads": 8, "context": 1024, "head": 128}
_SMALL = {"kind": "transformer", "width": 128, "layers": 3, "heads": 4, "kv_heads": 4, "context": 512, "head": 128}
RECIPES: dict[str, Recipe] = {
    "jsb16": Recipe({**_LARGE, "dropout": 0.2}),
    "jsb": Recipe({**_SMALL, "dropout": 0.3}, length=512, steps=3000),
    "nottingham": Recipe({**_SMALL, "dropout": 0.2}, length=512),
}


def rows_of(kind: str, piece: Sequence[Sequence[int]]) -> Rows:
    """A piece as rows of the vocabulary, int64 [events, F]: a tick, then its steps.

    Args:
        kind: which set it is of.
        piece: steps; on the grid four pitches each, -1 for a silent voice, else any number of pitches.
    """
    rows = [_row("TICK")]
    for number, step in enumerate(piece):
        dt = v.dt_class(_STEP_NS[kind])
        if kind == "jsb16":
            for voice, pitch in enumerate(step):
                pulse, klass = 1 + number % 4 * 6, _REST if pitch < 0 else 1 + pitch
                rows.append(_row("NOTE", part=1 + voice, pulse=pulse, pitch=klass, dt=0 if voice else dt))
        else:
            rows += [_row("NOTE", part=1, pulse=1, pitch=1 + pitch) for pitch in sorted(step)]
            rows.append(_row("END", dt=dt))
    return np.stack(rows)


def _row(kind: str, **classes: int) -> Rows:
    row = np.zeros(len(v.FIELDS), dtype=np.int64)
    row[0] = v.KIND[kind]
    for name, klass in classes.items():
        row[v.COLUMN[name]] = klass
    return row


def units_of(kind: str, rows: Rows) -> int:
    """How many tokens or steps a piece has."""
    return int((rows[:, 0] == v.KIND["NOTE" if kind == "jsb16" else "END"]).sum())


def moved(rows: Rows, semitones: int) -> Rows:
    """Every pitch moved, but for rests; left as it is where one would leave the piano."""
    rows = rows.copy()
    pitch = rows[:, v.COLUMN["pitch"]]
    sounding = pitch > _REST
    if sounding.any() and pitch[sounding].min() + semitones >= 22 and pitch[sounding].max() + semitones <= 109:
        pitch[sounding] += semitones
    return rows


def nats_of(model: Model, kind: str, rows: Tensor) -> Tensor:
    """The nats of everything that is predicted in sequences int64 [B, T, F], added up; what is padded costs nothing."""
    style = torch.ones(len(rows), len(STYLES), device=rows.device)
    hidden, _ = model(rows[:, :-1], style)
    targets = rows[:, 1:]
    there = targets[:, :, 0] > 0
    hidden, targets = hidden[there], targets[there]  # [N, H], [N, F]
    given = torch.zeros(len(targets), len(GIVEN), dtype=torch.long, device=rows.device)
    given[:, _GIVEN] = targets[:, _KNOWN]
    total: Tensor = hidden.new_zeros(())
    for name in HEADS[kind]:
        wanted = targets[:, v.COLUMN[name]]
        has = wanted > 0
        logits = model.heads.logits(name, hidden[has], given[has])
        total += torch.nn.functional.cross_entropy(logits.float(), wanted[has], reduction="sum")
    return total


@torch.no_grad()
def score(model: Model, kind: str, pieces: Sequence[Rows]) -> float:
    """Nats a unit of whole pieces, each from its own begin."""
    device = next(model.parameters()).device
    model.eval()
    nats = sum(float(nats_of(model, kind, torch.from_numpy(rows)[None].to(device))) for rows in pieces)
    model.train()
    return nats / sum(units_of(kind, rows) for rows in pieces)


def batches(pieces: Sequence[Rows], recipe: Recipe) -> Iterator[Tensor]:
    """Excerpts for ever, int64 [batch, length + 1, F], transposed at random and padded with zeros."""
    rng = np.random.default_rng(recipe.seed)
    while True:
        batch = np.zeros((recipe.batch, recipe.length + 1, len(v.FIELDS)), dtype=np.int64)
        for row in batch:
            piece = pieces[int(rng.integers(len(pieces)))]
            first = int(rng.integers(max(1, len(piece) - recipe.length)))
            part = moved(piece, int(rng.integers(-recipe.transpose, recipe.transpose + 1)))[first : first + len(row)]
            row[: len(part)] = part
        yield torch.from_numpy(batch)


def placed(kind: str, sets: Sets, recipe: Recipe, minutes: float) -> dict[str, Any]:
    """Train on the training set, keep the weights that are best on the validation set, score them on both others.

    Blocks for `minutes` at most, plus a validation. The same seed on the same machine gives the same figures.
    """
    torch.manual_seed(recipe.seed)
    rows = {name: [rows_of(kind, piece) for piece in pieces] for name, pieces in sets.items()}
    model = build(recipe.sizes, STYLES).to("cuda" if torch.cuda.is_available() else "cpu")
    best, steps = trained(model, kind, rows, recipe, minutes)
    return {
        "set": kind, "unit": UNITS[kind], "valid": best, "test": score(model, kind, rows["test"]), "steps": steps,
        "parameters": parameter_count(model), "pieces": {name: len(pieces) for name, pieces in sets.items()},
        "published": dict(PUBLISHED[kind]),
    }  # fmt: skip


def trained(model: Model, kind: str, rows: Mapping[str, Sequence[Rows]], recipe: Recipe, minutes: float) -> tuple[float, int]:
    """Train in place until the steps are done, the time is up or validation stands still.

    Returns:
        The best validation, whose weights the model has at the end, and the steps that were made.
    """
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay, betas=(0.9, 0.98))
    best, kept, stale, step = math.inf, _copy(model), 0, 0
    progress, began = Progress(recipe.steps), time.monotonic()
    for batch in batches(rows["train"], recipe):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, recipe.learning_rate, recipe.warmup, recipe.steps)
        _improve(model, kind, batch, optimiser)
        step += 1
        over = step == recipe.steps or time.monotonic() - began > 60 * minutes
        if step % recipe.validate_every == 0 or over:
            value = score(model, kind, rows["valid"])
            progress.show(step, f"{value:.4f} {UNITS[kind]} on validation, best {min(best, value):.4f}")
            stale = 0 if value < best else stale + 1
            if value < best:
                best, kept = value, _copy(model)
        if over or stale >= recipe.patience:
            break
    progress.close()
    model.load_state_dict(kept)
    return best, step


def _improve(model: Model, kind: str, batch: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step down the nats of an event, on the device where the model is."""
    batch = batch.to(next(model.parameters()).device)
    with torch.autocast(batch.device.type, dtype=torch.bfloat16, enabled=batch.is_cuda):
        loss = nats_of(model, kind, batch) / (batch[:, 1:, 0] > 0).sum()
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def _copy(model: Model) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def table(found: dict[str, Any]) -> Table:
    """Our figures above the published ones."""
    ours = f"livegen, {found['parameters'] / 1e6:.1f} M parameters, {found['steps']} steps"
    rows = [(ours, figure(found["valid"], 3), figure(found["test"], 3))]
    rows += [(name, *((value, "") if "validation" in name else ("", value))) for name, value in found["published"].items()]
    return Table(f"{found['set']}: {found['unit']}.", ("model", "validation", "test"), rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.placement", description="Train and score on a published data set.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--jsb16", type=Path, metavar="FILE", help="Jsb16thSeparated.json of the JSB-Chorales-dataset")
    which.add_argument("--jsb", type=Path, metavar="FILE", help="`JSB Chorales.pickle`, or the same as JSON")
    which.add_argument("--nottingham", type=Path, metavar="FILE", help="`Nottingham.pickle`, or the same as JSON")
    parser.add_argument("--minutes", type=float, default=60.0, help="longest training (default: %(default)g)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    options = parser.parse_args(arguments)
    try:
        kind = next(name for name in RECIPES if getattr(options, name))
        found = placed(kind, read_sets(getattr(options, kind), grid=kind == "jsb16"), RECIPES[kind], options.minutes)
        if options.json:
            options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except (InputError, OSError) as error:
        print(f"not placed: {error}", file=sys.stderr)
        return 2
    print(table(found).plain())
    return 0


if __name__ == "__main__":
    sys.exit(main())
