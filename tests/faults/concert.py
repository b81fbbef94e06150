"""A daemon that really plays: on a JACK server of its own, between a player who never stops and a synth that keeps a record."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.ports import OutputPort
from livegen.devices.rtmidi_ports import RtMidiBackend
from tests.support.jack import JackServer
from tests.support.live import Daemon, ask_osc, oscsend

Key = tuple[int, int]
"""Channel and pitch."""

PHRASE = (60, 64, 67, 72, 69, 65, 60, 57, 62, 65, 69, 74, 71, 67, 62, 59)
NOTE_S = 0.2
STEP_S = 0.05
"""Of a wait for something that no condition announces."""
ANSWER_S = 1.0


class Synth:
    """What a simple synth knows: what sounds since when. The driver's thread tells it; times are `time.monotonic`, in seconds.

    A note that begins while it sounds goes on sounding since it began first: one end is wanted for it.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.sounding: dict[Key, float] = {}
        self.notes = 0
        self.longest_s = 0.0
        self.began_s = 0.0
        """When the last note began."""

    def hear(self, data: bytes, _: int) -> None:
        kind, now_s = data[0] & 0xF0, time.monotonic()
        if kind not in {0x80, 0x90}:
            return
        key = data[0] & 0x0F, data[1]
        with self.changed:
            if kind == 0x90 and data[2]:
                self.sounding.setdefault(key, now_s)
                self.notes, self.began_s = self.notes + 1, now_s
            elif (since_s := self.sounding.pop(key, None)) is not None:
                self.longest_s = max(self.longest_s, now_s - since_s)
            self.changed.notify_all()

    def older_than(self, time_s: float) -> set[Key]:
        """What sounds and began before that."""
        with self.changed:
            return {key for key, since_s in self.sounding.items() if since_s < time_s}

    def wait_for(self, condition: Callable[[], object], timeout_s: float) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(condition, timeout_s))


class Player:
    """Plays one phrase after the other to a port until it is stopped; whether anybody listens does not matter to him."""

    def __init__(self, port: OutputPort) -> None:
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, name="player")
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _play(self) -> None:
        place = 0
        while not self._over.is_set():
            pitch = PHRASE[place % len(PHRASE)]
            for status, velocity, share in ((0x90, 80, 0.9), (0x80, 0, 0.1)):
                with suppress(DeviceError):
                    self._port.send(bytes((status, pitch, velocity)))
                self._over.wait(NOTE_S * share)
            place += 1


class Peers:
    """A keyboard that plays, and a synth, each a port of one JACK client.

    Args:
        own: their ports are their own and outlive the daemon, like hardware, and the daemon looks for them; otherwise they
            connect to the daemon's ports.
    """

    keyboard, instrument = "peer:livegen out", "peer:livegen in"
    """Names of their own ports."""

    def __init__(self, *, own: bool) -> None:
        self.synth = Synth()
        self._backend = RtMidiBackend("jack", MonotonicClock(), "peer")
        into, out_of = (None, None) if own else ("livegen:livegen in", "livegen:livegen out")
        self._out = self._backend.open_output(into)
        self._in = self._backend.open_input(out_of, self.synth.hear, lambda error: None)
        self._player = Player(self._out)

    @property
    def alive(self) -> bool:
        """Whether their server lives, as far as they know: who frees a port before it is known crashes in libjack."""
        return self._in.alive

    def close(self) -> None:
        self._player.stop()
        for resource in (self._in, self._out, self._backend):
            resource.close()


@contextmanager
def own_server(what: str) -> Iterator[JackServer]:
    """A JACK server, and folders for what a user's daemons share, that nobody else uses."""
    with tempfile.TemporaryDirectory() as folder:
        server = JackServer(f"livegen-{what}-{os.getpid()}")
        os.environ.update(server.environment, XDG_CONFIG_HOME=folder, XDG_RUNTIME_DIR=folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Stage:
    """The daemon, which may be started anew, and questions to it."""

    def __init__(self, *options: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self._options = ("--backend", "jack", "--mode", "accompany", "--osc-port", str(self.port), *options)
        self.daemon = self.start()

    def start(self) -> Daemon:
        """Start it as a service manager would; waits until it plays."""
        self.daemon = Daemon(*self._options)
        self.daemon.wait_for_line("ready in", 60.0)
        return self.daemon

    def readings(self, group: str) -> dict[str, int]:
        """Numbers of the health read-out by name without the group's; empty while nobody answers."""
        try:
            answer = ask_osc("/livegen/health", group, port=self.port, timeout_s=ANSWER_S)
        except OSError:
            return {}
        return {str(name).removeprefix(group): int(value) for name, value in zip(answer[::2], answer[1::2], strict=True)}

    def pids(self) -> dict[str, int]:
        """Process numbers by role, of those that the read-out knows; the supervisor's with them."""
        return {**self.readings("pid/"), "supervisor": self.daemon.process.pid}

    def switch_on(self, name: str) -> None:
        """Set a parameter that is a switch; waits until it is set."""
        oscsend(f"/livegen/{name}", "T", port=self.port)
        assert wait_until(lambda: ask_osc(f"/livegen/{name}", port=self.port) == [True], 10.0)

    def close(self) -> int:
        """End it in an orderly way; its exit code."""
        return self.daemon.stop()


def wait_until(condition: Callable[[], object], timeout_s: float) -> bool:
    """Ask again and again until it is true."""
    until_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(STEP_S)
    return True


def runs(pid: int) -> bool:
    """Whether a process has not ended, waited for or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"
