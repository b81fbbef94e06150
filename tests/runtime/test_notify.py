"""The service manager's side of the protocol, as systemd has it: a datagram socket, by path or abstract."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegen.runtime.notify import Notifier

SECOND_NS = 1_000_000_000


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The manager's socket, and what $NOTIFY_SOCKET says of it."""
    if request.param == "abstract" and not Path("/proc").exists():
        pytest.skip("only Linux has sockets without a path")
    address = str(tmp_path / "notify") if request.param == "path" else f"@livegen-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind("\0" + address[1:] if address.startswith("@") else address)
        inbox.setblocking(False)
        yield inbox, address


def heard(inbox: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += inbox.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_life_from_ready_to_stopping(manager: tuple[socket.socket, str]) -> None:
    inbox, address = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": address})
    notifier.ready("playing")
    notifier.status("playing")
    notifier.status("the brain\nwas started again")
    notifier.stopping()
    assert heard(inbox) == ["READY=1", "STATUS=playing", "STATUS=the brain was started again", "STOPPING=1"]


def test_the_watchdog_is_fed_at_half_of_its_time(manager: tuple[socket.socket, str]) -> None:
    inbox, address = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())})
    for tenth in range(41):
        notifier.beat(tenth * SECOND_NS // 10)
    assert heard(inbox) == ["WATCHDOG=1"] * 5


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}]
)
def test_a_watchdog_that_is_not_ours_is_not_fed(manager: tuple[socket.socket, str], watchdog: dict[str, str]) -> None:
    inbox, address = manager
    Notifier.of({"NOTIFY_SOCKET": address, **watchdog}).beat(SECOND_NS)
    assert not heard(inbox)


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1", "/nowhere/notify", "@livegen-nobody", "/" + "x" * 200])
def test_without_a_manager_nothing_fails(address: str | None) -> None:
    """Nor is a socket left behind, which would be one more every half of the watchdog's time."""
    before = open_descriptors()
    notifier = Notifier.of({"WATCHDOG_USEC": "1000000"} | ({} if address is None else {"NOTIFY_SOCKET": address}))
    notifier.ready("playing")
    notifier.beat(SECOND_NS)
    notifier.stopping()
    assert open_descriptors() == before


def test_a_manager_that_does_not_listen_blocks_nothing(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(address)
        notifier = Notifier(address)
        for count in range(2000):
            notifier.status(str(count))
        inbox.setblocking(False)
        lines = heard(inbox)
        assert 0 < len(lines) < 2000
        assert lines == [f"STATUS={count}" for count in range(len(lines))]
