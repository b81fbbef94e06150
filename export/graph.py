"""Builds the two ONNX graphs of an LSTM from its weights, node by node.

Nothing is traced, so the graphs hold what the stage needs and no more: one event a step, weights folded as far as they go.

- The embedding tables of all fields become one table of layer 0's gates: embedding and input projection are both linear, so
  their product is looked up instead of multiplied, and a step streams fewer weights.
- The heads' first layers, their trunks, are linear in the backbone's output, so they stand at the end of the step, where they
  run once an event; the heads, called up to six times an event, cost a third without them. `hidden` is therefore what the
  trunks make of the backbone's output, [B, heads * head width].
- Gates are explicit, with one product a layer above the first and a tensor of its own for each layer's state: no slower than
  the LSTM operator, whose stacked state must be cut and joined.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from livegen.core import vocabulary as v
from livegen.generators.contract import BATCH, GIVEN
from models.lstm import LSTMModel
from models.network import GIVEN_SIZE, HEAD_GIVEN, table_of

OPSET = 20
"""The lowest that has Gelu; ONNX Runtime knows it since 1.17."""
IR_VERSION = 9

Array = npt.NDArray[np.float64]
"""Weights are folded in double precision and written in single."""


class GraphWriter:
    """Collects the nodes and constants of one graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """A constant tensor: whole numbers become int64, others float32."""
        array = np.asarray(values)
        kind = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=kind), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one output, whose name is returned."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def split(self, source: str, outputs: list[str], sizes: list[int]) -> None:
        """Cut [B, sum of sizes] along the last axis."""
        cuts = self.constant(f"{source}_sizes", np.array(sizes))
        self.nodes.append(helper.make_node("Split", [source, cuts], outputs, name=f"{source}_split", axis=1))

    def lookup(self, rows: str, tables: list[Array], output: str) -> str:
        """Sum over the columns of `rows` [B, columns] of each column's row in its own table [classes, width] -> [B, width]."""
        offsets = np.cumsum([0, *(len(table) for table in tables[:-1])])
        index = self.node("Add", [rows, self.constant(f"{output}_offsets", offsets)], f"{output}_index")
        found = self.node(
            "Gather", [self.constant(f"{output}_table", np.concatenate(tables)), index], f"{output}_found", axis=0
        )
        # A product with ones: ReduceSum is slow along a middle axis, 19 µs where this takes 7 (15 rows of 2048).
        ones = self.constant(f"{output}_ones", np.ones((1, len(tables))))
        total = self.node("MatMul", [ones, found], f"{output}_sum")  # [B, 1, width]
        return self.node("Squeeze", [total, self.constant(f"{output}_axis", np.array([1]))], output)

    def linear(self, source: str, weight: Array, bias: Array, output: str) -> str:
        """[B, in] times weight [in, out] plus bias [out] -> [B, out]."""
        names = [self.constant(f"{output}_weight", weight), self.constant(f"{output}_bias", bias)]
        return self.node("Gemm", [source, *names], output)

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """The checked model."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, producer_name="livegen", opset_imports=[opset], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def step_graph(model: LSTMModel) -> onnx.ModelProto:
    """One event: row int64 [B, F], style [B, S], h0, c0, .. [B, H] -> hidden [B, heads * head], h0_next, c0_next, .. [B, H]."""
    config, weights = model.config, _weights(model)
    writer = GraphWriter()
    gates = _ifog(weights["lstm.weight_ih_l0"]).T  # [E, 4H]
    event = writer.lookup("row", [_table(model, f"embed.fields.{column}") @ gates for column in range(len(v.FIELDS))], "event")
    style = writer.linear("style", weights["embed.style.weight"].T @ gates, _bias(weights, 0), "style_gates")
    above = writer.node("Add", [event, style], "input0")
    inputs = [_value("row", TensorProto.INT64, len(v.FIELDS)), _value("style", TensorProto.FLOAT, len(config.styles))]
    outputs = [_value("hidden", TensorProto.FLOAT, len(v.HEADS) * config.head)]
    for layer in range(config.layers):
        recurrent = _ifog(weights[f"lstm.weight_hh_l{layer}"]).T  # [H, 4H]
        if layer == 0:
            product = writer.node("MatMul", ["h0", writer.constant("recurrent0", recurrent)], "product0")
            total = writer.node("Add", [product, above], "gates0")
        else:
            both = writer.node("Concat", [above, f"h{layer}"], f"input{layer}", axis=1)
            stacked = np.concatenate([_ifog(weights[f"lstm.weight_ih_l{layer}"]).T, recurrent])  # [2H, 4H]
            total = writer.linear(both, stacked, _bias(weights, layer), f"gates{layer}")
        above = _cell(writer, total, layer, config.hidden)
        for tensor in (f"h{layer}", f"c{layer}"):
            inputs.append(_value(tensor, TensorProto.FLOAT, config.hidden))
            outputs.append(_value(f"{tensor}_next", TensorProto.FLOAT, config.hidden))
    trunk = np.concatenate([weights[f"heads.trunk.{head}.weight"].T for head in v.HEADS], axis=1)  # [H, heads * head]
    writer.linear(above, trunk, np.concatenate([weights[f"heads.trunk.{head}.bias"] for head in v.HEADS]), "hidden")
    return writer.model("step", inputs, outputs)


def heads_graph(model: LSTMModel) -> onnx.ModelProto:
    """All heads at once: hidden [B, heads * head], given int64 [B, G] -> logits_<head> [B, classes] for each head."""
    width, weights = model.config.head, _weights(model)
    writer = GraphWriter()
    tables = []
    for name in GIVEN:
        # A head that is not given a field finds zeros.
        blocks = [
            _table(model, f"heads.given.{head}.{name}") if name in HEAD_GIVEN[head] else np.zeros((GIVEN_SIZE[name], width))
            for head in v.HEADS
        ]
        tables.append(np.concatenate(blocks, axis=1))  # [classes, heads * head]
    known = writer.lookup("given", tables, "known")
    total = writer.node("Add", ["hidden", known], "before")
    active = writer.node("Gelu", [total], "active", approximate="tanh")
    writer.split(active, [f"active_{head}" for head in v.HEADS], [width] * len(v.HEADS))
    outputs = []
    for head in v.HEADS:
        writer.linear(
            f"active_{head}", weights[f"heads.out.{head}.weight"].T, weights[f"heads.out.{head}.bias"], f"logits_{head}"
        )
        outputs.append(_value(f"logits_{head}", TensorProto.FLOAT, v.SIZE[head]))
    inputs = [_value("hidden", TensorProto.FLOAT, len(v.HEADS) * width), _value("given", TensorProto.INT64, len(GIVEN))]
    return writer.model("heads", inputs, outputs)


def state_names(model: LSTMModel) -> list[tuple[str, str]]:
    """(input, output) of each state tensor of the step."""
    return [(name, f"{name}_next") for layer in range(model.config.layers) for name in (f"h{layer}", f"c{layer}")]


def _cell(writer: GraphWriter, gates: str, layer: int, hidden: int) -> str:
    """Gates [B, 4H] in the order i, f, o, g -> the layer's output [B, H]; its cell becomes the next state."""
    writer.split(gates, [f"ifo{layer}", f"g{layer}"], [3 * hidden, hidden])
    # The three that share a squashing function are squashed in one node.
    opened = writer.node("Sigmoid", [f"ifo{layer}"], f"opened{layer}")
    news = writer.node("Tanh", [f"g{layer}"], f"news{layer}")
    writer.split(opened, [f"i{layer}", f"f{layer}", f"o{layer}"], [hidden] * 3)
    kept = writer.node("Mul", [f"f{layer}", f"c{layer}"], f"kept{layer}")
    added = writer.node("Mul", [f"i{layer}", news], f"added{layer}")
    cell = writer.node("Add", [kept, added], f"c{layer}_next")
    return writer.node("Mul", [f"o{layer}", writer.node("Tanh", [cell], f"shown{layer}")], f"h{layer}_next")


def _weights(model: LSTMModel) -> dict[str, Array]:
    return {name: tensor.detach().cpu().double().numpy() for name, tensor in model.state_dict().items()}


def _table(model: LSTMModel, path: str) -> Array:
    table: Array = table_of(model.get_submodule(path)).detach().cpu().double().numpy()
    return table


def _bias(weights: dict[str, Array], layer: int) -> Array:
    return _ifog(weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"])


def _ifog(weight: Array) -> Array:
    """Torch's gate order i, f, g, o along the first axis -> i, f, o, g."""
    i, f, g, o = np.split(weight, 4)
    return np.concatenate([i, f, o, g])


def _value(name: str, kind: int, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [BATCH, width])
