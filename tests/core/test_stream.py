"""Rows: encoding and decoding agree, every row has a meaning, and what is illegal leaves no trace."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import events, law, part_sets, player_events, ticks

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import NO_CHORD
from livegen.core.stream import StreamEncoder, decode, parts_class, parts_of

MS = 1_000_000
TICK = Tick(0, 0, 4, 120.0, 6, 24, frozenset(Part))
rows = st.tuples(*(st.integers(0, field.size - 1) for field in v.FIELDS))


def time_of(event: Event) -> int:
    return getattr(event, "time_ns", 0)


@law
@given(events)
def test_a_decoded_event_encodes_to_the_same_row(event: Event) -> None:
    row = StreamEncoder().encode(event)
    again = decode(row, time_of(event))
    assert again is not None
    assert type(again) is type(event)
    assert StreamEncoder().encode(again).tolist() == row.tolist()


@law
@given(st.lists(events, max_size=30))
def test_a_decoded_stream_encodes_to_the_same_rows(stream: list[Event]) -> None:
    """Times included, as long as they are given back."""
    first, second = StreamEncoder(), StreamEncoder()
    for event in stream:
        row = first.encode(event)
        again = decode(row, time_of(event))
        assert again is not None
        assert second.encode(again).tolist() == row.tolist()


@law
@given(events)
def test_an_event_fills_the_fields_of_its_grammar_and_no_others(event: Event) -> None:
    row = StreamEncoder().encode(event)
    kind = v.KINDS[row[0] - 1]
    filled = {field.name for field in v.FIELDS if row[v.COLUMN[field.name]]}
    assert filled <= {"kind", *v.GRAMMAR[kind]}
    assert all(0 <= row[column] < field.size for column, field in enumerate(v.FIELDS))


@law
@given(rows)
def test_every_row_decodes(row: tuple[int, ...]) -> None:
    """To a legal event, which is the same after another turn; only kind 0 is nothing."""
    event = decode(row, 7)
    assert (event is None) == (row[0] == 0)
    if event is not None:
        encoded = StreamEncoder().encode(event)
        assert decode(encoded, 7) == event


@law
@given(st.lists(player_events, max_size=20))
def test_the_time_is_that_since_the_last_event(stream: list[Event]) -> None:
    """In classes; what seems to come before the last event counts as at once, and the first comes at once."""
    encoder = StreamEncoder()
    last_ns = None
    for event in stream:
        row = encoder.encode(event)
        passed_ns = 0 if last_ns is None else time_of(event) - last_ns
        assert row[v.COLUMN["dt"]] == v.dt_class(passed_ns)
        last_ns = time_of(event)


def test_the_agents_events_take_no_time() -> None:
    encoder = StreamEncoder()
    encoder.encode(replace(TICK, time_ns=100 * MS))
    for event in (Chord(NO_CHORD), Note(Part.BASS, 0, 40, 12, 80), End()):
        assert encoder.encode(event)[v.COLUMN["dt"]] == 0
    assert encoder.encode(Off(130 * MS, 60))[v.COLUMN["dt"]] == v.dt_class(30 * MS)


@law
@given(st.lists(events, max_size=10), st.lists(events, min_size=1, max_size=10))
def test_a_snapshot_is_the_whole_state(before: list[Event], after: list[Event]) -> None:
    encoder = StreamEncoder()
    for event in before:
        encoder.encode(event)
    state = encoder.snapshot()
    once = [encoder.encode(event).tolist() for event in after]
    encoder.restore(state)
    assert [encoder.encode(event).tolist() for event in after] == once


@law
@given(part_sets)
def test_a_set_of_parts_survives(parts: frozenset[Part]) -> None:
    assert parts_of(parts_class(parts)) == parts


@law
@given(ticks)
def test_free_playing_has_neither_place_nor_tempo(tick: Tick) -> None:
    free = replace(tick, half_beat=None, beats_per_bar=None, tempo_bpm=None)
    row = StreamEncoder().encode(free)
    assert not row[[v.COLUMN["half_beat"], v.COLUMN["meter"], v.COLUMN["tempo"]]].any()
    again = decode(row)
    assert isinstance(again, Tick)
    assert (again.half_beat, again.beats_per_bar, again.tempo_bpm) == (None, None, None)


def test_a_lookahead_beyond_the_last_class_has_the_last() -> None:
    column = v.COLUMN["lookahead"]
    assert StreamEncoder().encode(replace(TICK, lookahead=48))[column] == v.SIZE["lookahead"] - 1
    assert StreamEncoder().encode(replace(TICK, lookahead=480))[column] == v.SIZE["lookahead"] - 1
    assert StreamEncoder().encode(replace(TICK, lookahead=-3))[column] == 1


@pytest.mark.parametrize(
    "event",
    [
        On(MS, -1, 64),
        On(MS, 128, 64),
        On(MS, 60, -1),
        On(MS, 60, 128),
        On(MS, 60, 64, -1),
        On(MS, 60, 64, 24),
        Off(MS, -1),
        Off(MS, 128),
        Off(MS, 60, -1),
        Off(MS, 60, 24),
        replace(TICK, time_ns=MS, half_beat=-1),
        replace(TICK, time_ns=MS, half_beat=24),
        replace(TICK, time_ns=MS, beats_per_bar=0),
        replace(TICK, time_ns=MS, beats_per_bar=13),
        replace(TICK, time_ns=MS, hop=18),
        replace(TICK, time_ns=MS, tempo_bpm=math.nan),
        replace(TICK, time_ns=MS, tempo_bpm=math.inf),
        replace(TICK, time_ns=MS, tempo_bpm=0.0),
        Note(Part.LEAD, -1, 60, 6, 64),
        Note(Part.LEAD, 24, 60, 6, 64),
        Note(Part.LEAD, 0, -1, 6, 64),
        Note(Part.LEAD, 0, 128, 6, 64),
        Note(Part.LEAD, 0, 60, 0, 64),
        Note(Part.LEAD, 0, 60, 6, -1),
        Note(Part.LEAD, 0, 60, 6, 128),
    ],
    ids=str,
)
def test_an_illegal_field_is_refused_and_leaves_the_encoder_as_it_was(event: Event) -> None:
    """Class 0 means "absent": no value below the range may pass as that."""
    encoder = StreamEncoder()
    encoder.encode(On(0, 60, 64))
    before = encoder.snapshot()
    with pytest.raises(InputError):
        encoder.encode(event)
    assert encoder.snapshot() == before


def test_a_row_is_a_fresh_array_of_int64() -> None:
    """Callers may hide fields in it."""
    encoder = StreamEncoder()
    row = encoder.encode(End())
    assert (row.dtype, row.shape) == (np.int64, (len(v.FIELDS),))
    row[:] = 0
    assert encoder.encode(End())[0] == v.KIND["END"]
