"""The UDP server on real sockets of this machine: independent clients, a taken port, vanished clients, floods."""

from __future__ import annotations

import logging
import queue
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pythonosc.udp_client import SimpleUDPClient

from livegen.core.errors import DeviceError, InputError, LivegenError
from livegen.core.parameters import build_registry
from livegen.desk.allowed_hosts import AllowedHosts
from livegen.desk.commands import Change, Command, Panic
from livegen.desk.endpoint import Endpoint
from livegen.desk.osc_codec import Message, decode, encode
from livegen.desk.server import DEFAULT_HOST, OscServer

REGISTRY = build_registry(("pop", "jazz"))
PATIENCE_S = 10.0
needs_liblo = pytest.mark.skipif(shutil.which("oscsend") is None, reason="needs liblo-tools")


class Rig:
    """A running server, what it posted, and sockets to talk to it."""

    def __init__(self, on_command: Callable[[Command], None] | None = None) -> None:
        self.posted: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.endpoint = Endpoint(REGISTRY.defaults(), version="1.2.3", started_ns=time.monotonic_ns())
        self.server = OscServer(self.endpoint, now_ns=time.monotonic_ns, on_command=on_command or self.posted.put, port=0)
        self.server.start()
        self.client = Client(self.server.address)

    def next_command(self) -> Command:
        return self.posted.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.close()
        self.server.close()


