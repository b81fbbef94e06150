"""A whole take as rows at once: what `livegen.core.stream.StreamEncoder` does event by event.

Training draws takes beside the threads that learn from them, so time counts here. Ticks and chords come from the encoder
itself, once for all that are alike; notes are filled in column by column. A test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import Chord, End, Event, Note, Off, On, Tick
from livegen.core.harmony import ChordSymbol
from livegen.core.stream import Row, StreamEncoder

Rows = npt.NDArray[np.int64]

_DT_EDGES = np.array(v.DT_EDGES)
_DURATION = np.array([-1, *map(v.duration_class, range(1, v.DURATIONS[-1] + 1))])
_SIZES = np.array([field.size for field in v.FIELDS])
_NOTE_FIELDS = attrgetter("part", "onset", "pitch", "duration", "velocity")


def encode_events(events: Sequence[Event]) -> Rows:
    """The rows of these events, int64 [events, F], as one `StreamEncoder` gives them from its start.

    Raises:
        InputError: a field is out of its range.
    """
    places: dict[type, list[int]] = {On: [], Off: [], Tick: [], Chord: [], Note: [], End: []}
    for index, event in enumerate(events):
        places[type(event)].append(index)
    rows = np.zeros((len(events), len(v.FIELDS)), dtype=np.int64)
    for kind, fill in _FILL.items():
        if places[kind]:
            rows[places[kind]] = fill([events[index] for index in places[kind]])
    timed = sorted((*places[On], *places[Off], *places[Tick]))
    times = np.array([events[index].time_ns for index in timed], dtype=np.int64)  # type: ignore[union-attr]
    steps = np.maximum(0, np.diff(times, prepend=times[:1])) // 10_000_000
    rows[timed, v.COLUMN["dt"]] = np.searchsorted(_DT_EDGES, steps, side="right")
    if (rows < 0).any() or (rows >= _SIZES).any():
        _complain(events)
    return rows


def _complain(events: Sequence[Event]) -> None:
    """Something is out of its range: let the encoder itself say what."""
    encoder = StreamEncoder()
    for event in events:
        encoder.encode(event)


def _ons(events: Sequence[Any]) -> Rows:
    fields = np.array([(event.pitch, event.velocity, _or_absent(event.phase)) for event in events], dtype=np.int64)
    return _rows("ON", pitch=_classes(fields[:, 0]), velocity=_classes(fields[:, 1] // v.VELOCITY_STEP), pulse=fields[:, 2])


def _offs(events: Sequence[Any]) -> Rows:
    fields = np.array([(event.pitch, _or_absent(event.phase)) for event in events], dtype=np.int64)
    return _rows("OFF", pitch=_classes(fields[:, 0]), pulse=fields[:, 1])


def _notes(events: Sequence[Any]) -> Rows:
    part, onset, pitch, duration, velocity = np.array(list(map(_NOTE_FIELDS, events)), dtype=np.int64).T
    return _rows(
        "NOTE",
        part=_classes(part),
        pulse=_classes(onset),
        pitch=_classes(pitch),
        duration=_DURATION[np.clip(duration, 0, len(_DURATION) - 1)],
        velocity=_classes(velocity // v.VELOCITY_STEP),
    )


def _ticks(events: Sequence[Any]) -> Rows:
    rows = [
        _tick(
            event.half_beat, event.beats_per_bar, event.tempo_bpm and v.tempo_of(v.tempo_class(event.tempo_bpm)),
            event.lookahead, event.hop, frozenset(event.parts),
        )
        for event in events
    ]  # fmt: skip
    return np.array(rows)


@lru_cache(maxsize=4096)
def _tick(*fields: Any) -> Row:
    return StreamEncoder().encode(Tick(0, *fields))


def _chords(events: Sequence[Any]) -> Rows:
    return np.array([_chord(event.symbol) for event in events])


@lru_cache(maxsize=512)
def _chord(symbol: ChordSymbol) -> Row:
    return StreamEncoder().encode(Chord(symbol))


def _ends(events: Sequence[Any]) -> Rows:
    return np.tile(StreamEncoder().encode(End()), (len(events), 1))


_FILL: dict[type, Callable[[Sequence[Any]], Rows]] = {
    On: _ons,
    Off: _offs,
    Tick: _ticks,
    Chord: _chords,
    Note: _notes,
    End: _ends,
}


def _or_absent(value: int | None) -> int:
    """The class of a value from 0, 0 for none at all, -1 for one that is too small."""
    return 0 if value is None else max(-1, 1 + value) or -1


def _classes(values: Rows) -> Rows:
    """The classes of values from 0, and -1 for what is too small."""
    return np.where(values < 0, -1, 1 + values)


def _rows(kind: str, **columns: Rows) -> Rows:
    rows = np.zeros((len(next(iter(columns.values()))), len(v.FIELDS)), dtype=np.int64)
    rows[:, 0] = v.KIND[kind]
    for name, classes in columns.items():
        rows[:, v.COLUMN[name]] = classes
    return rows
