"""Takes: what is known when, and who plays what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.core.events import Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.roles import Staging, Take, accompany, chord_at, cut, draw_staging, length_of, respond

law = settings(deadline=None, max_examples=50)
HARMONY = frozenset({Part.CHORDS, Part.BASS})

stagings = st.builds(
    Staging,
    hop=st.sampled_from((12, 24)),
    lookahead=st.sampled_from((0, 6, 12, 18, 24)),
    tempo=st.floats(0.5, 2.0),
    jitter_ns=st.sampled_from((0.0, 20e6, 200e6)),
    free=st.booleans(),
)
seeds = st.integers(0, 2**32)


@st.composite
def melodies(draw: st.DrawFn) -> tuple[PieceNote, ...]:
    """One note at a time, some of them repeated at once."""
    steps = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(60, 64)), min_size=1, max_size=30))
    onsets = accumulate((step for step, _, _ in steps), initial=draw(st.integers(0, 30)))
    return tuple(
        PieceNote(onset, pitch, min(length, step)) for onset, (step, length, pitch) in zip(onsets, steps, strict=False)
    )


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    melody = draw(melodies())
    part = st.lists(st.builds(PieceNote, st.integers(0, 600), st.integers(30, 50), st.integers(1, 100)), max_size=12)
    beats = draw(st.integers(2, 4))
    chords = sorted(draw(st.sets(st.integers(0, 600), max_size=6)))
    return Piece(
        corpus="c", work="w", style="pop", tempo_bpm=draw(st.sampled_from((60.0, 97.3, 120.0))), beats_per_bar=beats,
        bar_offset=draw(st.integers(0, beats * 24 - 1)), melody=melody,
        parts={name: tuple(sorted(set(draw(part)))) for name in HARMONY},
        chords=tuple(ChordSpan(start, end, ChordSymbol(start % 12)) for start, end in pairwise(chords)),
        phrases=tuple(sorted(draw(st.sets(st.sampled_from([note.onset for note in melody]))) | {melody[0].onset})),
    )  # fmt: skip


takes = st.builds(
    lambda role, piece, staging, seed: (
        accompany(piece, staging, HARMONY, np.random.default_rng(seed))
        if role
        else respond(piece, staging, np.random.default_rng(seed))
    ),
    st.booleans(),
    pieces(),
    stagings,
    seeds,
)


def windows(take: Take) -> Iterator[tuple[Tick, list[Event]]]:
    """Each window's tick with what the agent says before the next event of somebody else."""
    tick: Tick | None = None
    for event in take.events:
        if isinstance(event, Tick):
            tick, said = event, []
        elif isinstance(event, Chord | Note | End):
            assert tick is not None, "the agent speaks outside a window"
            said.append(event)
            if isinstance(event, End):
                yield tick, said
                tick = None
        else:
            assert tick is None, "the player plays inside the agent's turn to speak"
    assert tick is None, "a window is left open"


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
        assert all(note.part in tick.parts and 0 <= note.onset < tick.hop for note in notes)
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
@given(pieces(), stagings, seeds)
def test_accompaniment_is_the_arrangers_whole(piece: Piece, staging: Staging, seed: int) -> None:
    take = accompany(piece, staging, HARMONY, np.random.default_rng(seed))
    grid = piece.bar_offset % 24
    said = {
        (note.part, grid + index * staging.hop + note.onset, note.pitch)
        for index, (_, events) in enumerate(windows(take))
        for note in events
        if isinstance(note, Note)
    }
    written = {(part, note.onset, note.pitch) for part in HARMONY for note in piece.parts[part] if note.onset >= grid}
    assert said == written
    assert sum(isinstance(event, On) for event in take.events) == len(piece.melody)


@law
@given(pieces(), stagings, seeds, st.integers(0, 400))
def test_what_the_player_does_later_changes_nothing_before(piece: Piece, staging: Staging, seed: int, pulse: int) -> None:
    """Accompaniment of the melody's beginning is the beginning of the accompaniment, as long as the piece lasts as long."""
    beginning = tuple(note for note in piece.melody if note.onset < pulse)
    parts = {**piece.parts, Part.BASS: (*piece.parts[Part.BASS], PieceNote(0, 40, length_of(piece)))}
    whole, part = (
        accompany(replace(piece, melody=melody, parts=parts), staging, HARMONY, np.random.default_rng(seed)).events
        for melody in (piece.melody, beginning)
    )
    tempo = min(300.0, max(20.0, piece.tempo_bpm * staging.tempo))
    # A later note may be played early, and what is struck again comes up before.
    later = [note.onset for note in piece.melody if note.onset >= pulse]
    until = min(later, default=10**6) * 60e9 / (24 * tempo) - 8 * staging.jitter_ns - 1
    assert known_before(whole, until) == known_before(part, until)


