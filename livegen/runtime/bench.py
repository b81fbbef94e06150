"""Measurements of the daemon on this machine: the model's step, the schedule idle and under load, MIDI round trip, memory."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, SimpleQueue

import numpy as np

from livegen.core.errors import DeviceError, LivegenError
from livegen.core.events import Off, On, Part, Tick
from livegen.core.midi import NoteOff, NoteOn, encode
from livegen.core.parameters import Value
from livegen.core.plans import PlanRequest
from livegen.core.stream import StreamEncoder
from livegen.desk.osc_codec import encode as encode_osc
from livegen.devices.clock import Clock, MonotonicClock
from livegen.devices.memory import MemoryPeer, memory_cable
from livegen.devices.open_backend import open_backend
from livegen.generators.contract import GIVEN
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.neural import NeuralGenerator
from livegen.generators.session import StepSession
from livegen.runtime.config import Config
from livegen.runtime.messages import DeskReady, Health, ResetTimings
from livegen.runtime.supervisor import Supervisor

STEPS = 2000
COPY_BYTES = 256 * 1024 * 1024
FLOOD_PACKETS_PER_S = 10_000
ROUNDTRIPS = 200

Figures = dict[str, float]
Progress = Callable[[str], None]


def percentiles_ms(samples_ns: list[int], *, worst: bool = False) -> Figures:
    """p50 and p99, with `worst` also max, in ms."""
    p50, p99 = np.percentile(samples_ns, (50, 99)) / 1e6
    figures = {"p50": round(float(p50), 4), "p99": round(float(p99), 4)}
    return {**figures, "max": round(max(samples_ns) / 1e6, 4)} if worst else figures


def model_figures(model: str, provider: str, clock: Clock, events: int) -> dict[str, object]:
    """Size and speed of a model through the daemon's own session, once it has heard as many events as it attends to.

    `growth_mb` is how much more memory this process has after hearing `events` more.

    `floor_ms` is the time that it takes to stream the weights that a step uses once from memory at the measured copy bandwidth;
    a model that fits into the processor's cache can be faster than that.

    Raises:
        ModelError: the model cannot be used.
    """
    contract = load_contract(find_model(model))
    session = StepSession(contract, provider)
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
    for index in range(events):
        _, state = session.step(rows[index % len(rows)][np.newaxis], style, state)
    after = resident_mb([os.getpid()])
    return {
        "model": contract.name,
        "parameters": contract.architecture["parameters"],
        "context_events": contract.context_events,
        "step_ms": percentiles_ms(steps),
        "heads_ms": percentiles_ms(heads),
        "notes_per_s": round(_notes_per_s(NeuralGenerator(session, contract), clock), 1),
        "floor_ms": round(contract.streamed_bytes / _copy_bandwidth(clock) * 1e3, 4),
        "events": events,
        "growth_mb": None if before is None or after is None else round(after - before, 1),
    }


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
    notes, start = 0, clock.now_ns()
    parts = frozenset({Part.CHORDS, Part.BASS})
    for index in range(100):
        now_ns = index * 500_000_000
        generator.observe(On(now_ns, (60, 64, 67)[index % 3], 80, 0))
        tick = Tick(now_ns, index * 2 % 8, 4, 120.0, 6, 24, parts)
        notes += len(generator.plan(PlanRequest(index + 1, index * 24, tick)).notes)
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


class LiveBench:
    """The whole daemon on in-memory ports, played to while it accompanies.

    Args:
        model: which model.
        seconds: of each condition.
        progress: is told what is being measured.
    """

    def __init__(self, model: str, seconds: float, progress: Progress) -> None:
        self._clock = MonotonicClock()
        self._seconds = seconds
        self._progress = progress
        self._backend, self._peer = memory_cable()
        parameters: dict[str, Value] = {"mode": "accompany", "tempo/bpm": 120.0}
        # Port 0 would turn OSC off; one that the system has just given away again is free.
        self._supervisor = Supervisor(
            Config(model=model, osc_port=_free_port(), parameters=parameters), self._hear, self._backend
        )
        self._health: dict[str, object] = {}
        self._osc = ("127.0.0.1", 0)

    def run(self) -> dict[str, object]:
        """Measure idle, then loaded.

        Raises:
            LivegenError: the daemon did not start.
        """
        try:
            ready_s = self._supervisor.start()
            self._progress("schedule, idle")
            idle = self._condition()
            rss_mb = resident_mb(list(self._supervisor.pids().values()))
            self._progress("schedule, beside a busy process and an OSC flood")
            with busy_process(), osc_flood(self._osc):
                loaded = self._condition()
        finally:
            self._supervisor.stop()
            self._peer.close()
        return {
            "schedule_error_ms": idle,
            "schedule_error_loaded_ms": loaded,
            "rss_mb": rss_mb,
            "ready_s": round(ready_s, 3),
        }

    def _hear(self, message: object) -> None:
        match message:
            case Health(values):
                self._health = dict(values)
            case DeskReady(host, port):
                self._osc = (host, port)

    def _condition(self) -> Figures:
        """Play a scale in quarters; what the performer says of its own schedule at the end."""
        self._play(1.0)
        self._supervisor.tell_performer(ResetTimings())
        self._play(self._seconds)
        names = {key: f"schedule_error/{key}_ms" for key in ("p50", "p99", "max")}
        if names["p50"] not in self._health:
            raise LivegenError("the daemon played nothing in this time; give --seconds more")
        return {key: float(str(self._health[name])) for key, name in names.items()}

    def _play(self, seconds: float) -> None:
        end_ns = self._clock.now_ns() + round(seconds * 1e9)
        pitch = 60
        while self._clock.now_ns() < end_ns:
            self._peer.send(encode(NoteOn(0, pitch, 80)))
            self._supervisor.run(min(end_ns, self._clock.now_ns() + 400_000_000))
            self._peer.send(encode(NoteOff(0, pitch)))
            self._supervisor.run(min(end_ns, self._clock.now_ns() + 100_000_000))
            _drain(self._peer)
            pitch = 60 + (pitch - 58) % 12


def _drain(peer: MemoryPeer) -> None:
    while peer.receive(0.0) is not None:
        continue


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _spin() -> None:
    total = 0
    while True:
        total = (total * 31 + 7) % 1_000_003


def _flood(address: tuple[str, int]) -> None:
    """Packets at a steady rate; a ping or a harmless question each."""
    packet = encode_osc("/livegen/temperature")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        clock = MonotonicClock()
        due_ns = clock.now_ns()
        while True:
            for _ in range(FLOOD_PACKETS_PER_S // 200):
                try:
                    sender.sendto(packet, address)
                except OSError:
                    break
            due_ns += 1_000_000_000 // 200
            time.sleep(max(0, due_ns - clock.now_ns()) / 1e9)


@contextmanager
def _beside(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(2.0)


def busy_process() -> AbstractContextManager[None]:
    """A Python process that never rests, for as long as the context lasts."""
    return _beside(_spin)


def osc_flood(address: tuple[str, int]) -> AbstractContextManager[None]:
    """A process that sends 10,000 OSC packets a second, for as long as the context lasts."""
    return _beside(_flood, address)


def resident_mb(pids: list[int]) -> float | None:
    """Resident memory of these processes together, in MB; None where the system has no `ps`."""
    try:
        listed = subprocess.run(  # noqa: S603 - our own process numbers
            ["ps", "-o", "rss=", "-p", ",".join(map(str, pids))],  # noqa: S607 - part of every POSIX system
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return round(sum(map(int, listed.stdout.split())) * 1024 / 1e6, 1)


def roundtrip_ms(backend_name: str) -> Figures | None:
    """From a send on our own virtual output to the callback of an input that listens to it; None without virtual ports."""
    if os.name == "nt":
        return None
    clock = MonotonicClock()
    try:
        backend = open_backend(backend_name, clock)
        if backend is None:
            return None
        output = backend.open_output(None)
    except DeviceError:
        return None
    arrived: SimpleQueue[int] = SimpleQueue()
    try:
        source = backend.open_input("livegen out", lambda _, time_ns: arrived.put(time_ns), lambda _: None)
        samples = list(_roundtrips(output.send, arrived, clock))
        source.close()
    except DeviceError:
        samples = []
    finally:
        output.close()
        backend.close()
    return percentiles_ms(samples, worst=True) if samples else None


def _roundtrips(send: Callable[[bytes], None], arrived: SimpleQueue[int], clock: Clock) -> Iterator[int]:
    for index in range(ROUNDTRIPS):
        message = NoteOn(0, 60, 64) if index % 2 == 0 else NoteOff(0, 60)
        start = clock.now_ns()
        send(encode(message))
        try:
            yield arrived.get(timeout=0.5) - start
        except Empty:
            continue
