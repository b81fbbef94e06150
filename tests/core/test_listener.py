"""The listener: what the context is told of keys and pedals, and where phrases begin and end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.events import Off, On, PlayerEvent
from livegen.core.listener import Listener, Phrase
from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other, Realtime
from livegen.core.transport import Transport

MS = 1_000_000
TRANSPORT = Transport.starting(0, 120)
DOWN, UP = Control(0, 64, 127), Control(0, 64, 0)

few_channels, few_pitches = st.integers(0, 2), st.integers(60, 63)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(NoteOn, few_channels, few_pitches, st.integers(1, 127)),
    st.builds(NoteOff, few_channels, few_pitches),
    st.builds(Control, few_channels, st.sampled_from([1, 64, 120, 121, 123, 124, 127]), st.sampled_from([0, 63, 64, 127])),
    st.sampled_from([Realtime(0xF8), Other(b"\xc0\x05")]),
)


class Hearing:
    """A listener, given a message every 10 ms."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.now_ns = 0

    def hear(self, *heard: Message) -> list[PlayerEvent]:
        events: list[PlayerEvent] = []
        for message in heard:
            self.now_ns += 10 * MS
            events += self.listener.receive(message, self.now_ns, TRANSPORT)
        return events


def kinds(events: list[PlayerEvent]) -> list[tuple[str, int]]:
    return [(type(event).__name__, event.pitch) for event in events]


@pytest.fixture
def hearing() -> Hearing:
    return Hearing()


class TestNotes:
    def test_a_note_is_told_as_it_happens_with_its_place_in_the_beat(self, hearing: Hearing) -> None:
        assert hearing.hear(NoteOn(3, 60, 90)) == [On(10 * MS, 60, 90, 0)]
        hearing.now_ns = 240 * MS
        assert hearing.hear(NoteOff(3, 60)) == [Off(250 * MS, 60, 12)]

    def test_a_key_that_is_struck_again_ends_before_it_begins(self, hearing: Hearing) -> None:
        events = hearing.hear(NoteOn(0, 60, 90), NoteOn(0, 60, 80), NoteOff(0, 60), NoteOff(0, 60))
        assert kinds(events) == [("On", 60), ("Off", 60), ("On", 60), ("Off", 60)]
        assert hearing.listener.keys_down == 0

    def test_a_release_of_what_was_never_pressed_is_nothing(self, hearing: Hearing) -> None:
        assert hearing.hear(NoteOff(0, 60), Realtime(0xF8), Other(b"\xc0\x05"), Control(0, 1, 5)) == []
        assert hearing.listener.phrase is None

    def test_channels_are_apart(self, hearing: Hearing) -> None:
        assert kinds(hearing.hear(NoteOn(0, 60, 90), NoteOn(1, 60, 90), NoteOff(2, 60))) == [("On", 60), ("On", 60)]
        assert hearing.listener.keys_down == 2


class TestPedal:
    def test_it_holds_what_is_released_until_it_comes_up(self, hearing: Hearing) -> None:
        events = hearing.hear(NoteOn(0, 60, 90), DOWN, NoteOff(0, 60), NoteOn(0, 62, 90))
        assert kinds(events) == [("On", 60), ("On", 62)]
        assert hearing.listener.keys_down == 1
        assert kinds(hearing.hear(UP)) == [("Off", 60)]

    def test_it_holds_only_its_channel(self, hearing: Hearing) -> None:
        assert kinds(hearing.hear(DOWN, NoteOn(1, 60, 90), NoteOff(1, 60))) == [("On", 60), ("Off", 60)]

    def test_a_held_note_that_is_struck_again_ends_first(self, hearing: Hearing) -> None:
        events = hearing.hear(DOWN, NoteOn(0, 60, 90), NoteOff(0, 60), NoteOn(0, 60, 70), UP)
        assert kinds(events) == [("On", 60), ("Off", 60), ("On", 60)]

    def test_half_way_counts_as_down_and_below_as_up(self, hearing: Hearing) -> None:
        assert kinds(hearing.hear(Control(0, 64, 64), NoteOn(0, 60, 90), NoteOff(0, 60))) == [("On", 60)]
        assert kinds(hearing.hear(Control(0, 64, 63))) == [("Off", 60)]

    def test_resetting_all_controllers_lifts_it(self, hearing: Hearing) -> None:
        """As sequencers do when they stop."""
        assert kinds(hearing.hear(DOWN, NoteOn(0, 60, 90), NoteOff(0, 60), Control(0, 121, 0))) == [("On", 60), ("Off", 60)]
        assert kinds(hearing.hear(NoteOn(0, 62, 90), NoteOff(0, 62))) == [("On", 62), ("Off", 62)]


