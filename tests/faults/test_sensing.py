"""A keyboard that says that it is there and then falls silent has gone: its keys are let go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.stage import PLAYER, Stage, note_offs, settings_with

from livegen.core.events import Off
from livegen.core.midi import ACTIVE_SENSING, CLOCK, Control, Message, NoteOn, Other, Realtime
from livegen.core.sensing import GRACE_NS, SILENCE_NS, ActiveSensing

MS = 1_000_000
FE = Realtime(ACTIVE_SENSING)


def losses(stage: Stage) -> int:
    return stage.engine.counters["sensing_losses"]


def test_silence_after_it_releases_keys_and_pedal() -> None:
    stage = Stage(settings_with(mode="listen", thru=True))
    stage.receive(FE)
    stage.press(60)
    stage.receive(Control(PLAYER, 64, 127))
    sent = stage.advance_to_ns(stage.now_ns + 400 * MS)
    assert [one.message.pitch for one in sent if one in sent and one.message in note_offs(sent)] == [60]
    assert sent[0].time_ns == SILENCE_NS + GRACE_NS
    assert not stage.wire.pedals
    assert [event.pitch for event in stage.observed if isinstance(event, Off)] == [60]
    assert losses(stage) == 1


def test_it_is_said_once_until_it_comes_again() -> None:
    stage = Stage(settings_with(mode="listen"))
    stage.receive(FE)
    stage.advance_to_ns(5_000 * MS)
    assert losses(stage) == 1
    stage.press(60)
    stage.advance_to_ns(9_000 * MS)
    assert losses(stage) == 1
    stage.receive(FE)
    stage.advance_to_ns(10_000 * MS)
    assert losses(stage) == 2


@pytest.mark.parametrize("message", [FE, Realtime(CLOCK), Control(PLAYER, 1, 7), Other(b"\xe0\x00\x40"), NoteOn(PLAYER, 64, 9)])
def test_any_message_says_that_it_is_there(message: Message) -> None:
    stage = Stage(settings_with(mode="listen"))
    stage.receive(FE)
    stage.press(60)
    for _ in range(20):
        stage.advance_to_ns(stage.now_ns + 300 * MS)
        stage.receive(message)
    assert losses(stage) == 0
    assert not [event for event in stage.observed if isinstance(event, Off) and event.pitch == 60]


def test_a_keyboard_that_never_sends_it_may_be_silent() -> None:
    stage = Stage(settings_with(mode="listen"))
    stage.press(60)
    stage.advance_to_ns(60_000 * MS)
    assert losses(stage) == 0
    assert stage.engine._sensing.next_deadline_ns() is None


def test_it_can_be_switched_off() -> None:
    stage = Stage(settings_with(mode="listen", input__sensing=False))
    stage.receive(FE)
    stage.advance_to_ns(5_000 * MS)
    assert losses(stage) == 0
    stage.change(input__sensing=True)
    stage.receive(FE)
    stage.change(input__sensing=False)
    stage.advance_to_ns(9_000 * MS)
    assert losses(stage) == 0


def test_what_waited_while_we_were_late_is_heard_before_a_keyboard_is_taken_for_gone() -> None:
    """The owner stalls; when it wakes it is given one message after the other, each with the time at which it came."""
    for stall_ms in range(280, 1_000, 10):
        stage = Stage(settings_with(mode="listen", thru=True))
        stage.receive(FE)
        stage.press(60)
        stage.clock.advance(stall_ms * MS)
        for came_ms in range(200, stall_ms + 1, 200):
            stage.engine.receive(FE, came_ms * MS)
            stage.tick()
        assert losses(stage) == 0, stall_ms
        assert stage.wire.sounding


def test_who_is_late_again_while_the_grace_lasts_gives_another() -> None:
    """The silence was seen, and then the owner stalls until long after the grace; meanwhile the keyboard has spoken."""
    for stall_ms in range(32, 600, 10):
        stage = Stage(settings_with(mode="listen", thru=True))
        stage.receive(FE)
        stage.press(60)
        stage.advance_to_ns(stage.now_ns + SILENCE_NS)
        spoke_ns = stage.now_ns + 10 * MS
        stage.clock.advance(stall_ms * MS)
        stage.tick()
        stage.engine.receive(FE, spoke_ns)
        stage.tick()
        assert losses(stage) == 0, stall_ms
        assert stage.wire.sounding


@law
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 800)), max_size=30))
def test_it_speaks_exactly_when_the_grace_is_over(steps: list[tuple[bool, int]]) -> None:
    """To whoever comes at every deadline."""
    sensing, now_ns, last_ns = ActiveSensing(), 0, None
    for is_sensing, pause_ms in steps:
        sensing.heard(FE if is_sensing else Realtime(CLOCK), now_ns)
        last_ns = now_ns if is_sensing or last_ns is not None else None
        until_ns, gone_ns = now_ns + pause_ms * MS, None
        while (now_ns := sensing.next_deadline_ns() or until_ns + 1) <= until_ns:
            if sensing.gone(now_ns):
                gone_ns = now_ns
        now_ns = until_ns
        is_gone = last_ns is not None and until_ns - last_ns >= SILENCE_NS + GRACE_NS
        assert gone_ns == (last_ns + SILENCE_NS + GRACE_NS if is_gone and last_ns is not None else None)
        last_ns = None if is_gone else last_ns
