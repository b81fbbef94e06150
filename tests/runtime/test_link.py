"""Links between processes: they carry messages both ways, tell when a peer has gone, and never block who posts."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from multiprocessing import current_process
from multiprocessing.connection import Client, Connection, Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.runtime import link as link_module
from livegen.runtime.link import QUEUE_LIMIT, Arrived, Hub, Link, LinkDown, LinkUp, call
from livegen.runtime.messages import Hello, Stop

WAIT_S = 10.0
NOW_NS = MonotonicClock().now_ns


@pytest.fixture
def inbox() -> SimpleQueue[Any]:
    return SimpleQueue()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "hub")


@pytest.fixture
def hub(address: str, inbox: SimpleQueue[Any]) -> Iterator[Hub]:
    opened = Hub(address, inbox, NOW_NS)
    opened.start()
    yield opened
    opened.close()


def dial(address: str) -> Connection:
    return Client(address, authkey=bytes(current_process().authkey))


def come_up(inbox: SimpleQueue[Any]) -> Link:
    item = inbox.get(timeout=WAIT_S)
    assert isinstance(item, LinkUp)
    return item.link


@pytest.mark.usefixtures("hub")
class TestHub:
    def test_a_caller_says_hello_and_both_talk(self, address: str, inbox: SimpleQueue[Any]) -> None:
        before_ns = NOW_NS()
        with dial(address) as peer:
            peer.send(Hello("brain", 1234))
            link = come_up(inbox)
            assert (link.role, link.pid) == ("brain", 1234)
            peer.send("from the brain")
            arrived = inbox.get(timeout=WAIT_S)
            assert (arrived.role, arrived.message) == ("brain", "from the brain")
            assert before_ns < arrived.time_ns <= NOW_NS()
            assert link.post(Stop())
            assert peer.poll(WAIT_S)
            assert peer.recv() == Stop()
            link.close()

    def test_messages_keep_their_order(self, address: str, inbox: SimpleQueue[Any]) -> None:
        with dial(address) as peer:
            peer.send(Hello("desk", 1))
            link = come_up(inbox)
            for number in range(500):
                peer.send(number)
                link.post(-number)
            assert [inbox.get(timeout=WAIT_S).message for _ in range(500)] == list(range(500))
            assert [peer.recv() for _ in range(500)] == [-number for number in range(500)]
            link.close()

    def test_two_callers_have_a_link_each(self, address: str, inbox: SimpleQueue[Any]) -> None:
        with dial(address) as brain:
            brain.send(Hello("brain", 1))
            with dial(address) as desk:
                desk.send(Hello("desk", 2))
                links = [come_up(inbox), come_up(inbox)]
            assert [link.role for link in links] == ["brain", "desk"]
            for link in links:
                link.close()

    @pytest.mark.parametrize("greeting", ["hello", None, Stop()])
    def test_who_does_not_say_hello_is_hung_up_on(self, address: str, inbox: SimpleQueue[Any], greeting: object) -> None:
        with dial(address) as stranger:
            stranger.send(greeting)
            assert stranger.poll(WAIT_S)
            with pytest.raises(EOFError):
                stranger.recv()
        assert inbox.empty()

    def test_who_says_nothing_does_not_keep_the_others_out(self, address: str, inbox: SimpleQueue[Any]) -> None:
        with dial(address) as silent, dial(address) as peer:
            peer.send(Hello("brain", 1))
            come_up(inbox).close()
            assert silent.poll(WAIT_S), "hung up on"

    def test_who_does_not_know_the_key_is_not_let_in(self, address: str, inbox: SimpleQueue[Any]) -> None:
        with pytest.raises(multiprocessing.AuthenticationError):
            Client(address, authkey=b"guess")
        with dial(address) as peer:
            peer.send(Hello("brain", 1))
            come_up(inbox).close()

    def test_who_hangs_up_at_once_harms_nobody(self, address: str, inbox: SimpleQueue[Any]) -> None:
        for _ in range(3):
            Client(address).close()
        with socket.socket(socket.AF_UNIX) as odd:
            odd.connect(address)
            odd.sendall(b"\xff" * 64)
        with dial(address) as peer:
            peer.send(Hello("brain", 1))
            link = come_up(inbox)
            assert (link.role, link.pid) == ("brain", 1)
            link.close()

    def test_closing_it_leaves_links_up(self, hub: Hub, address: str, inbox: SimpleQueue[Any]) -> None:
        with dial(address) as peer:
            peer.send(Hello("brain", 1))
            link = come_up(inbox)
            hub.close()
            peer.send("still there")
            assert inbox.get(timeout=WAIT_S).message == "still there"
            link.close()
        with pytest.raises(OSError, match=r"refused|No such file"):
            dial(address)


class TestClosingTheHub:
    def test_it_is_quick_and_idempotent(self, address: str, inbox: SimpleQueue[Any]) -> None:
        hub = Hub(address, inbox, NOW_NS)
        hub.start()
        began_ns = NOW_NS()
        hub.close()
        hub.close()
        assert NOW_NS() - began_ns < 1e9

    def test_before_the_start_too(self, address: str, inbox: SimpleQueue[Any]) -> None:
        hub = Hub(address, inbox, NOW_NS)
        hub.close()
        hub.close()
        assert not Path(address).exists()

    def test_callers_that_wait_do_not_hold_it_up(self, address: str, inbox: SimpleQueue[Any]) -> None:
        """More of them than the kernel queues by default."""
        hub = Hub(address, inbox, NOW_NS)
        hub.start()
        callers = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for caller in callers:
            caller.connect(address)
        closing = threading.Thread(target=hub.close)
        closing.start()
        closing.join(WAIT_S)
        assert not closing.is_alive()
        for caller in callers:
            caller.close()

    def test_nobody_is_kept_waiting_before_the_start(self, address: str, inbox: SimpleQueue[Any]) -> None:
        """Who calls too early is refused and can go on beating, as a caller that waits for an answer could not."""
        hub = Hub(address, inbox, NOW_NS)
        with pytest.raises(FileNotFoundError):
            dial(address)
        hub.close()

    def test_what_a_killed_predecessor_left_is_no_obstacle(self, address: str, inbox: SimpleQueue[Any]) -> None:
        with socket.socket(socket.AF_UNIX) as predecessor:
            predecessor.bind(address)
        hub = Hub(address, inbox, NOW_NS)
        hub.start()
        with dial(address) as peer:
            peer.send(Hello("brain", 1))
            link = come_up(inbox)
            assert (link.role, link.pid) == ("brain", 1)
            link.close()
        hub.close()


class TestLink:
    @pytest.fixture
    def pair(self, inbox: SimpleQueue[Any]) -> Iterator[tuple[Link, Connection]]:
        ours, theirs = Pipe()
        link = Link(ours, "peer", inbox, NOW_NS)
        yield link, theirs
        link.close()
        theirs.close()

    def test_a_peer_that_hangs_up_is_reported_once(self, pair: tuple[Link, Connection], inbox: SimpleQueue[Any]) -> None:
        link, peer = pair
        link.start()
        peer.send("last words")
        peer.close()
        assert isinstance(inbox.get(timeout=WAIT_S), Arrived)
        down = inbox.get(timeout=WAIT_S)
        assert isinstance(down, LinkDown)
        assert down.link is link
        assert link.post("into the void")
        link.close()
        assert inbox.empty()

    def test_our_own_closing_is_not_reported(self, pair: tuple[Link, Connection], inbox: SimpleQueue[Any]) -> None:
        link, peer = pair
        link.start()
        link.close()
        assert peer.poll(WAIT_S)
        with pytest.raises(EOFError):
            peer.recv()
        assert inbox.empty()

    def test_closing_sends_what_is_queued(self, pair: tuple[Link, Connection]) -> None:
        link, peer = pair
        link.start()
        for number in range(100):
            link.post(number)
        link.close()
        assert [peer.recv() for _ in range(100)] == list(range(100))

    @pytest.mark.parametrize("started", [True, False])
    def test_closing_is_quick_and_idempotent(self, pair: tuple[Link, Connection], *, started: bool) -> None:
        link, _ = pair
        if started:
            link.start()
        began_ns = NOW_NS()
        link.close()
        link.close()
        assert NOW_NS() - began_ns < 0.4e9

    def test_a_full_outbox_drops_and_counts_and_never_blocks(self, pair: tuple[Link, Connection]) -> None:
        """The peer reads nothing: the socket fills, then the queue, and whoever posts is told at once."""
        link, _ = pair
        link.start()
        block = b"x" * 4096
        worst_ns, taken = 0, 0
        for _ in range(QUEUE_LIMIT * 2):
            began_ns = NOW_NS()
            taken += link.post(block)
            worst_ns = max(worst_ns, NOW_NS() - began_ns)
        assert worst_ns < 0.5e9
        assert QUEUE_LIMIT <= taken < QUEUE_LIMIT * 2
        assert link.dropped == QUEUE_LIMIT * 2 - taken

    def test_closing_waits_a_second_at_most_for_a_peer_that_does_not_read(self, pair: tuple[Link, Connection]) -> None:
        """And leaves no thread behind, as the guard of all tests watches."""
        link, _ = pair
        link.start()
        while link.post(b"x" * 4096):
            pass
        began_ns = NOW_NS()
        link.close()
        assert NOW_NS() - began_ns < 1.5e9


def talk_until_killed(address: str) -> None:
    """A child: says hello as the brain does, then holds the line."""
    connection = call(address, "brain", lambda: None)
    connection.send("here")
    connection.recv()


class TestProcesses:
    @pytest.mark.processes
    def test_a_killed_process_is_reported(self, hub: Hub, address: str, inbox: SimpleQueue[Any]) -> None:
        child = multiprocessing.get_context("spawn").Process(target=talk_until_killed, args=(address,), daemon=True)
        child.start()
        link = inbox.get(timeout=30).link
        assert (link.role, link.pid) == ("brain", child.pid)
        assert inbox.get(timeout=WAIT_S).message == "here"
        child.kill()
        assert isinstance(inbox.get(timeout=WAIT_S), LinkDown)
        link.close()
        child.join(WAIT_S)
        child.close()

    def test_without_a_supervisor_nobody_calls(self, address: str) -> None:
        with pytest.raises(DeviceError, match="supervisor has gone"):
            call(address, "brain", lambda: None)

    def test_a_caller_beats_while_nobody_listens(
        self, monkeypatch: pytest.MonkeyPatch, address: str, inbox: SimpleQueue[Any]
    ) -> None:
        """The performer may take its time; the caller must not be taken for hung."""
        monkeypatch.setattr(link_module, "supervised", lambda: True)
        hub = Hub(address, inbox, NOW_NS)
        beats: list[int] = []

        def beat() -> None:
            beats.append(NOW_NS())
            if len(beats) == 3:
                hub.start()

        with call(address, "desk", beat):
            link = come_up(inbox)
            assert (link.role, link.pid) == ("desk", os.getpid())
            link.close()
        hub.close()
        assert len(beats) >= 3
