"""Finds and reads model directories: `model.json` and the ONNX files that it names, checked before anything is loaded.

Nothing here needs torch, onnx or ONNX Runtime; that the graphs keep what `model.json` promises is checked by
`livegen.generators.session`. May be called from any thread; blocks on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegen.core.errors import ModelError
from livegen.generators.contract import EXPORT_AGAIN, PLAIN_NAME, GraphSpec, ModelContract
from livegen.generators.contract_reader import parse_contract
from livegen.generators.onnx_wire import has_external_data

CONTRACT_FILE = "model.json"
MAX_ONNX_BYTES = 256 * 1024 * 1024
MAX_CONTRACT_BYTES = 4 * 1024 * 1024

_COPY_AGAIN = "the file is damaged or incomplete: install or copy the model again"


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A bundled model for `livegen models`: its contract, or the problem that keeps it from being used."""

    name: str
    contract: ModelContract | None
    problem: str | None


def bundled_directory() -> Path:
    """Where the models that come with livegen lie; it may not exist."""
    return Path(str(importlib.resources.files("livegen"))) / "pretrained"


def list_models() -> tuple[ModelListing, ...]:
    """Every bundled model by name, a broken one with its problem. Reads all files, so that damage shows."""
    return tuple(_listing(name) for name in _bundled_names())


def find_model(name_or_path: str | Path) -> Path:
    """The directory of a bundled model by its name, or of any model by its path.

    Raises:
        ModelError: there is neither; the message names the models that there are.
    """
    if isinstance(name_or_path, str) and PLAIN_NAME.fullmatch(name_or_path):
        bundled = bundled_directory() / name_or_path
        if bundled.is_dir():
            return bundled
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(f"{path} is a file; a model is a directory with {CONTRACT_FILE} in it: name that directory")
    names = ", ".join(_bundled_names()) or "none"
    raise ModelError(f"there is no model {str(name_or_path)!r}: choose a bundled one ({names}) or give the path of a directory")


def load_contract(path: Path) -> ModelContract:
    """Read and check the model in directory `path`, the fingerprints of its ONNX files included.

    Raises:
        ModelError: something is missing, damaged, or made for another version; the message says what, where, and what to do.
    """
    place = path / CONTRACT_FILE
    contract = parse_contract(_read_json(place), place)
    for graph in contract.graphs:
        read_graph(contract, graph)
    return contract


def read_graph(contract: ModelContract, graph: GraphSpec) -> bytes:
    """The ONNX file of a graph, sure to be the one that the contract names and to hold all its weights.

    Raises:
        ModelError: missing, too large, of another size or fingerprint, no ONNX file, or with weights in other files.
    """
    path = contract.directory / graph.file
    try:
        data = _read_up_to(path, MAX_ONNX_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {_COPY_AGAIN}") from error
    if len(data) != graph.size_bytes:
        raise ModelError(f"{path}: {len(data)} bytes, but {CONTRACT_FILE} says {graph.size_bytes}; {_COPY_AGAIN}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != graph.sha256:
        raise ModelError(f"{path}: sha256 is {digest}, but {CONTRACT_FILE} says {graph.sha256}; {_COPY_AGAIN}")
    try:
        external = has_external_data(data)
    except ValueError as error:
        raise ModelError(f"{path}: not an ONNX file ({error}); {EXPORT_AGAIN}") from error
    if external:
        raise ModelError(f"{path}: keeps weights in other files, which livegen does not follow; {EXPORT_AGAIN}")
    return data


def _listing(name: str) -> ModelListing:
    try:
        return ModelListing(name, load_contract(bundled_directory() / name), None)
    except ModelError as error:
        return ModelListing(name, None, str(error))


def _bundled_names() -> list[str]:
    directory = bundled_directory()
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir()) if directory.is_dir() else []


def _read_up_to(path: Path, limit: int) -> bytes:
    """All of a file, and of nothing else: a pipe could wait, a device could go on, for ever.

    Raises:
        OSError: it is no file, or cannot be read.
        ModelError: it is longer than the limit.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as file:
        data = file.read(limit + 1) if found.st_size <= limit else None
    if data is None or len(data) > limit:
        raise ModelError(f"{path}: more than the {limit} bytes that livegen loads; export a smaller model")
    return data


def _read_json(place: Path) -> dict[str, Any]:
    try:
        text = _read_up_to(place, MAX_CONTRACT_BYTES)
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({error.strerror}); is {place.parent} the directory of a model?") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{place}: not JSON ({error}); {_COPY_AGAIN}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{place}: must hold one JSON object; {_COPY_AGAIN}")
    return document
