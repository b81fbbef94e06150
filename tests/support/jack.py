"""A real JACK server with the dummy driver, under its own name: real MIDI ports without sound hardware."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

MISSING = "jackd is not installed (Debian: jackd2): the real MIDI ports are NOT tested"


def installed() -> bool:
    """Whether the server and the tools that the tests use are there."""
    return all(shutil.which(tool) for tool in ("setpriv", "jackd", "jack_wait", "jack_lsp", "jack_connect"))


class JackServer:
    """One server process. `environment` makes other processes, and this one once it is in os.environ, find it."""

    def __init__(self, name: str, period: int = 64) -> None:
        self.name = name
        self.period = period
        self.environment = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # --timeout: the server waits up to ten times this long for each killed client before it admits a new one.
        # --sync: by default the server does not wait for a client that misses its cycle, and then MIDI is lost and doubled (200
        # notes at once on 2 cores without real-time priority: in 130 of 200 rounds; with --sync in none).
        # setpriv: a test process that is killed takes its server along.
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "jackd",
            "-n",
            self.name,
            "--sync",
            "--no-realtime",
            "--timeout",
            "100",
            "-d",
            "dummy",
            "-r",
            "48000",
            "-p",
            str(self.period),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waited = subprocess.run(
            ["jack_wait", "--server", self.name, "--wait", "--timeout", "20"], capture_output=True, check=False, timeout=30
        )
        if waited.returncode:
            self.stop()
            raise RuntimeError(f"jackd {self.name} did not start: {waited.stdout!r}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As when the server crashes: kill -9, leaving its files, which the next start under the name takes over."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it in its tracks, and wait until it has: a signal takes its time."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ports(self) -> list[str]:
        return self._tool("jack_lsp").split("\n")

    def connect(self, source: str, target: str) -> None:
        self._tool("jack_connect", source, target)

    def clients(self) -> int:
        """Clients that the server knows, with or without ports: each has a semaphore."""
        return len(list(Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*")))  # noqa: S108 - where jackd2 keeps them

    def _tool(self, *command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.strip()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None
