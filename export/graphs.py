"""All graphs of a model."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from export.lstm_graph import lstm_state, lstm_step
from export.parts import HEARD_STATE, heads_graph
from export.transformer_graph import cache_of, transformer_step
from export.writer import GraphWriter
from models.networks.checkpoint import Model
from models.networks.lstm import LSTMModel


@dataclass(frozen=True, slots=True)
class Graphs:
    """What is exported, and what the contract must say of it.

    Attributes:
        weights: how the matrices of the step are stored, `FLOAT32` or `INT8`.
        step: one event.
        heads: the predictions.
        chords: the chord of a window, or None.
        streamed_bytes: weights that each step reads.
        state: (input, output) of each state tensor.
        cache: the contract's "step.cache", or None.
    """

    weights: str
    step: onnx.ModelProto
    heads: onnx.ModelProto
    chords: onnx.ModelProto | None
    streamed_bytes: int
    state: list[tuple[str, str]]
    cache: dict[str, object] | None

    @property
    def operators(self) -> list[str]:
        """What the graphs are made of, as "domain:operator", sorted."""
        graphs = [model.graph for model in (self.step, self.heads, self.chords) if model is not None]
        return sorted({f"{node.domain or 'ai.onnx'}:{node.op_type}" for graph in graphs for node in graph.node})


def build_graphs(model: Model, chords: onnx.ModelProto | None, weights: str) -> Graphs:
    """The graphs of a backbone, beside that of the chord chooser if there is one."""
    writer = GraphWriter(weights)
    if isinstance(model, LSTMModel):
        step, state, cache = lstm_step(model, writer), lstm_state(model), None
    else:
        step, state, cache = transformer_step(model, writer), [HEARD_STATE], cache_of(model)
    return Graphs(weights, step, heads_graph(model), chords, writer.streamed_bytes, state, cache)
