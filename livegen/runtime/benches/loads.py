"""What a stage puts on a machine beside the performer, each in a process of its own for as long as its context lasts."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from livegen.core.events import On, Part, Tick
from livegen.core.plans import PlanRequest
from livegen.desk.osc_codec import encode
from livegen.devices.clock import MonotonicClock
from livegen.generators.open_generator import open_generator
from livegen.generators.protocol import Generator

FLOOD_PACKETS_PER_S = 10_000
_BURSTS_PER_S = 200

ACCOMPANIMENT = frozenset({Part.CHORDS, Part.BASS})
"""What the network plays of an accompaniment; the drums are patterns."""


def busy_process() -> AbstractContextManager[None]:
    """A Python process that never rests."""
    return beside(_spin)


def osc_flood(address: tuple[str, int]) -> AbstractContextManager[None]:
    """10,000 OSC packets a second, each a harmless question."""
    return beside(_flood, address)


def full_brain(model: str, provider: str) -> AbstractContextManager[None]:
    """The work of a brain that is never done: the model plans one window of an accompaniment after the other."""
    return beside(_plan_for_ever, model, provider)


@contextmanager
def beside(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Another process, ended with the context whatever it does."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(2.0)


def plan_accompaniment(generator: Generator, index: int) -> int:
    """Plan window number `index` under a held triad, as `accompany` does; how many notes came."""
    now_ns = index * 500_000_000
    generator.observe(On(now_ns, (60, 64, 67)[index % 3], 80, 0))
    tick = Tick(now_ns, index * 2 % 8, 4, 120.0, 6, 24, ACCOMPANIMENT)
    return len(generator.plan(PlanRequest(index + 1, index * 24, tick)).notes)


def _spin() -> None:
    total = 0
    while True:
        total = (total * 31 + 7) % 1_000_003


def _flood(address: tuple[str, int]) -> None:
    packet = encode("/livegen/temperature")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        clock = MonotonicClock()
        due_ns = clock.now_ns()
        while True:
            for _ in range(FLOOD_PACKETS_PER_S // _BURSTS_PER_S):
                try:
                    sender.sendto(packet, address)
                except OSError:
                    break
            due_ns += 1_000_000_000 // _BURSTS_PER_S
            time.sleep(max(0, due_ns - clock.now_ns()) / 1e9)


def _plan_for_ever(model: str, provider: str) -> None:
    generator = open_generator(model, provider)
    index = 0
    while True:
        plan_accompaniment(generator, index)
        index += 1
