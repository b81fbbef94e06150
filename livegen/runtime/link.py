"""Links between processes: the performer listens, brain and desk call. Nothing here blocks the performer's owner thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import current_process, parent_process
from multiprocessing.connection import Client, Connection, Listener, Pipe, wait
from pathlib import Path
from queue import Full, Queue, SimpleQueue
from typing import Any

from livegen.core.errors import DeviceError
from livegen.runtime.messages import Hello

QUEUE_LIMIT = 4096
"""Messages that wait for a slow peer; beyond that they are dropped and counted."""


CALL_PAUSE_S = 0.05

HELLO_S = 1.0
"""How long a caller may take to say who he is."""

MOST_FAILURES = 100
REST_S = 0.01
"""So many callers in a row who could not be let in, with such a rest after each, and the hub is taken for deaf and ends."""

BACKLOG = 16
"""Callers that may wait to be accepted; with too few, the call by which the hub wakes itself could block."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message from a peer, with its time of arrival in monotonic ns."""

    role: str
    message: Any
    time_ns: int


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A peer has called and said hello."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A peer has gone: it ended, or its process died."""

    link: Link


Inbox = SimpleQueue[Any]


class Link:
    """One connection with a reader and a writer thread of its own.

    What arrives is put into `inbox`, then a `LinkDown`. `post` may be called from any thread and never blocks.
    """

    def __init__(
        self, connection: Connection, role: str, inbox: Inbox, now_ns: Callable[[], int], pid: int | None = None
    ) -> None:
        self.role = role
        self.pid = pid
        self.dropped = 0
        self._connection = connection
        self._inbox = inbox
        self._now_ns = now_ns
        self._outbox: Queue[Any] = Queue(QUEUE_LIMIT)
        self._wake_reader, self._waker = Pipe(duplex=False)
        self._closed = threading.Event()
        self._reported = False
        self._threads = [
            threading.Thread(target=self._read, name=f"{role}-reader", daemon=True),
            threading.Thread(target=self._write, name=f"{role}-writer", daemon=True),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def post(self, message: Any) -> bool:
        """Queue a message; False if the peer is so far behind that it was dropped."""
        try:
            self._outbox.put_nowait(message)
        except Full:
            self.dropped += 1
            return False
        return True

    @property
    def alive(self) -> bool:
        """Whether both threads run, or their end is or will be reported; any thread may ask."""
        return self._reported or all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Stop both threads and hang up; idempotent, waits for what is queued for half a second at the most."""
        if self._closed.is_set():
            return
        self._closed.set()
        self.post(None)
        self._waker.send_bytes(b".")
        for thread in reversed(self._threads):
            if thread.ident is not None:
                thread.join(0.5)
        for end in (self._connection, self._wake_reader, self._waker):
            end.close()

    def _read(self) -> None:
        try:
            while True:
                if self._wake_reader in wait([self._connection, self._wake_reader]):
                    return
                message = self._connection.recv()
                self._inbox.put(Arrived(self.role, message, self._now_ns()))
        except Exception:  # noqa: BLE001 - the top of a thread: whatever ended it, the owner must learn that the link is dead
            self._down()

    def _write(self) -> None:
        try:
            while (message := self._outbox.get()) is not None:
                self._connection.send(message)
        except OSError:
            # The reader sees the same end of the connection and reports it.
            self._reported = True
        except Exception:  # noqa: BLE001 - as in the reader: a message that cannot be sent, say
            self._down()

    def _down(self) -> None:
        if not self._closed.is_set():
            self._reported = True
            self._inbox.put(LinkDown(self))


class Hub:
    """The performer's end: accepts links, each announced by a `LinkUp` in the inbox."""

    def __init__(self, address: str, inbox: Inbox, now_ns: Callable[[], int]) -> None:
        self._inbox = inbox
        self._now_ns = now_ns
        self._closing = False
        self._address = address
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether callers are let in; any thread may ask."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen and begin to accept. Not earlier: whoever calls and is not accepted waits, and cannot beat meanwhile."""
        if os.name == "posix":
            # What a killed predecessor left behind would make the bind fail.
            Path(self._address).unlink(missing_ok=True)
        self._listener = Listener(self._address, backlog=BACKLOG, authkey=bytes(current_process().authkey))
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="hub", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting; links that are up stay up, also those whose `LinkUp` still waits in the inbox. Idempotent."""
        self._closing = True
        if self._listener is None or self._thread is None:
            return
        with suppress(OSError):
            # Accepting blocks without a time limit; a caller who hangs up before saying who he is wakes it.
            Client(self._address).close()
        self._thread.join(1.0)
        self._listener.close()
        self._listener = None

    def _accept(self, listener: Listener) -> None:
        failures, rest = 0, threading.Event()
        while not self._closing:
            try:
                connection = listener.accept()
                # Others wait meanwhile: who has nothing to say is hung up on.
                hello = connection.recv() if connection.poll(HELLO_S) else None
            except Exception:  # noqa: BLE001 - the top of a thread: whoever calls with what cannot be read, the next is let in
                failures += 1
                if failures == MOST_FAILURES:
                    return
                rest.wait(REST_S)
                continue
            failures = 0
            if isinstance(hello, Hello) and not self._closing:
                link = Link(connection, hello.role, self._inbox, self._now_ns, hello.pid)
                # In this order, or its first message could arrive before it.
                self._inbox.put(LinkUp(link))
                link.start()
            else:
                connection.close()


def supervised() -> bool:
    """Whether the supervisor that started this process still lives."""
    parent = parent_process()
    return parent is not None and parent.is_alive()


def call(address: str, role: str, beat: Callable[[], None]) -> Connection:
    """Call the performer, which may be starting; tries every 50 ms, and beats, as long as the supervisor lives.

    Raises:
        DeviceError: the supervisor has gone.
    """
    pause = threading.Event()
    while supervised():
        beat()
        try:
            connection = Client(address, authkey=bytes(current_process().authkey))
            connection.send(Hello(role, os.getpid()))
        except (OSError, EOFError):
            pause.wait(CALL_PAUSE_S)
            continue
        return connection
    raise DeviceError("the supervisor has gone")
