"""Runs a model's two graphs on ONNX Runtime: one event a step, then the heads, in plain numpy values.

Plain `run` with numpy arrays was measured against I/O binding and preallocated OrtValues: a step of 3 M weights takes 175 µs by
`run`, 174 with fixed bindings and the copies that keep the state a value, 186 with fresh bindings, 206 with OrtValues. So there
is nothing to bind. One thread: two were slower than one at batch 1.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from livegen.core import vocabulary as v
from livegen.core.errors import ConfigError, ModelError
from livegen.generators.contract import BATCH, EXPORT_AGAIN, GraphSpec, ModelContract, TensorSpec, difference
from livegen.generators.model_files import read_graph

PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}
"""Names that a musician uses, and ONNX Runtime's."""

_PACKAGES = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu", "coreml": "onnxruntime on macOS", "dml": "onnxruntime-directml"}
_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64"}

# ONNX Runtime has a tree of its own without a common base, and it grows: take every exception that its module has.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
State = tuple[FloatArray, ...]
"""What the model remembers, as a value: nobody writes to these arrays, so keeping one is a snapshot."""


class StepSession:
    """The two graphs of one model, opened, compared with the contract and warmed up.

    Opening blocks (milliseconds to seconds); `step` and `heads` block for their inference. It holds no context, so one session
    can serve several; calls may come from any thread. B is the batch.

    Attributes:
        contract: what was opened.
        provider: the name in `PROVIDERS` that runs it.
        notice: why it is not the provider that was asked for, in words for the musician, or None.
    """

    def __init__(self, contract: ModelContract, provider: str = "cpu") -> None:
        """Open a model.

        Raises:
            ModelError: the files are damaged, can't be loaded, differ from the contract, or answer numbers that are not finite.
            ConfigError: there is no provider of that name.
        """
        self.contract = contract
        self.provider, self.notice = _choose_provider(provider)
        try:
            self._open()
        except ModelError as error:
            if self.provider == "cpu":
                raise
            self.provider, self.notice = "cpu", f"provider {provider!r} failed ({error}); using cpu"
            self._open()

    def _open(self) -> None:
        self._step = _open(self.contract, self.contract.step, self.provider)
        self._heads = _open(self.contract, self.contract.heads, self.provider)
        if PROVIDERS[self.provider] not in self._step.get_providers():
            # ONNX Runtime goes on without a provider whose libraries it can't load.
            self.notice = (
                f"provider {self.provider!r} could not be started by onnxruntime; using cpu. Check its driver and libraries"
            )
            self.provider = "cpu"
        self._step_outputs = [spec.name for spec in self.contract.step.outputs]
        self._head_outputs = [spec.name for spec in self.contract.heads.outputs]
        # The first run allocates and is many times slower than the others; it also shows what no description can.
        row, style = (np.zeros((1, int(spec.shape[1])), dtype=spec.type) for spec in self.contract.step.inputs[:2])
        given = np.zeros((1, int(self.contract.heads.inputs[1].shape[1])), dtype=np.int64)
        hidden, _ = self.step(row, style, self.initial_state())
        self.heads(hidden, given)

    def initial_state(self, batch: int = 1) -> State:
        """The memory before the first event: zeros."""
        shapes = {spec.name: spec.shape for spec in self.contract.step.inputs}
        return tuple(
            _frozen(np.zeros([batch if size == BATCH else int(size) for size in shapes[before]], dtype=np.float32))
            for before, _ in self.contract.state
        )

    def step(self, row: IntArray, style: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Take in one event.

        Args:
            row: classes of the event, [B, len(vocabulary.FIELDS)].
            style: weights of the styles, [B, styles].
            state: what came out of the step before, or `initial_state`; it is left as it is.

        Returns:
            `hidden`, [B, width], made for `heads` and nothing else, and the new state.

        Raises:
            ModelError: the run failed, or a number in the output is not finite.
        """
        feed: dict[str, FloatArray | IntArray] = {"row": row, "style": style}
        for (before, _), tensor in zip(self.contract.state, state, strict=True):
            feed[before] = tensor
        hidden, *after = _run(self._step, self._step_outputs, feed, self.contract.step.file)
        return hidden, tuple(_frozen(tensor) for tensor in after)

    def heads(self, hidden: FloatArray, given: IntArray) -> dict[str, FloatArray]:
        """Logits of every head, [B, classes], from `hidden` [B, width] and `given` [B, len(contract.GIVEN)], 0 where not known.

        Raises:
            ModelError: as `step`.
        """
        logits = _run(self._heads, self._head_outputs, {"hidden": hidden, "given": given}, self.contract.heads.file)
        return dict(zip(v.HEADS, logits, strict=True))


def _choose_provider(name: str) -> tuple[str, str | None]:
    if name not in PROVIDERS:
        raise ConfigError(f"there is no provider {name!r}; choose one of {', '.join(PROVIDERS)}")
    available = [ours for ours, theirs in PROVIDERS.items() if theirs in onnxruntime.get_available_providers()]
    if name in available:
        return name, None
    have = ", ".join(available)
    return "cpu", f"provider {name!r} is not in this onnxruntime (it has {have}); using cpu. Install {_PACKAGES[name]} for it"


def _open(contract: ModelContract, graph: GraphSpec, provider: str) -> onnxruntime.InferenceSession:
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


def _specs(tensors: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(tensor.name, _TYPES.get(tensor.type, tensor.type), tuple(tensor.shape)) for tensor in tensors)


def _run(
    session: onnxruntime.InferenceSession, names: list[str], feed: dict[str, FloatArray | IntArray], file: str
) -> list[FloatArray]:
    try:
        outputs: list[FloatArray] = session.run(names, feed)
    except _ORT_ERRORS as error:
        raise ModelError(f"{file}: inference failed ({error})") from error
    for name, output in zip(names, outputs, strict=True):
        # The sum of squares is finite only if every number is, and much faster than asking each.
        if not math.isfinite(np.vdot(output, output)):
            raise ModelError(f"{file}: {name!r} is not finite; the model is damaged or was trained badly: choose another")
    return outputs


def _frozen(tensor: FloatArray) -> FloatArray:
    tensor.setflags(write=False)
    return tensor
