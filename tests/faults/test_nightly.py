"""The proofs that run at night, each for a short time: the commands are described in docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import jack

ROOT = Path(__file__).parents[2]


def on_jack(test: Callable[[], None]) -> Callable[[], None]:
    """A command that starts a JACK server and a whole daemon."""
    for mark in (
        pytest.mark.skipif(not jack.installed(), reason=jack.MISSING),
        pytest.mark.jack,
        pytest.mark.processes,
        pytest.mark.timeout(600),
    ):
        test = mark(test)
    return test


def run(name: str, *options: str) -> str:
    """What the command prints; it must not find anything wrong."""
    command = (sys.executable, "-m", f"tests.faults.{name}", *options)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@on_jack
def test_each_process_killed_once_leaves_no_note_and_is_replaced() -> None:
    assert "4 kills" in run("kills", "--times", "1", "--seed", "1")


@on_jack
def test_a_jack_server_that_comes_back_finds_the_ports_and_the_music() -> None:
    """How fast is a figure: the limits are those of a machine that does much else."""
    assert "1 times, 0 failed" in run("jack_restart", "--times", "1", "--gap-ms", "5000", "--back-s", "30")


@on_jack
def test_on_one_core_among_busy_programs_there_is_music() -> None:
    assert "music, and no note hung" in run("one_core", "--minutes", "0.2")


def test_a_simulated_evening_holds_no_more_threads_or_descriptors() -> None:
    """Memory is a figure here: in so short a time it grows to its full size."""
    assert "steady" in run("soak", "--hours", "0.2", "--mb-per-hour", "1000")


@on_jack
def test_a_daemon_that_plays_for_a_while_holds_no_more_threads_or_descriptors() -> None:
    assert "steady" in run("soak", "--jack", "--minutes", "0.4", "--warm-minutes", "0.1", "--mb-per-hour", "10000")
