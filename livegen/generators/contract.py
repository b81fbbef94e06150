"""What a model promises in its `model.json`: frozen values, and the check of what was written against this version.

Pure: a JSON document in, a contract or a ModelError out. Every refusal says what is wrong, where, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Part

FORMAT_VERSION = 1
BATCH = "batch"
"""The one symbolic dimension."""

GIVEN: tuple[str, ...] = ("root", "part", "pulse", "pitch", "duration", "chord_root", "chord_quality")
"""Columns of the heads' `given` input, in order; class 0 means not known yet."""

EXPORT_AGAIN = "export the model again with this version's `python -m export`, or choose another (`livegen models`)"

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of models and of their files: never a path."""

DRAWN, HEARD = "drawn", "heard"
"""Where a window's chord comes from: drawn from the model, or found by rule in what the player played last."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type ("float32" or "int64") and shape of a graph's input or output; `BATCH` is the one free dimension."""

    name: str
    type: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.type}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """One ONNX file: its name in the directory, fingerprint, size, and tensors in the order of the graph."""

    file: str
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class ModelContract:
    """What `model.json` promises, checked against this version.

    Attributes:
        name: what the model is called.
        directory: where the files lie.
        architecture: kind, sizes and parameter count, for people.
        opset: ONNX operator set of the graphs.
        context_events: how many events the model remembers; None where the state is all there is and nothing runs out.
        styles: names behind the columns of the `style` input.
        parts: the voices that it was trained to play.
        step: one event in, state in -> `hidden`, state out.
        heads: `hidden` and what is known so far -> logits of every head.
        state: (input name, output name) of each state tensor of `step`.
        training: recipe, corpora with licences, seed, steps, scores, as the training side wrote them.
        decoding: `hide_history` (bool): the model does not see its own chords and notes where it accompanies; `chords`: "drawn"
            from the model, or "heard", found in the player's latest notes by rule.
    """

    name: str
    directory: Path
    architecture: Mapping[str, Any]
    opset: int
    context_events: int | None
    styles: tuple[str, ...]
    parts: frozenset[Part]
    step: GraphSpec
    heads: GraphSpec
    state: tuple[tuple[str, str], ...]
    training: Mapping[str, Any]
    decoding: Mapping[str, Any]


def parse_contract(document: Mapping[str, Any], place: Path) -> ModelContract:
    """The contract in a JSON document that was read from file `place`.

    Raises:
        ModelError: a key is missing or of another type, or the model was made for another version.
    """
    top = _Section(document, place, "")
    version = top.get("format_version", int)
    if version != FORMAT_VERSION:
        raise top.refusal(f"format version {version}, but this livegen reads {FORMAT_VERSION}")
    vocabulary = top.section("vocabulary")
    digest = vocabulary.get("hash", str)
    if digest != v.HASH:
        theirs = f"{digest} (version {vocabulary.table.get('version')})"
        raise top.refusal(f"made for vocabulary {theirs}, but this livegen has {v.HASH} (version {v.VERSION})")
    step, heads = top.section("step"), top.section("heads")
    given = heads.names("given")
    if given != GIVEN:
        raise top.refusal(f"'heads.given' is {', '.join(given)}, but this livegen gives {', '.join(GIVEN)}")
    decoding = top.section("decoding")
    decoding.get("hide_history", bool)
    if (chords := decoding.get("chords", str)) not in (DRAWN, HEARD):
        raise decoding.refusal(f"chords {chords!r} is neither {DRAWN!r} nor {HEARD!r}")
    contract = ModelContract(
        name=top.get("name", str),
        directory=place.parent,
        architecture=top.get("architecture", dict),
        opset=top.get("opset", int),
        context_events=None if document.get("context_events", 0) is None else top.get("context_events", int),
        styles=top.names("styles"),
        parts=_parts(top),
        step=_graph(step),
        heads=_graph(heads),
        state=_state(step),
        training=top.get("training", dict),
        decoding=top.get("decoding", dict),
    )
    _check_tensors(contract, top)
    return contract


def difference(found: tuple[TensorSpec, ...], needed: tuple[TensorSpec, ...]) -> str:
    """Where two lists of tensors that are not equal first differ, in words."""
    for index, need in enumerate(needed):
        if index >= len(found):
            return f"lack {need}"
        if found[index] != need:
            return f"have {found[index]} where {need} is needed"
    return f"have {found[len(needed)]} too many"


@dataclass(frozen=True, slots=True)
class _Section:
    """An object of the document that knows its place, so that a refusal can name it."""

    table: Mapping[str, Any]
    place: Path
    name: str

    def refusal(self, problem: str) -> ModelError:
        return ModelError(f"{self.place}: {problem}; {EXPORT_AGAIN}")

    def full(self, key: str) -> str:
        return repr(f"{self.name}.{key}" if self.name else key)

    def get(self, key: str, kind: type[_T]) -> _T:
        if key not in self.table:
            raise self.refusal(f"{self.full(key)} is missing")
        value = self.table[key]
        # A bool is an int in Python, but never in a contract.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refusal(f"{self.full(key)} must be {kind.__name__}, found {type(value).__name__}")
        return value

    def section(self, key: str) -> _Section:
        return _Section(self.get(key, dict), self.place, key)

    def names(self, key: str) -> tuple[str, ...]:
        names = self.get(key, list)
        if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
            raise self.refusal(f"{self.full(key)} must list different names, found {names!r}")
        return tuple(names)


def _parts(top: _Section) -> frozenset[Part]:
    labels = {part.label: part for part in Part}
    names = top.names("parts")
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise top.refusal(f"'parts' names {', '.join(unknown)}; there are {', '.join(labels)}")
    return frozenset(labels[name] for name in names)


def _graph(section: _Section) -> GraphSpec:
    file = section.get("file", str)
    if not PLAIN_NAME.fullmatch(file):
        raise section.refusal(f"{section.full('file')} must be a plain file name, found {file!r}")
    return GraphSpec(
        file=file,
        sha256=section.get("sha256", str),
        size_bytes=section.get("bytes", int),
        inputs=_tensors(section, "inputs"),
        outputs=_tensors(section, "outputs"),
    )


def _tensors(section: _Section, key: str) -> tuple[TensorSpec, ...]:
    specs = []
    for entry in section.get(key, list):
        if not isinstance(entry, dict):
            raise section.refusal(f"{section.full(key)} must list objects, found {entry!r}")
        tensor = _Section(entry, section.place, f"{section.name}.{key}")
        shape = tensor.get("shape", list)
        if not all(size == BATCH or (type(size) is int and size > 0) for size in shape):
            raise tensor.refusal(f"{tensor.full('shape')} is {shape!r}")
        specs.append(TensorSpec(tensor.get("name", str), tensor.get("type", str), tuple(shape)))
    return tuple(specs)


def _state(step: _Section) -> tuple[tuple[str, str], ...]:
    pairs = step.get("state", list)
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair) for pair in pairs):
        raise step.refusal("'step.state' must list pairs of an input's and an output's name")
    return tuple((before, after) for before, after in pairs)


def _check_tensors(contract: ModelContract, top: _Section) -> None:
    """What is promised must be what the session and the vocabulary need."""
    inputs = {spec.name: spec for spec in contract.step.inputs}
    states = [inputs.get(before) for before, _ in contract.state]
    carried = [spec for spec in states if spec is not None and spec.type == "float32" and BATCH in spec.shape]
    if len(carried) != len(states):
        raise top.refusal(f"every state in 'step.state' must be a float32 input of the step with a {BATCH} dimension")
    hidden = contract.step.outputs[0] if contract.step.outputs else None
    if hidden is None or (hidden.name, hidden.type, hidden.shape[:1], len(hidden.shape)) != ("hidden", "float32", (BATCH,), 2):
        raise top.refusal(f"'step.outputs' must begin with hidden float32[{BATCH}, width]")
    after = tuple(TensorSpec(name, "float32", spec.shape) for (_, name), spec in zip(contract.state, carried, strict=True))
    row = TensorSpec("row", "int64", (BATCH, len(v.FIELDS)))
    style = TensorSpec("style", "float32", (BATCH, len(contract.styles)))
    given = TensorSpec("given", "int64", (BATCH, len(GIVEN)))
    logits = tuple(TensorSpec(f"logits_{head}", "float32", (BATCH, v.SIZE[head])) for head in v.HEADS)
    for where, found, needed in (
        ("step.inputs", contract.step.inputs, (row, style, *carried)),
        ("step.outputs", contract.step.outputs, (hidden, *after)),
        ("heads.inputs", contract.heads.inputs, (hidden, given)),
        ("heads.outputs", contract.heads.outputs, logits),
    ):
        if found != needed:
            raise top.refusal(f"{where!r} {difference(found, needed)}")
