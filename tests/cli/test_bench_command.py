"""`livegen bench` measures what it promises; how fast this machine is, no test asks."""

from __future__ import annotations

import json
import multiprocessing
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from support.jack import JackServer

from livegen.devices.clock import MonotonicClock
from livegen.runtime.bench import FLOOD_PACKETS_PER_S, busy_process, osc_flood, percentiles_ms, roundtrip_ms

pytestmark = pytest.mark.processes

KEYS = {
    "model",
    "parameters",
    "context_events",
    "step_ms",
    "heads_ms",
    "notes_per_s",
    "floor_ms",
    "events",
    "growth_mb",
    "schedule_error_ms",
    "schedule_error_loaded_ms",
    "roundtrip_ms",
    "rss_mb",
    "ready_s",
}
COMMAND = [sys.executable, "-m", "livegen", "bench", "--seconds", "1"]


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    done = subprocess.run([*COMMAND, "--json", "--backend", "none"], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    progress = done.stderr.splitlines()
    assert all(line.startswith("measuring: ") for line in progress), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_it_prints_exactly_what_it_promises(figures: dict[str, Any]) -> None:
    assert set(figures) == KEYS
    assert figures["model"] == "edge"
    assert figures["parameters"] > 1_000_000
    assert figures["context_events"] is None


@pytest.mark.parametrize("name", ["step_ms", "heads_ms"])
def test_times_of_the_model_are_percentiles(figures: dict[str, Any], name: str) -> None:
    assert list(figures[name]) == ["p50", "p99"]
    assert 0 < figures[name]["p50"] <= figures[name]["p99"]


@pytest.mark.parametrize("name", ["schedule_error_ms", "schedule_error_loaded_ms"])
def test_times_of_the_schedule_have_their_worst(figures: dict[str, Any], name: str) -> None:
    assert set(figures[name]) == {"p50", "p99", "max"}
    assert 0 <= figures[name]["p50"] <= figures[name]["p99"] <= figures[name]["max"]


def test_everything_else_is_a_number(figures: dict[str, Any]) -> None:
    for name in ("notes_per_s", "floor_ms", "ready_s"):
        assert figures[name] > 0
    assert figures["rss_mb"] is None or figures["rss_mb"] > 10
    assert figures["events"] == 5000
    assert figures["growth_mb"] is None or figures["growth_mb"] < 10
    assert figures["roundtrip_ms"] is None


@pytest.mark.jack
def test_the_round_trip_is_measured_where_there_is_midi(jack_server: JackServer) -> None:
    clients = jack_server.clients()
    measured = roundtrip_ms("jack")
    assert measured is not None
    assert list(measured) == ["p50", "p99", "max"]
    assert 0 < measured["p50"] <= measured["p99"] <= measured["max"]
    assert jack_server.clients() == clients


def test_no_midi_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    assert roundtrip_ms("jack") is None


def test_percentiles() -> None:
    samples = [1_000_000 * number for number in range(1, 101)]
    assert percentiles_ms(samples) == {"p50": 50.5, "p99": 99.01}
    assert percentiles_ms(samples, worst=True) == {"p50": 50.5, "p99": 99.01, "max": 100.0}


def test_the_flood_floods_and_ends() -> None:
    """Some ten thousand packets a second, a fraction of which a busy machine must let through."""
    clock = MonotonicClock()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        target.settimeout(20)
        with osc_flood(target.getsockname()):
            assert target.recv(1024).startswith(b"/livegen/temperature\0")
            began_ns = clock.now_ns()
            packets = FLOOD_PACKETS_PER_S // 10
            for _ in range(packets):
                target.recv(1024)
            assert packets / ((clock.now_ns() - began_ns) / 1e9) < 3 * FLOOD_PACKETS_PER_S, "at a steady rate"
        target.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                target.recv(1024)
        assert not multiprocessing.active_children()


def test_the_busy_process_ends_with_its_context() -> None:
    with busy_process():
        (child,) = multiprocessing.active_children()
        assert child.is_alive()
    assert not multiprocessing.active_children()
