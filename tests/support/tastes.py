"""Predictors of one taste, and a model session made of one: cheap, deterministic, and as long-winded as a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from livegen.core import vocabulary as v
from livegen.core.events import Part
from livegen.generators.contract import GIVEN, GraphSpec, ModelContract
from livegen.generators.neural import NeuralGenerator
from livegen.generators.session import FloatArray, IntArray, State, StepSession

_GRAPH = GraphSpec("none.onnx", "", 0, (), ())


class Taste:
    """A predictor that always says the same, whatever is known."""

    def __init__(self, seed: int, spread: float = 1.5) -> None:
        rng = np.random.default_rng(seed)
        self.logits = {name: rng.normal(0.0, spread, v.SIZE[name]) for name in v.HEADS}

    def __call__(self, name: str, given: Mapping[str, int]) -> np.ndarray:
        return self.logits[name]


class TasteSession:
    """What a `NeuralGenerator` needs of a session: it hears nothing and has its taste."""

    notice = None

    def __init__(self, taste: Taste) -> None:
        self._taste = taste

    def initial_state(self, batch: int = 1) -> State:
        return State(())

    def step(self, row: IntArray, style: FloatArray, state: State) -> tuple[FloatArray, State]:
        return np.zeros((1, 0), dtype=np.float32), state

    def heads(self, hidden: FloatArray, given: IntArray) -> dict[str, FloatArray]:
        known = dict(zip(GIVEN, given[0].tolist(), strict=True))
        return {name: self._taste(name, known)[np.newaxis].astype(np.float32) for name in v.HEADS}


def generator_of(taste: Taste, **decoding: Any) -> NeuralGenerator:
    """A neural generator without a network, played as `decoding` says."""
    contract = ModelContract(
        name="taste", directory=Path(), architecture={}, opset=0, operators=(), weights="float32", context_events=None,
        styles=("pop",), parts=frozenset({Part.LEAD, Part.CHORDS, Part.BASS}), step=_GRAPH, streamed_bytes=0, state=(),
        cache=None, heads=_GRAPH, chords=None, training={}, export={},
        decoding={"hide_history": True, "chords": "drawn"} | decoding,
    )  # fmt: skip
    return NeuralGenerator(cast(StepSession, TasteSession(taste)), contract)
