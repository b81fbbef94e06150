"""Takes: what is known when, whatever the cast and the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pieces import pieces, seeds, stagings, windows

from livegen.core.events import Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.takes.casting import Cast, Turn
from models.takes.excerpts import length_of
from models.takes.roles import ROLES, accompany
from models.takes.slips import Slips
from models.takes.staging import Ramp, Staging
from models.takes.timeline import HARMONY, Take, perform

law = settings(deadline=None, max_examples=30)


@st.composite
def casts(draw: st.DrawFn) -> Cast:
    """A piece cast in any role that suits it."""
    piece = draw(pieces())
    role = draw(st.sampled_from([role for _, role in sorted(ROLES.items()) if role.suits(piece)]))
    return role.cast(piece, np.random.default_rng(draw(seeds)))


def performed(cast: Cast, staging: Staging, seed: int) -> Take:
    return perform(cast, staging, np.random.default_rng(seed))


takes = st.builds(performed, casts(), stagings, seeds)


def known_before(events: Sequence[Event], time_ns: float) -> list[Event]:
    known: list[Event] = []
    for event in events:
        if isinstance(event, On | Off | Tick) and event.time_ns >= time_ns:
            break
        known.append(event)
    return known


@law
@given(takes)
def test_events_stand_in_the_order_in_which_they_become_known(take: Take) -> None:
    """At one instant: what ended, then the window that is planned, then what begins, which the plan must not know."""
    known = [(event.time_ns, (Off, Tick, On).index(type(event))) for event in take.events if isinstance(event, On | Off | Tick)]
    assert known == sorted(known)
    assert len(take.silent) == len(take.events)


@law
@given(takes)
def test_every_note_of_the_agent_is_in_its_window(take: Take) -> None:
    for tick, (*said, last) in windows(take):
        assert isinstance(last, End)
        assert isinstance(said[0] if said else None, Chord) == bool(tick.parts & HARMONY)
        notes = [event for event in said if isinstance(event, Note)]
        assert len(notes) == len(said) - bool(tick.parts & HARMONY)
        assert all(note.part in tick.parts and 0 <= note.onset < tick.hop and note.duration >= 1 for note in notes)
        order = [(note.part, note.onset, note.pitch) for note in notes]
        assert order == sorted(set(order))


@law
@given(takes)
def test_a_key_comes_up_before_it_is_struck_again(take: Take) -> None:
    down = set()
    for event in take.events:
        if isinstance(event, On):
            assert event.pitch not in down
            down.add(event.pitch)
        elif isinstance(event, Off):
            down.remove(event.pitch)
    assert not down


@law
@given(takes)
def test_the_velocity_is_marked_where_the_source_has_none(take: Take) -> None:
    """The pieces of these laws have none anywhere."""
    assert take.silent == tuple(isinstance(event, On | Note) for event in take.events)


@law
@given(casts(), stagings, seeds)
def test_a_touch_is_the_players_alone(cast: Cast, staging: Staging, seed: int) -> None:
    """It stands in for velocities that the source lacks, where the player is heard; what must be learned stays unknown."""
    take = performed(cast, replace(staging, touch=70), seed)
    assert take.silent == tuple(isinstance(event, Note) for event in take.events)
    assert all(1 <= event.velocity <= 127 for event in take.events if isinstance(event, On))


@law
@given(casts(), stagings, seeds, st.integers(0, 500), st.integers(1, 12))
def test_what_the_player_does_later_changes_nothing_before(
    cast: Cast, staging: Staging, seed: int, pulse: int, semitones: int
) -> None:
    """Other notes of the player from some pulse on: all that was known before stays as it was, the agent's plans included."""
    other = [note if note.onset < pulse else replace(note, pitch=note.pitch + semitones) for note in cast.player]
    one, another = (performed(replace(cast, player=notes), staging, seed).events for notes in (cast.player, other))
    tempo = max(20.0, cast.piece.tempo_bpm * staging.tempo * max(1.0, staging.ramp.factor if staging.ramp else 1.0))
    # A later note may be played early, and what is struck again comes up before.
    until = pulse * 60e9 / (24 * min(300.0, tempo)) - 8 * staging.jitter_ns - 40e6
    assert known_before(one, until) == known_before(another, until)


@law
@given(casts(), stagings, seeds, st.integers(0, 500))
def test_what_the_agent_will_play_later_is_not_known_before(cast: Cast, staging: Staging, seed: int, pulse: int) -> None:
    """Other notes and chords of the agent from some pulse on change no window that ends before, and nothing of the player's."""
    lines = {
        part: [note if note.onset < pulse else replace(note, pitch=note.pitch + 1) for note in line]
        for part, line in cast.lines.items()
    }
    chords = tuple(span if span.end <= pulse else replace(span, symbol=ChordSymbol(11, "dim")) for span in cast.piece.chords)
    changed = replace(cast, lines=lines, piece=replace(cast.piece, chords=chords))
    one, another = (performed(version, staging, seed) for version in (cast, changed))
    assert [event for event in one.events if isinstance(event, On | Off)] == [
        event for event in another.events if isinstance(event, On | Off)
    ]
    begin = min((span.start for span in cast.piece.chords if span.end > pulse), default=pulse)
    tempo = max(20.0, cast.piece.tempo_bpm * staging.tempo * max(1.0, staging.ramp.factor if staging.ramp else 1.0))
    until = min(begin, pulse) * 60e9 / (24 * min(300.0, tempo)) - 60e9 * (staging.lookahead + 48) / (24 * 20.0)
    assert known_before(one.events, until) == known_before(another.events, until)