class TestReleaseOfAll:
    @pytest.mark.parametrize("control", [120, 123, 124, 125, 126, 127])
    def test_all_notes_off_ends_its_channel(self, hearing: Hearing, control: int) -> None:
        hearing.hear(NoteOn(0, 60, 90), DOWN, NoteOff(0, 60), NoteOn(0, 62, 90), NoteOn(1, 64, 90))
        assert kinds(hearing.hear(Control(0, control, 0))) == [("Off", 60), ("Off", 62)]
        assert hearing.listener.keys_down == 1
        assert kinds(hearing.hear(NoteOn(0, 65, 90), NoteOff(0, 65))) == [("On", 65), ("Off", 65)], "nothing is held any more"

    def test_a_lost_keyboard_ends_everything(self, hearing: Hearing) -> None:
        hearing.hear(NoteOn(0, 60, 90), DOWN, NoteOff(0, 60), NoteOn(1, 64, 90))
        assert kinds(hearing.listener.release_all(99 * MS, TRANSPORT)) == [("Off", 60), ("Off", 64)]
        assert hearing.listener.keys_down == 0
        assert hearing.listener.phrase == Phrase(10 * MS, 99 * MS, 2, ends_long=True)
        assert kinds(hearing.hear(NoteOn(0, 60, 90), NoteOff(0, 60))) == [("On", 60), ("Off", 60)]


class TestPhrase:
    def test_it_reaches_from_the_first_press_to_the_last_release(self, hearing: Hearing) -> None:
        hearing.hear(NoteOn(0, 60, 90), NoteOff(0, 60), NoteOn(0, 62, 90), NoteOff(0, 62))
        assert hearing.listener.phrase == Phrase(10 * MS, 40 * MS, 2)

    def test_the_pedal_does_not_prolong_it(self, hearing: Hearing) -> None:
        """Hands off the keys is silence enough."""
        hearing.hear(NoteOn(0, 60, 90), DOWN, NoteOff(0, 60))
        hearing.now_ns = 500 * MS
        hearing.hear(UP)
        assert hearing.listener.phrase == Phrase(10 * MS, 30 * MS, 1)
        assert hearing.listener.last_activity_ns == 30 * MS

    def test_a_closed_phrase_is_gone_and_the_next_note_begins_another(self, hearing: Hearing) -> None:
        hearing.hear(NoteOn(0, 60, 90), NoteOff(0, 60))
        hearing.listener.close_phrase()
        assert hearing.listener.phrase is None
        hearing.hear(NoteOn(0, 62, 90), NoteOff(0, 62))
        assert hearing.listener.phrase == Phrase(30 * MS, 40 * MS, 1)

    @pytest.mark.parametrize(
        ("lengths_ms", "long"),
        [
            ([100], False),
            ([100, 100], False),
            ([100, 140], False),
            ([100, 150], True),
            ([100, 300, 300], True),
            ([400, 100], False),
        ],
    )
    def test_it_ends_long_when_its_last_note_is_half_as_long_again_as_the_others(
        self, hearing: Hearing, lengths_ms: list[int], long: bool
    ) -> None:
        for length_ms in lengths_ms:
            hearing.hear(NoteOn(0, 60, 90))
            hearing.now_ns += (length_ms - 10) * MS
            hearing.hear(NoteOff(0, 60))
        phrase = hearing.listener.phrase
        assert phrase is not None
        assert phrase.ends_long == long


@law
@given(st.lists(messages, max_size=60))
def test_every_note_that_is_told_ends_once_and_in_order(heard: list[Message]) -> None:
    """Whatever the keyboard sends; when all is released nothing sounds on."""
    hearing = Hearing()
    sounding: Counter[int] = Counter()
    last_ns = 0
    for event in [*hearing.hear(*heard), *hearing.listener.release_all(10**9, TRANSPORT)]:
        assert event.time_ns >= last_ns
        last_ns = event.time_ns
        sounding[event.pitch] += 1 if isinstance(event, On) else -1
        assert 0 <= sounding[event.pitch] <= 3, "once a channel at the most"
    assert not any(sounding.values())
    assert hearing.listener.keys_down == 0


@law
@given(st.lists(messages, max_size=60))
def test_a_phrase_lies_between_the_first_press_and_now(heard: list[Message]) -> None:
    hearing = Hearing()
    hearing.hear(*heard)
    presses = [index for index, message in enumerate(heard) if isinstance(message, NoteOn)]
    phrase = hearing.listener.phrase
    assert (phrase is None) == (not presses)
    if phrase is not None:
        assert phrase.start_ns == (presses[0] + 1) * 10 * MS
        assert phrase.start_ns <= phrase.end_ns <= hearing.now_ns
        assert phrase.notes == len(presses)
