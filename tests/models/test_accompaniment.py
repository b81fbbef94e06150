"""Accompaniment through the daemon: known answers on known music, for rules, for the arranger and for whole tables."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest

from livegen.core.midi import NoteOff, NoteOn
from livegen.core.parameters import build_registry
from models.baselines.opponents import opponents
from models.baselines.rules import HoldTonic
from models.corpora.piece import Piece, PieceNote
from models.pool import each
from models.scoring import accompaniment
from models.scoring.accompaniment import (
    ARRANGER,
    LENGTH_ENTROPY,
    MEASURES,
    SONG_MEASURES,
    Scores,
    findings,
    measure,
    opening,
    openings,
    performance,
    played,
    sampled,
    written,
)

BAR = 96
ACCOMPANY = build_registry().defaults().with_changes({"mode": "accompany"})[0]
RULES = {name: make for name, make in opponents({}).items() if name != "ridge"}


def nothing(done: int, name: str) -> None:
    """Progress that nobody looks at."""


class TestSongs:
    def test_a_song_begins_at_the_bar_line_before_its_first_note(self, song: Piece) -> None:
        late = replace(song, bar_offset=48, melody=tuple(replace(note, onset=note.onset + 4 * BAR) for note in song.melody))
        assert [note.onset for note in opening(late).piece.melody[:2]] == [48, 72]
        pickup = replace(song, bar_offset=48)
        assert opening(pickup).piece.melody[0].onset == 48

    def test_a_song_has_64_beats_at_most(self, song: Piece) -> None:
        long = replace(song, melody=tuple(PieceNote(beat * 24, 60, 24) for beat in range(100)))
        assert opening(long).frames == 64 * 4
        assert opening(song).frames == 32 * 4
        assert opening(song).bars == 8

    def test_one_song_a_work_of_the_corpora_with_an_arrangement(self, song: Piece) -> None:
        others = [replace(song, corpus="irish"), replace(song, parts={}), replace(song, melody=song.melody[:20])]
        assert [chosen.name for chosen in openings([*others, song])] == ["leadsheets/a song"]
        assert len(openings([*others, song])[0].piece.melody) == 20

    def test_a_sample_is_the_same_for_a_seed_and_keeps_the_order(self, song: Piece) -> None:
        songs = [opening(replace(song, work=f"{number:02}", corpus=corpus)) for number in range(20) for corpus in ("a", "b")]
        chosen = [one.name for one in sampled(songs, {"b": 5}, 1)]
        assert [one.name for one in sampled(songs, {"b": 5}, 1)] == chosen
        assert [one.name for one in sampled(songs, {"b": 5}, 2)] != chosen
        assert [name for name in chosen if name.startswith("a/")] == [f"a/{number:02}" for number in range(20)]
        picked = [name for name in chosen if name.startswith("b/")]
        assert len(picked) == 5
        assert picked == sorted(picked)
        assert len(sampled(songs, {"b": 50}, 1)) == 40

    def test_the_player_plays_the_melody(self, song: Piece) -> None:
        notes = (PieceNote(0, 60, 24), PieceNote(24, 60, 24, 100))
        messages = performance(replace(song, melody=notes)).messages
        assert [(int(pulse), type(message)) for pulse, message in messages] == [
            (0, NoteOn), (24, NoteOff), (24, NoteOn), (48, NoteOff),
        ]  # fmt: skip


class TestPlaying:
    def test_a_rule_is_heard_through_the_daemon(self, song: Piece) -> None:
        """It begins within a beat of the first note, and holds to the end."""
        steady = replace(song, melody=tuple(PieceNote(beat * 24, (60, 64, 67, 60)[beat % 4], 24) for beat in range(32)))
        heard = played(opening(steady), HoldTonic(), ACCOMPANY, seed=1)
        onsets = sorted({onset for onset, _, _ in heard.notes})
        assert 0 < onsets[0] <= 24
        assert set(onsets) >= {24.0 * beat for beat in range(1, 32)}
        assert {pitch % 12 for onset, pitch, _ in heard.notes if onset >= 96} == {0, 4, 7}
        assert all(length == 24 for onset, _, length in heard.notes if 24 <= onset < 31 * 24)
        scores = measure(opening(steady), heard, [])
        assert scores.values["coverage"] >= 31 / 32
        assert scores.values["onset-NiC"] == scores.values["NiC"] == 1.0

    def test_the_arranger_is_measured_as_written(self, song: Piece) -> None:
        chosen = opening(replace(song, melody=tuple(PieceNote(beat * 24, 60, 24) for beat in range(32))))
        scores = measure(chosen, written(chosen), [chosen.melody])
        assert tuple(scores.values) == SONG_MEASURES
        assert scores.values == pytest.approx({
            "onset-NiC": 1.0, "NiC": 1.0, "chord onset-NiC": 1.0, "chord NiC": 1.0, "coupling": 0.0, "true-mismatched": 0.0,
            "changes/bar": 3 / 8, "on beat": 1.0, "on downbeat": 1.0, "size": 3.0, "coverage": 1.0,
        })  # fmt: skip
        assert scores.lengths == (32, 32, 32, 32)

    def test_the_same_seed_gives_the_same_music(self, song: Piece) -> None:
        chosen = opening(song)
        for make in RULES.values():
            one, other = (played(chosen, make(chosen), ACCOMPANY, seed=3) for _ in range(2))
            assert one == other

    def test_who_sees_the_future_beats_who_does_not(self, song: Piece) -> None:
        songs = [opening(song)]
        table = accompaniment.evaluate(songs, RULES, ACCOMPANY, 1, nothing)
        values = {name: scores[0].values["onset-NiC"] for name, scores in table.items()}
        assert math.isnan(values.pop("silence"))
        assert table["silence"][0].values["coverage"] == 0.0
        assert max(values, key=lambda name: values[name]) == "oracle"

    def test_songs_are_mismatched_within_their_corpus(self, song: Piece) -> None:
        songs = [opening(song), opening(replace(song, work="another")), opening(replace(song, corpus="pop909"))]
        done: list[tuple[int, str]] = []
        systems = {"tonic": RULES["hold-tonic"]}
        table = accompaniment.evaluate(songs, systems, ACCOMPANY, 1, lambda at, name: done.append((at, name)))
        assert list(table) == ["tonic", ARRANGER]
        assert table["tonic"][0].values["true-mismatched"] == 0.0
        assert math.isnan(table["tonic"][2].values["true-mismatched"])
        assert done == [(0, "leadsheets/a song"), (1, "leadsheets/another"), (2, "pop909/a song"), (3, "")]


class TestFindings:
    def scores(self, onset_nic: float, lengths: tuple[int, ...] = ()) -> Scores:
        return Scores(dict.fromkeys(SONG_MEASURES, 0.5) | {"onset-NiC": onset_nic}, lengths)

    def test_means_differences_and_entropy(self, song: Piece) -> None:
        """The difference is song by song: it is certain where the values are not."""
        songs = [opening(replace(song, work="one")), opening(replace(song, work="two", corpus="pop909"))]
        table = {
            "ours": [self.scores(0.4, (4, 4)), self.scores(0.8, (8, 8))],
            "ridge": [self.scores(0.3), self.scores(0.7)],
            "silence": [self.scores(math.nan), self.scores(math.nan)],
        }
        found = findings(songs, table, seed=1)
        assert list(found) == ["leadsheets", "pop909", "all"]
        whole = found["all"]
        assert (whole["songs"], whole["beats"], whole["reference"]) == (2, 64, "ridge")
        assert tuple(whole["systems"]["ours"]) == MEASURES
        assert whole["systems"]["ours"]["onset-NiC"] == pytest.approx([0.6, 0.4, 0.8])
        assert whole["systems"]["ours"][LENGTH_ENTROPY] == pytest.approx([math.log(2), 0.0, math.log(2)])
        assert math.isnan(whole["systems"]["ridge"][LENGTH_ENTROPY][0])
        assert list(whole["difference"]) == ["ours", "silence"]
        assert whole["difference"]["ours"]["onset-NiC"] == pytest.approx([0.1, 0.1, 0.1])
        assert math.isnan(whole["difference"]["silence"]["onset-NiC"][0])
        assert found["pop909"]["systems"]["ours"]["onset-NiC"][0] == 0.8

    def test_without_the_reference_there_are_no_differences(self, song: Piece) -> None:
        assert findings([opening(song)], {"ours": [self.scores(0.4)]}, seed=1)["all"]["difference"] == {}


class TestPool:
    def test_results_come_in_order_from_any_number_of_processes(self) -> None:
        work, items = partial(pow, 2), list(range(6))  # nothing that the processes would have to import
        told: list[tuple[int, str]] = []
        one = each(work, items, [str(item) for item in items], lambda done, name: told.append((done, name)))
        assert one == [1, 2, 4, 8, 16, 32]
        assert told == [*((item, str(item)) for item in items), (6, "")]
        assert each(work, items, [""] * 6, nothing, workers=2) == one
