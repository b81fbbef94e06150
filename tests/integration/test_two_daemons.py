"""Two daemons on one JACK server: the second is refused, or has ports of its own name; a killed one leaves no lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from support.jack import JackServer
from support.live import ask_osc, daemon

pytestmark = [pytest.mark.jack, pytest.mark.processes]

OPTIONS = ["--backend", "jack", "--model", "scripted"]


def test_the_second_is_refused_under_the_same_name_and_plays_under_another(jack_server: JackServer) -> None:
    with daemon(*OPTIONS) as first:
        command = [sys.executable, "-m", "livegen", "run", *OPTIONS, "--osc-port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert f"(process {first.process.pid}) runs under the name 'livegen'" in done.stderr
        with daemon(*OPTIONS, "--name", "second", "--osc-port", "0") as second:
            assert second.wait_for_line("MIDI in:") == "MIDI in: second in; MIDI out: second out"
            names = {port.partition(":")[2] for port in jack_server.ports()}
            assert {"livegen in", "livegen out", "second in", "second out"} <= names
        assert ask_osc("/livegen/ping", "still there")[0] == "still there"


def test_osc_names_the_daemon_that_has_the_port(jack_server: JackServer) -> None:
    with daemon(*OPTIONS) as first:
        command = [sys.executable, "-m", "livegen", "run", *OPTIONS, "--name", "second"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "127.0.0.1:7700" in done.stderr
    assert f"process {first.process.pid} (livegen run) listens there: stop it or choose another OSC port" in done.stderr


def test_a_killed_daemon_leaves_no_lock(jack_server: JackServer) -> None:
    with daemon(*OPTIONS) as first:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
        with daemon(*OPTIONS, "--osc-port", "0") as second:
            assert second.process.pid != os.getpid()
