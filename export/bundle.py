"""Writes a model directory: both graphs, their contract, and nothing that failed the parity check."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from export.graph import OPSET, heads_graph, state_names, step_graph
from export.parity import LIMIT, Parity, compare
from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Part
from livegen.generators.contract import BATCH, FORMAT_VERSION, PLAIN_NAME
from livegen.generators.model_files import CONTRACT_FILE, load_contract
from livegen.generators.session import StepSession
from models.lstm import LSTMModel, load
from models.network import GIVEN

CARD_FILE = "CARD.md"
_TYPES: dict[int, str] = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64"}
_DEFAULT_PARTS = (Part.LEAD.label, Part.CHORDS.label, Part.BASS.label)
_DEFAULT_DECODING = {"hide_history": True, "chords": "drawn"}


def export_model(checkpoint: Path, name: str, out: Path) -> tuple[Path, Parity]:
    """Export a checkpoint to directory `out/name`, replacing what is there but for its CARD.md.

    Either the whole directory is new or, on any error, it is as before. Blocks for seconds.

    Raises:
        ModelError: the exported model differs from its source, the name is no plain name, or the file is no checkpoint.
        ValueError: the checkpoint was trained on another vocabulary.
    """
    if not PLAIN_NAME.fullmatch(name):
        raise ModelError(f"{name!r} can't name a model: letters, digits, '.', '_' and '-', a letter or digit first")
    try:
        model, extra = load(checkpoint)
    except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"{checkpoint}: not a checkpoint that models.lstm.save wrote ({error})") from error
    out.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the move into place stays on one file system and is one step.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as scratch:
        made = Path(scratch) / "new"
        made.mkdir()
        _write(made, model, extra, name)
        parity = compare(model, StepSession(load_contract(made)))
        if not parity.ok:
            raise ModelError(
                f"{checkpoint}: the exported model differs from its source by {LIMIT:g} or more: {parity}; not written"
            )
        target = out / name
        if (target / CARD_FILE).is_file():
            shutil.copy2(target / CARD_FILE, made / CARD_FILE)
        _replace(made, target, Path(scratch) / "old")
    return target, parity


def _write(directory: Path, model: LSTMModel, extra: dict[str, Any], name: str) -> None:
    step = _write_graph(directory / "model.onnx", step_graph(model))
    heads = _write_graph(directory / "heads.onnx", heads_graph(model))
    config = asdict(model.config)
    styles = list(config.pop("styles"))
    contract = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "vocabulary": {"version": v.VERSION, "hash": v.HASH},
        "architecture": {"kind": "lstm", **config, "parameters": model.parameter_count},
        "opset": OPSET,
        "context_events": None,  # unbounded: the state is all there is
        "styles": styles,
        "parts": list(extra.get("parts", _DEFAULT_PARTS)),
        "step": step | {"state": state_names(model)},
        "heads": heads | {"given": list(GIVEN)},
        "training": extra.get("training", {}),
        "decoding": _DEFAULT_DECODING | extra.get("decoding", {}),
    }
    (directory / CONTRACT_FILE).write_text(
        json.dumps(contract, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


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
    shape = [BATCH if size.dim_param else size.dim_value for size in tensor.shape.dim]
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
