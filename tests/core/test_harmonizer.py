"""Notes added to each that is played: at once, from the chord that holds, and gone when the played one is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import chord_symbols, law, pitches
from support.stage import BEAT, CHORDS, PLAYER, Stage, messages, note_ons, plan_for, settings_with

from livegen.core.effects import GeneratorLost, InputLost, Panic
from livegen.core.events import Note, Part
from livegen.core.harmonizer import MOST_VOICES, Harmonizer, harmonies
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.midi import Control, NoteOff, NoteOn

C, F = ChordSymbol(0), ChordSymbol(5)
voices = st.integers(1, MOST_VOICES)


class TestVoices:
    @law
    @given(chord_symbols, voices, pitches)
    def test_they_lie_below_in_the_chord_and_do_not_rub(self, chord: ChordSymbol, count: int, pitch: int) -> None:
        added = harmonies(chord, count)[pitch]
        assert list(added) == sorted(added, reverse=True)
        assert len(added) <= count
        assert all(above - below >= 3 for above, below in zip((pitch, *added), added, strict=False))
        if chord != NO_CHORD:
            assert all(other % 12 in chord.pitch_classes and other % 12 != pitch % 12 for other in added)

    def test_a_third_and_a_sixth(self) -> None:
        assert harmonies(C, 2)[72] == (67, 64)
        assert harmonies(C, 1)[76] == (72,)

    def test_without_a_chord_an_octave(self) -> None:
        assert harmonies(NO_CHORD, 3)[60] == (48,)

    @law
    @given(st.lists(st.tuples(st.booleans(), st.integers(60, 72), chord_symbols), max_size=40))
    def test_an_added_note_lasts_as_long_as_any_note_that_it_was_added_to(
        self, moves: list[tuple[bool, int, ChordSymbol]]
    ) -> None:
        harmonizer, sounding = Harmonizer(), set[int]()
        wanted: dict[int, tuple[int, ...]] = {}
        for down, pitch, chord in moves:
            ended = harmonizer.ended(pitch)
            assert sounding.issuperset(ended)
            sounding -= set(ended)
            wanted.pop(pitch, None)
            if down:
                began = harmonizer.struck(pitch, chord, 2)
                assert sounding.isdisjoint(began)
                sounding |= set(began)
                wanted[pitch] = harmonies(chord, 2)[pitch]
            assert sounding == {other for added in wanted.values() for other in added}


def stage(**changes: object) -> Stage:
    return Stage(settings_with(mode="harmonize", **changes))


@pytest.fixture
def in_f() -> Stage:
    """The first window is answered with the chord of F, and has begun."""
    playing = stage()
    playing.press(60)
    playing.advance(0.4)
    plan = plan_for(playing.asked[-1], [Note(Part.CHORDS, 0, 50, 24, 80)])
    playing.receive(type(plan)(plan.plan_id, plan.window, plan.hop, F, plan.notes))
    playing.advance(1.2)
    playing.release(60)
    return playing


class TestOnStage:
    def test_it_sounds_in_the_same_moment(self) -> None:
        playing = stage()
        assert messages(playing.press(72, velocity=91)) == [NoteOn(CHORDS, 60, 91)]
        assert messages(playing.release(72)) == [NoteOff(CHORDS, 60)]

    def test_it_is_the_chord_that_the_generator_hears_and_its_own_notes_are_not_played(self, in_f: Stage) -> None:
        assert not note_ons(in_f.sent[1:])
        assert messages(in_f.press(72)) == [NoteOn(CHORDS, 69, 80), NoteOn(CHORDS, 65, 80)]

    def test_the_number_of_voices_can_be_set(self, in_f: Stage) -> None:
        in_f.change(harmonize__voices=3)
        assert [note.pitch for note in note_ons(in_f.press(72))] == [69, 65, 57]

    def test_who_switches_the_chords_off_hears_nothing_added(self) -> None:
        assert not stage(part__chords=False).press(72)

    def test_the_pedal_holds_it_as_it_holds_the_played_note(self) -> None:
        playing = stage()
        playing.receive(Control(PLAYER, 64, 127))
        playing.press(72)
        assert not playing.release(72)
        assert messages(playing.receive(Control(PLAYER, 64, 0))) == [NoteOff(CHORDS, 60)]

    @pytest.mark.parametrize(
        "end",
        [
            lambda playing: playing.receive(Panic()),
            lambda playing: playing.receive(InputLost()),
            lambda playing: playing.change(mode="listen"),
            lambda playing: playing.close(),
        ],
    )
    def test_it_ends_whatever_happens(self, end: Callable[[Stage], object]) -> None:
        playing = stage()
        playing.press(72)
        playing.press(76)
        end(playing)
        assert not playing.wire.sounding
        assert not playing.release(72)

    def test_a_generator_that_dies_takes_nothing_of_it_away(self, in_f: Stage) -> None:
        in_f.press(72)
        assert not in_f.receive(GeneratorLost())
        assert in_f.wire.sounding

    def test_after_a_panic_the_chord_is_forgotten(self, in_f: Stage) -> None:
        in_f.receive(Panic())
        assert messages(in_f.press(72)) == [NoteOn(CHORDS, 60, 80)]

    def test_played_through_notes_come_first(self) -> None:
        playing = stage(thru=True)
        assert [note.channel for note in note_ons(playing.press(72, PLAYER))] == [PLAYER, CHORDS]

    def test_it_goes_on_over_the_beat(self, in_f: Stage) -> None:
        in_f.press(72)
        assert not [item for item in in_f.advance(6) if isinstance(item.message, NoteOff)]
        assert in_f.pulse > 7 * BEAT
