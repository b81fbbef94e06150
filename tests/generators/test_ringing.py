"""What rings on: when a chord must be struck anew, and when it may be left alone."""

from __future__ import annotations

from livegen.core.events import Note, Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import Plan
from livegen.generators.ringing import Ringing

HARMONY = frozenset({Part.CHORDS, Part.BASS})
C, F = ChordSymbol(0), ChordSymbol(5)


def plan(chord: ChordSymbol | None, *notes: Note, window: int = 0) -> Plan:
    return Plan(1, window, 24, chord, notes)


def tones(*pitches: int, duration: int = 48, part: Part = Part.CHORDS) -> list[Note]:
    return [Note(part, 0, pitch, duration, 80) for pitch in pitches]


def test_the_first_chord_is_struck_by_the_chords_or_else_by_the_bass() -> None:
    assert Ringing().striking(C, HARMONY, 0, 24) is Part.CHORDS
    assert Ringing().striking(C, frozenset({Part.LEAD, Part.BASS}), 0, 24) is Part.BASS


def test_who_plays_no_harmony_strikes_none() -> None:
    assert Ringing().striking(C, frozenset({Part.LEAD}), 0, 24) is None


def test_no_chord_is_not_struck() -> None:
    assert Ringing().striking(NO_CHORD, HARMONY, 0, 24) is None


def test_a_chord_that_rings_is_left_alone_until_it_has_ended() -> None:
    ringing = Ringing().after(plan(C, *tones(60, 64, 67)))
    assert ringing.striking(C, HARMONY, 24, 24) is None
    ringing = ringing.after(plan(C, window=24))
    assert ringing.striking(C, HARMONY, 48, 24) is Part.CHORDS


def test_what_ends_within_the_window_does_not_do() -> None:
    ringing = Ringing().after(plan(C, *tones(60, 64, 67, duration=36)))
    assert ringing.striking(C, HARMONY, 24, 24) is Part.CHORDS
    assert ringing.striking(C, HARMONY, 24, 12) is None


def test_another_chord_is_struck_though_the_old_one_rings() -> None:
    assert Ringing().after(plan(C, *tones(60, 64, 67))).striking(F, HARMONY, 24, 24) is Part.CHORDS


def test_one_tone_is_no_chord() -> None:
    """Nor are two octaves of it, nor tones that are not in the chord."""
    for notes in (tones(60), tones(60, 72), tones(60, 61)):
        assert Ringing().after(plan(C, *notes)).striking(C, HARMONY, 24, 24) is Part.CHORDS
    assert Ringing().after(plan(C, *tones(60, 67))).striking(C, HARMONY, 24, 24) is None


def test_a_bass_does_not_stand_in_for_the_chords() -> None:
    ringing = Ringing().after(plan(C, *tones(36, part=Part.BASS)))
    assert ringing.striking(C, HARMONY, 24, 24) is Part.CHORDS
    assert ringing.striking(C, frozenset({Part.BASS}), 24, 24) is None


def test_a_change_leaves_what_both_chords_share() -> None:
    """The engine ends the rest."""
    ringing = Ringing().after(plan(C, *tones(60, 64, 67, duration=96))).after(plan(F, *tones(65), window=24))
    assert {pitch for _, pitch, _ in ringing.notes} == {60, 65}


def test_a_window_without_harmony_changes_nothing() -> None:
    ringing = Ringing().after(plan(C, *tones(60, 64)))
    assert ringing.after(plan(None, window=24)) == ringing


def test_it_stays_small_through_a_long_evening() -> None:
    ringing = Ringing()
    for beat in range(1000):
        ringing = ringing.after(plan(C, *tones(60, 64, 67, duration=192), window=24 * beat))
    assert len(ringing.notes) <= 3 * 8


def test_after_a_jump_back_the_chord_is_struck() -> None:
    ringing = Ringing().after(plan(C, *tones(60, 64, 67), window=24_000))
    assert ringing.striking(C, HARMONY, 0, 24) is Part.CHORDS