def known_before(events: tuple[Event, ...], time_ns: float) -> list[Event]:
    known: list[Event] = []
    for event in events:
        if isinstance(event, On | Off | Tick) and event.time_ns >= time_ns:
            break
        known.append(event)
    return known


@law
@given(pieces(), stagings, seeds)
def test_without_a_beat_nothing_tells_the_beat(piece: Piece, staging: Staging, seed: int) -> None:
    take = accompany(piece, replace(staging, free=True), HARMONY, np.random.default_rng(seed))
    for event in take.events:
        if isinstance(event, Tick):
            assert (event.half_beat, event.beats_per_bar, event.tempo_bpm) == (None, None, None)
        elif isinstance(event, On | Off):
            assert event.phase is None


@law
@given(pieces(), seeds)
def test_responding_takes_turns_phrase_by_phrase(piece: Piece, seed: int) -> None:
    """Every note of the melody is played once, by one of the two; the turn passes only where a phrase begins."""
    piece = replace(piece, bar_offset=0)
    take = respond(piece, Staging(lookahead=0), np.random.default_rng(seed))
    ns_per_pulse = 60e9 / (24 * piece.tempo_bpm)
    owner = {round(event.time_ns / ns_per_pulse): "player" for event in take.events if isinstance(event, On)}
    for tick, said in windows(take):
        assert tick.parts == {Part.LEAD}
        start = round(tick.time_ns / ns_per_pulse)
        owner.update((start + note.onset, "agent") for note in said if isinstance(note, Note))
    onsets = [note.onset for note in piece.melody]
    assert sorted(owner) == onsets
    assert owner[onsets[0]] == "player"
    turns = [next(group) for _, group in groupby(onsets, key=owner.__getitem__)]
    assert set(turns[1:]) <= set(piece.phrases)
    if len(piece.phrases) > 3:
        assert len(turns) > 1


def test_the_first_window_is_planned_before_the_piece_begins(song: Piece) -> None:
    """The tick stands `lookahead` before its window, but no sooner than the beginning."""
    take = accompany(song, Staging(lookahead=24), HARMONY, np.random.default_rng(0))
    times = [tick.time_ns for tick, _ in windows(take)]
    assert times[:4] == [0, 0, 500_000_000, 1_000_000_000]
    assert [tick.half_beat for tick, _ in windows(take)][:5] == [0, 2, 4, 6, 0]


def test_chords_are_given_by_what_holds_longest(song: Piece) -> None:
    piece = replace(song, chords=(ChordSpan(0, 10, ChordSymbol(0)), ChordSpan(10, 30, ChordSymbol(5))))
    assert chord_at(piece, 0, 24) == ChordSymbol(5)
    assert chord_at(piece, 0, 12) == ChordSymbol(0)
    assert chord_at(piece, 24, 48) == ChordSymbol(5)
    assert chord_at(piece, 48, 72) == NO_CHORD


def test_a_stretch_begins_at_nought_and_ends_at_its_end(song: Piece) -> None:
    part = cut(song, 96, 144)
    assert [note.onset for note in part.melody] == [0, 24]
    assert length_of(part) == 48
    assert part.parts[Part.BASS] == (PieceNote(0, 36, 48, 70),)
    assert part.chords == (ChordSpan(0, 48, ChordSymbol(0)),)
    assert cut(song, 0, length_of(song)) == song


def test_stagings_are_as_varied_as_the_stage() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_staging(rng) for _ in range(500)]
    assert {staging.hop for staging in drawn} == {12, 24}
    assert {staging.lookahead for staging in drawn} == {0, 6, 12, 18, 24}
    assert 0.85 < min(staging.tempo for staging in drawn) < max(staging.tempo for staging in drawn) < 1.17
    assert np.mean([staging.free for staging in drawn]) == pytest.approx(0.2, abs=0.05)
