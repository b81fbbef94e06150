"""Notes that are decided but not yet sent, by musical position, so that a tempo change moves them all."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from livegen.core.events import Part

Key = tuple[int, int]
"""Channel and pitch."""


@dataclass(frozen=True, slots=True)
class NoteStart:
    """A note to begin; its end is scheduled when it has really begun."""

    part: Part
    channel: int
    pitch: int
    velocity: int
    duration: int
    window: int


@dataclass(frozen=True, slots=True)
class NoteEnd:
    """A note to end, unless the same pitch has been struck anew since (then `token` is no longer the newest)."""

    part: Part
    channel: int
    pitch: int
    token: int


Entry = NoteStart | NoteEnd


@dataclass(order=True, slots=True)
class _Item:
    pulse: int
    rank: int
    order: int
    entry: Entry = field(compare=False)


class Schedule:
    """A heap of note starts and ends by pulse; at one pulse ends come before starts. Owned by the engine."""

    def __init__(self) -> None:
        self._heap: list[_Item] = []
        self._order = count()
        self._newest: dict[Key, int] = {}

    def start_at(self, pulse: int, start: NoteStart) -> None:
        """Plan a note start."""
        heapq.heappush(self._heap, _Item(pulse, 1, next(self._order), start))

    def end_at(self, pulse: int, part: Part, channel: int, pitch: int) -> None:
        """Plan the end of a note that sounds now; an end that was planned for the same pitch before no longer counts."""
        token = next(self._order)
        self._newest[channel, pitch] = token
        heapq.heappush(self._heap, _Item(pulse, 0, token, NoteEnd(part, channel, pitch, token)))

    @property
    def next_pulse(self) -> int | None:
        """Position of the earliest entry."""
        return self._heap[0].pulse if self._heap else None

    def pop_until(self, pulse: int) -> Iterator[tuple[int, Entry]]:
        """Take out, in order, what stands at or before `pulse`; entries that are added meanwhile are seen too."""
        while self._heap and self._heap[0].pulse <= pulse:
            item = heapq.heappop(self._heap)
            if isinstance(item.entry, NoteEnd):
                key = (item.entry.channel, item.entry.pitch)
                if self._newest.get(key) != item.entry.token:
                    continue
                del self._newest[key]
            yield item.pulse, item.entry

    def drop_windows_after(self, pulse: int) -> None:
        """Forget the starts of windows that begin after `pulse`; ends of what sounds stay."""
        self._heap = [item for item in self._heap if not (isinstance(item.entry, NoteStart) and item.entry.window > pulse)]
        heapq.heapify(self._heap)

    def clear(self) -> None:
        """Forget everything; whoever calls releases what sounds."""
        self._heap.clear()
        self._newest.clear()
