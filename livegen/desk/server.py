"""The UDP socket in front of an endpoint: one thread that waits for a packet, a post or a deadline, and does what is due."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import threading
from collections.abc import Callable, Iterable, Mapping

from livegen.core.errors import DeviceError, InputError, LivegenError
from livegen.core.parameters import Settings
from livegen.desk.allowed_hosts import AllowedHosts
from livegen.desk.commands import Command
from livegen.desk.endpoint import Endpoint, Outcome, Reply
from livegen.desk.holder import holder_of
from livegen.desk.osc_codec import MAX_PACKET_BYTES, Argument
from livegen.desk.subscriptions import Address

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7700
PACKETS_PER_ROUND = 64
"""Packets taken before posts and deadlines get their turn, so that a flood does not starve them."""
JOIN_S = 2.0
_REMEDIES = {
    errno.EADDRINUSE: "{holder} listens there: stop it or choose another OSC port",
    errno.EACCES: "that port needs a privilege: choose one above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address: listen on 127.0.0.1, or on an address of this machine",
}

_log = logging.getLogger(__name__)


class OscServer:
    """Serves one endpoint on one UDP socket, on a thread of its own.

    Args:
        endpoint: the protocol; from `start` to `close` only the server's thread touches it.
        now_ns: monotonic time in ns, the clock that the endpoint was started on.
        on_command: called on the server's thread for each change and panic; it should not block.
        host: an IPv4 address or name of this machine. Anything but 127.0.0.1 lets the network in: say so to the user.
        port: 0..65535; 0 lets the system choose.
        allowed: whose packets are looked at; the others' are counted as "not_allowed", and never answered.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now_ns: Callable[[], int],
        on_command: Callable[[Command], None],
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        allowed: AllowedHosts | None = None,
    ) -> None:
        if not 0 <= port <= 65535:
            raise InputError(f"{port} is no port: 0..65535")
        self._endpoint = endpoint
        self._now_ns = now_ns
        self._on_command = on_command
        self._wanted: Address = (host, port)
        self._allowed = AllowedHosts() if allowed is None else allowed
        self._lock = threading.Lock()
        self._settings: Settings | None = None
        self._health: Mapping[str, Argument] | None = None
        self._closing = False
        self._socket: socket.socket | None = None
        self._wake: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._faults: set[type[Exception]] = set()

    @property
    def address(self) -> Address:
        """Host and port that it listens on.

        Raises:
            LivegenError: it has not been started.
        """
        if self._socket is None:
            raise LivegenError("the OSC server is not started")
        host, port = self._socket.getsockname()
        return host, port

    @property
    def alive(self) -> bool:
        """Whether its thread runs; any thread may ask, so that a watchdog can."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Bind the socket and start the thread. Does not block, but for looking up a host name.

        Raises:
            DeviceError: the address cannot be had; the message names it and says what to do.
            LivegenError: it was started before.
        """
        if self._thread is not None or self._closing:
            raise LivegenError("an OSC server is started once")
        self._socket = _bind(*self._wanted)
        woken, self._wake = socket.socketpair()
        woken.setblocking(False)
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._serve, args=(self._socket, woken), name="livegen-osc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and close the socket; may be called twice, or without a start. Blocks for 2 s at most.

        Not from `on_command`, which runs on the thread that is waited for.
        """
        self._closing = True
        if self._thread is None or self._wake is None or self._socket is None:
            return
        self._nudge()
        self._thread.join(JOIN_S)
        self._wake.close()
        self._socket.close()

    def post_settings(self, settings: Settings) -> None:
        """Let the endpoint know what was changed elsewhere. Any thread; never blocks; only the latest is used."""
        with self._lock:
            self._settings = settings
        self._nudge()

    def post_health(self, health: Mapping[str, Argument]) -> None:
        """Let the endpoint know the latest readings. Any thread; never blocks; only the latest is used."""
        with self._lock:
            self._health = dict(health)
        self._nudge()

    def _nudge(self) -> None:
        if self._wake is None:
            return
        try:
            self._wake.send(b"\0")
        except OSError:
            return  # full: the thread is about to wake anyway; closed: there is nobody to wake

    def _serve(self, udp: socket.socket, woken: socket.socket) -> None:
        with woken, selectors.DefaultSelector() as selector:
            selector.register(udp, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while not self._closing:
                ready = {key.fileobj for key, _ in selector.select(self._patience_s())}
                if woken in ready:
                    woken.recv(4096)
                self._guard(self._take_posts)
                if udp in ready:
                    self._take_packets(udp)
                self._guard(self._tick, udp)

    def _patience_s(self) -> float | None:
        deadline_ns = self._endpoint.next_deadline_ns()
        return None if deadline_ns is None else max(0, deadline_ns - self._now_ns()) / 1e9

    def _take_posts(self) -> None:
        with self._lock:
            settings, self._settings = self._settings, None
            health, self._health = self._health, None
        if settings is not None:
            self._endpoint.update_settings(settings, self._now_ns())
        if health is not None:
            self._endpoint.update_health(health)

    def _take_packets(self, udp: socket.socket) -> None:
        for _ in range(PACKETS_PER_ROUND):
            try:
                # one byte more than is legal: a packet that was cut short shows by its length
                packet, sender = udp.recvfrom(MAX_PACKET_BYTES + 1)
            except BlockingIOError:
                return
            except OSError:
                self._endpoint.count("unreachable")  # Windows reports here that an earlier reply found nobody
                return
            if sender[0] in self._allowed:
                self._guard(self._receive, udp, packet, sender)
            else:
                self._endpoint.count("not_allowed")

    def _receive(self, udp: socket.socket, packet: bytes, sender: Address) -> None:
        self._carry_out(udp, self._endpoint.receive(packet, sender, self._now_ns()))

    def _tick(self, udp: socket.socket) -> None:
        self._carry_out(udp, self._endpoint.tick(self._now_ns()))

    def _carry_out(self, udp: socket.socket, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Reply):
                self._send(udp, outcome)
            else:
                self._guard(self._on_command, outcome)

    def _send(self, udp: socket.socket, reply: Reply) -> None:
        try:
            udp.sendto(reply.packet, reply.address)
        except BlockingIOError:
            self._endpoint.count("unsent")  # rather lose a reply than wait for a slow network
        except OSError:
            self._endpoint.count("unreachable")  # the client has gone, or forged an address that nothing can be sent to

    def _guard(self, step: Callable[..., None], *arguments: object) -> None:
        """Run one step; a bug in it, or in the callback, costs that step and not the control surface. Logged once a kind."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001  the top of the thread: whatever it is, the next packet is served
            self._endpoint.count("faults")
            if type(error) not in self._faults:
                self._faults.add(type(error))
                _log.exception("the OSC server survived an error; later ones of its kind are only counted as osc/faults")


def _bind(host: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        # no SO_REUSEADDR: with it two daemons would share the port without a word
        udp.bind((host, port))
    except (OSError, ValueError, TypeError) as error:  # the latter two for a host that no name can be
        udp.close()
        remedy = _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
        if "{holder}" in remedy:
            remedy = remedy.format(holder=holder_of(port) or "another program, perhaps another livegen,")
        raise DeviceError(f"OSC cannot listen on {host}:{port} ({error}): {remedy or 'check the host and the port'}") from error
    return udp
