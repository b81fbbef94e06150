"""Notes that are decided but not yet sent, by musical position, so that a tempo change moves them all."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol

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
    """A note that sounds since pulse `began`, to end at `ends`; unless it was struck anew or ended since (`token` tells)."""

    part: Part
    channel: int
    pitch: int
    began: int
    ends: int
    token: int


@dataclass(frozen=True, slots=True)
class Harmony:
    """A window begins whose chord is this."""

    chord: ChordSymbol
    window: int


Entry = NoteStart | NoteEnd | Harmony
_RANKS: dict[type, int] = {NoteEnd: 0, Harmony: 1, NoteStart: 2}


@dataclass(order=True, slots=True)
class _Item:
    pulse: int
    rank: int
    order: int
    entry: Entry = field(compare=False)


class Schedule:
    """A heap of what is to come by pulse; at one pulse ends come first, then the harmony, then starts. Owned by the score."""

    def __init__(self) -> None:
        self._heap: list[_Item] = []
        self._order = count()
        self._sounding: dict[Key, NoteEnd] = {}

    def start_at(self, pulse: int, start: NoteStart) -> None:
        """Plan a note start."""
        self._push(pulse, next(self._order), start)

    def harmony_at(self, pulse: int, chord: ChordSymbol) -> None:
        """Note that the window at `pulse` has this chord."""
        self._push(pulse, next(self._order), Harmony(chord, pulse))

    def end_at(self, pulse: int, part: Part, channel: int, pitch: int, began: int) -> None:
        """Plan the end of a note that sounds since `began`; an end planned for the same pitch before no longer counts."""
        token = next(self._order)
        # Taken out first, so that the order of what sounds is that of the strikes.
        self._sounding.pop((channel, pitch), None)
        self._sounding[channel, pitch] = end = NoteEnd(part, channel, pitch, began, pulse, token)
        self._push(pulse, token, end)

    def end_early(self, pulse: int, end: NoteEnd) -> None:
        """Let a note that sounds end at `pulse`, if it does not end sooner."""
        if end.ends <= pulse:
            return
        self._sounding[end.channel, end.pitch] = sooner = replace(end, ends=pulse, token=next(self._order))
        self._push(pulse, sooner.token, sooner)

    def forget(self, end: NoteEnd) -> None:
        """This note has ended; whoever calls has seen to it."""
        del self._sounding[end.channel, end.pitch]

    def sounding(self, *parts: Part) -> list[NoteEnd]:
        """Notes of these parts that have begun and not ended, the longest struck first."""
        return [end for end in self._sounding.values() if end.part in parts]

    def sounds(self, channel: int, pitch: int) -> bool:
        """Whether a note on this pitch has begun and not ended."""
        return (channel, pitch) in self._sounding

    def _push(self, pulse: int, order: int, entry: Entry) -> None:
        heapq.heappush(self._heap, _Item(pulse, _RANKS[type(entry)], order, entry))

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
                if self._sounding.get(key) != item.entry:
                    continue
                del self._sounding[key]
            yield item.pulse, item.entry

    def drop_windows_after(self, pulse: int) -> None:
        """Forget what was planned of windows that begin after `pulse`; ends of what sounds stay."""
        self._heap = [item for item in self._heap if isinstance(item.entry, NoteEnd) or item.entry.window <= pulse]
        heapq.heapify(self._heap)

    def drop_window(self, window: int, pulse: int) -> None:
        """Forget what of one window, its chord and its notes, begins at `pulse` or later; ends of what sounds stay."""
        self._heap = [
            item for item in self._heap if isinstance(item.entry, NoteEnd) or item.entry.window != window or item.pulse < pulse
        ]
        heapq.heapify(self._heap)

    def clear(self) -> None:
        """Forget everything; whoever calls releases what sounds."""
        self._heap.clear()
        self._sounding.clear()
