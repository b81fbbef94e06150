"""Ten minutes in a row, shortened: medleys, measures by minute, and repetition counted by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from livegen.core.parameters import build_registry
from models.baselines.opponents import opponents
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.scoring import drift
from models.scoring.accompaniment import ARRANGER, Accompaniment, Song, opening
from models.scoring.drift import Take, bars_of, joined, medley, repetition, ten_minutes

BEAT, BAR = 24, 96
ACCOMPANY = build_registry().defaults().with_changes({"mode": "accompany"})[0]
C_BAR = frozenset({(Part.CHORDS, 0, 48)})
F_BAR = frozenset({(Part.CHORDS, 0, 53)})


def long_song(root: int, beats: int = 64, beats_per_bar: int = 4) -> Song:
    """A triad up and down, a note a beat, with its root in the bass once a bar."""
    melody = tuple(PieceNote(beat * BEAT, 60 + root + (0, 4, 7, 4)[beat % 4], BEAT) for beat in range(beats))
    bass = tuple(PieceNote(bar * BAR, 36 + root, BAR) for bar in range(beats // 4))
    spans = (ChordSpan(0, beats * BEAT, ChordSymbol(root)),)
    return opening(Piece("leadsheets", str(root), "jazz", 90.0, beats_per_bar, 0, melody, {Part.BASS: bass}, spans))


def nothing(done: int, name: str) -> None:
    """Progress that nobody looks at."""


class TestMedley:
    def test_the_last_minute_holds_the_songs_of_the_first(self) -> None:
        chosen = medley([long_song(root) for root in range(5)], seed=1, minutes=3)
        assert len(chosen) == 6
        assert [song.name for song in chosen[:2]] == [song.name for song in chosen[-2:]]
        assert len({song.name for song in chosen[:4]}) == 4
        assert all(song.frames == 240 and song.piece.tempo_bpm == 120.0 for song in chosen)
        again = medley([long_song(root) for root in range(5)], seed=1, minutes=3)
        assert [song.piece for song in again] == [song.piece for song in chosen]

    def test_too_few_come_again_in_other_keys(self) -> None:
        chosen = medley([long_song(0)], seed=1, minutes=4)
        assert [song.name for song in chosen] == ["leadsheets/0"] * 8
        first = [song.piece.melody[0].pitch - 60 for song in chosen]
        assert len(set(first)) > 2
        assert [song.piece.chords[0].symbol.root for song in chosen] == [semitones % 12 for semitones in first]
        assert [song.piece.parts[Part.BASS][0].pitch - 36 for song in chosen] == first
        assert [song.melody.pitch_class[0] for song in chosen] == [semitones % 12 for semitones in first]

    def test_only_long_songs_in_four_are_played(self) -> None:
        assert medley([long_song(0, beats_per_bar=3), long_song(1, beats=40)], seed=1) == []

    def test_songs_are_joined_without_a_break(self) -> None:
        whole = joined(medley([long_song(root) for root in range(2)], seed=1, minutes=2))
        assert [note.onset for note in whole.piece.melody] == [beat * BEAT for beat in range(240)]
        assert whole.frames == 960
        assert [(span.start, span.end) for span in whole.piece.chords] == [
            (at * 60 * BEAT, (at + 1) * 60 * BEAT) for at in range(4)
        ]
        assert len(whole.piece.parts[Part.BASS]) == 60


class TestRepetition:
    def test_runs_and_shares(self) -> None:
        """C C C F, silence twice, C: three runs, seven bars, five of them played."""
        bars = [C_BAR, C_BAR, C_BAR, F_BAR, frozenset(), frozenset(), C_BAR]
        assert repetition([bars]) == pytest.approx({"longest run": 3, "like the one before": 2 / 5, "different": 2 / 5})

    def test_performances_are_counted_apart(self) -> None:
        assert repetition([[C_BAR], [C_BAR]]) == pytest.approx({"longest run": 1, "like the one before": 0, "different": 1})

    def test_silence_repeats_nothing(self) -> None:
        found = repetition([[frozenset()] * 4])
        assert found["longest run"] == 0
        assert math.isnan(found["like the one before"])

    def test_bars_are_what_is_struck_in_them(self) -> None:
        notes = {
            Part.CHORDS: ((0.0, 60, 24.0), (100.0, 64, 24.0)),
            Part.BASS: ((96.0, 36, 96.0),),
            Part.DRUMS: ((0.0, 42, 3.0),),
        }
        bars = bars_of(Take(notes, Accompaniment((), ()), (long_song(0),)))
        assert len(bars) == 15
        assert bars[:2] == [frozenset({(Part.CHORDS, 0, 60)}), frozenset({(Part.CHORDS, 4, 64), (Part.BASS, 0, 36)})]


@pytest.fixture(scope="class")
def found() -> Iterator[dict]:
    """Two minutes, one medley, of songs in two keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift, "MINUTES", 2)
        patch.setattr(drift, "MEDLEYS", 1)
        patch.setattr(drift.medley, "__defaults__", (2,))
        systems = {name: opponents({})[name] for name in ("oracle", "silence")}
        yield ten_minutes([long_song(0), long_song(6)], systems, ACCOMPANY, 1, nothing)


class TestTenMinutes:
    def test_it_names_what_was_played(self, found: dict) -> None:
        assert (found["minutes"], found["medleys"], found["songs"]) == (2, 1, 4)
        assert list(found["systems"]) == ["oracle", "silence", ARRANGER]

    def test_who_sees_the_future_does_not_drift(self, found: dict) -> None:
        oracle = found["systems"]["oracle"]
        assert oracle["by minute"]["onset-NiC"] == oracle["alone"]["onset-NiC"] == [1.0, 1.0]
        assert oracle["last - first"]["onset-NiC"] == [0.0, 0.0, 0.0]
        assert oracle["last, from alone"]["changes/bar"][0] >= 0.0

    def test_traffic_is_of_all_parts(self, found: dict) -> None:
        traffic = found["systems"]["oracle"]["by minute"]
        assert traffic["chords/beat"] == pytest.approx([3.0, 3.0], abs=0.1)
        assert traffic["bass/beat"] == pytest.approx([1.0, 1.0], abs=0.05)
        assert traffic["drums/beat"][1] > 1.0
        assert all(4 <= most <= 8 for most in traffic["most at once"])

    def test_the_arranger_is_what_was_written(self, found: dict) -> None:
        arranger = found["systems"][ARRANGER]
        assert arranger["by minute"]["bass/beat"] == [0.25, 0.25]
        assert arranger["by minute"]["most at once"] == [1.0, 1.0]
        assert arranger["last, from alone"]["onset-NiC"] == [0.0, 0.0, 0.0]
        assert arranger["repetition"] == {"longest run": 15.0, "like the one before": 56 / 60, "different": 2 / 60}

    def test_silence_has_no_quality(self, found: dict) -> None:
        silence = found["systems"]["silence"]
        assert math.isnan(silence["last - first"]["onset-NiC"][0])
        assert silence["by minute"]["coverage"] == [0.0, 0.0]

    def test_without_songs_in_four_there_is_nothing_to_find(self) -> None:
        found = ten_minutes([replace(long_song(0, beats_per_bar=3))], opponents({}), ACCOMPANY, 1, nothing)
        assert found["systems"] == {}
