"""The desk: OSC in a process of its own, because a flood of packets must not move a note."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from livegen import __version__
from livegen.core.effects import CountIn, Panic, Tap
from livegen.core.errors import DeviceError, LivegenError
from livegen.core.parameters import Value, build_registry
from livegen.desk import commands
from livegen.desk.allowed_hosts import AllowedHosts
from livegen.desk.endpoint import Endpoint
from livegen.desk.server import OscServer
from livegen.devices.clock import MonotonicClock
from livegen.runtime.brain import HEARTBEAT_S
from livegen.runtime.link import call, supervised
from livegen.runtime.messages import Change, DeskReady, Health, StartFailed, State
from livegen.runtime.shared import SharedName, SharedState


@dataclass(frozen=True, slots=True)
class DeskSpec:
    """What a desk is started with.

    Attributes:
        host: where it listens.
        port: its UDP port.
        allowed: whom it obeys; see `AllowedHosts`.
        styles: the model's.
        settings: the first values.
        address: where to call the performer.
        shared: the shared block.
    """

    host: str
    port: int
    allowed: tuple[str, ...]
    styles: tuple[str, ...]
    settings: tuple[tuple[str, Value], ...]
    address: str
    shared: SharedName


class Desk:
    """Between the OSC server's thread and the performer's link."""

    def __init__(self, spec: DeskSpec) -> None:
        self._clock = MonotonicClock()
        self._performer: Connection | None = None
        settings, _ = build_registry(spec.styles).defaults().with_changes(spec.settings)
        endpoint = Endpoint(settings, version=__version__, started_ns=self._clock.now_ns())
        self.server = OscServer(
            endpoint,
            now_ns=self._clock.now_ns,
            on_command=self._command,
            host=spec.host,
            port=spec.port,
            allowed=AllowedHosts(spec.allowed),
        )

    def serve(self, link: Connection, shared: SharedState, on_health: Callable[[], None]) -> None:
        """Pass on what the performer says until it goes.

        Args:
            link: to the performer.
            shared: where to say that we are alive.
            on_health: called after each health read-out, when who asks for it gets it.

        Raises:
            EOFError, OSError: the performer has gone.
        """
        self._performer = link
        try:
            while True:
                self.beat(shared)
                if link.poll(HEARTBEAT_S):
                    match link.recv():
                        case State(settings):
                            self.server.post_settings(settings)
                        case Health(values):
                            self.server.post_health(dict(values))
                            on_health()
        finally:
            self._performer = None

    def beat(self, shared: SharedState) -> None:
        """Alive, as long as the server's thread is."""
        if self.server.alive:
            shared.beat("desk", self._clock.now_ns())

    def _command(self, command: commands.Command) -> None:
        """On the server's thread, the only one that sends."""
        link = self._performer
        if link is None:
            return
        try:
            match command:
                case commands.Panic():
                    link.send(Panic())
                case commands.Tap():
                    link.send(Tap())
                case commands.CountIn():
                    link.send(CountIn())
                case commands.Change(values):
                    link.send(Change(values))
        except OSError:
            # The performer is being restarted; the owner of the link finds out by itself.
            return


def desk_main(spec: DeskSpec, control: Connection) -> None:
    """Entry of the desk's process; returns when the supervisor has gone. SIGTERM ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    desk = Desk(spec)
    try:
        desk.server.start()
    except LivegenError as error:
        control.send(StartFailed(str(error)))
        return
    told = False

    def ready() -> None:
        # Not before there is something to tell: who asks at once would hear that nothing is known.
        nonlocal told
        if not told:
            told = True
            control.send(DeskReady(*desk.server.address))

    shared = SharedState.attach(spec.shared)
    while supervised():
        try:
            desk.serve(call(spec.address, "desk", lambda: desk.beat(shared)), shared, ready)
        except (DeviceError, EOFError, OSError):
            continue
    desk.server.close()
    shared.close()
