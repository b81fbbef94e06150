"""A session log played again: what went in goes into a new engine; what comes out must be what the log says, byte for byte."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from livegen.core.effects import Send, Stopgap
from livegen.core.errors import InputError
from livegen.core.midi import NoteOn
from livegen.core.parameters import Settings
from livegen.core.plans import Plan
from livegen.core.session_codec import Codec
from livegen.core.session_lines import Line
from livegen.core.session_log import (
    Beginning,
    Closed,
    Did,
    Entry,
    Input,
    LoggedEngine,
    PlansTake,
    Received,
    SendEarlier,
    Ticked,
)

MOST_PAUSE_NS = 86_400_000_000_000
"""No two times of a log that follow on one another are further apart: a day, which a sleeping machine may take."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the new engine first did something else.

    Attributes:
        line: of the log, from 1.
        time_ns: since the log's beginning.
        logged: what the log says there, as its array, or None at its end.
        played: what came this time, as its array, or None if nothing did.
        failure: what the engine failed with, or None if it did not.
    """

    line: int
    time_ns: int
    logged: str | None
    played: str | None
    failure: str | None = None


class Replay:
    """Takes a log's lines one after the other. Single-threaded; does nothing more once a difference is found.

    Attributes:
        beginning: the log's first entry, None before it.
        difference: the first, None so far.
        time_ns: since the log's beginning.
        counts: what has gone in and come out, by name, for a person.
        ended: the last input was the engine's orderly end.
    """

    def __init__(self) -> None:
        self.beginning: Beginning | None = None
        self.difference: Difference | None = None
        self.time_ns = 0
        self.counts: Counter[str] = Counter()
        self.ended = False
        self._engine: LoggedEngine | None = None
        self._codec = Codec()
        self._played: deque[str] = deque()
        """What the engine has said since the last line that was read."""

    def take(self, line: Line) -> None:
        """Play the log's next line, or compare it with what was played.

        Raises:
            InputError: its time lies further from the last than `MOST_PAUSE_NS`.
        """
        if self.difference is not None:
            return
        self._count(line.entry)
        if isinstance(line.entry, Input) and not self._played:
            self._play(line, line.entry)
        if self.difference is None:
            played = self._played.popleft() if self._played else None
            # A log of an older livegen lacks the settings that have come since, which have their defaults.
            wanted = self._codec.put(line.entry) if isinstance(line.entry, Beginning) else line.text
            if played != wanted:
                self.difference = Difference(line.number, self.time_ns, line.text, played)

    def _play(self, line: Line, entry: Input) -> None:
        self._look_at_time(line, entry)
        self.ended = isinstance(entry, Closed)
        try:
            self._do(entry)
        except InputError:
            # An illegal input changes nothing, then as now.
            return
        except Exception as error:  # noqa: BLE001 - whatever the engine fails with is what the log was kept for
            failure = f"{type(error).__name__}: {error}"
            self.difference = Difference(line.number, self.time_ns, line.text, None, failure)

    def _look_at_time(self, line: Line, entry: Input) -> None:
        if isinstance(entry, Received | Ticked | Closed) and self.beginning is not None:
            time_ns = entry.time_ns - self.beginning.start_ns
            if abs(time_ns - self.time_ns) > MOST_PAUSE_NS:
                raise InputError(f"line {line.number}: its time is more than a day from the line's before")
            self.time_ns = max(self.time_ns, time_ns)

    def _do(self, entry: Input) -> None:
        if isinstance(entry, Beginning):
            self.beginning = entry
            self._engine = LoggedEngine(entry, self._said)
            return
        engine = self._engine
        if engine is None:
            raise InputError("a session log begins with its beginning")
        match entry:
            case Received(time_ns, incoming):
                engine.receive(incoming, time_ns)
            case Ticked(time_ns):
                engine.tick(time_ns)
            case PlansTake(duration_ns):
                engine.plans_take(duration_ns)
            case SendEarlier(by_ns):
                engine.send_earlier(by_ns)
            case Closed(time_ns):
                engine.close(time_ns)

    def _said(self, entry: Entry) -> None:
        self._played.append(self._codec.put(entry))

    def _count(self, entry: Entry) -> None:
        self.counts["lines"] += 1
        match entry:
            case Received(_, NoteOn()):
                self.counts["notes in"] += 1
            case Received(_, Plan() | Stopgap()):
                self.counts["plans"] += 1
            case Received(_, Settings()):
                self.counts["changes"] += 1
            case Did(effects):
                sent = [effect.message for effect in effects if isinstance(effect, Send)]
                self.counts["messages out"] += len(sent)
                self.counts["notes out"] += sum(isinstance(message, NoteOn) for message in sent)
