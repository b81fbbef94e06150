"""What a model promises in its `model.json`, as frozen values; `livegen.generators.contract_reader` reads and checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegen.core.events import Part
from livegen.core.harmony import QUALITIES

FORMAT_VERSION = 2
BATCH = "batch"
"""The symbolic dimension of how many sequences run at once."""
SLOTS = "slots"
"""The symbolic dimension of how many events a cache of keys and values has room for."""

FLOAT32, INT8 = "float32", "int8"
"""How a model's matrices are stored; what is computed with is float32 in both."""

GIVEN: tuple[str, ...] = ("root", "part", "pulse", "pitch", "duration", "chord_root", "chord_quality")
"""Columns of the heads' `given` input, in order; class 0 means not known yet."""

PAST_LENGTH, TOTAL_LENGTH = "past_length", "total_length"
"""Inputs of a step with a cache: the slot of the new event, int32 [batch], and how many slots are in use with it, int32."""

CHORD_CLASSES = 12 * len(QUALITIES)
"""Outputs of the chord graph: twelve roots, each with all qualities."""

EXPORT_AGAIN = "export the model again with this version's `python -m export`, or choose another (`livegen models`)"

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of models and of their files: never a path."""

DRAWN, PLANNED = "drawn", "planned"
"""Where a window's chord comes from: drawn from the model's heads, or chosen by the model's chord graph."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type ("float32", "int64" or "int32") and shape of a graph's input or output; `BATCH`, `SLOTS` are free."""

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
class LayerCache:
    """Names of one layer's cache, all float32 [batch, kv heads, slots, head width]; what goes in comes out in place."""

    past_key: str
    past_value: str
    present_key: str
    present_value: str


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """The cache of keys and values of a model that attends to events, rather than carrying a state.

    Attributes:
        slots: how many events a page of the cache holds; more than the window that the model attends to.
        rope_base: of the rotary positions by which keys are turned before they are cached.
        layers: the tensors of each layer.
    """

    slots: int
    rope_base: float
    layers: tuple[LayerCache, ...]


@dataclass(frozen=True, slots=True)
class ModelContract:
    """What `model.json` promises, checked against this version.

    Attributes:
        name: what the model is called.
        directory: where the files lie.
        architecture: kind, sizes and parameter count, for people.
        opset: ONNX operator set of the graphs.
        operators: what the graphs are made of, as "domain:operator", sorted.
        weights: `FLOAT32` or `INT8`.
        context_events: how many events the model attends to; None where the state is all there is and nothing runs out.
        styles: names behind the columns of the `style` input.
        parts: the voices that it was trained to play.
        step: one event in, state in -> `hidden`, state out.
        streamed_bytes: weights that each step reads.
        state: (input name, output name) of each state tensor of `step` that goes in and comes out as a value.
        cache: what else the step remembers, in place; None where the state is all there is.
        heads: `hidden` and what is known so far -> logits of every head.
        chords: what was heard and the place in the music -> logits of the window's chord; None where there is no such graph.
        training: recipe, corpora with licences, seed, steps, scores, as the training side wrote them.
        export: what the exporter measured, for people.
        decoding: `hide_history` (bool): the model does not see its own chords and notes where it accompanies; `chords`:
            `DRAWN` or `PLANNED`. Others may be missing: see `boldness`, `chord_boldness`, `in_chord` and `hold`.
    """

    name: str
    directory: Path
    architecture: Mapping[str, Any]
    opset: int
    operators: tuple[str, ...]
    weights: str
    context_events: int | None
    styles: tuple[str, ...]
    parts: frozenset[Part]
    step: GraphSpec
    streamed_bytes: int
    state: tuple[tuple[str, str], ...]
    cache: CacheSpec | None
    heads: GraphSpec
    chords: GraphSpec | None
    training: Mapping[str, Any]
    export: Mapping[str, Any]
    decoding: Mapping[str, Any]

    @property
    def in_chord(self) -> float:
        """Nats that a pitch outside the window's chord costs chords and bass; 0 unless `decoding` says more."""
        return float(self.decoding.get("in_chord", 0.0))

    @property
    def chord_boldness(self) -> float:
        """Factor on the temperature where the chord graph chooses; see `chord_choice`."""
        return float(self.decoding.get("chord_boldness", 0.3))

    @property
    def boldness(self) -> float:
        """Factor on the temperature of notes, so that the knob's usual place suits every model; 1 unless `decoding` says so."""
        return float(self.decoding.get("boldness", 1.0))

    @property
    def hold(self) -> bool:
        """Whether chords are struck as they change and hold until the next; not unless `decoding` says so."""
        return bool(self.decoding.get("hold", False))

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """All graphs that there are."""
        return (self.step, self.heads) if self.chords is None else (self.step, self.heads, self.chords)


def difference(found: tuple[TensorSpec, ...], needed: tuple[TensorSpec, ...]) -> str:
    """Where two lists of tensors that are not equal first differ, in words."""
    for index, need in enumerate(needed):
        if index >= len(found):
            return f"lack {need}"
        if found[index] != need:
            return f"have {found[index]} where {need} is needed"
    return f"have {found[len(needed)]} too many"
