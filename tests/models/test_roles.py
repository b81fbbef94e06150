"""Who plays what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from support.pieces import notes_of, pieces, seeds, stagings, windows

from livegen.core.errors import InputError
from livegen.core.events import Note, On, Part
from models.corpora.piece import Piece, PieceNote
from models.takes.roles import (
    HARMONY,
    LEAD,
    ROLES,
    Staging,
    accompany,
    cast_accompany,
    cast_continue,
    cast_respond,
    cast_solo,
    cast_take_over,
    cast_trade,
    cast_two_hands,
    draw_take,
    respond,
)  # fmt: skip

law = settings(deadline=None, max_examples=30)


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@law
@given(pieces(), stagings, seeds)
def test_accompaniment_is_the_arrangers_whole(piece: Piece, staging: Staging, seed: int) -> None:
    staging = replace(staging, free=False, slips=type(staging.slips)())
    take = accompany(piece, staging, HARMONY, dice(seed))
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
@given(pieces(), seeds)
def test_responding_takes_turns_phrase_by_phrase(piece: Piece, seed: int) -> None:
    """Every note of the melody is played once, by one of the two; the turn passes only where a phrase begins."""
    piece = replace(piece, bar_offset=0)
    take = respond(piece, Staging(lookahead=0), dice(seed))
    ns_per_pulse = 60e9 / (24 * piece.tempo_bpm)
    owner = {round(event.time_ns / ns_per_pulse): "player" for event in take.events if isinstance(event, On)}
    for tick, said in windows(take):
        assert tick.parts == LEAD
        start = round(tick.time_ns / ns_per_pulse) + tick.lookahead
        owner.update((start + note.onset, "agent") for note in said if isinstance(note, Note))
    onsets = [note.onset for note in piece.melody]
    assert sorted(owner) == onsets
    assert owner[onsets[0]] == "player"
    turns = [next(group) for _, group in groupby(onsets, key=owner.__getitem__)]
    if len(piece.phrases) > 2:
        assert set(turns[1:]) <= set(piece.phrases)
    if len(piece.phrases) > 3:
        assert len(turns) > 1


@law
@given(pieces(), seeds)
def test_an_answer_is_planned_when_the_player_has_stopped(piece: Piece, seed: int) -> None:
    """The keys are up, but where the phrase's last note begins hardly before the answer."""
    cast = cast_respond(piece, dice(seed))
    for turn in cast.turns:
        before = [note for note in cast.player if note.onset < turn.start]
        assert turn.since is not None
        assert turn.since < turn.start
        assert all(note.onset + note.duration <= max(turn.since, note.onset + 3) for note in before)


