"""Recipes: what is trained, on what, and for how long, as a file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegen.core.errors import InputError
from models.training.schedule import learning_rate

RECIPES = Path(__file__).parent.parent / "recipes"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe's `[train]` table.

    Attributes:
        steps: of the optimiser, at the most.
        batch: sequences a step, over all processes.
        length: events a sequence.
        learning_rate: the highest.
        warmup: steps until it is reached.
        weight_decay: of AdamW.
        clip: norm to which gradients are cut.
        validate_every: steps between two validations.
        patience: validations without improvement after which it stops.
        validation_pieces: held-out pieces that are validated on, at the most.
        ema: share of the averaged weights that a step keeps; 0 for no average.
        change_weight: how often the nats of a chord count that differs from the one before.
        own_history: share of the sequences that show the model its own past instead of the true one.
        own_history_from: share of the steps after which it does; before, its own past would be noise.
    """

    steps: int
    batch: int
    length: int
    learning_rate: float
    warmup: int
    weight_decay: float
    clip: float
    validate_every: int
    patience: int
    validation_pieces: int
    ema: float = 0.0
    change_weight: float = 1.0
    own_history: float = 0.0
    own_history_from: float = 0.25

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Plan:
        """The plan of a table.

        Raises:
            InputError: an entry is missing or unknown.
        """
        try:
            return cls(**table)
        except TypeError as error:
            raise InputError(f"the table [train] of the recipe is wrong: {str(error).partition('() ')[2]}") from error

    def rate(self, step: int) -> float:
        """Learning rate of step `step`, from 0."""
        return learning_rate(step, self.learning_rate, self.warmup, self.steps)