class Client:
    """A plain UDP socket that speaks OSC."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(server)

    def say(self, address: str, *arguments: float | str | bool) -> None:
        self.socket.send(encode(address, *arguments))

    def hear(self) -> Message:
        return decode(self.socket.recv(65536))[0]

    def ping(self, token: str) -> None:
        """Ask for a pong and read until it comes; whatever else was under way is passed over."""
        self.say("/livegen/ping", token)
        while self.hear().arguments[:1] != (token,):
            pass

    def close(self) -> None:
        self.socket.close()


@contextmanager
def running(on_command: Callable[[Command], None] | None = None) -> Iterator[Rig]:
    before = set(threading.enumerate())
    rig = Rig(on_command)
    try:
        yield rig
    finally:
        rig.close()
    assert set(threading.enumerate()) <= before, "a server leaves no thread behind"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with running() as rig:
        yield rig


def test_it_listens_on_this_machine_alone_unless_told(rig: Rig) -> None:
    assert DEFAULT_HOST == "127.0.0.1"
    assert rig.server.address[0] == "127.0.0.1"
    assert rig.server.alive


def test_a_change_a_question_and_a_panic(rig: Rig) -> None:
    peer = rig.client.socket.getsockname()
    rig.client.say("/livegen/tempo/bpm", 90.0)
    assert rig.next_command() == Change((("tempo/bpm", 90.0),), peer)
    rig.client.say("/livegen/tempo/bpm")
    assert rig.client.hear() == Message("/livegen/tempo/bpm", (90.0,))
    rig.client.say("/livegen/panic")
    assert rig.next_command() == Panic(peer)


def test_who_is_not_allowed_is_counted_and_not_answered() -> None:
    class Nobody(AllowedHosts):
        """Not even this machine, which is all that can call here."""

        def __contains__(self, host: str) -> bool:
            return False

    endpoint = Endpoint(REGISTRY.defaults(), version="1.2.3", started_ns=time.monotonic_ns())
    server = OscServer(endpoint, now_ns=time.monotonic_ns, on_command=pytest.fail, port=0, allowed=Nobody())
    server.start()
    client = Client(server.address)
    try:
        client.say("/livegen/panic")
        client.say("/livegen/ping", "x")
        until_s = time.monotonic() + PATIENCE_S
        while endpoint.health().get("osc/not_allowed") != 2 and time.monotonic() < until_s:
            time.sleep(0.005)
        assert endpoint.health()["osc/not_allowed"] == 2
        assert not select.select([client.socket], [], [], 0.1)[0]
    finally:
        client.close()
        server.close()


def test_commands_are_called_on_the_server_thread() -> None:
    threads: queue.SimpleQueue[str] = queue.SimpleQueue()
    with running(lambda _command: threads.put(threading.current_thread().name)) as rig:
        rig.client.say("/livegen/panic")
        assert threads.get(timeout=PATIENCE_S) == "livegen-osc"


@needs_liblo
def test_a_real_client_of_another_make_is_understood(rig: Rig) -> None:
    """`oscsend` of liblo, with each type that it knows and we take."""
    host, port = rig.server.address
    for arguments, value in (
        (("/livegen/mode", "s", "accompany"), ("mode", "accompany")),
        (("/livegen/tempo/bpm", "f", "96.5"), ("tempo/bpm", 96.5)),
        (("/livegen/tempo/bpm", "i", "97"), ("tempo/bpm", 97.0)),
        (("/livegen/tempo/bpm", "d", "98.5"), ("tempo/bpm", 98.5)),
        (("/livegen/beats_per_bar", "h", "3"), ("beats_per_bar", 3)),
        (("/livegen/thru", "T"), ("thru", True)),
        (("/livegen/thru", "F"), ("thru", False)),
    ):
        subprocess.run(["oscsend", host, str(port), *arguments], check=True, timeout=PATIENCE_S)
        command = rig.next_command()
        assert isinstance(command, Change)
        assert command.values == (value,)


@needs_liblo
def test_a_real_listener_of_another_make_reads_our_answers(rig: Rig) -> None:
    """`oscdump` of liblo prints the packets of a state dump, passed on to it as they came."""
    rig.client.say("/livegen/subscribe", 60.0)
    packets = [rig.client.socket.recv(65536) for _ in range(1 + len(REGISTRY.parameters))]
    with free_port() as port:
        pass
    with (
        subprocess.Popen(["oscdump", "-L", str(port)], stdout=subprocess.PIPE) as dump,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        try:
            lines = printed_by(dump, sender, port, packets)
        finally:
            dump.kill()
    assert {
        "/livegen/subscribed f 60.000000",
        "/livegen/tempo/bpm f 120.000000",
        '/livegen/mode s "respond"',
        "/livegen/beats_per_bar i 4",
        "/livegen/part/bass T #T",
        "/livegen/thru F #F",
    } <= lines


def test_python_oscs_client_is_understood(rig: Rig) -> None:
    host, port = rig.server.address
    client = SimpleUDPClient(host, port)
    with client._sock:
        client.send_message("/livegen/style", "jazz")
        command = rig.next_command()
    assert isinstance(command, Change)
    assert command.values == (("style", "jazz"),)


def test_settings_and_health_posted_from_another_thread_arrive(rig: Rig) -> None:
    rig.client.say("/livegen/subscribe", 60.0)
    state = [rig.client.hear() for _ in range(1 + len(REGISTRY.parameters))]
    assert Message("/livegen/mode", ("respond",)) in state
    settings, _ = REGISTRY.defaults().with_changes({"mode": "listen"})
    rig.server.post_settings(settings)
    assert rig.client.hear() == Message("/livegen/mode", ("listen",))
    rig.server.post_health({"model/step_ms": 1.5})
    rig.client.say("/livegen/health", "model")
    assert rig.client.hear() == Message("/livegen/health", ("model/step_ms", 1.5))


def test_posts_never_block_however_many(rig: Rig) -> None:
    """Only the latest of each is kept, and waking a thread that is awake is free."""
    for number in range(20_000):
        rig.server.post_health({"number": number})
    rig.client.say("/livegen/health", "number")
    assert rig.client.hear() == Message("/livegen/health", ("number", 19_999))


def test_a_taken_port_is_said_with_its_address_and_a_remedy() -> None:
    with free_port() as port:
        endpoint = Endpoint(REGISTRY.defaults(), version="1", started_ns=0)
        server = OscServer(endpoint, now_ns=time.monotonic_ns, on_command=print, port=port)
        with pytest.raises(DeviceError, match=rf"127\.0\.0\.1:{port} .*choose another OSC port"):
            server.start()
        assert not server.alive
        server.close()


@pytest.mark.parametrize("host", ["203.0.113.77", "a..b", "a\0b", "\ud800"])
def test_an_address_that_is_not_ours_is_said(host: str) -> None:
    endpoint = Endpoint(REGISTRY.defaults(), version="1", started_ns=0)
    server = OscServer(endpoint, now_ns=time.monotonic_ns, on_command=print, host=host, port=0)
    with pytest.raises(DeviceError, match="cannot listen on"):
        server.start()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(InputError):
        OscServer(Endpoint(REGISTRY.defaults(), version="1", started_ns=0), now_ns=int, on_command=print, port=port)


def test_life_is_start_once_then_close_as_often_as_you_like() -> None:
    server = OscServer(
        Endpoint(REGISTRY.defaults(), version="1", started_ns=0), now_ns=time.monotonic_ns, on_command=print, port=0
    )
    server.post_health({"early": 1})
    with pytest.raises(LivegenError):
        _ = server.address
    server.start()
    port = server.address[1]
    with pytest.raises(LivegenError):
        server.start()
    server.close()
    server.close()
    server.post_health({"late": 1})
    assert not server.alive
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))  # the port is free again


def test_clients_that_vanish_cost_nothing(rig: Rig) -> None:
    """Subscribers whose sockets are closed: the system reports them as unreachable, the others hear every change."""
    for _ in range(20):
        gone = Client(rig.server.address)
        gone.say("/livegen/subscribe", 60.0)
        assert gone.hear().address == "/livegen/subscribed"
        gone.close()
    listener = Client(rig.server.address)
    listener.say("/livegen/subscribe", 60.0)
    for _ in range(1 + len(REGISTRY.parameters)):
        listener.hear()
    rig.client.say("/livegen/mode", "listen")
    assert listener.hear() == Message("/livegen/mode", ("listen",))
    listener.close()
    rig.client.ping("alive")


def test_a_callback_that_raises_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_command: Command) -> None:
        raise BrokenPipeError("the performer has gone")

    with caplog.at_level(logging.ERROR), running(broken) as rig:
        for _ in range(3):
            rig.client.say("/livegen/panic")
        rig.client.say("/livegen/health", "osc/faults")
        assert rig.client.hear() == Message("/livegen/health", ("osc/faults", 3))
        assert rig.server.alive
    assert len(caplog.records) == 1
    assert "the performer has gone" in caplog.text


def test_every_hostile_packet_is_survived(rig: Rig) -> None:
    """What hangs, delays or kills python-osc's own server; then ten thousand addresses; then a ping."""
    now = b"\0\0\0\0\0\0\0\1"
    hostile = [
        b"",
        b"\0" * 65_507,
        b"#bundle\0" + now + b"\xff\xff\xff\xec",
        b"#bundle\0" + b"\xff" * 8 + b"\0\0\0\4/a\0\0",
        b"/" + b"*" * 20 + b"\0\0\0,\0\0\0",
        b"/\xff\xfe\xfd\0\0\0\0,\0\0\0",
        (b"#bundle\0" + now + b"\0\0\x10\0") * 400,
        b"/a\0\0,b\0\0\x7f\xff\xff\xff",
        b"/livegen/temperature\0\0\0\0,f\0\0\x7f\xc0\0\0",
    ]
    for packet in hostile:
        rig.client.socket.send(packet)
    rig.client.ping("after the hostile ones")
    for number in range(10_000):
        rig.client.say(f"/livegen/nowhere/{number}")
        if number % 100 == 0:
            rig.client.ping(f"{number}")  # so that none is lost to a full socket buffer
    rig.client.ping("after the addresses")
    rig.client.say("/livegen/health", "osc/refused/")
    refused = rig.client.hear().arguments
    counts = dict(zip(refused[::2], refused[1::2], strict=True))
    assert counts["osc/refused/unknown"] == 10_001
    assert counts["osc/refused/not-finite"] == 1
    assert {"osc/refused/size", "osc/refused/bundle", "osc/refused/address", "osc/refused/types"} <= set(counts)
    assert rig.posted.empty()


