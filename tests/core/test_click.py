"""The click and the count-in: on the beat, on their own channel, and never left sounding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.stage import BEAT, Sent, Stage, note_ons, settings_with

from livegen.core import click
from livegen.core.effects import CountIn, InputLost, Panic
from livegen.core.events import Note, Part
from livegen.core.midi import CLOCK, START, STOP, NoteOff, NoteOn, Realtime
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator

CHANNEL = 14


def stage(**changes: object) -> Stage:
    return Stage(settings_with(**changes))


def clicks(sent: list[Sent], stage: Stage) -> list[tuple[int, int]]:
    """Pulse and pitch of every click."""
    return [
        (round(stage.engine.transport.pulse_at(item.due_ns)), item.message.pitch)
        for item in sent
        if isinstance(item.message, NoteOn) and item.message.channel == CHANNEL
    ]


class TestClick:
    def test_it_falls_on_every_beat_and_tells_the_first(self) -> None:
        playing = stage(click=True, beats_per_bar=3)
        playing.tick()
        playing.advance(4.5)
        low, high = click.BEAT, click.DOWNBEAT
        assert clicks(playing.sent, playing) == [(0, high), (24, low), (48, low), (72, high), (96, low)]

    def test_every_click_ends_before_the_next(self) -> None:
        playing = stage(click=True)
        playing.tick()
        kinds = [type(item.message) for item in playing.advance(4.5)]
        assert kinds == [NoteOff, NoteOn] * 4 + [NoteOff] or kinds == [NoteOn, NoteOff] * (len(kinds) // 2)

    def test_it_is_no_note_of_the_agent(self) -> None:
        """It neither makes the agent yield nor passes for its answer."""
        playing = stage(click=True)
        playing.tick()
        playing.play(60, 0.5)
        playing.advance(2)
        assert playing.engine.counters["yields"] == 0
        assert playing.engine.counters["notes_out"] == 0
        assert not playing.answers

    def test_the_channel_can_be_set(self) -> None:
        playing = stage(click=True, click__channel=3)
        playing.tick()
        assert {note.channel for note in note_ons(playing.advance(2))} == {2}

    @pytest.mark.parametrize(
        "end",
        [
            lambda playing: playing.receive(Panic()),
            lambda playing: playing.change(click=False),
            lambda playing: playing.receive(InputLost()),
            lambda playing: playing.close(),
        ],
    )
    def test_it_never_hangs(self, end: Callable[[Stage], object]) -> None:
        playing = stage(click=True)
        playing.tick()
        playing.advance(1.01)
        assert playing.wire.sounding
        end(playing)
        playing.advance(0.5)
        assert not playing.wire.sounding

    def test_it_goes_on_after_a_panic(self) -> None:
        playing = stage(click=True)
        playing.receive(Panic())
        assert clicks(playing.advance(1.5), playing) == [(24, click.BEAT)]

    def test_it_follows_a_change_of_tempo(self) -> None:
        playing = stage(click=True)
        playing.tick()
        playing.advance(1.5)
        playing.change(tempo__bpm=60)
        assert clicks(playing.advance(2), playing) == [(48, click.BEAT), (72, click.BEAT)]


class TestCountIn:
    def test_a_bar_of_clicks_begins_at_once(self) -> None:
        playing = stage(beats_per_bar=3)
        playing.advance(1.3)
        sent = playing.receive(CountIn()) + playing.advance(3.5)
        assert clicks(sent, playing) == [(72, click.DOWNBEAT), (96, click.BEAT), (120, click.BEAT)]

    def test_what_sounds_ends_and_the_agent_waits_for_the_bar_line(self) -> None:
        playing = Stage(settings_with(mode="accompany"), Band(ScriptedGenerator(lambda *_: [Note(Part.CHORDS, 0, 60, 48, 80)])))
        playing.press(72)
        playing.advance(2.5)
        assert playing.wire.sounding
        playing.receive(CountIn())
        assert {channel for channel, _ in playing.wire.sounding} == {CHANNEL}
        playing.press(74)
        played = [note for note in note_ons(playing.advance(3.9)) if note.channel != CHANNEL]
        assert not played
        begun = [item for item in playing.advance(1.5) if item.part is Part.CHORDS and isinstance(item.message, NoteOn)]
        assert playing.engine.transport.whole_pulse_at(begun[0].due_ns) % (4 * BEAT) == 0

    def test_who_follows_our_clock_starts_where_the_music_does(self) -> None:
        playing = stage(clock__send=True)
        playing.tick()
        playing.advance(5.3)
        sent = playing.receive(CountIn())
        assert Realtime(STOP) in [item.message for item in sent]
        assert [item.message for item in sent].count(Realtime(CLOCK)) <= 1, "a burst is no clock"
        sent = playing.advance(4.5)
        (start,) = [item for item in sent if item.message == Realtime(START)]
        after = [item for item in sent if item.message == Realtime(CLOCK) and item.due_ns > start.due_ns]
        assert playing.engine.transport.whole_pulse_at(after[0].due_ns) == 3 * 4 * BEAT

    def test_a_panic_ends_the_count(self) -> None:
        playing = stage()
        playing.receive(CountIn())
        playing.receive(Panic())
        assert not note_ons(playing.advance(4))

    def test_a_clock_that_comes_in_counts_for_itself(self) -> None:
        playing = stage(clock__source="midi")
        before = playing.engine.transport
        playing.receive(CountIn())
        assert playing.engine.transport == before
        assert playing.engine.counters["refused_counts"] == 1
