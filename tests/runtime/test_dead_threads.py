"""A thread that dies silently is noticed: its process's heart stops, or the process ends, and the supervisor starts another."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client, Connection, Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from livegen.core.errors import LivegenError
from livegen.core.midi import NoteOff, NoteOn, encode, parse
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.runtime.config import Config
from livegen.runtime.desk import Desk, DeskSpec
from livegen.runtime.link import MOST_FAILURES, REST_S, Hub, Link, LinkDown
from livegen.runtime.performer import Performer, PerformerSpec
from livegen.runtime.shared import SharedState

WAIT_S = 10.0
NOW_NS = MonotonicClock().now_ns

dies = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""That a thread dies of an exception is what these tests are about."""


@pytest.fixture
def shared() -> Iterator[SharedState]:
    block = SharedState.create()
    yield block
    block.close()


@pytest.fixture
def pair() -> Iterator[tuple[Link, Connection, SimpleQueue[Any]]]:
    ours, theirs = Pipe()
    inbox: SimpleQueue[Any] = SimpleQueue()
    link = Link(ours, "peer", inbox, NOW_NS)
    yield link, theirs, inbox
    link.close()
    theirs.close()


class TestLinks:
    def test_a_message_that_cannot_be_sent_is_reported_as_the_end_of_the_link(
        self, pair: tuple[Link, Connection, SimpleQueue[Any]]
    ) -> None:
        link, _, inbox = pair
        link.start()
        link.post(threading.Lock())
        down = inbox.get(timeout=WAIT_S)
        assert isinstance(down, LinkDown)
        assert down.link is link

    def test_so_is_a_message_that_cannot_be_read(self, pair: tuple[Link, Connection, SimpleQueue[Any]]) -> None:
        link, peer, inbox = pair
        link.start()
        peer.send_bytes(b"no pickle")
        assert isinstance(inbox.get(timeout=WAIT_S), LinkDown)

    def test_a_reader_that_dies_with_nothing_said_shows(self, pair: tuple[Link, Connection, SimpleQueue[Any]]) -> None:
        link, _, _ = pair
        link.start()
        assert link.alive
        link._waker.send_bytes(b".")
        link._threads[0].join(WAIT_S)
        assert not link.alive


class TestHub:
    @pytest.fixture
    def hub(self, tmp_path: Path) -> Iterator[Hub]:
        hub = Hub(str(tmp_path / "hub"), SimpleQueue(), NOW_NS)
        hub.start()
        yield hub
        hub.close()

    def test_one_that_can_let_nobody_in_any_more_ends_and_shows_it(self, hub: Hub) -> None:
        assert hub.alive
        assert hub._listener is not None
        assert hub._thread is not None
        hub._listener._listener._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        hub._thread.join(WAIT_S + MOST_FAILURES * REST_S)
        assert not hub.alive

    def test_callers_who_hang_up_do_not_make_it_deaf(self, hub: Hub) -> None:
        for _ in range(10):
            Client(hub._address).close()
        assert hub.alive


class TestPerformer:
    @pytest.fixture
    def performer(self, tmp_path: Path, shared: SharedState) -> Iterator[tuple[Performer, Any]]:
        switching_s = sys.getswitchinterval()
        backend, peer = memory_cable()
        ours, theirs = Pipe()
        settings = (("thru", True),)
        spec = PerformerSpec(Config(osc_port=0), (), settings, str(tmp_path / "performer"), shared.name, backend)
        performer = Performer(spec, theirs)
        performer.start()
        yield performer, peer
        if backend.connected:
            performer.close()  # the test has failed before it could
        ours.close()
        backend.close()
        peer.close()
        gc.unfreeze()
        sys.setswitchinterval(switching_s)

    @pytest.mark.parametrize("victim", ["hub", "supervisor's link"])
    def test_it_ends_where_a_thread_of_its_links_has_died_and_its_notes_with_it(
        self, performer: tuple[Performer, Any], shared: SharedState, victim: str
    ) -> None:
        playing, peer = performer
        peer.send(encode(NoteOn(5, 64, 80)))
        playing._handle(playing.inbox.next_item(WAIT_S))
        playing._perform(playing._engine.tick(NOW_NS()))
        assert list(shared.ledger.sounding())
        if victim == "hub":
            playing._hub._closing = True
            Client(playing._hub._address).close()
            thread = playing._hub._thread
        else:
            playing._supervisor._waker.send_bytes(b".")
            thread = playing._supervisor._threads[0]
        assert thread is not None
        thread.join(WAIT_S)
        with pytest.raises(LivegenError, match="thread of the performer's links has died"):
            playing.run()
        playing.close()
        sounding, heard = set(), False
        for data, _ in peer.arrived():
            match parse(data):
                case NoteOn(channel, pitch):
                    sounding.add((channel, pitch))
                    heard = True
                case NoteOff(channel, pitch):
                    sounding.discard((channel, pitch))
        assert heard
        assert not sounding


@dies
def test_a_desk_whose_server_died_has_no_heartbeat(shared: SharedState, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(DeskSpec("127.0.0.1", 0, (), (), (), "", shared.name))
    desk.server.start()
    desk.beat(shared)
    first_ns = shared.last_beat_ns("desk")
    assert first_ns

    def broken() -> None:
        raise RuntimeError("a bug outside every guard")

    monkeypatch.setattr(desk.server._endpoint, "next_deadline_ns", broken)
    thread = desk.server._thread
    assert thread is not None
    desk.server._nudge()
    thread.join(WAIT_S)
    desk.beat(shared)
    assert shared.last_beat_ns("desk") == first_ns
    desk.server.close()
