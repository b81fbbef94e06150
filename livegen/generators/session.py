"""Runs a model's graphs on ONNX Runtime: one event a step, then the heads; and the chord graph where there is one.

What a model remembers is a `State`, a value to the caller: keeping one is a snapshot, and stepping from an older one goes back.
A model whose state is small carries it in plain arrays: for those, plain `run` was measured against I/O binding and
preallocated OrtValues (a step of 3 M weights takes 175 µs by `run`, 174 with fixed bindings and the copies that keep the state
a value, 186 with fresh bindings, 206 with OrtValues), so there is nothing to bind. A model that attends to its events has a
cache that is written in place (`livegen.generators.cached_step`), and its states point into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.generators.cached_step import CachedStep
from livegen.generators.contract import BATCH, ModelContract
from livegen.generators.onnx_graphs import PROVIDERS, FloatArray, IntArray, choose_provider, open_graph, run
from livegen.generators.rolling_cache import START, Place

__all__ = ["PROVIDERS", "FloatArray", "IntArray", "State", "StepSession"]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What the model remembers at one point of the stream. Nobody writes to the arrays.

    Attributes:
        values: the state tensors, float32 [B, ..] each, in the contract's order.
        memory: where the events lie that the model attends to; None if the values are all there is.
        place: which of them this state has seen.
    """

    values: tuple[FloatArray, ...]
    memory: CachedStep | None = None
    place: Place = START


class StepSession:
    """The graphs of one model, opened, compared with the contract and warmed up.

    Opening blocks (milliseconds to seconds); `step`, `heads` and `chords` block for their inference. It holds no context, so
    one session can serve several. Calls may come from any thread, but states that stem from the same `initial_state` belong to
    one thread at a time. B is the batch.

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
        self.provider, self.notice = choose_provider(provider)
        if contract.cache is not None and self.provider != "cpu":
            self.notice = f"{contract.name} keeps its memory in place, which provider {provider!r} can't; using cpu"
            self.provider = "cpu"
        try:
            self._open()
        except ModelError as error:
            if self.provider == "cpu":
                raise
            self.provider, self.notice = "cpu", f"provider {provider!r} failed ({error}); using cpu"
            self._open()

    def _open(self) -> None:
        contract = self.contract
        self._step = open_graph(contract, contract.step, self.provider)
        self._heads = open_graph(contract, contract.heads, self.provider)
        self._chords = None if contract.chords is None else open_graph(contract, contract.chords, self.provider)
        if PROVIDERS[self.provider] not in self._step.get_providers():
            # ONNX Runtime goes on without a provider whose libraries it can't load.
            self.notice = (
                f"provider {self.provider!r} could not be started by onnxruntime; using cpu. Check its driver and libraries"
            )
            self.provider = "cpu"
        self._warm_up()

    def _warm_up(self) -> None:
        """The first run allocates and is many times slower than the others; it also shows what no description can."""
        row, style = (np.zeros((1, int(spec.shape[1])), dtype=spec.type) for spec in self.contract.step.inputs[:2])
        given = np.zeros((1, int(self.contract.heads.inputs[1].shape[1])), dtype=np.int64)
        hidden, _ = self.step(row, style, self.initial_state())
        self.heads(hidden, given)
        if self.contract.chords is not None:
            heard, place = (np.zeros((1, *map(int, spec.shape[1:])), dtype=np.float32) for spec in self.contract.chords.inputs)
            self.chords(heard, place)

    def initial_state(self, batch: int = 1) -> State:
        """The memory before the first event: a context of its own, of `batch` sequences that go in step."""
        shapes = {spec.name: spec.shape for spec in self.contract.step.inputs}
        values = tuple(
            _frozen(np.zeros([batch if size == BATCH else int(size) for size in shapes[before]], dtype=np.float32))
            for before, _ in self.contract.state
        )
        return State(values, self._memory(batch))

    def step(self, row: IntArray, style: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Take in one event.

        Args:
            row: classes of the event, [B, len(vocabulary.FIELDS)].
            style: weights of the styles, [B, styles].
            state: what came out of a step, or `initial_state`. Where there is a cache, going on from a state ends the lives of
                all that came after it.

        Returns:
            `hidden`, [B, width], made for `heads` and nothing else, and the new state.

        Raises:
            ModelError: the run failed, a number in the output is not finite, or the state's life has ended.
        """
        if state.memory is not None:
            hidden, after, place = state.memory.run(row, style, state.values, state.place)
            return hidden, State(tuple(map(_frozen, after)), state.memory, place)
        feed: dict[str, FloatArray | IntArray] = {"row": row, "style": style}
        for (before, _), tensor in zip(self.contract.state, state.values, strict=True):
            feed[before] = tensor
        hidden, *values = run(self._step, feed, self.contract.step)
        return hidden, State(tuple(map(_frozen, values)))

    def spread(self, state: State, batch: int) -> State:
        """The state of one sequence as that of `batch` candidates that go apart from here, in a context of their own.

        Raises:
            ModelError: the state's life has ended.
        """
        values = tuple(_frozen(np.repeat(value, batch, axis=0)) for value in state.values)
        memory = self._memory(batch)
        if state.memory is None or memory is None:
            return State(values)
        return State(values, memory, state.memory.copy_to(memory, state.place))

    def _memory(self, batch: int) -> CachedStep | None:
        cache = self.contract.cache
        return None if cache is None else CachedStep(self._step, self.contract, cache, batch)

    def heads(self, hidden: FloatArray, given: IntArray) -> dict[str, FloatArray]:
        """Logits of every head, [B, classes], from `hidden` [B, width] and `given` [B, len(contract.GIVEN)], 0 where not known.

        Raises:
            ModelError: as `step`.
        """
        logits = run(self._heads, {"hidden": hidden, "given": given}, self.contract.heads)
        return dict(zip(v.HEADS, logits, strict=True))

    def chords(self, heard: FloatArray, place: FloatArray) -> FloatArray:
        """Logits of a window's chord, [B, CHORD_CLASSES], from what was heard [B, channels, 12] and its place [B, places].

        Raises:
            ModelError: as `step`, or the model has no chord graph.
        """
        if self._chords is None or self.contract.chords is None:
            raise ModelError(f"{self.contract.name} has no chord graph; export it with --chords")
        (logits,) = run(self._chords, {"heard": heard, "place": place}, self.contract.chords)
        return logits


def _frozen(tensor: FloatArray) -> FloatArray:
    tensor.setflags(write=False)
    return tensor
