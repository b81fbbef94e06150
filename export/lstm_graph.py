"""The step of an LSTM.

Gates are explicit, with one product a layer and a tensor of its own for each layer's state: no slower than the LSTM operator,
whose stacked state must be cut and joined. The input weights of layer 0 are folded away: into the table of the events, and into
the rows for the style and for what was heard, which stand under the recurrent weights in the one matrix of that layer.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from export.parts import HEARD_STATE, common_tensors, event_tables, heard_features, trunk_of, weights_of
from export.writer import Array, GraphWriter
from models.networks.lstm import LSTMModel


def lstm_step(model: LSTMModel, writer: GraphWriter) -> onnx.ModelProto:
    """One event: row, style, heard, h0, c0, .. [B, H] -> hidden [B, heads * head], heard_next, h0_next, c0_next, .. [B, H]."""
    config, weights = model.config, weights_of(model)
    common_tensors(writer, model)
    features = heard_features(writer)
    gates = _ifog(weights["lstm.weight_ih_l0"]).T  # [E, 4H]
    event = writer.squeeze(writer.lookup("row", [table @ gates for table in event_tables(model)], "event"), "event_flat")
    above = ""
    for layer in range(config.layers):
        recurrent = _ifog(weights[f"lstm.weight_hh_l{layer}"]).T  # [H, 4H]
        if layer == 0:
            sources = ["h0", "style", features]
            rows = [recurrent, weights["embed.style.weight"].T @ gates, weights["heard_in.weight"].T @ gates]
        else:
            sources, rows = [above, f"h{layer}"], [_ifog(weights[f"lstm.weight_ih_l{layer}"]).T, recurrent]
        joined = writer.node("Concat", sources, f"input{layer}", axis=1)
        bias = _ifog(weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"])
        total = writer.linear(joined, np.concatenate(rows), bias, f"gates{layer}")
        if layer == 0:
            total = writer.node("Add", [total, event], "gates0_all")
        above = _cell(writer, total, layer, config.hidden)
    trunk, bias = trunk_of(weights)
    stacked = np.concatenate([trunk, weights["heard_out.weight"].T @ trunk])
    writer.linear(writer.node("Concat", [above, features], "output", axis=1), stacked, bias, "hidden")
    return writer.model("step")


def lstm_state(model: LSTMModel) -> list[tuple[str, str]]:
    """(input, output) of each state tensor of the step."""
    cells = [f"{kind}{layer}" for layer in range(model.config.layers) for kind in ("h", "c")]
    return [HEARD_STATE, *((name, f"{name}_next") for name in cells)]


def _cell(writer: GraphWriter, gates: str, layer: int, hidden: int) -> str:
    """Gates [B, 4H] in the order i, f, o, g -> the layer's output [B, H]; it and its cell are the next state."""
    for tensor in (f"h{layer}", f"c{layer}"):
        writer.input(tensor, TensorProto.FLOAT, hidden)
        writer.output(f"{tensor}_next", hidden)
    writer.split(gates, [f"ifo{layer}", f"g{layer}"], [3 * hidden, hidden])
    # The three that share a squashing function are squashed in one node.
    opened = writer.node("Sigmoid", [f"ifo{layer}"], f"opened{layer}")
    news = writer.node("Tanh", [f"g{layer}"], f"news{layer}")
    writer.split(opened, [f"i{layer}", f"f{layer}", f"o{layer}"], [hidden] * 3)
    kept = writer.node("Mul", [f"f{layer}", f"c{layer}"], f"kept{layer}")
    added = writer.node("Mul", [f"i{layer}", news], f"added{layer}")
    cell = writer.node("Add", [kept, added], f"c{layer}_next")
    return writer.node("Mul", [f"o{layer}", writer.node("Tanh", [cell], f"shown{layer}")], f"h{layer}_next")


def _ifog(weight: Array) -> Array:
    """Torch's gate order i, f, g, o along the first axis -> i, f, o, g."""
    i, f, g, o = np.split(weight, 4)
    return np.concatenate([i, f, o, g])
