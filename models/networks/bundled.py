"""A trained model's own weights beside its graphs, so that it can be trained on: `weights.npz` in the model's directory.

The graphs cannot give them back: embeddings are folded into what follows them, and matrices are rounded as the machine that
runs them likes it. So the bundle keeps a second, compact copy: matrices in eight bits with one scale a row, a quarter of their
float32, and everything else in float32. Only numpy arrays are read, never pickled objects.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from livegen.core.errors import InputError, ModelError
from livegen.generators.model_files import CONTRACT_FILE, load_contract
from models.networks.checkpoint import Model, build

WEIGHTS_FILE = "weights.npz"
_SMALL = 4096
"""Tensors of fewer numbers stay in float32."""
_LARGEST = 127
_SCALE = ":scale"


def pack(model: Model) -> dict[str, npt.NDArray[Any]]:
    """All weights by name: int8 with float32 scales under NAME:scale, or float32."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in model.state_dict().items():
        values = tensor.detach().cpu().float().numpy()
        if values.ndim != 2 or values.size < _SMALL:
            arrays[name] = values
            continue
        scales = np.abs(values).max(axis=1, keepdims=True) / _LARGEST  # [rows, 1]
        arrays[name] = np.rint(values / np.where(scales > 0, scales, 1.0)).astype(np.int8)
        arrays[name + _SCALE] = scales
    return arrays


def unpack(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    """What `pack` made as float32 tensors."""
    return {
        name: torch.from_numpy(values * arrays[name + _SCALE] if name + _SCALE in arrays else values)
        for name, values in arrays.items()
        if not name.endswith(_SCALE)
    }


def write_weights(model: Model, path: Path) -> dict[str, Any]:
    """Write the file; returns its entry in the contract. The same weights give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in sorted(pack(model).items()):
            # A date of its own would make each file different.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
    data = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def weights_from_bundle(directory: Path) -> Model:
    """The trained model of an exported directory, to evaluate or to train on; nearly what was exported (see the module).

    Raises:
        ModelError: the directory is no model of this version, or its weights are missing or damaged.
    """
    contract = load_contract(directory)
    entry = json.loads((directory / CONTRACT_FILE).read_text(encoding="utf-8")).get("trained_weights")
    path = directory / WEIGHTS_FILE
    sizes = {name: value for name, value in contract.architecture.items() if name != "parameters"}
    try:
        data = path.read_bytes()
        if entry is None or hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise ModelError(f"{path}: not the file that {CONTRACT_FILE} names; install or copy the model again")
        with np.load(path, allow_pickle=False) as file:
            weights = unpack(dict(file))
        model = build(sizes, contract.styles)
        model.load_state_dict(weights)
    except (OSError, InputError, ValueError, RuntimeError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: can't be used to train on ({error}); export the model again") from error
    return model.eval()