@law
@given(casts(), stagings, seeds)
def test_without_a_beat_nothing_tells_the_beat(cast: Cast, staging: Staging, seed: int) -> None:
    for event in performed(cast, replace(staging, free=True), seed).events:
        if isinstance(event, Tick):
            assert (event.half_beat, event.beats_per_bar, event.tempo_bpm) == (None, None, None)
        elif isinstance(event, On | Off):
            assert event.phase is None


def test_without_a_beat_a_window_is_half_a_second(song: Piece) -> None:
    """The song's own beat lasts two thirds of one: chords and notes stand where they sound, not where they are written."""
    song = replace(song, tempo_bpm=80.0)
    take = accompany(song, Staging(free=True, lookahead=0), HARMONY, np.random.default_rng(1))
    ticks = [tick for tick, _ in windows(take)]
    assert {later.time_ns - earlier.time_ns for earlier, later in pairwise(ticks[1:])} == {500_000_000}
    sounding = [
        (tick.time_ns / 1e9 + note.onset / 48, note.pitch)
        for tick, said in windows(take)
        for note in said
        if isinstance(note, Note) and note.part == Part.BASS and tick.time_ns
    ]
    written = [(note.onset / 24 * 0.75, note.pitch) for note in song.parts[Part.BASS] if note.onset]
    assert [pitch for _, pitch in sounding] == [pitch for _, pitch in written]
    assert [seconds for seconds, _ in sounding] == pytest.approx([seconds for seconds, _ in written], abs=0.011)


def test_notes_on_the_beat_are_on_the_beat(song: Piece) -> None:
    """However a nanosecond is rounded: a pulse has come when its time has."""
    for tempo in (61.7, 97.3, 133.1, 180.00018):
        take = accompany(replace(song, tempo_bpm=tempo), Staging(), HARMONY, np.random.default_rng(0))
        assert {event.phase for event in take.events if isinstance(event, On | Off)} == {0}


def test_a_window_knows_the_tempo_at_which_it_is_planned(song: Piece) -> None:
    staging = Staging(lookahead=24, ramp=Ramp(0.5, 0.5, 1.2))
    ticks = [tick for tick, _ in windows(accompany(song, staging, HARMONY, np.random.default_rng(0)))]
    tempi = [tick.tempo_bpm for tick in ticks]
    assert tempi[:17] == [pytest.approx(120.0)] * 17
    assert tempi[18:] == [pytest.approx(144.0)] * (len(tempi) - 18)


def test_the_first_window_is_planned_before_the_piece_begins(song: Piece) -> None:
    """The tick stands `lookahead` before its window, but no sooner than the beginning."""
    take = accompany(song, Staging(lookahead=24), HARMONY, np.random.default_rng(0))
    ticks = [tick for tick, _ in windows(take)]
    assert [tick.time_ns for tick in ticks][:4] == [0, 0, 500_000_000, 1_000_000_000]
    assert [tick.lookahead for tick in ticks][:3] == [0, 24, 24]
    assert [tick.half_beat for tick in ticks][:5] == [0, 2, 4, 6, 0]


def test_nobody_plans_before_knowing_of_the_turn(song: Piece) -> None:
    cast = Cast(song, song.melody, (Turn(48, 96, frozenset({Part.BASS}), since=42),), song.parts)
    ticks = [tick for tick, _ in windows(performed(cast, Staging(lookahead=24), 0))]
    assert [(tick.time_ns, tick.lookahead) for tick in ticks] == [(875_000_000, 6), (1_000_000_000, 24)]


def test_a_turn_that_begins_between_beats_begins_with_half_a_window(song: Piece) -> None:
    """As on the stage: from the half beat before, then beat by beat."""
    melody = (PieceNote(0, 60, 24), PieceNote(40, 62, 24), PieceNote(64, 64, 90))
    cast = Cast(song, (), (Turn(40, 140, frozenset({Part.LEAD})),), {Part.LEAD: melody})
    said = [
        (tick.hop, [(note.onset, note.pitch) for note in notes[:-1]]) for tick, notes in windows(performed(cast, Staging(), 0))
    ]
    assert said == [(12, [(4, 62)]), (24, [(16, 64)]), (24, []), (24, []), (24, [])]


def test_slips_are_the_players_alone(song: Piece) -> None:
    """Targets are never wrong."""
    staging = Staging(slips=Slips(0.25, 0.25, 0.25, 0.25))
    clean, slipped = (accompany(song, stage, HARMONY, np.random.default_rng(0)) for stage in (Staging(), staging))
    assert [said for _, said in windows(clean)] == [said for _, said in windows(slipped)]
    assert [event for event in clean.events if isinstance(event, On)] != [
        event for event in slipped.events if isinstance(event, On)
    ]


def test_chords_change_with_the_music(song: Piece) -> None:
    piece = replace(song, chords=(ChordSpan(0, 96, ChordSymbol(2)), ChordSpan(96, length_of(song), ChordSymbol(7, "dom7"))))
    said = [said[0] for _, said in windows(accompany(piece, Staging(), HARMONY, np.random.default_rng(0)))]
    assert said[:8] == [Chord(ChordSymbol(2))] * 4 + [Chord(ChordSymbol(7, "dom7"))] * 4
