"""Pedals are lifted where nobody can lift them any more; notes that begin and end oddly are counted right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.stage import PLAYER, Stage, settings_with

from livegen.core.effects import InputLost, Panic
from livegen.core.ledger import Owner
from livegen.core.midi import ACTIVE_SENSING, Control, Message, NoteOff, NoteOn, Realtime, parse

DOWN = Control(PLAYER, 64, 127)

ENDS: dict[str, Callable[[Stage], object]] = {
    "the keyboard goes": lambda stage: stage.receive(InputLost()),
    "its active sensing stops": lambda stage: (
        stage.receive(Realtime(ACTIVE_SENSING)),
        stage.advance_to_ns(stage.now_ns + 1_000_000_000),
    ),
    "panic": lambda stage: stage.receive(Panic()),
    "thru is switched off": lambda stage: stage.change(thru=False),
    "the song ends": Stage.close,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_pedal_that_is_down_is_lifted_when(end: Callable[[Stage], object]) -> None:
    stage = Stage(settings_with(mode="listen", thru=True))
    stage.press(60)
    stage.receive(DOWN)
    stage.receive(Control(7, 64, 127))
    stage.release(60)
    assert stage.wire.pedals == {PLAYER, 7}
    end(stage)
    assert not stage.wire.pedals
    assert not stage.wire.sounding


few = st.tuples(st.integers(0, 1), st.integers(60, 61))
odd = st.one_of(
    few.map(lambda note: parse(bytes((0x90 | note[0], note[1], 70)))),
    few.map(lambda note: parse(bytes((0x90 | note[0], note[1], 0)))),
    few.map(lambda note: parse(bytes((0x80 | note[0], note[1], 9)))),
    st.builds(Control, st.integers(0, 1), st.sampled_from([64, 123]), st.sampled_from([0, 127])),
)


@law
@given(st.lists(odd, max_size=60))
def test_played_through_notes_are_held_as_often_as_they_are(heard: list[Message]) -> None:
    """Struck twice, ended without a beginning, ended on another channel: a note sounds while its key is down, and not after."""
    stage = Stage(settings_with(mode="listen", thru=True, echo__guard=False))
    down: Counter[tuple[int, int]] = Counter()
    for message in heard:
        stage.receive(message)
        match message:
            case NoteOn(channel, pitch):
                down[channel, pitch] = 1
            case NoteOff(channel, pitch):
                down[channel, pitch] = 0
            case Control(channel, 123):
                down = Counter({note: count for note, count in down.items() if note[0] != channel})
        assert set(stage.ledger.sounding(Owner.THRU)) == {note for note, count in down.items() if count}
    stage.receive(InputLost())
    assert not stage.wire.sounding
