"""`livegen bench` measures what it promises; how fast this machine is, no test asks."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shlex
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.jack import JackServer

from livegen.cli.main import build_parser
from livegen.devices.clock import MonotonicClock
from livegen.runtime.benches.loads import FLOOD_PACKETS_PER_S, busy_process, full_brain, osc_flood
from livegen.runtime.benches.machine import Stolen
from livegen.runtime.benches.parts import PARTS
from livegen.runtime.benches.roundtrip import roundtrip_ns

pytestmark = pytest.mark.processes

KEYS = {
    "machine",
    "model",
    "parameters",
    "context_events",
    "step_ms",
    "heads_ms",
    "notes_per_s",
    "floor_ms",
    "events",
    "growth_mb",
    "schedule_ports",
    "schedule_error_ms",
    "schedule_error_loaded_ms",
    "performer_priority",
    "roundtrip_ms",
    "clock_out",
    "relay",
    "rss_mb",
    "ready_s",
}
PERCENTILES = ["p50", "p90", "p99", "p99.9", "max", "count"]
COMMAND = [sys.executable, "-m", "livegen", "bench", "--seconds", "1"]


TIMING = (Path(__file__).parents[2] / "docs" / "timing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^livegen (bench .*)$", TIMING, re.MULTILINE))
def test_the_commands_of_the_page_on_timing_are_understood(line: str) -> None:
    options = build_parser().parse_args(shlex.split(line))
    assert options.parts


def test_the_page_on_timing_has_every_part_of_a_stage() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", TIMING, re.MULTILINE))
    assert listed == set(PARTS) - {"model"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench") / "pictures"


@pytest.fixture(scope="module")
def figures(pictures: Path) -> dict[str, Any]:
    command = [*COMMAND, "--json", "--backend", "none", "--plot", str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
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


def test_the_machine_is_named(figures: dict[str, Any]) -> None:
    assert set(figures["machine"]) == {"cpu", "cores", "os", "python", "load", "stolen"}
    assert figures["machine"]["cpu"]
    assert figures["machine"]["cores"] == os.cpu_count()


def test_what_the_host_takes_is_counted_from_when_it_is_looked_at(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 800 5 0 5 40 0 0\ncpu0 1 2 3 4\n")
    stolen = Stolen(stat)
    assert stolen.share() == 0.0
    stat.write_text("cpu  110 0 60 950 5 0 5 70 0 0\ncpu0 1 2 3 4\n")
    assert stolen.share() == 0.15


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu  a b c d e f g h\n"])
def test_a_system_that_does_not_tell_what_is_taken_is_no_error(tmp_path: Path, text: str) -> None:
    stat = tmp_path / "stat"
    stat.write_text(text)
    assert Stolen(stat).share() is None


@pytest.mark.parametrize("path", ["step_ms", "heads_ms", "clock_out memory late_ms", "relay livegen_ms", "relay bare_ms"])
def test_times_are_percentiles_with_their_worst_and_their_number(figures: dict[str, Any], path: str) -> None:
    found: Any = figures
    for name in path.split(" "):
        found = found[name]
    assert list(found) == PERCENTILES
    assert found["count"] > 10
    assert -0.1 < found["p50"] <= found["p90"] <= found["p99"] <= found["p99.9"] <= found["max"]


@pytest.mark.parametrize("name", ["schedule_error_ms", "schedule_error_loaded_ms"])
def test_times_of_the_schedule_say_how_many_notes_were_dropped(figures: dict[str, Any], name: str) -> None:
    assert list(figures[name]) == [*PERCENTILES, "dropped"]
    assert 0 <= figures[name]["p50"] <= figures[name]["p99"] <= figures[name]["max"]


def test_without_midi_everything_is_measured_in_memory_and_says_so(figures: dict[str, Any]) -> None:
    assert figures["schedule_ports"] == figures["relay"]["ports"] == "memory"
    assert list(figures["clock_out"]) == ["memory"]
    assert figures["roundtrip_ms"] is None


def test_what_livegen_adds_to_a_note_is_a_difference(figures: dict[str, Any]) -> None:
    relay = figures["relay"]
    assert relay["mode"] == "thru"
    assert relay["lost"] == 0
    assert relay["added_ms"]["p90"] == pytest.approx(relay["livegen_ms"]["p90"] - relay["bare_ms"]["p90"], abs=0.001)


def test_every_measurement_is_drawn(figures: dict[str, Any], pictures: Path) -> None:
    assert figures
    names = {path.stem for path in pictures.iterdir()}
    assert names == {"step", "schedule", "clock-late", "clock-jitter", "relay"}
    for path in pictures.iterdir():
        ET.parse(path)  # noqa: S314 - our own text


def test_everything_else_is_a_number(figures: dict[str, Any]) -> None:
    for name in ("notes_per_s", "floor_ms", "ready_s"):
        assert figures[name] > 0
    assert figures["rss_mb"] is None or figures["rss_mb"] > 10
    assert figures["events"] == 5000
    assert figures["growth_mb"] is None or figures["growth_mb"] < 10


@pytest.mark.jack
def test_the_round_trip_is_measured_where_there_is_midi(jack_server: JackServer) -> None:
    clients = jack_server.clients()
    measured = roundtrip_ns("jack")
    assert measured
    assert min(measured) > 0
    assert jack_server.clients() == clients


def test_no_midi_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    assert roundtrip_ns("jack") == []


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


@pytest.mark.parametrize("load", [busy_process, partial(full_brain, "scripted", "cpu")], ids=["busy", "brain"])
def test_a_load_ends_with_its_context(load: Callable[[], AbstractContextManager[None]]) -> None:
    with load():
        (child,) = multiprocessing.active_children()
        assert child.is_alive()
    assert not multiprocessing.active_children()