class TestCasts:
    """On a song of eight bars, two bars a phrase."""

    def test_accompanied_is_the_melody(self, song: Piece) -> None:
        """By chords and bass, or one of them; from just after the player's first note."""
        casts = [cast_accompany(song, dice(seed)) for seed in range(40)]
        assert all(cast.player == song.melody for cast in casts)
        parts = Counter(cast.turns[0].parts for cast in casts)
        assert set(parts) == {HARMONY, frozenset({Part.CHORDS}), frozenset({Part.BASS})}
        assert parts[HARMONY] > 20
        assert {(cast.turns[0].start, cast.turns[0].since) for cast in casts} == {(12, 1)}

    def test_drums_are_played_in_some_where_there_are_any(self, song: Piece) -> None:
        song = replace(song, parts={**song.parts, Part.DRUMS: (PieceNote(24, 38, 3, 90),)})
        drummed = [Part.DRUMS in cast_accompany(song, dice(seed)).turns[0].parts for seed in range(60)]
        assert 0.1 < np.mean(drummed) < 0.5

    def test_two_hands_leave_one_part(self, song: Piece) -> None:
        for seed in range(5):
            cast = cast_two_hands(song, dice(seed))
            (agent,) = cast.turns[0].parts
            (other,) = HARMONY - {agent}
            assert sorted(cast.player) == sorted({*song.melody, *song.parts[other]})

    def test_a_solo_is_the_melody_over_the_players_chords(self, song: Piece) -> None:
        casts = [cast_solo(song, dice(seed)) for seed in range(60)]
        assert all(cast.lines[Part.LEAD] == song.melody for cast in casts)
        kinds = Counter((cast.turns[0].parts, len(cast.player)) for cast in casts)
        chords, bass = (len(song.parts[part]) for part in (Part.CHORDS, Part.BASS))
        assert set(kinds) == {(LEAD, chords + bass), (LEAD, chords), (LEAD, bass), (LEAD | {Part.BASS}, chords)}
        assert kinds.most_common(1)[0][0] == (LEAD, chords + bass)

    def test_to_continue_is_to_carry_the_melody_on(self, song: Piece) -> None:
        cast = cast_continue(song, dice())
        (turn, *_) = cast.turns
        assert turn.parts == LEAD
        assert turn.start in song.phrases
        assert [*[note for note in cast.player if note.onset < turn.start], cast.lines[Part.LEAD][0]] == [
            note for note in song.melody if note.onset <= turn.start
        ]

    def test_to_take_over_is_to_carry_everything_on(self, song: Piece) -> None:
        """No note is lost at the border, and none is played by both."""
        cast = cast_take_over(song, dice())
        assert cast.turns[0].parts == LEAD | HARMONY
        every = [*song.melody, *(note for notes in song.parts.values() for note in notes)]
        played = [*cast.player, *(note for notes in cast.lines.values() for note in notes)]
        assert sorted((note.onset, note.pitch) for note in played) == sorted((note.onset, note.pitch) for note in every)
        assert all(note.onset >= cast.turns[0].start for note in cast.lines[Part.BASS])

    def test_in_a_trade_the_accompanist_leads_some_phrases(self, song: Piece) -> None:
        seen = set()
        for seed in range(20):
            cast = cast_trade(song, dice(seed))
            assert sorted([*cast.player, *cast.lines[Part.LEAD]]) == list(song.melody)
            assert [turn.parts for turn in cast.turns[::2]] == [HARMONY] * len(cast.turns[::2])
            seen |= {turn.parts for turn in cast.turns[1::2]}
        assert seen == {LEAD, LEAD | HARMONY}


class TestDrawTake:
    @pytest.mark.parametrize("role", ROLES)
    def test_every_role_can_be_asked_for(self, song: Piece, role: str) -> None:
        for seed in range(5):
            take = draw_take(song, 300, dice(seed), {role: 1.0})
            assert take.role == role
            assert any(isinstance(event, Note) for event in take.events)

    def test_the_same_dice_draw_the_same(self, song: Piece) -> None:
        assert draw_take(song, 100, dice(3)) == draw_take(song, 100, dice(3))

    def test_roles_are_drawn_by_weight(self, song: Piece) -> None:
        rng = dice()
        drawn = Counter(draw_take(song, 1000, rng).role for _ in range(300))
        assert set(drawn) == set(ROLES)
        assert drawn["accompany"] / 300 == pytest.approx(ROLES["accompany"].weight, abs=0.1)

    def test_a_tune_alone_is_answered_or_continued(self, song: Piece) -> None:
        rng = dice()
        assert {draw_take(replace(song, parts={}, chords=()), 300, rng).role for _ in range(30)} == {"respond", "continue"}

    def test_one_phrase_alone_is_heard_out(self, song: Piece) -> None:
        """There is nothing to learn in it, and nothing to stumble over."""
        phrase = replace(song, parts={}, chords=(), phrases=(0,), melody=song.melody[:8])
        take = draw_take(phrase, 300, dice())
        assert take.events
        assert not any(isinstance(event, Note) for event in take.events)

    def test_without_a_melody_there_is_no_player(self, song: Piece) -> None:
        with pytest.raises(InputError, match="leadsheets/a song: there is no melody"):
            draw_take(replace(song, melody=()), 300, dice())

    def test_the_lead_stays_in_the_melodys_register(self, song: Piece) -> None:
        """Within the octave by which melodies are moved, and the half octave of a change of key."""
        low, high = min(note.pitch for note in song.melody) - 24, max(note.pitch for note in song.melody) + 24
        rng = dice()
        for role in ("solo", "respond", "continue", "take over", "trade"):
            lead = [note.pitch for _ in range(10) for note in notes_of(draw_take(song, 300, rng, {role: 1.0}), Part.LEAD)]
            assert low <= min(lead) <= max(lead) <= high
