"""No note of the agent outlasts its longest time, whatever should have ended it has failed; the player's own may."""

from __future__ import annotations

from support.stage import BASS, CHORDS, PLAYER, Stage, note_offs, settings_with

from livegen.core.events import Note, Part
from livegen.core.ledger import Owner
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.vocabulary import DURATIONS
from livegen.core.watchdog import LONGEST_NS

SECOND = 1_000_000_000


def overlong(stage: Stage) -> int:
    return stage.engine.counters["notes_overlong"]


def test_a_note_that_nobody_ends_ends_all_the_same() -> None:
    stage = Stage(settings_with(mode="listen"))
    stage.advance(1)
    struck_ns = stage.now_ns
    stage.engine._strike(Owner.GENERATED, NoteOn(BASS, 40, 80), struck_ns)
    stage.tick()
    sent = stage.advance_to_ns(struck_ns + 2 * LONGEST_NS)
    assert [(one.time_ns, one.message) for one in sent] == [(struck_ns + LONGEST_NS, NoteOff(BASS, 40))]
    assert overlong(stage) == 1


def test_what_is_added_to_a_key_that_never_comes_up_ends() -> None:
    stage = Stage(settings_with(mode="harmonize", thru=True))
    stage.press(72)
    assert (CHORDS, 60) in stage.wire.sounding
    stage.advance_to_ns(LONGEST_NS + SECOND)
    assert stage.wire.sounding == {(PLAYER, 72)}, "what the player holds is the player's"
    stage.advance_to_ns(600 * SECOND)
    assert stage.wire.sounding == {(PLAYER, 72)}
    assert note_offs(stage.release(72)) == [NoteOff(PLAYER, 72)]
    assert not stage.wire.sounding


def test_the_longest_that_can_be_planned_at_the_slowest_tempo_has_its_time() -> None:
    stage = Stage(settings_with(mode="accompany", tempo__bpm=20))
    stage.press(60)
    stage.advance(0.4)
    stage.answer(Note(Part.BASS, 0, 40, DURATIONS[-1], 80))
    stage.advance(20)
    assert NoteOff(BASS, 40) in note_offs(stage.sent)
    assert overlong(stage) == 0
