"""The whole daemon as `livegen run` starts it, with a player at its ports."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from types import TracebackType

from livegen.core.errors import LivegenError
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.parameters import Value
from livegen.core.transport import Transport
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.runtime.benches.figures import Setup
from livegen.runtime.benches.players import Heard, MemoryPlayer, Player, PortPlayer, taken
from livegen.runtime.config import Config
from livegen.runtime.messages import DeskReady, PortsOpen, Restarted, TakeTimings, TimingsTaken
from livegen.runtime.supervisor import Supervisor

TEMPO_BPM = 120.0
CHANNEL = 0
"""That the player plays on."""

_ANSWER_NS = 5_000_000_000
_HELD_NS, _PAUSE_NS = 400_000_000, 100_000_000


class Rig:
    """Supervisor, performer, brain and desk, each in its own process, and a player. One thread owns it.

    Args:
        setup: which model, on what.
        parameters: to begin with, beside the tempo of 120 beats a minute.
        system: the MIDI system of the ports, or None for a cable in memory.
    """

    def __init__(self, setup: Setup, parameters: Mapping[str, Value], system: str | None) -> None:
        self.clock = MonotonicClock()
        self.ports = system or "memory"
        self.ready_s = 0.0
        self.osc = ("127.0.0.1", 0)
        self.transport = Transport()
        """Where the music stands as long as our own tempo rules."""
        self._system = system
        self._player: Player | None = None
        self._taken: TimingsTaken | None = None
        self._dropped = 0
        backend, peer = memory_cable() if system is None else (None, None)
        if peer is not None:
            self._player = MemoryPlayer(peer)
        config = Config(
            backend=system or "none",
            model=setup.model,
            provider=setup.provider,
            # Port 0 would turn OSC off; one that the system has just given away again is free.
            osc_port=_free_port(),
            parameters={"tempo/bpm": TEMPO_BPM, **parameters},
        )
        self._supervisor = Supervisor(config, self._hear, backend)

    def __enter__(self) -> Rig:
        """Start the daemon and meet it at its ports.

        Raises:
            LivegenError: it did not start.
        """
        try:
            self.ready_s = self._supervisor.start()
            if self._system is not None:
                self._player = PortPlayer(self._system)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the daemon."""
        self._close()

    @property
    def player(self) -> Player:
        """Who plays to the daemon and hears it."""
        if self._player is None:
            raise LivegenError("the daemon has not been started")
        return self._player

    def pids(self) -> dict[str, int]:
        """Process numbers by role."""
        return self._supervisor.pids()

    def watch(self, seconds: float = 0.0) -> None:
        """Let time pass while the supervisor does its work.

        Raises:
            LivegenError: a process has died, and nothing that is measured now means anything.
        """
        until_ns = self.clock.now_ns() + round(seconds * 1e9)
        self._supervisor.look(0.0)
        self._supervisor.run(until_ns)

    def play_scale(self, seconds: float) -> list[tuple[int, NoteOn]]:
        """Play a scale in quarters; each note-on and when it was sent. What is heard meanwhile is left to `heard`."""
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        pitch, sent = 60, []
        while self.clock.now_ns() < end_ns:
            note = NoteOn(CHANNEL, pitch, 80)
            sent.append((self.player.send(note), note))
            self._supervisor.run(min(end_ns, self.clock.now_ns() + _HELD_NS))
            self.player.send(NoteOff(CHANNEL, pitch))
            self._supervisor.run(min(end_ns, self.clock.now_ns() + _PAUSE_NS))
            pitch = 60 + (pitch - 58) % 12
        return sent

    def heard(self) -> list[Heard]:
        """What the player has heard since the last time; does not block. A cable must be read every few hundred messages."""
        return list(taken(self.player))

    def take_lateness(self) -> tuple[tuple[int, ...], int]:
        """How late the agent's notes went out since the last time, in ns, and how many were dropped for being too late.

        Raises:
            LivegenError: the performer does not answer.
        """
        self._taken = None
        until_ns = self.clock.now_ns() + _ANSWER_NS
        self._supervisor.tell_performer(TakeTimings())
        while self._taken is None:
            if self.clock.now_ns() > until_ns:
                raise LivegenError("the performer does not answer: is the machine too busy to measure anything?")
            self._supervisor.look(0.05)
        dropped, self._dropped = self._taken.dropped - self._dropped, self._taken.dropped
        return self._taken.late_ns, dropped

    def _hear(self, message: object) -> None:
        match message:
            case DeskReady(host, port):
                self.osc = (host, port)
            case PortsOpen(beat_zero_ns=beat_zero_ns):
                self.transport = Transport.starting(beat_zero_ns, TEMPO_BPM)
            case TimingsTaken():
                self._taken = message
            case Restarted(role, exit_code):
                raise LivegenError(f"the {role} died while it was measured, with exit code {exit_code}: see `livegen doctor`")

    def _close(self) -> None:
        # The daemon ends first: a client that is closed while it is played to can crash in libjack.
        self._supervisor.stop()
        if self._player is not None:
            self._player.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
