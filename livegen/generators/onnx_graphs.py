"""ONNX Runtime as livegen uses it: providers by the names that musicians type, graphs compared, and runs that are checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from livegen.core.errors import ConfigError, ModelError
from livegen.generators.contract import EXPORT_AGAIN, GraphSpec, ModelContract, TensorSpec, difference
from livegen.generators.model_files import read_graph

PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}
"""Names that a musician uses, and ONNX Runtime's."""

_PACKAGES = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu", "coreml": "onnxruntime on macOS", "dml": "onnxruntime-directml"}
_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32"}

# ONNX Runtime has a tree of its own without a common base, and it grows: take every exception that its module has.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def choose_provider(name: str) -> tuple[str, str | None]:
    """The provider to use for the one that was asked for, and why it is another, in words for the musician.

    Raises:
        ConfigError: there is no provider of that name.
    """
    if name not in PROVIDERS:
        raise ConfigError(f"there is no provider {name!r}; choose one of {', '.join(PROVIDERS)}")
    available = [ours for ours, theirs in PROVIDERS.items() if theirs in onnxruntime.get_available_providers()]
    if name in available:
        return name, None
    have = ", ".join(available)
    return "cpu", f"provider {name!r} is not in this onnxruntime (it has {have}); using cpu. Install {_PACKAGES[name]} for it"


def open_graph(contract: ModelContract, graph: GraphSpec, provider: str) -> onnxruntime.InferenceSession:
    """Load one graph and compare its tensors with the contract. One thread: two were slower than one at batch 1.

    Raises:
        ModelError: it is damaged, can't be loaded, or differs from the contract.
    """
    data = read_graph(contract, graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = provider != "dml"  # DirectML does not have it
    options.log_severity_level = 4  # what goes wrong is raised, and we say it ourselves
    providers = list(dict.fromkeys([PROVIDERS[provider], PROVIDERS["cpu"]]))
    path = contract.directory / graph.file
    try:
        session = onnxruntime.InferenceSession(data, options, providers=providers, enable_fallback=0)
    except _ORT_ERRORS as error:
        raise ModelError(f"{path}: onnxruntime {onnxruntime.__version__} can't load it ({error}); {EXPORT_AGAIN}") from error
    for kind, found, needed in (
        ("inputs", _specs(session.get_inputs()), graph.inputs),
        ("outputs", _specs(session.get_outputs()), graph.outputs),
    ):
        if found != needed:
            raise ModelError(f"{path}: its {kind} {difference(found, needed)} by the contract; {EXPORT_AGAIN}")
    return session


def run(session: onnxruntime.InferenceSession, feed: dict[str, FloatArray | IntArray], graph: GraphSpec) -> list[FloatArray]:
    """All outputs of a graph, in order, sure to be finite.

    Raises:
        ModelError: the run failed, or a number in the output is not finite.
    """
    try:
        outputs: list[FloatArray] = session.run([spec.name for spec in graph.outputs], feed)
    except _ORT_ERRORS as error:
        raise ModelError(f"{graph.file}: inference failed ({error})") from error
    check_finite(outputs, graph)
    return outputs


def run_bound(session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding, graph: GraphSpec) -> None:
    """Run with inputs and outputs that are bound already; the outputs are not looked at.

    Raises:
        ModelError: the run failed.
    """
    try:
        session.run_with_iobinding(binding)
    except _ORT_ERRORS as error:
        raise ModelError(f"{graph.file}: inference failed ({error})") from error


def check_finite(outputs: Sequence[FloatArray], graph: GraphSpec) -> None:
    """The first outputs of a graph must be numbers.

    Raises:
        ModelError: one is not.
    """
    for spec, output in zip(graph.outputs, outputs, strict=False):
        # The sum of squares is finite only if every number is, and much faster than asking each.
        if not math.isfinite(np.vdot(output, output)):
            problem = "the model is damaged or was trained badly: choose another"
            raise ModelError(f"{graph.file}: {spec.name!r} is not finite; {problem}")


def _specs(tensors: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(tensor.name, _TYPES.get(tensor.type, tensor.type), tuple(tensor.shape)) for tensor in tensors)
