"""The brain: the model, its context, and nothing else. It may be slow, wrong or dead; the performer plays on."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from livegen.core.effects import Ask, Discard, Observe
from livegen.core.errors import DeviceError, LivegenError
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.plans import PlanRequest
from livegen.devices.clock import MonotonicClock
from livegen.generators.band import Band
from livegen.generators.open_generator import open_generator
from livegen.runtime.link import call, supervised
from livegen.runtime.messages import Failed, GeneratorReady, History, StartFailed
from livegen.runtime.shared import SharedName, SharedState

HEARTBEAT_S = 0.1


@dataclass(frozen=True, slots=True)
class BrainSpec:
    """What a brain is started with: the model's name or folder, the execution provider, where to call, the shared block."""

    model: str
    provider: str
    address: str
    shared: SharedName


def brain_main(spec: BrainSpec, control: Connection) -> None:
    """Entry of the brain's process; returns when the supervisor has gone. SIGTERM ends it: nothing of it sounds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        band = Band(open_generator(spec.model, spec.provider))
    except LivegenError as error:
        control.send(StartFailed(str(error)))
        return
    shared = SharedState.attach(spec.shared)
    gc.collect()
    gc.freeze()
    clock = MonotonicClock()

    def beat() -> None:
        shared.beat("brain", clock.now_ns())

    while supervised():
        try:
            serve(call(spec.address, "brain", beat), band, beat, clock.now_ns)
        except (DeviceError, EOFError, OSError):
            # The performer has died; its successor will be told what to remember.
            band.reset()
    shared.close()


def serve(link: Connection, band: Band, beat: Callable[[], None], now_ns: Callable[[], int]) -> None:
    """Answer one performer until it goes; `now_ns` is the performer's clock.

    Raises:
        EOFError, OSError: the performer has gone.
    """
    link.send(GeneratorReady(band.generator.name, band.generator.notice))
    while True:
        beat()
        if link.poll(HEARTBEAT_S):
            for message in _still_wanted(_received(link), now_ns()):
                beat()
                handle(link, band, message, beat)


def _received(link: Connection) -> list[Any]:
    """Everything that has come by now, in its order; at least one message."""
    messages = [link.recv()]
    while link.poll(0):
        messages.append(link.recv())
    return messages


def _still_wanted(messages: list[Any], now_ns: int) -> list[Any]:
    """Without requests whose windows have begun, if there is a later one: who has fallen behind does not plan the past."""
    last = max((index for index, message in enumerate(messages) if isinstance(message, Ask)), default=-1)
    return [
        message
        for index, message in enumerate(messages)
        if index == last or not isinstance(message, Ask) or not _has_begun(message.request, now_ns)
    ]


def _has_begun(request: PlanRequest, now_ns: int) -> bool:
    tick = request.tick
    return tick.tempo_bpm is not None and now_ns > tick.time_ns + tick.lookahead * 60e9 / tick.tempo_bpm / PULSES_PER_BEAT


def handle(link: Connection, band: Band, message: Any, beat: Callable[[], None]) -> None:
    """One message of the performer; beats where it may take long. What the model cannot take is reported and left out."""
    plan_id = message.request.plan_id if isinstance(message, Ask) else None
    try:
        match message:
            case Observe(event):
                band.observe(event)
            case Ask(request):
                link.send(band.plan(request))
            case Discard(first):
                band.discard(first)
            case History(events):
                band.reset()
                for event in events:
                    band.observe(event)
                    beat()
    except LivegenError as error:
        link.send(Failed(plan_id, str(error)))
