"""The owner thread's inbox: what links bring, in order, and MIDI beside it, bounded."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import Any

from livegen.core.intake import Intake


@dataclass(frozen=True, slots=True)
class MidiIn:
    """A message has come in, one legal message, at a time in monotonic ns."""

    data: bytes
    time_ns: int


class _MidiWaits:
    """Stands in the queue for one message of the intake."""


_MIDI_WAITS = _MidiWaits()


class Inbox(SimpleQueue[Any]):
    """Any thread puts, one thread gets. `put_midi` is a driver's: it never blocks for longer than a queue is changed."""

    def __init__(self) -> None:
        self._intake = Intake()
        self._lock = Lock()

    @property
    def coalesced(self) -> int:
        """Values of continuous controllers that gave way to newer ones."""
        return self._intake.coalesced

    @property
    def dropped(self) -> int:
        """Other MIDI messages for which there was no room."""
        return self._intake.dropped

    @property
    def midi_waiting(self) -> int:
        """MIDI messages that wait now."""
        return len(self._intake)

    def put_midi(self, data: bytes, time_ns: int) -> None:
        """Put in one legal MIDI message, for which `next_item` gives a `MidiIn`."""
        with self._lock:
            grew = self._intake.put(data, time_ns)
        if grew:
            self.put(_MIDI_WAITS)

    def next_item(self, timeout_s: float) -> Any:
        """Wait for the next item, at most `timeout_s` seconds.

        Raises:
            Empty: none came.
        """
        item = self.get(timeout=timeout_s)
        if item is not _MIDI_WAITS:
            return item
        with self._lock:
            waiting = self._intake.take()
        return None if waiting is None else MidiIn(*waiting)
