"""Reads a model's contract and checks it against this version.

Pure: a JSON document in, a contract or a ModelError out. Every refusal says what is wrong, where, and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Part
from livegen.generators.contract import (
    BATCH,
    CHORD_CLASSES,
    DRAWN,
    EXPORT_AGAIN,
    FLOAT32,
    FORMAT_VERSION,
    GIVEN,
    INT8,
    PAST_LENGTH,
    PLAIN_NAME,
    PLANNED,
    SLOTS,
    TOTAL_LENGTH,
    CacheSpec,
    GraphSpec,
    LayerCache,
    ModelContract,
    TensorSpec,
    difference,
)

_T = TypeVar("_T")
_LARGEST_CACHE = 65_536
"""Slots of a page: a contract that asks for more is damaged, and must not exhaust the memory."""


def parse_contract(document: Mapping[str, Any], place: Path) -> ModelContract:
    """The contract in a JSON document that was read from file `place`.

    Raises:
        ModelError: a key is missing or of another type, or the model was made for another version.
    """
    top = _Section(document, place, "")
    _check_version(top)
    step, heads = top.section("step"), top.section("heads")
    given = heads.names("given")
    if given != GIVEN:
        raise top.refusal(f"'heads.given' is {', '.join(given)}, but this livegen gives {', '.join(GIVEN)}")
    contract = ModelContract(
        name=top.get("name", str),
        directory=place.parent,
        architecture=_architecture(top),
        opset=top.get("opset", int),
        operators=top.names("operators"),
        weights=top.choice("weights", FLOAT32, INT8),
        context_events=top.optional("context_events", int),
        styles=top.names("styles"),
        parts=_parts(top),
        step=_graph(step),
        streamed_bytes=step.get("streamed_bytes", int),
        state=_state(step),
        cache=_cache(step),
        heads=_graph(heads),
        chords=None if top.optional("chords", dict) is None else _graph(top.section("chords")),
        training=top.get("training", dict),
        export=top.get("export", dict),
        decoding=_decoding(top),
    )
    _check_tensors(contract, top)
    return contract


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

    def optional(self, key: str, kind: type[_T]) -> _T | None:
        """The value where the document says null: None. The key must be there."""
        return None if self.table.get(key, "") is None else self.get(key, kind)

    def choice(self, key: str, *choices: str) -> str:
        value = self.get(key, str)
        if value not in choices:
            raise self.refusal(f"{self.full(key)} is {value!r}, not one of {', '.join(choices)}")
        return value

    def section(self, key: str) -> _Section:
        return _Section(self.get(key, dict), self.place, f"{self.name}.{key}" if self.name else key)

    def names(self, key: str) -> tuple[str, ...]:
        names = self.get(key, list)
        if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
            raise self.refusal(f"{self.full(key)} must list different names, found {names!r}")
        return tuple(names)


def _check_version(top: _Section) -> None:
    version = top.get("format_version", int)
    if version != FORMAT_VERSION:
        raise top.refusal(f"format version {version}, but this livegen reads {FORMAT_VERSION}")
    vocabulary = top.section("vocabulary")
    digest = vocabulary.get("hash", str)
    if digest != v.HASH:
        theirs = f"{digest} (version {vocabulary.table.get('version')})"
        raise top.refusal(f"made for vocabulary {theirs}, but this livegen has {v.HASH} (version {v.VERSION})")


def _architecture(top: _Section) -> Mapping[str, Any]:
    section = top.section("architecture")
    section.get("kind", str)
    section.get("parameters", int)
    return section.table


def _decoding(top: _Section) -> Mapping[str, Any]:
    decoding = top.section("decoding")
    decoding.get("hide_history", bool)
    chords = decoding.choice("chords", DRAWN, PLANNED)
    if chords == PLANNED and top.optional("chords", dict) is None:
        raise decoding.refusal(f"'decoding.chords' is {PLANNED!r}, but there is no chord graph")
    if "in_chord" in decoding.table and not 0 <= decoding.get("in_chord", float) < math.inf:
        raise decoding.refusal(f"'decoding.in_chord' is {decoding.table['in_chord']}, not a number from 0 on")
    for name in ("boldness", "chord_boldness"):
        if name in decoding.table and not 0 < decoding.get(name, float) <= 2:
            raise decoding.refusal(f"'decoding.{name}' is {decoding.table[name]}, not a number above 0 and up to 2")
    if "hold" in decoding.table:
        decoding.get("hold", bool)
    return decoding.table


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
        if not all(size in (BATCH, SLOTS) or (type(size) is int and size > 0) for size in shape):
            raise tensor.refusal(f"{tensor.full('shape')} is {shape!r}")
        specs.append(TensorSpec(tensor.get("name", str), tensor.get("type", str), tuple(shape)))
    return tuple(specs)


def _state(step: _Section) -> tuple[tuple[str, str], ...]:
    return tuple((before, after) for before, after in _lists_of_names(step, "state", 2))


def _cache(step: _Section) -> CacheSpec | None:
    if step.optional("cache", dict) is None:
        return None
    cache = step.section("cache")
    slots, base = cache.get("slots", int), cache.get("rope_base", float)
    layers = tuple(LayerCache(*names) for names in _lists_of_names(cache, "layers", 4))
    if not 1 < slots <= _LARGEST_CACHE or not base > 1 or not layers:
        raise cache.refusal(f"'step.cache' has {slots} slots, a rope base of {base:g} and {len(layers)} layers")
    return CacheSpec(slots, base, layers)


def _lists_of_names(section: _Section, key: str, count: int) -> list[list[str]]:
    lists = section.get(key, list)
    if not all(isinstance(names, list) and len(names) == count and all(isinstance(x, str) for x in names) for names in lists):
        raise section.refusal(f"{section.full(key)} must list {count} names each")
    return lists


def _check_tensors(contract: ModelContract, top: _Section) -> None:
    """What is promised must be what the session and the vocabulary need."""
    hidden = contract.step.outputs[0] if contract.step.outputs else None
    if hidden is None or (hidden.name, hidden.type, hidden.shape[:1], len(hidden.shape)) != ("hidden", "float32", (BATCH,), 2):
        raise top.refusal(f"'step.outputs' must begin with hidden float32[{BATCH}, width]")
    carried, after = _carried(contract, top)
    cached_in, cached_out = _cached(contract, top)
    row = TensorSpec("row", "int64", (BATCH, len(v.FIELDS)))
    style = TensorSpec("style", "float32", (BATCH, len(contract.styles)))
    given = TensorSpec("given", "int64", (BATCH, len(GIVEN)))
    logits = tuple(TensorSpec(f"logits_{head}", "float32", (BATCH, v.SIZE[head])) for head in v.HEADS)
    checks = [
        ("step.inputs", contract.step.inputs, (row, style, *carried, *cached_in)),
        ("step.outputs", contract.step.outputs, (hidden, *after, *cached_out)),
        ("heads.inputs", contract.heads.inputs, (hidden, given)),
        ("heads.outputs", contract.heads.outputs, logits),
    ]
    if contract.chords is not None:
        checks += _chord_checks(contract.chords, top)
    for where, found, needed in checks:
        if found != needed:
            raise top.refusal(f"{where!r} {difference(found, needed)}")


def _carried(contract: ModelContract, top: _Section) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """State tensors as they go in and as they must come out."""
    inputs = {spec.name: spec for spec in contract.step.inputs}
    states = [inputs.get(before) for before, _ in contract.state]
    carried = [spec for spec in states if spec is not None and spec.type == "float32" and spec.shape[:1] == (BATCH,)]
    if len(carried) != len(states) or any(SLOTS in spec.shape for spec in carried):
        raise top.refusal(f"every state in 'step.state' must be a float32 input of the step with {BATCH} first")
    return carried, [TensorSpec(name, spec.type, spec.shape) for (_, name), spec in zip(contract.state, carried, strict=True)]


def _cached(contract: ModelContract, top: _Section) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Tensors of the cache as they go in, with its lengths, and as they come out."""
    if contract.cache is None:
        return [], []
    if contract.context_events is None or not 0 < contract.context_events < contract.cache.slots:
        raise top.refusal(f"a cache of {contract.cache.slots} slots has no room for {contract.context_events} 'context_events'")
    first = next((spec for spec in contract.step.inputs if spec.name == contract.cache.layers[0].past_key), None)
    if first is None or len(first.shape) != 4 or first.shape[2] != SLOTS or not isinstance(first.shape[3], int):
        raise top.refusal(f"'step.cache' needs an input float32[{BATCH}, kv heads, {SLOTS}, head width] of the step")
    if first.shape[3] % 2:
        raise top.refusal(f"rotary positions need an even head width, found {first.shape[3]}")
    layers = contract.cache.layers
    before = [TensorSpec(name, "float32", first.shape) for layer in layers for name in (layer.past_key, layer.past_value)]
    after = [TensorSpec(name, "float32", first.shape) for layer in layers for name in (layer.present_key, layer.present_value)]
    lengths = [TensorSpec(PAST_LENGTH, "int32", (BATCH,)), TensorSpec(TOTAL_LENGTH, "int32", ())]
    return before + lengths, after


def _chord_checks(chords: GraphSpec, top: _Section) -> list[tuple[str, tuple[TensorSpec, ...], tuple[TensorSpec, ...]]]:
    """How many channels and places it wants is the graph's own; whoever computes them compares."""
    sizes = [spec.shape[1] for spec in chords.inputs if len(spec.shape) > 1 and isinstance(spec.shape[1], int)]
    if len(sizes) != 2:
        raise top.refusal(f"'chords.inputs' must be heard float32[{BATCH}, channels, 12] and place float32[{BATCH}, places]")
    heard = TensorSpec("heard", "float32", (BATCH, sizes[0], 12))
    place = TensorSpec("place", "float32", (BATCH, sizes[1]))
    logits = TensorSpec("logits", "float32", (BATCH, CHORD_CLASSES))
    return [("chords.inputs", chords.inputs, (heard, place)), ("chords.outputs", chords.outputs, (logits,))]
