"""Runs the step of a model that keeps its keys and values in place: a context of its own, bound to the graph once.

Inputs, outputs and the cache are arrays that ONNX Runtime reads and writes where they lie (I/O binding), so a step copies an
event in and its hidden numbers out, and nothing else. The cache goes in and comes out as the same memory.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import onnxruntime

from livegen.generators.contract import BATCH, PAST_LENGTH, SLOTS, TOTAL_LENGTH, CacheSpec, ModelContract, TensorSpec
from livegen.generators.onnx_graphs import FloatArray, IntArray, check_finite, run_bound
from livegen.generators.rolling_cache import START, Place, RollingCache


class _Buffers:
    """The arrays of one context, and pages of cache bound beside them."""

    def __init__(self, session: onnxruntime.InferenceSession, contract: ModelContract, cache: CacheSpec, batch: int) -> None:
        self._session, self._cache = session, cache
        self._sizes = {BATCH: batch, SLOTS: cache.slots}
        names = {name for layer in cache.layers for name in astuple(layer)}
        self.inputs = {spec.name: self._array(spec) for spec in contract.step.inputs if spec.name not in names}
        self.outputs = {spec.name: self._array(spec) for spec in contract.step.outputs if spec.name not in names}
        self._bound = {name: _value(array) for name, array in (self.inputs | self.outputs).items()}
        spec = next(spec for spec in contract.step.inputs if spec.name == cache.layers[0].past_key)
        self._page_shape = (len(cache.layers), *self._shape(spec))

    def page(self) -> tuple[FloatArray, FloatArray, onnxruntime.IOBinding]:
        """Keys and values of all layers, and the binding that runs the step on them."""
        binding = self._session.io_binding()
        for name in self.inputs:
            binding.bind_ortvalue_input(name, self._bound[name])
        for name in self.outputs:
            binding.bind_ortvalue_output(name, self._bound[name])
        keys, values = (np.zeros(self._page_shape, dtype=np.float32) for _ in range(2))
        for layer, key, value in zip(self._cache.layers, map(_value, keys), map(_value, values), strict=True):
            binding.bind_ortvalue_input(layer.past_key, key)
            binding.bind_ortvalue_output(layer.present_key, key)
            binding.bind_ortvalue_input(layer.past_value, value)
            binding.bind_ortvalue_output(layer.present_value, value)
        return keys, values, binding

    def _shape(self, spec: TensorSpec) -> tuple[int, ...]:
        return tuple(self._sizes[size] if isinstance(size, str) else size for size in spec.shape)

    def _array(self, spec: TensorSpec) -> Any:
        return np.zeros(self._shape(spec), dtype=spec.type)


class CachedStep:
    """One context of a batch of sequences, all of the same length. For one thread at a time.

    Args:
        session: the step's graph, on the CPU.
        contract: whose step it is.
        cache: the contract's cache.
        batch: how many sequences.
    """

    def __init__(self, session: onnxruntime.InferenceSession, contract: ModelContract, cache: CacheSpec, batch: int) -> None:
        self._session, self._graph = session, contract.step
        self._buffers = _Buffers(session, contract, cache, batch)
        self._before = [self._buffers.inputs[before] for before, _ in contract.state]
        window = int(contract.context_events or 1) - 1
        self._cache = RollingCache(self._buffers.page, cache.slots, window, cache.rope_base)

    def run(
        self, row: IntArray, style: FloatArray, states: tuple[FloatArray, ...], place: Place
    ) -> tuple[FloatArray, tuple[FloatArray, ...], Place]:
        """Take in one event after `place`; events after it are forgotten.

        Returns:
            `hidden`, the state tensors after the event, and the place after it.

        Raises:
            ModelError: the place is gone, the run failed, or a number in the output is not finite.
        """
        page, slot = self._cache.seek(place)
        inputs = self._buffers.inputs
        inputs["row"][:], inputs["style"][:] = row, style
        inputs[PAST_LENGTH][:], inputs[TOTAL_LENGTH][...] = slot, slot + 1
        for tensor, value in zip(self._before, states, strict=True):
            tensor[:] = value
        run_bound(self._session, page.binding, self._graph)
        hidden, *after = (array.copy() for array in self._buffers.outputs.values())
        check_finite((hidden, *after), self._graph)
        return hidden, tuple(after), self._cache.wrote(page)

    def copy_to(self, other: CachedStep, place: Place) -> Place:
        """The same point of the stream in a fresh context of another batch: ours, or a batch of 1 that is spread.

        Raises:
            ModelError: the place is gone.
        """
        return START if place == START else other._cache.fill(*self._cache.window_of(place))


def _value(array: Any) -> onnxruntime.OrtValue:
    """An OrtValue that borrows the array's memory, as it does on the CPU; whoever calls keeps the array."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)
