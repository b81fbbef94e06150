"""A training run: model, optimiser, data and where it stands.

A step depends on the seed, its number and the weights before it, and on nothing else: batches are drawn by number, dropout is
seeded anew at each. So a run that is broken off at any moment goes on from its last checkpoint as if nothing had been.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from livegen.core.errors import InputError
from models.networks.checkpoint import Model, save
from models.networks.losses import TALLY, Score
from models.progress import Progress
from models.takes.dataset import Batch, Takes
from models.takes.own_history import own_history
from models.training.average import Average
from models.training.data import Data
from models.training.feed import Steps, feed
from models.training.files import replace_file
from models.training.held_out import validation_batches
from models.training.journal import Journal
from models.training.objective import Objective, validate
from models.training.ranks import Ranks
from models.training.recipe import Plan
from models.training.schedule import ema_decay

LAST, BEST = "last.pt", "best.pt"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told besides its recipe; none of it changes the result.

    Attributes:
        folder: where its files go.
        workers: processes that draw batches ahead.
        save_every_s: seconds between two checkpoints at the most, besides those at validation.
    """

    folder: Path
    workers: int = 0
    save_every_s: float = 300.0


class Run:
    """A training run; owns its folder.

    Args:
        recipe: as `read_recipe` gives it.
        model: to be trained, in place.
        data: to train on and to validate on.
        ranks: who takes part.
        settings: folder and workers.

    Raises:
        InputError: the recipe does not suit the data or the number of processes.
    """

    def __init__(self, recipe: dict[str, Any], model: Model, data: Data, ranks: Ranks, settings: Settings) -> None:
        self.recipe, self.plan, self.ranks, self.settings = recipe, Plan.of(recipe["train"]), ranks, settings
        plan, styles = self.plan, model.config.styles
        if plan.batch % ranks.count:
            raise InputError(f"a batch of {plan.batch} sequences cannot be divided among {ranks.count} processes")
        self.model = model.to(ranks.device)
        self.objective = Objective(self.model, plan.change_weight)
        self.shared: nn.Module = self.objective
        if ranks.count > 1:
            self.shared = nn.parallel.DistributedDataParallel(self.objective)
        self.average = Average(self.model)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), weight_decay=plan.weight_decay, betas=(0.9, 0.98), fused=True
        )
        takes = Takes(
            data.training,
            recipe["data"]["weights"],
            styles,
            length=plan.length,
            seed=recipe["seed"],
            roles=recipe["data"].get("roles"),
        )
        self.steps = Steps(takes, plan.batch, ranks.rank, ranks.count)
        self.held_out = validation_batches(data.held_out, styles, plan.length, plan.batch, plan.validation_pieces)
        self.step, self.best, self.stale = 0, math.inf, 0
        self.seen = torch.zeros(TALLY, dtype=torch.float64, device=ranks.device)
        settings.folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        """Go on from `last.pt`: weights, optimiser and place.

        Raises:
            InputError: there is none, or it is damaged or of another recipe.
        """
        path = self.settings.folder / LAST
        try:
            state = self.ranks.from_first(
                torch.load(path, map_location=self.ranks.device, weights_only=True) if self.ranks.first else None
            )
            self.model.load_state_dict(state["weights"])
            self.average.restore(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.best, self.stale = state["step"], state["best"], state["stale"]
            self.seen.copy_(state["seen"])
        except FileNotFoundError:
            raise InputError(f"{path}: there is no run to go on from; start it without --resume") from None
        except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a checkpoint of this recipe: {error}") from error

    def go(self) -> None:
        """Train until the steps are done or validation has not improved for `patience` rounds."""
        journal = Journal(self.settings.folder, self.step) if self.ranks.first else None
        batches = feed(self.steps, self.step, self.plan.steps, self.settings.workers)
        try:
            self._go(batches, journal)
        finally:
            batches.close()
            if journal is not None:
                journal.close()

    def _go(self, batches: Iterator[Batch], journal: Journal | None) -> None:
        plan = self.plan
        progress = Progress(plan.steps, self.step)
        started = saved = time.monotonic()
        while self.step < plan.steps and self.stale < plan.patience:
            tally = self._train_step(next(batches))
            self.seen += tally
            if journal is not None and progress.due(self.step):
                nats = Score.of(tally).nats_per_note
                progress.show(self.step, f"train {nats:.3f} nats a note, best {self.best:.3f}")
            if self.step % plan.validate_every == 0 or self.step == plan.steps:
                progress.close()
                self._validate(journal, time.monotonic() - started)
                saved = time.monotonic()
            elif time.monotonic() - saved >= self.settings.save_every_s:
                self._save_last()
                saved = time.monotonic()

    def _train_step(self, batch: Batch) -> Tensor:
        """One step of the optimiser; the tally of the whole batch before it, float64 [TALLY]."""
        plan, ranks = self.plan, self.ranks
        batch = batch.to(ranks.device)
        seed = int(np.random.SeedSequence([self.recipe["seed"], self.step, ranks.rank]).generate_state(1)[0])
        if plan.own_history and self.step >= plan.own_history_from * plan.steps:
            generator = torch.Generator().manual_seed(seed)
            with torch.autocast(ranks.device.type, dtype=torch.bfloat16):
                batch = own_history(self.model, batch, plan.own_history, generator)
        torch.manual_seed(seed)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate(self.step)
        total: Tensor
        tally: Tensor
        total, tally = self.shared(batch)
        ranks.sum(tally)
        self.optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over the ranks, so the sum over all notes of all ranks needs their number.
        torch.autograd.backward(total * ranks.count / tally[-1].clamp(min=1.0))
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        self.optimiser.step()
        self.average.add(ema_decay(self.step, plan.ema))
        self.step += 1
        return tally

    def _validate(self, journal: Journal | None, seconds: float) -> None:
        """Score the averaged weights; keep them if they are the best."""
        with self.average.in_place():
            scores = validate(self.objective, self.held_out, self.ranks)
            held_out = Score()
            for score in scores.values():
                held_out += score
            value = held_out.nats_per_note
            if not math.isfinite(value):
                raise InputError(f"the loss is {value} at step {self.step}: lower the learning rate of the recipe")
            improved = value < self.best
            self.best, self.stale = (value, 0) if improved else (self.best, self.stale + 1)
            if journal is not None:
                line = {
                    "step": self.step,
                    "seconds": round(seconds),
                    "train": round(Score.of(self.seen).nats_per_note, 4),
                    "validation": round(value, 4),
                    **{name: round(nats / max(1, held_out.count[name]), 4) for name, nats in held_out.nats.items()},
                    "corpora": {corpus: round(score.nats_per_note, 4) for corpus, score in scores.items()},
                }
                journal.write(line)
            if improved and self.ranks.first:
                training = {"recipe": self.recipe, "step": self.step, "validation_nats_per_note": value}
                extra = {"training": training, "decoding": self.recipe["decoding"]}
                replace_file(self.settings.folder / BEST, lambda path: save(self.model, path, **extra))
        self.seen.zero_()
        self._save_last()

    def _save_last(self) -> None:
        if not self.ranks.first:
            return
        state = {
            "weights": self.model.state_dict(),
            "average": self.average.values,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
            "seen": self.seen,
        }
        replace_file(self.settings.folder / LAST, lambda path: torch.save(state, path))
