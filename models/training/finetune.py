"""Training a finished model on, with other music and nothing else."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from livegen.core.errors import InputError
from livegen.generators.contract import DRAWN, PLANNED
from livegen.generators.model_files import CONTRACT_FILE, find_model
from models.networks.bundled import weights_from_bundle
from models.networks.checkpoint import Model, load
from models.training.data import Data, divide_few, read_pieces

FINETUNE = "finetune"

_GENTLER = 0.1
"""Learning rate against that of the first training: the music is new, the language is not."""

_ROUNDS = 10
"""Validations in a run."""


def prepare(data: Path, base: str | None, steps: int, name: str) -> tuple[dict[str, Any], Model, Data]:
    """What a run needs to train a model on.

    The recipe is that of the model, with a tenth of its learning rate and all corpora in `data` by their numbers of pieces.

    Args:
        data: folder of shards, of corpora or of MIDI files.
        base: a checkpoint, or the name or directory of an exported model.
        steps: of the optimiser, at the most.
        name: of the new run.

    Returns:
        Recipe, model and data.

    Raises:
        InputError: no model was named, it does not say how it was trained, or there is too little music.
        ModelError: the exported model is missing, damaged or without weights to train on.
    """
    if base is None:
        raise InputError("say which model to train on: --from NAME, or --from CHECKPOINT")
    model, training, decoding = _base(base)
    if "recipe" not in training:
        raise InputError(f"{base} does not say how it was trained; train on from a checkpoint of models.train")
    pieces = read_pieces(data, [])
    counts: dict[str, int] = {}
    for piece in pieces:
        counts[piece.corpus] = counts.get(piece.corpus, 0) + 1
    recipe = copy.deepcopy(training["recipe"])
    if decoding.get("chords") == PLANNED:
        # The network that planned them stays behind; an export may add one again (`--chords`).
        decoding = decoding | {"chords": DRAWN}
    recipe |= {"name": name, "base": base, "decoding": decoding}
    recipe["data"]["weights"] = {corpus: float(count) for corpus, count in counts.items()}
    recipe["train"] |= {
        "steps": steps,
        "learning_rate": recipe["train"]["learning_rate"] * _GENTLER,
        "warmup": min(recipe["train"]["warmup"], max(1, steps // 10)),
        "validate_every": max(1, steps // _ROUNDS),
        "own_history_from": 0.0,
    }
    return recipe, model, divide_few(pieces)


def begin_from(base: str, fresh: Model) -> Model:
    """The weights to begin a recipe with, in place of those of the new model `fresh`.

    Args:
        base: a checkpoint, or the name or directory of an exported model; of the recipe's sizes and styles.
        fresh: what the recipe would begin with.

    Raises:
        InputError: it has other sizes or styles.
        ModelError: as `prepare`.
    """
    model, _, _ = _base(base)
    if model.config != fresh.config:
        raise InputError(f"{base} is {model.config}, but the recipe begins with {fresh.config}: they must be the same")
    return model


def _base(base: str) -> tuple[Model, dict[str, Any], dict[str, Any]]:
    """The model, how it was trained and how it is decoded."""
    path = Path(base)
    if path.is_file():
        model, checkpoint = load(path)
        return model.train(), checkpoint.get("training", {}), checkpoint.get("decoding", {})
    directory = find_model(base)
    contract = json.loads((directory / CONTRACT_FILE).read_text(encoding="utf-8"))
    return weights_from_bundle(directory).train(), contract.get("training", {}), contract["decoding"]
