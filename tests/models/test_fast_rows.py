"""Rows of a whole take: equal to what the encoder gives event by event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import events, law

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import Event, Note, Off, On, Part, Tick
from livegen.core.stream import StreamEncoder
from models.takes.fast_rows import encode_events

BASS = frozenset({Part.BASS})


@law
@given(st.lists(events, max_size=40))
def test_rows_are_the_encoders(stream: list[Event]) -> None:
    encoder = StreamEncoder()
    rows = [encoder.encode(event) for event in stream]
    assert np.array_equal(encode_events(stream), np.array(rows, dtype=np.int64).reshape(-1, len(v.FIELDS)))


@pytest.mark.parametrize(
    "event",
    [
        On(0, 128, 64), On(0, -1, 64), On(0, 60, 128), On(0, 60, -1), On(0, 60, 64, 24), On(0, 60, 64, -1), Off(0, 128),
        Off(0, 60, -2), Note(Part.LEAD, 24, 60, 1, 64), Note(Part.LEAD, -1, 60, 1, 64), Note(Part.LEAD, 0, 60, 0, 64),
        Note(Part.LEAD, 0, 200, 1, 64), Tick(0, 24, 4, 120.0, 6, 24, BASS), Tick(0, 0, 13, 120.0, 6, 24, BASS),
        Tick(0, 0, 4, 120.0, 6, 25, BASS),
    ],
)  # fmt: skip
def test_what_the_encoder_refuses_is_refused(event: Event) -> None:
    with pytest.raises(InputError) as own:
        StreamEncoder().encode(event)
    with pytest.raises(InputError) as fast:
        encode_events([On(0, 60, 64), event])
    assert str(fast.value) == str(own.value)
