"""The daemon on real ports: its output led back to its input, a flood of MIDI, and bytes that are no MIDI."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import rtmidi
from support.jack import JackServer
from support.live import NOTE_OFF, NOTE_ON, Peer, ask_osc, daemon, oscsend, peer, sounding_of

from livegen.devices.driver_ports import dispose

pytestmark = [pytest.mark.jack, pytest.mark.processes]

QUIET_S = 20.0
"""How long a busy machine may take for what should be there at once."""


def health(name: str) -> float:
    values = ask_osc("/livegen/health", name, timeout_s=10)
    return float(dict(zip(values[::2], values[1::2], strict=True))[name])


def until(condition: object, limit_s: float = QUIET_S) -> None:
    assert callable(condition)
    pause, end_s = threading.Event(), time.perf_counter() + limit_s
    while not condition():
        assert time.perf_counter() < end_s
        pause.wait(0.1)


def lead_back(server: JackServer) -> None:
    ends = [next(name for name in server.ports() if name.endswith(end)) for end in ("livegen out", "livegen in")]
    server.connect(*ends)


def most_in_a_second(player: Peer) -> int:
    """Note-ons in the busiest second."""
    times = [item.time_s for item in player.ear.heard if item.is_on]
    return max((sum(time_s <= other < time_s + 1 for other in times) for time_s in times), default=0)


@pytest.mark.parametrize("mode", ["respond", "accompany"])
def test_an_output_that_is_led_back_does_not_run_away(jack_server: JackServer, mode: str) -> None:
    """With everything passed on: what the player plays, and whatever comes back."""
    with peer() as player, daemon("--backend", "jack", "--mode", mode) as started:
        player.connect()
        oscsend("/livegen/thru", "i", "1")
        lead_back(jack_server)
        player.play([60, 62, 64, 65, 67, 69, 71, 72], 0.25)
        until(lambda: health("echo_loops") >= 1)
        started.wait_for_line("comes back to its MIDI input", QUIET_S)
        threading.Event().wait(3.0)
        assert health("echoes") > 0
        # At most what may pass before there is evidence, on each of the channels that are used.
        assert most_in_a_second(player) < 300
        oscsend("/livegen/mode", "s", "listen")
        assert ask_osc("/livegen/mode", timeout_s=10) == ["listen"]
        assert player.ear.wait_for(lambda heard: not sounding_of(heard), QUIET_S)
        threading.Event().wait(1.0)
        quiet_s = time.perf_counter()
        threading.Event().wait(1.0)
        assert not [item for item in player.ear.since(quiet_s) if item.is_on], "something still circles"


@contextmanager
def raw_output(server: JackServer) -> Iterator[rtmidi.MidiOut]:
    """A client that sends anything, led to the daemon's input."""
    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="raw")
    try:
        out.open_virtual_port("raw output")
        target = next(name for name in server.ports() if name.endswith("livegen in"))
        server.connect("raw:raw output", target)
        yield out
    finally:
        dispose(out, None)


def test_what_is_no_midi_is_counted_and_ignored(jack_server: JackServer) -> None:
    with peer() as player, daemon("--backend", "jack", "--mode", "listen") as started:
        player.connect()
        oscsend("/livegen/thru", "i", "1")
        assert ask_osc("/livegen/thru", timeout_s=10) == [1]
        with raw_output(jack_server) as out:
            for bad in (
                [60, 60],
                [NOTE_ON, 200, 60],
                [NOTE_ON, 60],
                [0xF7],
                [0xF0, 1, 0xF8, 2, 0xF7],
                [0xF4],
            ):
                out.send_message(bad)
            out.send_message([NOTE_ON, 61, 64])
            out.send_message([NOTE_OFF, 61, 0])
            assert player.ear.wait_for(lambda heard: any(item.is_off and item.data[1] == 61 for item in heard), QUIET_S)
            until(lambda: health("midi_refused") >= 1)
        # JACK drops some of these itself; what arrived and was refused never went on.
        assert {item.data[1] for item in player.ear.heard if item.is_on} == {61}
        assert started.process.poll() is None


def test_a_flood_of_black_midi_is_heard_or_counted(jack_server: JackServer) -> None:
    """Two thousand messages a second for ten seconds, all passed on: nothing hangs, and the queue is bounded."""
    rng, held = random.Random(2), set[tuple[int, int]]()
    with peer() as player, daemon("--backend", "jack", "--mode", "listen") as started:
        player.connect()
        oscsend("/livegen/thru", "i", "1")
        assert ask_osc("/livegen/thru", timeout_s=10) == [1]
        before = health("messages_in")
        struck, offered, most = set[tuple[int, int]](), 0, 0.0
        with raw_output(jack_server) as out:
            begin_s, pause = time.perf_counter(), threading.Event()
            while offered < 20_000:
                for _ in range(20):
                    channel, pitch = rng.randrange(16), rng.randrange(128)
                    if held and (rng.random() < 0.5 or len(held) > 400):
                        channel, pitch = held.pop()
                        out.send_message([NOTE_OFF | channel, pitch, 0])
                    elif rng.random() < 0.3 or (channel, pitch) in held:
                        out.send_message([0xB0 | channel, 1, rng.randrange(128)])
                    else:
                        held.add((channel, pitch))
                        struck.add((channel, pitch))
                        out.send_message([NOTE_ON | channel, pitch, rng.randint(1, 127)])
                    offered += 1
                if offered % 2000 == 0:
                    most = max(most, health("input/waiting"))
                pause.wait(max(0.0, begin_s + offered / 2000 - time.perf_counter()))
            for channel, pitch in held:
                out.send_message([NOTE_OFF | channel, pitch, 0])
                offered += 1
                pause.wait(0.001)
            until(lambda: health("input/waiting") == 0)
        assert player.ear.wait_for(lambda heard: not sounding_of(heard), QUIET_S), len(player.ear.sounding())
        assert most <= 4096 + 2048
        assert started.process.poll() is None
        # The read-out is half a second behind.
        until(lambda: health("sounding") == 0)
        accounted = health("messages_in") - before + sum(map(health, ("input_coalesced", "input_dropped", "echoes")))
        # What JACK lost on the way in never entered.
        assert offered / 2 < accounted <= offered
        # How often is not compared: where the machine is busy, JACK reads a period twice.
        heard = {(item.channel, item.data[1]) for item in player.ear.heard if item.is_on}
        assert heard <= struck, "nothing is heard that was not played"
        assert len(heard) > len(struck) / 2
