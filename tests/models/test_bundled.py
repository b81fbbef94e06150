"""The weights in a bundle give the trained model back, to train on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import copy_of, edit_contract, export_model_of, tiny_lstm, tiny_transformer

from export.random_events import random_rows
from livegen.core.errors import ModelError
from models.networks.bundled import WEIGHTS_FILE, weights_from_bundle
from models.networks.checkpoint import Model

MAKERS = {"lstm": lambda: tiny_lstm(2), "transformer": tiny_transformer}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("bundles")
    return {kind: export_model_of(make(), base, kind) for kind, make in MAKERS.items()}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_model_comes_back(bundles: dict[str, Path], kind: str) -> None:
    """Of the same kind and sizes, ready to be trained, every matrix to half a step of eight bits."""
    source, back = MAKERS[kind](), weights_from_bundle(bundles[kind])
    assert back.kind == source.kind
    assert back.config == source.config
    for name, tensor in source.state_dict().items():
        step = tensor.abs().amax(dim=-1, keepdim=True) / 127
        assert torch.all((back.state_dict()[name] - tensor).abs() <= 0.51 * step + 1e-9), name
    assert all(parameter.requires_grad for parameter in back.parameters())


@pytest.mark.parametrize("kind", MAKERS)
def test_it_says_nearly_the_same(bundles: dict[str, Path], kind: str) -> None:
    rows, style = torch.from_numpy(random_rows(np.random.default_rng(0), 1, 40)), torch.tensor([[1.0, 0.0]])

    def shares(model: Model) -> torch.Tensor:
        with torch.inference_mode():
            hidden, _ = model(rows, style)
            return model.heads.logits("kind", hidden[0], torch.zeros((40, 7), dtype=torch.long)).softmax(dim=1)

    assert (shares(MAKERS[kind]()) - shares(weights_from_bundle(bundles[kind]))).abs().max() < 0.1


def swap(place: Path) -> None:
    (place / WEIGHTS_FILE).write_bytes(b"PK nothing")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda place: (place / WEIGHTS_FILE).unlink(), "cannot be read|can't be used"),
        (swap, "not the file that model.json names"),
        (lambda place: edit_contract(place, lambda d: d.pop("trained_weights")), "not the file"),
        (lambda place: edit_contract(place, lambda d: d["architecture"].update(hidden=24)), "size mismatch"),
        (lambda place: edit_contract(place, lambda d: d["architecture"].update(kind="gru")), "no backbone 'gru'"),
        (lambda place: edit_contract(place, lambda d: d.update(format_version=1)), "format version 1"),
    ],
)
def test_a_damaged_bundle_is_refused(
    bundles: dict[str, Path], tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    place = copy_of(bundles["lstm"], tmp_path)
    damage(place)
    with pytest.raises(ModelError, match=words):
        weights_from_bundle(place)
