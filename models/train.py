"""Train a recipe: `python -m models.train RECIPE --data DIR`.

Writes `runs/NAME/best.pt` (lowest validation nats a note), `last.pt` (to go on from with `--resume`) and `log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pickle
import random
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.corpora.registry import STYLES, load_corpora, split
from models.dataset import Batch, Takes, held_out_takes, hide_history, targets_and_given
from models.losses import Score, field_nats, score_of
from models.lstm import LSTMConfig, LSTMModel, save
from models.progress import Progress

RECIPES = Path(__file__).parent / "recipes"


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe by name (`models/recipes/NAME.toml`) or path.

    Raises:
        InputError: there is none, and the message lists those there are; or it is no TOML.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise InputError(f"no recipe {path}; there are {known}") from None
    except ValueError as error:
        raise InputError(f"{path}: not a recipe: {error}") from error


def learning_rate(step: int, train: dict[str, Any]) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < train["warmup"]:
        return train["learning_rate"] * (step + 1) / train["warmup"]
    progress = (step - train["warmup"]) / max(1, train["steps"] - train["warmup"])
    return train["learning_rate"] * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def validation_batches(pieces: list[Piece], length: int, size: int, limit: int = 240) -> list[Batch]:
    """Fixed sequences from held-out pieces, the first `length` events of each take; half of them with hidden history."""
    shuffled = sorted(pieces, key=lambda piece: random.Random(f"{piece.corpus}/{piece.work}/{len(piece.melody)}").random())
    takes = [(piece, role, rows[: length + 1]) for piece in shuffled[:limit] for role, rows in held_out_takes(piece)]
    sequences = []
    for index, (piece, role, rows) in enumerate(takes):
        targets, given = targets_and_given(rows)
        seen = hide_history(rows) if role == "accompany" and index % 2 else rows
        style = np.eye(len(STYLES), dtype=np.float32)[STYLES.index(piece.style)]
        pad = [(0, length + 1 - len(rows)), (0, 0)]
        sequences.append((np.pad(seen, pad)[:-1], np.pad(targets, pad), np.pad(given, pad), style))
    return [
        Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*sequences[at : at + size], strict=True)))
        for at in range(0, len(sequences), size)
    ]


def loss_of(model: LSTMModel, batch: Batch, device: torch.device) -> tuple[torch.Tensor, Score]:
    """Nats a note of a batch, to go down, and its score."""
    batch = batch.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        hidden, _ = model(batch.rows, batch.style)
        nats = field_nats(model, hidden, batch.targets, batch.given)
    score = score_of(nats, batch.targets)
    return torch.stack([values.sum() for values in nats.values()]).sum() / max(1, score.notes), score


@torch.no_grad()
def validate(model: LSTMModel, batches: list[Batch], device: torch.device) -> Score:
    """The score on fixed batches, without dropout."""
    model.eval()
    total = Score()
    for batch in batches:
        total += loss_of(model, batch, device)[1]
    model.train()
    return total


class Run:
    """A training run: model, optimiser, data and where it stands; owns its folder.

    Raises:
        InputError: no piece falls into the training part, or none into the validation part.
    """

    def __init__(self, recipe: dict[str, Any], pieces: list[Piece], folder: Path) -> None:
        self.recipe, self.train, self.folder = recipe, recipe["train"], folder
        torch.manual_seed(recipe["seed"])
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = LSTMModel(LSTMConfig(**recipe["model"], styles=STYLES)).to(self.device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), weight_decay=self.train["weight_decay"], betas=(0.9, 0.98))
        train, held_out, _ = split(pieces)
        self.takes = Takes(train, recipe["data"]["weights"], STYLES, self.train["length"], recipe["seed"])
        self.held_out = validation_batches(held_out, self.train["length"], self.train["batch"])
        if not self.held_out:
            raise InputError(f"{len(pieces)} pieces are too few: none falls into the validation part")
        folder.mkdir(parents=True, exist_ok=True)
        self.step, self.best, self.stale = 0, math.inf, 0

    def resume(self) -> None:
        """Go on from `last.pt`: weights, optimiser, random numbers and place.

        Raises:
            InputError: there is none, or it is damaged or of another recipe.
        """
        path = self.folder / "last.pt"
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["weights"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.takes.rng.bit_generator.state = state["takes"]
            torch.set_rng_state(state["torch"].cpu())
            self.step, self.best, self.stale = state["step"], state["best"], state["stale"]
        except FileNotFoundError:
            raise InputError(f"{path}: there is no run to go on from; start it without --resume") from None
        except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a checkpoint of this recipe: {error}") from error

    def go(self) -> None:
        """Train until the steps are done or validation has not improved for `patience` rounds."""
        progress = Progress(self.train["steps"], self.step)
        started, notes = time.monotonic(), Score()
        while self.step < self.train["steps"] and self.stale < self.train["patience"]:
            score = self._train_step()
            notes += score
            progress.show(self.step, f"train {score.nats_per_note:.3f} nats a note, best {self.best:.3f}")
            if self.step % self.train["validate_every"] == 0 or self.step == self.train["steps"]:
                progress.close()
                self._checkpoint(notes, time.monotonic() - started)
                notes = Score()

    def _train_step(self) -> Score:
        """One batch, one step of the optimiser; the batch's score before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.train)
        loss, score = loss_of(self.model, self.takes.batch(self.train["batch"]), self.device)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.train["clip"])
        self.optimiser.step()
        self.step += 1
        return score

    def _checkpoint(self, seen: Score, seconds: float) -> None:
        held_out = validate(self.model, self.held_out, self.device)
        value = held_out.nats_per_note
        improved = value < self.best
        self.best, self.stale = (value, 0) if improved else (self.best, self.stale + 1)
        line = {
            "step": self.step,
            "seconds": round(seconds),
            "train": round(seen.nats_per_note, 4),
            "validation": round(value, 4),
            **{name: round(held_out.nats[name] / max(1, held_out.count[name]), 4) for name in held_out.nats},
        }
        print(json.dumps(line), flush=True)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if improved:
            training = {"recipe": self.recipe, "step": self.step, "validation_nats_per_note": value}
            save(self.model, self.folder / "best.pt", training=training, decoding=self.recipe["decoding"])
        self._save_last()

    def _save_last(self) -> None:
        """Written beside and renamed, so that a kill leaves the old one or the new one."""
        state = {
            "weights": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "takes": self.takes.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
        }
        torch.save(state, self.folder / "last.tmp")
        os.replace(self.folder / "last.tmp", self.folder / "last.pt")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("recipe", help="name in models/recipes, or a path to a .toml file")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        recipe = read_recipe(options.recipe)
        print("reading the corpora", file=sys.stderr)
        loaded = load_corpora(options.data, list(recipe["data"]["weights"]))
        print(loaded.report.summary(), file=sys.stderr)
        run = Run(recipe, list(loaded), options.runs / recipe["name"])
        if options.resume:
            run.resume()
        print(f"{len(loaded)} pieces; {run.model.parameter_count} parameters on {run.device}", file=sys.stderr)
        run.go()
    except (InputError, OSError) as error:
        print(f"not trained: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
