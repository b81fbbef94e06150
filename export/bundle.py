"""Writes a model directory: all graphs, their contract, the trained weights, and nothing that failed the parity check."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from export.chords_graph import Chooser, find_chooser
from export.graphs import Graphs, build_graphs
from export.parity import LIMIT, NATS_LIMIT, Parity, compare
from export.rounding import Rounding, measure
from export.writer import OPSET
from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Part
from livegen.generators.contract import DRAWN, FORMAT_VERSION, GIVEN, INT8, PLAIN_NAME, PLANNED
from livegen.generators.model_files import CONTRACT_FILE, load_contract
from livegen.generators.session import StepSession
from models.networks.bundled import WEIGHTS_FILE, write_weights
from models.networks.checkpoint import Model, load, parameter_count
from models.networks.transformer import TransformerModel
from models.takes.dataset import Batch

CARD_FILE = "CARD.md"
_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.INT32: "int32",
}
_DEFAULT_PARTS = (Part.LEAD.label, Part.CHORDS.label, Part.BASS.label)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written and how it compares with its source; `rounding` is None where no music was at hand to measure on."""

    directory: Path
    parity: Parity
    rounding: Rounding | None


def export_model(
    checkpoint: Path,
    name: str,
    out: Path,
    *,
    chords: str | None = None,
    weights: str = INT8,
    held_out: Sequence[Batch] = (),
) -> Exported:
    """Export a checkpoint to directory `out/name`, replacing what is there but for its CARD.md.

    Either the whole directory is new or, on any error, it is as before. Blocks for seconds; with `held_out` for minutes.

    Args:
        checkpoint: what the training wrote.
        name: of the model and its directory.
        out: where the directory goes.
        chords: who then chooses the chords on the stage: checkpoint of a chord chooser, or an exported model that has one; or
            None.
        weights: how the matrices of the step are stored, `FLOAT32` or `INT8`.
        held_out: takes on which to measure what the rounding costs.

    Raises:
        ModelError: the exported model differs from its source, the name is no plain name, or a file is no checkpoint.
        ValueError: the checkpoint was trained on another vocabulary.
    """
    if not PLAIN_NAME.fullmatch(name):
        raise ModelError(f"{name!r} can't name a model: letters, digits, '.', '_' and '-', a letter or digit first")
    model, extra = read_checkpoint(checkpoint)
    chooser = None if chords is None else find_chooser(chords)
    out.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the move into place stays on one file system and is one step.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as scratch:
        made = Path(scratch) / "new"
        made.mkdir()
        contract = _write(made, model, extra, name, _graphs(model, chooser, weights))
        _write_contract(made, contract)
        session = StepSession(load_contract(made))
        parity = compare(model, session, chords=None if chooser is None else chooser.net)
        if not parity.ok:
            limit = f"{LIMIT:g}" if parity.exact else f"{NATS_LIMIT:g} nats a note"
            raise ModelError(f"{checkpoint}: the export differs from its source by {limit} or more: {parity}; not written")
        rounding = measure(model, session, held_out) if held_out else None
        contract["export"] = {"parity": asdict(parity), "rounding": None if rounding is None else rounding.as_table()}
        _write_contract(made, contract)
        target = out / name
        if (target / CARD_FILE).is_file():
            shutil.copy2(target / CARD_FILE, made / CARD_FILE)
        _replace(made, target, Path(scratch) / "old")
    return Exported(target, parity, rounding)


def read_checkpoint(path: Path) -> tuple[Model, dict[str, Any]]:
    """A model and what else its checkpoint says.

    Raises:
        ModelError: the file is no checkpoint.
        ValueError: it was trained on another vocabulary.
    """
    try:
        return load(path)
    except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a checkpoint that models.networks.checkpoint.save wrote ({error})") from error


def _graphs(model: Model, chooser: Chooser | None, weights: str) -> Graphs:
    return build_graphs(model, None if chooser is None else chooser.graph, weights)


def _write(directory: Path, model: Model, extra: dict[str, Any], name: str, graphs: Graphs) -> dict[str, Any]:
    """Write all graphs and weights; returns the contract without what is measured."""
    step = _write_graph(directory / "model.onnx", graphs.step)
    heads = _write_graph(directory / "heads.onnx", graphs.heads)
    config = asdict(model.config)
    styles = list(config.pop("styles"))
    chords = None if graphs.chords is None else _write_graph(directory / "chords.onnx", graphs.chords)
    decoding = {"hide_history": True, "chords": DRAWN} | extra.get("decoding", {})
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "vocabulary": {"version": v.VERSION, "hash": v.HASH},
        "architecture": {"kind": model.kind, **config, "parameters": parameter_count(model)},
        "opset": OPSET,
        "operators": graphs.operators,
        "weights": graphs.weights,
        "context_events": model.config.context if isinstance(model, TransformerModel) else None,
        "styles": styles,
        "parts": list(extra.get("parts", _DEFAULT_PARTS)),
        "step": step | {"streamed_bytes": graphs.streamed_bytes, "state": graphs.state, "cache": graphs.cache},
        "heads": heads | {"given": list(GIVEN)},
        "chords": chords,
        "trained_weights": write_weights(model, directory / WEIGHTS_FILE),
        "training": extra.get("training", {}),
        "export": {},
        "decoding": decoding if chords is None else decoding | {"chords": PLANNED},
    }


def _write_contract(directory: Path, contract: dict[str, Any]) -> None:
    text = json.dumps(contract, indent=2, ensure_ascii=False, allow_nan=False)
    (directory / CONTRACT_FILE).write_text(text + "\n", encoding="utf-8")


def _write_graph(path: Path, model: onnx.ModelProto) -> dict[str, Any]:
    """Write one file; returns its part of the contract."""
    data = model.SerializeToString()
    path.write_bytes(data)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "inputs": [_tensor(value) for value in model.graph.input],
        "outputs": [_tensor(value) for value in model.graph.output],
    }


def _tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    shape = [size.dim_param or size.dim_value for size in tensor.shape.dim]
    return {"name": value.name, "type": _TYPES[tensor.elem_type], "shape": shape}


def _replace(made: Path, target: Path, old: Path) -> None:
    """Move `made` to `target`; what was there goes to `old`, and comes back if the move fails."""
    if not target.exists():
        os.replace(made, target)
        return
    os.replace(target, old)
    try:
        os.replace(made, target)
    except OSError:
        os.replace(old, target)
        raise
