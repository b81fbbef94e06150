"""What livegen adds to a note on its way from in to out, against a program that does nothing but pass it on."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from livegen.core.errors import DeviceError, LivegenError
from livegen.core.midi import NoteOff, NoteOn, parse
from livegen.core.parameters import Value
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.devices.ports import Backend
from livegen.devices.rtmidi_ports import RtMidiBackend
from livegen.runtime.benches.figures import Outcome, Samples, Setup, added_ms, percentiles_ms
from livegen.runtime.benches.loads import beside
from livegen.runtime.benches.players import MemoryPlayer, Player, PortPlayer, midi_system, taken
from livegen.runtime.benches.rig import CHANNEL, Rig
from livegen.runtime.priority import go_first

NAMES = ("relay in", "relay out")
"""The bare relay's ports."""

MODES: dict[str, dict[str, Value]] = {
    "thru": {"mode": "listen", "thru": True},
    "harmonize": {"mode": "harmonize"},
}
"""Which notes are measured, and the parameters that make livegen play them: your own played through, or those added to them."""

WARM_UP = 20
_START_S = 10.0
_WAIT_S = 0.2
_QUIET_S = 0.004
"""So long after a note nothing more belongs to it."""
_PAUSE_S = 0.006
"""Longest pause between two notes, drawn at random, so that they fall on no rhythm of the machine."""


def measure_relay(setup: Setup) -> Outcome:
    """From our sending a note to our hearing the last that follows from it, by turns through livegen and through the relay.

    Raises:
        LivegenError: the daemon or the relay did not start, or no note came back.
    """
    system = midi_system(setup.backend)
    with Rig(setup, MODES[setup.mode], system) as rig, bare_relay(system) as bare:
        setup.progress(f"{setup.mode} against a bare relay ({rig.ports})")
        ours, theirs, lost = _by_turns(rig, bare, setup.seconds)
    if not ours or not theirs:
        raise LivegenError("no note came back; give --seconds more")
    figures = {
        "mode": setup.mode,
        "ports": rig.ports,
        "livegen_ms": percentiles_ms(ours),
        "bare_ms": percentiles_ms(theirs),
        "added_ms": added_ms(ours, theirs),
        "lost": lost,
    }
    title = f"From a note's going in to {'its coming' if setup.mode == 'thru' else 'the last added one coming'} out"
    return Outcome({"relay": figures}, (Samples("relay", title, {"livegen": ours, "bare relay": theirs}),))


@contextmanager
def bare_relay(system: str | None) -> Iterator[Player]:
    """A process whose driver callback sends what it gets, at the performer's priority; the player at its ports.

    Raises:
        DeviceError: it did not start.
    """
    backend, peer = memory_cable() if system is None else (None, None)
    ours, theirs = multiprocessing.Pipe()
    with ours, beside(_relay, system, backend, theirs):
        theirs.close()
        if not ours.poll(_START_S):
            raise DeviceError(f"the bare relay did not start within {_START_S:g} s")
        try:
            ours.recv()
        except EOFError:
            raise DeviceError("the bare relay did not start; what it said is above") from None
        player = PortPlayer(system, *NAMES) if system is not None else MemoryPlayer(peer) if peer is not None else None
        if player is None:
            raise DeviceError("the bare relay has no ports")
        try:
            yield player
        finally:
            ours.send(None)  # it closes its ports before ours: a client that vanishes while it is played to upsets JACK
            ours.poll(_START_S)
            player.close()


def _relay(system: str | None, backend: Backend | None, control: Connection) -> None:
    """Entry of the relay's process."""
    go_first()
    ports = backend or RtMidiBackend(system, MonotonicClock(), "livegen relay", NAMES)
    output = ports.open_output(None)
    entry = ports.open_input(None, lambda data, _: output.send(data), lambda _: None)
    control.send("ready")
    control.recv()
    for resource in (entry, output, ports):
        resource.close()
    control.send("closed")


def _by_turns(rig: Rig, bare: Player, seconds: float) -> tuple[list[int], list[int], int]:
    """Times through livegen and through the relay, in ns, and how many notes did not come back."""
    chance = random.Random(0)
    times: tuple[list[int], list[int]] = ([], [])
    lost, rounds = 0, 0
    until_ns = rig.clock.now_ns() + round(seconds * 1e9)
    while rounds < WARM_UP or rig.clock.now_ns() < until_ns:
        for player, kept in zip((rig.player, bare), times, strict=True):
            time_ns = _there_and_back(player, 60 + rounds % 12)
            rig.watch(chance.uniform(0.0, _PAUSE_S))
            if rounds < WARM_UP:
                continue
            if time_ns is None:
                lost += 1
            else:
                kept.append(time_ns)
        rounds += 1
        if rounds == WARM_UP:
            until_ns = rig.clock.now_ns() + round(seconds * 1e9)
    return *times, lost


def _there_and_back(player: Player, pitch: int) -> int | None:
    """Strike a key and let it go: how long until the last note-on that followed from it, in ns; None if none did."""
    for _ in taken(player):
        continue
    sent_ns = player.send(NoteOn(CHANNEL, pitch, 80))
    last_ns, wait_s = None, _WAIT_S
    while (heard := player.receive(wait_s)) is not None:
        if isinstance(parse(heard[0]), NoteOn):
            last_ns, wait_s = heard[1], _QUIET_S
    player.send(NoteOff(CHANNEL, pitch))
    wait_s = _WAIT_S
    while player.receive(wait_s) is not None:
        wait_s = _QUIET_S
    return None if last_ns is None else last_ns - sent_ns
