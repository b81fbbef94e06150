"""What happens in mid-song, and what is counted of it: on music in which the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from livegen.core.midi import NoteOn
from livegen.core.parameters import build_registry
from models.baselines.opponents import opponents
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.scoring import curves, perturbations
from models.scoring.accompaniment import ARRANGER, Accompaniment, Song, opening
from models.scoring.adaptation import adaptation
from models.scoring.curves import HITS, SOUNDING, Stretch, aligned, beat_counts, beats_until_back, relative
from models.scoring.metrics import melody_frames

BEAT, BAR = 24, 96
C, E, G, B = 60, 64, 67, 71
ACCOMPANY = build_registry().defaults().with_changes({"mode": "accompany"})[0]
RULES = opponents({})


def long_song(work: str = "a song", beats: int = 64, transposed: int = 0) -> Song:
    """C E G C, a note a beat, over C, arranged with a block chord a bar."""
    melody = tuple(PieceNote(beat * BEAT, (C, E, G, C)[beat % 4] + transposed, BEAT) for beat in range(beats))
    chords = tuple(PieceNote(bar * BAR, pitch + transposed, BAR, 70) for bar in range(beats // 4) for pitch in (48, 52, 55))
    spans = (ChordSpan(0, beats * BEAT, ChordSymbol(transposed % 12)),)
    return opening(Piece("leadsheets", work, "jazz", 120.0, 4, 0, melody, {Part.CHORDS: chords}, spans))


def nothing(done: int, name: str) -> None:
    """Progress that nobody looks at."""


class TestPerturbations:
    def test_the_middle_is_a_bar_line(self) -> None:
        song = long_song()
        assert perturbations.middle(song) == 32
        assert perturbations.middle(replace(song, piece=replace(song.piece, beats_per_bar=3))) == 33

    def test_a_shift_moves_what_comes_after(self) -> None:
        song = long_song()
        trial = perturbations.shifted(6, song)
        moved = [after.pitch - before.pitch for before, after in zip(song.piece.melody, trial.song.piece.melody, strict=True)]
        assert moved == [0] * 32 + [6] * 32
        assert trial.melody.pitch_class[32 * 4] == 6
        assert [message.pitch for _, message in trial.performance.messages if isinstance(message, NoteOn)][32] == 66

    def test_a_shift_stays_on_the_keyboard(self) -> None:
        trial = perturbations.shifted(6, long_song(transposed=58))
        assert max(note.pitch for note in trial.song.piece.melody) <= 127
        assert trial.melody.pitch_class[32 * 4] == (60 + 58 + 6) % 12

    def test_a_ramp_arrives_at_its_tempo_and_stays(self) -> None:
        tempi = perturbations.ramped(-0.2, long_song()).performance.tempi
        assert tempi[0] == (0, 120.0)
        assert [int(pulse) for pulse, _ in tempi[1:]] == [(32 + step) * BEAT for step in range(16)]
        assert [bpm for _, bpm in tempi[1:]] == pytest.approx(np.linspace(118.5, 96.0, 16))

    def test_a_stop_is_silence_and_no_shift_in_time(self) -> None:
        held = long_song()
        held = replace(
            held,
            piece=replace(
                held.piece, melody=(*held.piece.melody[:31], PieceNote(31 * BEAT, C, 3 * BEAT), *held.piece.melody[34:])
            ),
        )
        notes = perturbations.stopped(held).song.piece.melody
        assert [note.onset // BEAT for note in notes] == [*range(32), *range(48, 64)]
        assert notes[31].duration == BEAT

    def test_wrong_notes_are_scored_by_the_right_ones(self) -> None:
        song = long_song()
        few, many = (perturbations.erring(share, 1, song) for share in (0.1, 0.5))
        pitches = [note.pitch for note in song.piece.melody]
        wrong = [
            {index for index, note in enumerate(trial.song.piece.melody) if note.pitch != pitches[index]}
            for trial in (few, many)
        ]
        assert wrong[0] < wrong[1]
        assert 20 < len(wrong[1]) < 44
        assert all(0 < abs(song.piece.melody[index].pitch - many.song.piece.melody[index].pitch) <= 2 for index in wrong[1])
        assert many.melody is song.melody
        assert perturbations.erring(0.5, 1, song).song.piece == many.song.piece
        assert perturbations.erring(0.5, 2, song).song.piece != many.song.piece
        assert perturbations.erring(0.5, 1, replace(song, name="b")).song.piece != many.song.piece


class TestCurves:
    def test_counts_are_by_beat(self) -> None:
        """C over C, E over silence, F over C, nothing over C."""
        melody = melody_frames([(0, 60, 24), (24, 64, 12), (48, 65, 24)], 16)
        heard = Accompaniment(
            ((0.0, 48, 24.0), (0.0, 52, 24.0), (48.0, 48, 48.0)), [(0, 24, ChordSymbol(0)), (60, 96, ChordSymbol(5))]
        )
        counts = beat_counts(melody, heard, 5)
        assert counts[:, curves.ONSETS].tolist() == [1, 1, 1, 0, 0]
        assert counts[:, SOUNDING].tolist() == [1, 0, 1, 0, 0]
        assert counts[:, HITS].tolist() == [1, 0, 0, 0, 0]
        assert counts[:, curves.MELODY].tolist() == [4, 2, 4, 0, 0]
        assert counts[:, curves.COVERED].tolist() == [4, 0, 4, 0, 0]
        assert counts[:, curves.NOTES].tolist() == [2, 0, 1, 0, 0]
        assert counts[:, curves.CHANGES].tolist() == [0, 0, 1, 0, 0]
        assert counts[:, curves.ON_BEAT].sum() == 0

    def test_where_a_song_has_nothing_there_are_zeros(self) -> None:
        counts = np.arange(1, 5)[:, np.newaxis].repeat(curves.COLUMNS, axis=1)
        assert aligned(counts, 1, 3, 5)[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 0, 0]

    def stretch(self, *shares: float) -> Stretch:
        """Ten songs of ten onsets a beat, of which so many fit, beat by beat."""
        counts = np.zeros((10, len(shares), curves.COLUMNS), dtype=np.int64)
        counts[..., SOUNDING], counts[..., HITS] = 10, (np.array(shares) * 10).astype(np.int64)
        counts[..., curves.CHANGES] = counts[..., HITS]
        return Stretch(counts, 0)

    def test_a_point_is_the_mean_from_there_on(self) -> None:
        assert self.stretch(0.2, 0.4, 0.6, 0.8, 1.0).curve(0, 2) == pytest.approx([0.5, 0.7])
        assert math.isnan(Stretch(np.zeros((3, 8, curves.COLUMNS), dtype=np.int64), 0).curve(0, 1)[0])

    def test_relative_to_the_same_place(self) -> None:
        shifted, own = self.stretch(0.2, 0.4, 0.4), self.stretch(0.8, 0.8, 0.8)
        assert relative(shifted, own, (HITS, SOUNDING), 1, 3, seed=0) == pytest.approx([0.5] * 3)
        assert relative(shifted, own, (curves.CHANGES, None), 0, 1, seed=0) == pytest.approx([0.25] * 3)
        empty = Stretch(np.zeros((10, 3, curves.COLUMNS), dtype=np.int64), 0)
        assert np.isnan(relative(shifted, empty, (HITS, SOUNDING), 0, 3, seed=0)).all()

    def test_back_at_ninety_percent(self) -> None:
        own = [0.5] * 4
        assert beats_until_back([0.1, 0.3, 0.449, 0.451], own) == 3
        assert beats_until_back([0.5, 0.1, 0.1, 0.1], own) == 0
        assert beats_until_back([0.1] * 4, own) is None
        assert beats_until_back([math.nan, 0.5], own[:2]) == 1


@pytest.fixture(scope="module")
def found() -> dict:
    """A song, and one that is too short; who holds the tonic must learn the new key, who sees the future needs not."""
    songs = [long_song(), long_song("short", beats=40)]
    return adaptation(songs, {name: RULES[name] for name in ("hold-tonic", "oracle", "silence")}, ACCOMPANY, 1, nothing)


class TestAdaptation:
    def test_short_songs_are_left_out(self, found: dict) -> None:
        assert (found["songs"], found["window"]) == (1, 4)
        assert list(found["systems"]) == ["hold-tonic", "oracle", "silence", ARRANGER]
        assert adaptation([long_song(beats=40)], RULES, ACCOMPANY, 1, nothing) == {"songs": 0, "window": 4, "systems": {}}

    def test_a_shift_costs_who_counts_the_past(self, found: dict) -> None:
        tonic, oracle = (found["systems"][name]["shifts"]["+6"] for name in ("hold-tonic", "oracle"))
        assert len(tonic["curve"]) == len(tonic["own curve"]) == 32
        assert tonic["curve"][:5] == tonic["own curve"][:5] == pytest.approx([1.0] * 5)
        assert tonic["share of own level"]["0 to 4"] == [0.0, 0.0, 0.0]
        assert tonic["beats to 90 %"] is None or tonic["beats to 90 %"] > 8
        assert oracle["beats to 90 %"] == 0
        assert oracle["share of own level"]["4 to 8"] == pytest.approx([1.0] * 3)

    def test_the_start_is_late_and_then_right(self, found: dict) -> None:
        """The first note is a beat away at most; what is not there yet does not count as wrong, but as not covered."""
        start = found["systems"]["hold-tonic"]["cold start"]
        assert 0 < start["beats to first note"][0] <= 1
        assert start["coverage"]["0 to 4"][0] < start["coverage"]["4 to 8"][0] == 1.0
        assert start["beats to 90 %"] == 0
        assert found["systems"][ARRANGER]["cold start"]["beats to first note"][0] == 0.0

    def test_a_ramp_does_not_disturb_who_hears_pitches_only(self, found: dict) -> None:
        for ramp in found["systems"]["hold-tonic"]["ramps"].values():
            assert ramp["share of own level"]["during"] == pytest.approx([1.0] * 3)
            assert ramp["coverage"][0] == 1.0

    def test_it_falls_silent_and_comes_back(self, found: dict) -> None:
        """Eight beats of silence and the window that was planned; back within a beat of the player."""
        stop = found["systems"]["hold-tonic"]["stop"]
        assert stop["fell silent"] == [1.0, 1.0, 1.0]
        assert 8 <= stop["beats until silent"][0] <= 9
        assert 0 < stop["beats until back"][0] <= 1
        assert stop["share of own level"] == pytest.approx([1.0] * 3)

    def test_wrong_notes_slope(self, found: dict) -> None:
        """Who sees what will be played chases the wrong notes too."""
        tonic, oracle = (found["systems"][name]["wrong notes"] for name in ("hold-tonic", "oracle"))
        assert list(tonic["onset-NiC"]) == ["0 %", "5 %", "10 %", "20 %"]
        assert tonic["onset-NiC"]["0 %"][0] == 1.0
        assert oracle["onset-NiC"]["0 %"][0] == 1.0
        assert oracle["onset-NiC"]["20 %"][0] < oracle["onset-NiC"]["5 %"][0] < 1.0
        assert oracle["slope per 10 %"][0] < min(0.0, tonic["slope per 10 %"][0])

    def test_density_of_both(self, found: dict) -> None:
        density = found["systems"]["hold-tonic"]["density"]
        assert density["player"][0] == 1.0
        assert density["answer"][0] == pytest.approx(4.0, abs=0.1)
        assert found["systems"][ARRANGER]["density"]["answer"][0] == 0.75

    def test_silence_says_nothing(self, found: dict) -> None:
        silence = found["systems"]["silence"]
        assert silence["shifts"]["+6"]["beats to 90 %"] is None
        assert math.isnan(silence["cold start"]["own level"][0])
        assert silence["cold start"]["coverage"]["4 to 8"][0] == 0.0
        assert math.isnan(silence["stop"]["beats until back"][0])
        assert math.isnan(silence["wrong notes"]["onset-NiC"]["5 %"][0])

    def test_what_is_found_does_not_depend_on_the_company(self, found: dict) -> None:
        alone = adaptation([long_song()], {"oracle": RULES["oracle"]}, ACCOMPANY, 1, nothing)
        assert repr(alone["systems"]["oracle"]) == repr(found["systems"]["oracle"])