def test_posts_and_pings_get_their_turn_in_a_flood(rig: Rig) -> None:
    flooding = threading.Event()
    packet = encode("/livegen/temperature", 1.5)

    def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not flooding.is_set():
                sender.sendto(packet, rig.server.address)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for number in range(10):
            rig.server.post_health({"number": number})
            answers = (asked(rig.client, "/livegen/health", "number") for _ in range(1000))
            assert ("number", number) in answers
    finally:
        flooding.set()
        thread.join()
    rig.client.ping("afterwards")


def asked(client: Client, address: str, argument: str) -> tuple[object, ...]:
    """Ask until there is an answer: in a flood the system drops packets, ours among them."""
    client.socket.settimeout(0.05)
    try:
        while True:
            client.say(address, argument)
            try:
                return client.hear().arguments
            except TimeoutError:
                continue
    finally:
        client.socket.settimeout(PATIENCE_S)


def printed_by(dump: subprocess.Popen[bytes], sender: socket.socket, port: int, packets: list[bytes]) -> set[str]:
    """What `oscdump` on that port prints for the packets, without the times."""
    assert dump.stdout is not None
    while not select.select([dump.stdout], [], [], 0.02)[0]:
        sender.sendto(encode("/listening"), ("127.0.0.1", port))
    for packet in [*packets, encode("/done")]:
        sender.sendto(packet, ("127.0.0.1", port))
    lines: set[str] = set()
    while "/done" not in lines:
        _time, line = dump.stdout.readline().decode().strip().split(maxsplit=1)
        lines.add(line)
    return lines


@contextmanager
def free_port() -> Iterator[int]:
    """A port that is ours while the context lasts, and nobody's after it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
