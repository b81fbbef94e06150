"""The look into ONNX files for weights that lie elsewhere."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from livegen.generators.onnx_wire import has_external_data


def outside(name: str = "w") -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../elsewhere")
    return tensor


def inside(name: str = "w") -> TensorProto:
    return numpy_helper.from_array(np.arange(2, dtype=np.float32), name)


def graph_of(*nodes: onnx.NodeProto, weights: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [], [], list(weights))


def test_a_model_with_its_weights_inside() -> None:
    graph = graph_of(helper.make_node("Constant", [], ["c"], value=inside()), weights=(inside(),))
    assert not has_external_data(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize(
    "graph",
    [
        graph_of(weights=(inside(), outside())),
        graph_of(helper.make_node("Constant", [], ["c"], value=outside())),
        graph_of(helper.make_node("If", ["x"], ["y"], then_branch=graph_of(weights=(outside(),)), else_branch=graph_of())),
    ],
    ids=["weights", "attribute", "branch"],
)
def test_weights_outside_are_seen_wherever_they_hide(graph: onnx.GraphProto) -> None:
    assert has_external_data(helper.make_model(graph).SerializeToString())


def test_weights_outside_are_seen_in_a_function() -> None:
    model = helper.make_model(graph_of())
    function = helper.make_function("d", "f", [], ["c"], [helper.make_node("Constant", [], ["c"], value=outside())], [])
    model.functions.append(function)
    assert has_external_data(model.SerializeToString())


def test_a_sparse_tensor_is_looked_into() -> None:
    model = helper.make_model(graph_of())
    model.graph.sparse_initializer.add(values=outside(), indices=inside())
    assert has_external_data(model.SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        assert has_external_data(data) in {False, True}


@given(st.data())
def test_a_cut_model_is_answered_or_refused(data: st.DataObject) -> None:
    whole = helper.make_model(graph_of(weights=(inside(),))).SerializeToString()
    with suppress(ValueError):
        assert not has_external_data(whole[: data.draw(st.integers(0, len(whole)))])
