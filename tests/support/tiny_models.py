"""Tiny models with random weights, exported by the real exporter, and the ways to damage them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export.bundle import export_model
from livegen.generators.contract import FLOAT32
from models.networks.checkpoint import Model, save
from models.networks.chords import ChordNet
from models.networks.lstm import LSTMConfig, LSTMModel
from models.networks.transformer import TransformerConfig, TransformerModel

STYLES = ("a", "b")
LAYERS = (1, 2)
CONTEXT = 12
"""Events that the tiny Transformer attends to."""


def tiny_lstm(layers: int, seed: int = 0) -> LSTMModel:
    """A model of a few thousand weights; they are large enough for its choices to differ."""
    sizes = {"embedding": 8, "hidden": 16, "layers": layers, "head": 8, "dropout": 0.1}
    return _grown(lambda: LSTMModel(LSTMConfig(**sizes, styles=STYLES)), seed)


def tiny_transformer(layers: int = 2, seed: int = 0, context: int = CONTEXT) -> TransformerModel:
    """The same with a window of a few events."""
    sizes = {"width": 64, "layers": layers, "heads": 4, "kv_heads": 2, "context": context, "head": 8, "dropout": 0.1}
    return _grown(lambda: TransformerModel(TransformerConfig(**sizes, styles=STYLES)), seed)


def tiny_chords(seed: int = 0) -> ChordNet:
    """A chord chooser of a few thousand weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ChordNet(width=8, members=2).eval()


def _grown(make: Callable[[], Any], seed: int) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3.0)
    return model.eval()


def export_tiny(base: Path, layers: int, weights: str = FLOAT32, **extra: Any) -> Path:
    """The directory of an exported tiny LSTM."""
    return export_model_of(tiny_lstm(layers), base, f"tiny{layers}", weights, **extra)


def export_model_of(
    model: Model, base: Path, name: str, weights: str = FLOAT32, *, chords: ChordNet | None = None, **extra: Any
) -> Path:
    """The directory of an exported model, by way of a checkpoint."""
    checkpoint, chords_checkpoint = base / f"{name}.pt", base / f"{name}-chords.pt"
    save(model, checkpoint, **extra)
    if chords is not None:
        torch.save(
            {"weights": chords.state_dict(), "sizes": {"width": chords.width, "members": len(chords.members)}},
            chords_checkpoint,
        )
    given = str(chords_checkpoint) if chords is not None else None
    return export_model(checkpoint, name, base / "models", chords=given, weights=weights).directory


def copy_of(model: Path, place: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(model, place / "copy"))


def edit_contract(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change model.json in place."""
    document = json.loads((model / "model.json").read_text())
    change(document)
    (model / "model.json").write_text(json.dumps(document))


def write_graph(model: Path, section: str, data: bytes) -> None:
    """Put other bytes into an ONNX file and let the contract vouch for them."""

    def seal(document: dict[str, Any]) -> None:
        (model / document[section]["file"]).write_bytes(data)
        document[section] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    edit_contract(model, seal)


def edit_graph(model: Path, section: str, change: Callable[[onnx.ModelProto], object]) -> None:
    """Change an ONNX file in place, contract included."""
    file = json.loads((model / "model.json").read_text())[section]["file"]
    graph = onnx.load(model / file)
    change(graph)
    write_graph(model, section, graph.SerializeToString())


def edit_weights(model: Path, section: str, name: str, change: Callable[[np.ndarray], object]) -> None:
    """Change one constant of a graph in place, contract included."""

    def edit(graph: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in graph.graph.initializer if tensor.name == name)
        values = numpy_helper.to_array(tensor).copy()
        change(values)
        tensor.CopyFrom(numpy_helper.from_array(values, name))

    edit_graph(model, section, edit)
