"""The session log of a performer: entries are queued by the owner thread, and written by a thread of their own.

The music goes first. The owner never waits: it appends to a queue that is bounded. Where the disk is too slow, full or not to
be written to, recording ends with one warning and what comes after is counted. What stands in the file can be played again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import BinaryIO

from livegen import __version__
from livegen.core.engine import Engine
from livegen.core.events import Part
from livegen.core.parameters import Settings, Value
from livegen.core.session_lines import LineWriter
from livegen.core.session_log import Beginning, Entry, LoggedEngine
from livegen.core.vocabulary import HASH
from livegen.runtime.config import Config
from livegen.runtime.messages import LogEnded, LogOpened
from livegen.runtime.session_files import LogPlace

MOST_WAITING = 20_000
"""Entries that wait to be written: several seconds of the densest playing."""

PERIOD_S = 0.1
"""How often what waits is written: so much is lost if the process is killed, and a little more."""

AT_A_TIME = 8
"""Entries that are encoded without a break. Encoding holds the interpreter, which the owner may want."""

BREATH_S = 0.0002
"""The break."""

CLOSE_S = 0.5
"""How long the end of the performer waits for a slow disk."""


def recorded_engine(recorder: Recorder, settings: Settings, now_ns: int, config: Config) -> Engine:
    """The engine of a run, which tells the recorder what it does if that is on."""
    if not recorder.wanted:
        return Engine(settings, now_ns, seed=config.seed, channels=config.channels)
    channels = tuple(config.channels[part] for part in Part)
    return LoggedEngine(Beginning(__version__, HASH, settings, now_ns, config.seed, channels), recorder.put)


class _FullError(Exception):
    """The log has reached its limit."""


class Recorder:
    """Writes one log. `put`, `start`, `close` and `readings` belong to the owner thread and don't block, but for `close`.

    Args:
        place: where the log goes; None for no log.
        report: is told once that the log is open, and once if it ends too early; from either thread, must not block.
    """

    def __init__(self, place: LogPlace | None, report: Callable[[LogOpened | LogEnded], object]) -> None:
        self._place = place
        self._report = report
        self._waiting: deque[Entry] = deque()
        self._state = "off" if place is None else "on"
        self._refused = 0
        """Entries that the owner did not queue."""
        self._lost = 0
        """Entries that were queued and not written."""
        self._written = 0
        self._writer = LineWriter()
        self._closing = threading.Event()
        self._warned = threading.Lock()
        """Taken by whoever warns, and never given back."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def wanted(self) -> bool:
        """Whether there is to be a log."""
        return self._place is not None

    def start(self) -> None:
        """Begin to write what has been put and will be."""
        if self._place is not None:
            self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queue an entry. One that is not queued is the last: a log with a gap can't be played again."""
        if self._state != "on":
            self._refused += 1
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(entry)
        else:
            self._refused += 1
            self._switch_off("too slow", "the disk is too slow")

    def readings(self) -> Iterable[tuple[str, Value]]:
        """For the health read-out: "on", "off" without a log, "full", "too slow" or "failed" where it has ended too early."""
        return (
            ("session/state", self._state),
            ("session/records", self._written),
            ("session/dropped", self._refused + self._lost),
        )

    def close(self) -> None:
        """Write what waits, for `CLOSE_S` at the most, and end; idempotent."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    def _switch_off(self, state: str, reason: str) -> None:
        self._state = state
        if self._warned.acquire(blocking=False):
            self._report(LogEnded(reason))

    def _run(self) -> None:
        try:
            self._record()
        except _FullError as full:
            self._switch_off("full", str(full))
        except Exception as error:  # noqa: BLE001 - the top of a thread: whatever ends it, the music goes on and somebody is told
            self._switch_off("failed", str(error))
        self._lost += len(self._waiting)
        self._waiting.clear()

    def _record(self) -> None:
        if self._place is None:
            return
        path, file, limit = self._place.create()
        with file:
            self._report(LogOpened(str(path)))
            ending = False
            while not ending:
                # First the flag, then the queue: nothing is put after the flag.
                ending = self._closing.wait(PERIOD_S) or self._state != "on"
                limit -= self._write_waiting(file, limit)

    def _write_waiting(self, file: BinaryIO, limit: int) -> int:
        """Write all that waits now; how many bytes."""
        used = 0
        for _ in range(0, len(self._waiting), AT_A_TIME):
            entries = [self._waiting[place] for place in range(min(AT_A_TIME, len(self._waiting)))]
            lines = [self._writer.line(entry) for entry in entries]
            while lines and used + sum(map(len, lines)) > limit:
                lines.pop()
            data = b"".join(lines)
            _write(file, data)
            used += len(data)
            for _ in lines:
                self._waiting.popleft()
            self._written += len(lines)
            if len(lines) < len(entries):
                raise _FullError("the session log has reached the size of session_log_mb")
            self._closing.wait(BREATH_S)
        return used


def _write(file: BinaryIO, data: bytes) -> None:
    """All of it: a disk that is nearly full takes a part first."""
    while data:
        data = data[file.write(data) or 0 :]
