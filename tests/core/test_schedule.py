"""The schedule: in order, ends before starts, and a note that is struck anew is not cut by its old end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from livegen.core.schedule import Harmony, NoteEnd, NoteStart, Schedule

CHORD = ChordSymbol(0)
starts = st.lists(st.tuples(st.integers(0, 40), st.integers(60, 63), st.integers(1, 20)), max_size=30)


def start(pitch: int = 60, duration: int = 6, window: int = 0) -> NoteStart:
    return NoteStart(Part.LEAD, 0, pitch, 80, duration, window)


def popped(schedule: Schedule, pulse: int) -> list[tuple[int, str, int]]:
    return [(at, type(entry).__name__, entry.pitch) for at, entry in schedule.pop_until(pulse)]


def test_nothing_comes_out_before_its_time() -> None:
    schedule = Schedule()
    schedule.start_at(12, start())
    assert schedule.next_pulse == 12
    assert popped(schedule, 11) == []
    assert popped(schedule, 12) == [(12, "NoteStart", 60)]
    assert schedule.next_pulse is None


def test_at_one_pulse_ends_come_before_starts() -> None:
    schedule = Schedule()
    schedule.start_at(12, start(60))
    schedule.start_at(12, start(64))
    schedule.end_at(12, Part.LEAD, 0, 60, 0)
    assert popped(schedule, 12) == [(12, "NoteEnd", 60), (12, "NoteStart", 60), (12, "NoteStart", 64)]


def test_only_the_newest_end_of_a_pitch_counts() -> None:
    """Channels are apart."""
    schedule = Schedule()
    schedule.end_at(10, Part.LEAD, 0, 60, 0)
    schedule.end_at(20, Part.LEAD, 0, 60, 5)
    schedule.end_at(10, Part.BASS, 1, 60, 0)
    assert popped(schedule, 30) == [(10, "NoteEnd", 60), (20, "NoteEnd", 60)]


def test_what_is_added_while_it_plays_is_played() -> None:
    schedule = Schedule()
    schedule.start_at(0, start(duration=3))
    seen = []
    for pulse, entry in schedule.pop_until(5):
        seen.append((pulse, type(entry)))
        if isinstance(entry, NoteStart):
            schedule.end_at(pulse + entry.duration, entry.part, entry.channel, entry.pitch, pulse)
    assert seen == [(0, NoteStart), (3, NoteEnd)]


def test_windows_that_have_not_begun_can_be_dropped() -> None:
    """What sounds still ends, and the window that plays goes on."""
    schedule = Schedule()
    schedule.start_at(20, start(60, window=0))
    schedule.start_at(24, start(62, window=24))
    schedule.start_at(30, start(64, window=24))
    schedule.end_at(50, Part.LEAD, 0, 67, 0)
    schedule.harmony_at(0, CHORD)
    schedule.harmony_at(24, CHORD)
    schedule.drop_windows_after(0)
    assert [(at, type(entry)) for at, entry in schedule.pop_until(99)] == [(0, Harmony), (20, NoteStart), (50, NoteEnd)]


def test_a_harmony_comes_after_the_ends_and_before_the_starts_of_its_pulse() -> None:
    schedule = Schedule()
    schedule.start_at(24, start(64, window=24))
    schedule.harmony_at(24, CHORD)
    schedule.end_at(24, Part.LEAD, 0, 60, 0)
    assert [type(entry) for _, entry in schedule.pop_until(24)] == [NoteEnd, Harmony, NoteStart]


def test_what_sounds_is_known_by_part_the_longest_struck_first() -> None:
    schedule = Schedule()
    schedule.end_at(30, Part.CHORDS, 1, 64, 0)
    schedule.end_at(40, Part.CHORDS, 1, 67, 1)
    schedule.end_at(50, Part.BASS, 2, 40, 2)
    schedule.end_at(60, Part.CHORDS, 1, 64, 3)
    assert [(end.pitch, end.began) for end in schedule.sounding(Part.CHORDS)] == [(67, 1), (64, 3)]
    assert [end.pitch for end in schedule.sounding(Part.CHORDS, Part.BASS)] == [67, 40, 64]
    assert popped(schedule, 40) == [(40, "NoteEnd", 67)]
    assert [end.pitch for end in schedule.sounding(Part.CHORDS)] == [64]


def test_a_note_can_end_sooner_than_was_planned() -> None:
    schedule = Schedule()
    schedule.end_at(40, Part.CHORDS, 1, 64, 0)
    (end,) = schedule.sounding(Part.CHORDS)
    schedule.end_early(12, end)
    assert popped(schedule, 99) == [(12, "NoteEnd", 64)]


def test_what_has_been_ended_otherwise_is_forgotten() -> None:
    schedule = Schedule()
    schedule.end_at(40, Part.CHORDS, 1, 64, 0)
    schedule.forget(*schedule.sounding(Part.CHORDS))
    assert schedule.sounding(Part.CHORDS) == []
    assert popped(schedule, 99) == []


def test_a_cleared_schedule_is_empty() -> None:
    schedule = Schedule()
    schedule.start_at(1, start())
    schedule.end_at(2, Part.LEAD, 0, 60, 0)
    schedule.clear()
    assert schedule.next_pulse is None
    assert popped(schedule, 99) == []


@law
@given(starts)
def test_everything_comes_out_in_order_and_every_pitch_ends_after_its_last_start(given_: list[tuple[int, int, int]]) -> None:
    schedule = Schedule()
    for pulse, pitch, duration in given_:
        schedule.start_at(pulse, start(pitch, duration))
    last: dict[int, type] = {}
    pulses = []
    for pulse, entry in schedule.pop_until(1000):
        pulses.append(pulse)
        last[entry.pitch] = type(entry)
        if isinstance(entry, NoteStart):
            schedule.end_at(pulse + entry.duration, entry.part, entry.channel, entry.pitch, pulse)
    assert pulses == sorted(pulses)
    assert all(kind is NoteEnd for kind in last.values())
