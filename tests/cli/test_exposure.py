"""What of a running daemon can be reached, as the system tells: this machine's own address, and nothing else."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import Daemon, ask_osc

from livegen.desk.osc_codec import decode, encode

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="only Linux tells"),
]

OPTIONS = ["--backend", "none", "--model", "scripted"]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening(pid: int) -> set[tuple[str, str, int]]:
    """Protocol, address and port of every socket that this process or a child of it could be reached by over a network."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    inodes = set()
    for process in [str(pid), *children]:
        for link in Path(f"/proc/{process}/fd").iterdir():
            target = os.readlink(link) if link.is_symlink() else ""
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for protocol in ("udp", "udp6", "tcp", "tcp6", "raw", "raw6"):
        table = Path(f"/proc/net/{protocol}")
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[9] in inodes:
                host, _, port = fields[1].partition(":")
                found.add((protocol, readable(host), int(port, 16)))
    return found


def readable(host: str) -> str:
    """An address of /proc/net, which is in the machine's byte order."""
    if len(host) == 8:
        return socket.inet_ntoa(struct.pack("=I", int(host, 16)))
    return host


@pytest.fixture
def started() -> Iterator[tuple[Daemon, int]]:
    port = free_port()
    daemon = Daemon(*OPTIONS, "--osc-port", str(port))
    try:
        daemon.wait_for_line("ready in")
        yield daemon, port
    finally:
        daemon.stop()


def test_only_this_machine_is_listened_to(started: tuple[Daemon, int]) -> None:
    daemon, port = started
    assert ask_osc("/livegen/ping", port=port)
    assert listening(daemon.process.pid) == {("udp", "127.0.0.1", port)}


def test_without_osc_nothing_is() -> None:
    daemon = Daemon(*OPTIONS, "--osc-port", "0")
    try:
        daemon.wait_for_line("ready in")
        assert listening(daemon.process.pid) == set()
    finally:
        daemon.stop()


def own_address() -> str:
    """The address by which this machine would reach others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine is in no network")
        host: str = probe.getsockname()[0]
        return host


def test_of_others_only_those_on_the_list_are_obeyed() -> None:
    """This machine itself is, by each of its addresses."""
    host, port = own_address(), free_port()
    daemon = Daemon(*OPTIONS, "--osc-host", "0.0.0.0", "--osc-port", str(port), "--osc-allow", "198.51.100.0/24")  # noqa: S104
    try:
        daemon.wait_for_line("ready in")
        assert any("OSC listens on 0.0.0.0: 198.51.100.0/24 can play along" in line for line in daemon.lines)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as neighbour:
            neighbour.bind((host, 0))
            neighbour.settimeout(10.0)
            neighbour.sendto(encode("/livegen/ping", "x"), (host, port))
            assert decode(neighbour.recv(1024))[0].address == "/livegen/pong"
        assert ask_osc("/livegen/ping", port=port)
    finally:
        daemon.stop()


def test_listening_further_is_warned_of() -> None:
    """The warning comes before anything is started; here the start then ends, for the address is nobody's."""
    command = [sys.executable, "-m", "livegen", "run", *OPTIONS, "--osc-host", "192.0.2.1", "--osc-port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("OSC listens on 192.0.2.1: everybody who reaches this address can play along\n")
