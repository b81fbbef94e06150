"""Backbones by name, and checkpoints that rebuild themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from models.networks.lstm import LSTMConfig, LSTMModel
from models.networks.transformer import TransformerConfig, TransformerModel

Model = LSTMModel | TransformerModel
"""Called with rows int64 [B, T, F] and style [B, S], both give hidden [B, T, H] first; `heads` predicts from it."""

_KINDS = {LSTMModel.kind: (LSTMModel, LSTMConfig), TransformerModel.kind: (TransformerModel, TransformerConfig)}


def build(sizes: Mapping[str, Any], styles: tuple[str, ...]) -> Model:
    """A new model from a recipe's `[model]` table: `kind`, and the sizes that the kind has.

    Raises:
        InputError: there is no such kind, or it has other sizes.
    """
    kind = sizes.get("kind", LSTMModel.kind)
    if kind not in _KINDS:
        raise InputError(f"there is no backbone {kind!r}; there are {', '.join(_KINDS)}")
    model, config = _KINDS[kind]
    try:
        return model(config(**{name: value for name, value in sizes.items() if name != "kind"}, styles=styles))
    except TypeError as error:
        raise InputError(f"the sizes of a {kind} are wrong: {error}") from error


def parameter_count(model: Model) -> int:
    """Number of trained weights."""
    return sum(parameter.numel() for parameter in model.parameters())


def save(model: Model, path: Path, **extra: Any) -> None:
    """Write a checkpoint that rebuilds itself: kind, sizes, vocabulary hash, weights, and what the caller adds."""
    config = {"kind": model.kind, **asdict(model.config)}
    torch.save({"config": config, "vocabulary": v.HASH, "weights": model.state_dict(), **extra}, path)


def load(path: Path) -> tuple[Model, dict[str, Any]]:
    """Read a checkpoint that `save` wrote.

    Raises:
        InputError: it was trained on another vocabulary.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if checkpoint["vocabulary"] != v.HASH:
        raise InputError(f"{path}: vocabulary {checkpoint['vocabulary']}, but this source has {v.HASH}; train again")
    config = dict(checkpoint["config"])
    model = build({name: value for name, value in config.items() if name != "styles"}, tuple(config["styles"]))
    model.load_state_dict(checkpoint["weights"])
    return model.eval(), checkpoint
