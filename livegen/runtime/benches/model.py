"""The model on its own: a step's time, the notes that it can make, the memory that it takes."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from livegen.core.events import Off, On
from livegen.core.stream import StreamEncoder
from livegen.devices.clock import Clock, MonotonicClock
from livegen.generators.contract import GIVEN
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.neural import NeuralGenerator
from livegen.generators.session import StepSession
from livegen.runtime.benches.figures import Outcome, Samples, Setup, percentiles_ms
from livegen.runtime.benches.loads import plan_accompaniment
from livegen.runtime.benches.machine import resident_mb

STEPS = 2000
COPY_BYTES = 256 * 1024 * 1024


def measure_model(setup: Setup) -> Outcome:
    """Size and speed of a model through the daemon's own session, once it has heard as many events as it attends to.

    `growth_mb` is how much more memory this process has after hearing `setup.events` more.

    `floor_ms` is the time that it takes to stream the weights that a step uses once from memory at the measured copy bandwidth;
    a model that fits into the processor's cache can be faster than that.

    Raises:
        ModelError: the model cannot be used.
    """
    setup.progress("model")
    clock = MonotonicClock()
    contract = load_contract(find_model(setup.model))
    session = StepSession(contract, setup.provider)
    rows = _rows()
    style = np.zeros((1, len(contract.styles)), dtype=np.float32)
    state, given = session.initial_state(), np.zeros((1, len(GIVEN)), dtype=np.int64)
    steps: list[int] = []
    heads: list[int] = []
    context = contract.context_events or 0
    for index in range(context + STEPS):
        start = clock.now_ns()
        hidden, state = session.step(rows[index % len(rows)][np.newaxis], style, state)
        middle = clock.now_ns()
        session.heads(hidden, given)
        if index >= context:
            steps.append(middle - start)
            heads.append(clock.now_ns() - middle)
    before = resident_mb([os.getpid()])
    for index in range(setup.events):
        _, state = session.step(rows[index % len(rows)][np.newaxis], style, state)
    after = resident_mb([os.getpid()])
    figures = {
        "model": contract.name,
        "parameters": contract.architecture["parameters"],
        "context_events": contract.context_events,
        "step_ms": percentiles_ms(steps),
        "heads_ms": percentiles_ms(heads),
        "notes_per_s": round(_notes_per_s(NeuralGenerator(session, contract), clock), 1),
        "floor_ms": round(contract.streamed_bytes / _copy_bandwidth(clock) * 1e3, 4),
        "events": setup.events,
        "growth_mb": None if before is None or after is None else round(after - before, 1),
    }
    return Outcome(figures, (Samples("step", f"One event through {contract.name}", {"step": steps, "heads": heads}),))


def _rows() -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    encoder = StreamEncoder()
    scale = (60, 62, 64, 65, 67, 69, 71, 72)
    rows = []
    for index in range(64):
        now_ns = index * 250_000_000
        pitch = scale[index % len(scale)]
        rows.append(encoder.encode(On(now_ns, pitch, 80, index % 4 * 6)))
        rows.append(encoder.encode(Off(now_ns + 200_000_000, pitch, index % 4 * 6 + 4)))
    return rows


def _notes_per_s(generator: NeuralGenerator, clock: Clock) -> float:
    """Notes of chords and bass, window after window, as `accompany` plays them under a held triad."""
    start = clock.now_ns()
    notes = sum(plan_accompaniment(generator, index) for index in range(100))
    return notes / ((clock.now_ns() - start) / 1e9)


def _copy_bandwidth(clock: Clock) -> float:
    """Bytes a second that one core copies between buffers much larger than the cache, counting those read."""
    source = np.ones(COPY_BYTES // 8)
    target = np.zeros_like(source)
    best = min(_timed(lambda: np.copyto(target, source), clock) for _ in range(5))
    return COPY_BYTES / (best / 1e9)


def _timed(work: Callable[[], object], clock: Clock) -> int:
    start = clock.now_ns()
    work()
    return clock.now_ns() - start
