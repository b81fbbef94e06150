"""A stage whose engine keeps a session log, and what it takes to play that log again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from support.stage import Stage, settings_with

from livegen.core.engine import CHANNELS
from livegen.core.events import Part
from livegen.core.parameters import Settings
from livegen.core.session_lines import LineReader, LineWriter
from livegen.core.session_log import Beginning, Entry, LoggedEngine
from livegen.core.session_replay import Replay
from livegen.generators.band import Band


def beginning_of(settings: Settings, start_ns: int = 0, seed: int = 0) -> Beginning:
    return Beginning("0.0.0", "vocabulary", settings, start_ns, seed, tuple(CHANNELS[part] for part in Part))


class LoggedStage(Stage):
    """Keeps every entry of its engine's log in `log`."""

    def __init__(self, settings: Settings | None = None, band: Band | None = None, seed: int = 0, advance_ns: int = 0) -> None:
        super().__init__(settings, band, seed)
        self.log: list[Entry] = []
        self.engine = LoggedEngine(beginning_of(settings or settings_with(), seed=seed), self.log.append)
        self.ledger = self.engine.ledger
        self.engine.send_earlier(advance_ns)


def log_of(entries: Iterable[Entry]) -> list[bytes]:
    """The lines of a log."""
    writer = LineWriter()
    return [writer.line(entry) for entry in entries]


def signed(*arrays: str) -> list[bytes]:
    """Lines with the right checksums, whatever stands in them: what somebody may write who means harm."""
    checksum, lines = 0, []
    for array in arrays:
        checksum = zlib.crc32(array.encode(), checksum)
        lines.append(f"{checksum:08x} {array}\n".encode())
    return lines


def replay_of(lines: Iterable[bytes]) -> Replay:
    """A log played again, to its end or to the first difference."""
    reader, replay = LineReader(), Replay()
    for line in lines:
        replay.take(reader.take(line))
    return replay
