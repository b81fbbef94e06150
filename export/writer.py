"""Collects the nodes and constants of one ONNX graph, with matrices in float32 or in eight bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.quantise import BLOCK, to_blocks
from livegen.generators.contract import BATCH, FLOAT32, INT8

OPSET = 20
"""The lowest that has Gelu; ONNX Runtime knows it since 1.17."""
CONTRIB = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""
IR_VERSION = 9

_INT8_COMPUTE = 4
"""The `accuracy_level` of MatMulNBits at which the input is rounded to eight bits too, block by block."""

Array = npt.NDArray[np.float64]
"""Weights are folded in double precision and written in single."""


class GraphWriter:
    """Nodes are named after their output.

    Args:
        weights: how `linear` stores its matrices, `FLOAT32` or `INT8`.
    """

    def __init__(self, weights: str = FLOAT32) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.streamed_bytes = 0

    def input(self, name: str, kind: int, *shape: int | str) -> str:
        """An input of the graph, [B, *shape]."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, [BATCH, *shape]))
        return name

    def scalar(self, name: str, kind: int) -> str:
        """An input of the graph without dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, []))
        return name

    def output(self, name: str, *shape: int | str) -> str:
        """An output of the graph, float32 [B, *shape]."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape]))
        return name

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """A constant tensor: bytes stay bytes, other whole numbers become int64, all else float32."""
        array = np.asarray(values)
        kind = np.uint8 if array.dtype == np.uint8 else np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32
        self.constants.append(numpy_helper.from_array(np.array(array, dtype=kind, order="C"), name))
        return name

    def node(self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """A node; the name of its first output is returned."""
        name = next(output for output in outputs if output)
        self.nodes.append(helper.make_node(operator, inputs, list(outputs), name=name, domain=domain, **attributes))
        return outputs[0]

    def split(self, source: str, outputs: list[str], sizes: list[int]) -> None:
        """Cut [B, sum of sizes] along the last axis."""
        cuts = self.constant(f"{source}_sizes", np.array(sizes))
        self.nodes.append(helper.make_node("Split", [source, cuts], outputs, name=f"{source}_split", axis=-1))

    def lookup(self, rows: str, tables: list[Array], output: str) -> str:
        """Rows [B, columns] -> [B, 1, width]: the sum of what each column finds in its own table [classes, width]."""
        offsets = np.cumsum([0, *(len(table) for table in tables[:-1])])
        index = self.node("Add", [rows, self.constant(f"{output}_offsets", offsets)], f"{output}_index")
        found = self.node(
            "Gather", [self.constant(f"{output}_table", np.concatenate(tables)), index], f"{output}_found", axis=0
        )
        # A product with ones: ReduceSum is slow along a middle axis, 19 µs where this takes 7 (15 rows of 2048).
        ones = self.constant(f"{output}_ones", np.ones((1, len(tables))))
        return self.node("MatMul", [ones, found], output)

    def squeeze(self, source: str, output: str) -> str:
        """[B, 1, width] -> [B, width]."""
        return self.node("Squeeze", [source, self.constant(f"{output}_axis", np.array([1]))], output)

    def linear(self, source: str, weight: Array, bias: Array | None, output: str, *, exact: bool = False) -> str:
        """Times a weight [in, out], plus a bias [out] if there is one; `exact` stays float32 whatever the graph's weights.

        With a bias, `source` is [B, in] where the weights are float32.
        """
        if self.weights == INT8 and not exact:
            return self._in_blocks(source, weight, bias, output)
        self.streamed_bytes += 4 * weight.size
        matrix = self.constant(f"{output}_weight", weight)
        if bias is None:
            return self.node("MatMul", [source, matrix], output)
        return self.node("Gemm", [source, matrix, self.constant(f"{output}_bias", bias)], output)

    def _in_blocks(self, source: str, weight: Array, bias: Array | None, output: str) -> str:
        packed, scales = to_blocks(weight.T)
        self.streamed_bytes += packed.size + 4 * scales.size
        names = [self.constant(f"{output}_weight", packed), self.constant(f"{output}_scales", scales)]
        if bias is not None:
            names += ["", "", self.constant(f"{output}_bias", bias)]
        size_in, size_out = weight.shape
        attributes = {"K": size_in, "N": size_out, "bits": 8, "block_size": BLOCK, "accuracy_level": _INT8_COMPUTE}
        return self.node("MatMulNBits", [source, *names], output, domain=CONTRIB, **attributes)

    def model(self, name: str) -> onnx.ModelProto:
        """The checked model."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        domains = {node.domain for node in self.nodes if node.domain}
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
        model = helper.make_model(graph, producer_name="livegen", opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=not domains)
        return model
