"""Any folder of MIDI: what is found in it, what is left out and why, and performances put on the beat that is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from models.corpora import folder
from models.corpora.beats import GRID_FIT, aligned, find_beats, grid_fit
from models.corpora.midi_file import read_midi
from models.corpora.registry import CORPORA, STYLES, corpora_in, corpus_of, load_corpora
from models.corpora.source import QuarantinedError, Work

TUNE = (60, 64, 67, 65, 64, 62, 60, 59, 60, 62, 64, 67, 69, 67, 65, 62)


def _tune(bars: int = 8) -> list[tuple[float, int, float]]:
    return [(beat, TUNE[beat * (1 + beat // 16) % 16], 0.9) for beat in range(4 * bars)]


def _bass(bars: int = 8) -> list[tuple[float, int, float]]:
    return [(2.0 * at, (36, 43)[at % 2], 1.9) for at in range(2 * bars)]


def _played(notes: Sequence[tuple[float, int, float]], seed: int, *, bpm: float = 97.0) -> list[tuple[float, int, float, int]]:
    """As a person plays them, without a click: tempo swelling by a tenth, 15 ms of looseness, in quarters of a file at 120."""
    rng = np.random.default_rng(seed)

    def at(beat: float) -> float:
        return 2.0 * (0.7 + 60.0 / bpm * (beat + 0.1 * 32 / (2 * np.pi) * np.sin(2 * np.pi * beat / 32)))

    return [
        (at(begin) + rng.normal(0, 0.03), pitch, at(begin + length) - at(begin), int(rng.integers(60, 90)))
        for begin, pitch, length in notes
    ]


class TestWorks:
    def test_all_midi_files_below_are_found_hidden_ones_not(self, tmp_path: Path) -> None:
        for name in ("b.mid", "a/c.MIDI", "a/d.kar", ".trash/e.mid", "a/._c.mid", "notes.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        found = folder.works(tmp_path, "pop", STYLES)
        assert [work.path.relative_to(tmp_path).as_posix() for work in found] == ["a/c.MIDI", "a/d.kar", "b.mid"]

    def test_the_nearest_folder_that_is_a_style_names_it(self, tmp_path: Path) -> None:
        for name in ("Jazz/x/a.mid", "Jazz/folk/b.mid", "mine/c.mid"):
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).touch()
        assert [work.kind for work in folder.works(tmp_path, "hymn", STYLES)] == ["folk", "jazz", "hymn"]

    def test_copies_and_versions_of_a_title_are_one_work(self, tmp_path: Path) -> None:
        for name in ("Song.mid", "song (2).mid", "Song_v3.mid", "Song - remix.mid", "Songs.mid"):
            (tmp_path / name).touch()
        assert [work.group for work in folder.works(tmp_path, "pop", STYLES)] == ["song", "song", "song", "songs", "song"]


class TestNames:
    def test_a_folder_that_is_no_corpus_can_be_named_with_its_style(self, tmp_path: Path, write_midi) -> None:
        write_midi(tmp_path / "mine" / "a.mid", [("lead", _tune()), ("bass", _bass())])
        [piece] = load_corpora(tmp_path, ["mine:jazz"])
        assert (piece.corpus, piece.work, piece.style) == ("mine", "a", "jazz")
        [piece] = load_corpora(tmp_path, ["folder"])
        assert (piece.corpus, piece.work, piece.style) == ("folder", "mine/a", "pop")

    def test_an_unknown_style_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="style 'polka' of corpus 'mine:polka' is not one of pop"):
            corpus_of("mine:polka", tmp_path)

    def test_known_corpora_are_found_by_their_folders(self, tmp_path: Path) -> None:
        assert corpora_in(tmp_path) == ["folder"]
        for name in ("mutopia", "irish", "other"):
            (tmp_path / name).mkdir()
        assert corpora_in(tmp_path) == ["irish", "mutopia", "mutopia-scores"]

    def test_of_two_in_one_folder_the_one_without_works_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mutopia").mkdir()
        full = replace(CORPORA["mutopia"], works=lambda path: [Work(path / "a.mid", "a", "hymn")])
        monkeypatch.setitem(CORPORA, "mutopia", full)
        assert corpora_in(tmp_path) == ["mutopia"]


class TestRead:
    def _read(self, path: Path) -> folder.Reading:
        return folder.read(Work(path, path.stem, "pop"), "mine")

    def test_a_file_on_its_grid_keeps_it(self, tmp_path: Path, write_midi) -> None:
        tracks = [("lead", _tune()), ("bass", _bass())]
        [piece] = self._read(write_midi(tmp_path / "a.mid", tracks, metres=[(0, (2, 2))], tempi=[(0, 90)])).pieces
        assert (piece.beats_per_bar, piece.bar_offset, round(piece.tempo_bpm, 3)) == (2, 0, 45.0)
        assert [note.onset for note in piece.melody[:4]] == [0, 12, 24, 36]
        assert set(piece.parts) == {Part.BASS}
        assert piece.key == ChordSymbol(0)

    def test_a_file_without_a_metre_has_the_one_of_the_midi_standard(self, tmp_path: Path, write_midi) -> None:
        [piece] = self._read(write_midi(tmp_path / "a.mid", [("lead", _tune())], metres=[])).pieces
        assert piece.beats_per_bar == 4

    def test_a_performance_is_put_on_the_beat_that_is_heard(self, tmp_path: Path, write_midi) -> None:
        tracks = [("lead", _played(_tune(16), 1)), ("bass", _played(_bass(16), 2))]
        [piece] = self._read(write_midi(tmp_path / "a.mid", tracks)).pieces
        onsets = np.array([note.onset for note in piece.melody]) / 24
        assert piece.tempo_bpm == pytest.approx(97, rel=0.08)
        assert len(piece.melody) == 64
        assert np.abs(onsets - np.rint(onsets)).max() < 0.25
        assert np.array_equal(np.diff(np.rint(onsets)), np.ones(63))

    def test_notes_without_any_beat_are_left_out(self, tmp_path: Path, write_midi) -> None:
        rng = np.random.default_rng(4)
        notes = [
            (float(at), int(pitch), 0.3)
            for at, pitch in zip(np.cumsum(rng.exponential(0.7, 200)), rng.integers(50, 80, 200), strict=True)
        ]
        with pytest.raises(QuarantinedError, match="no beat"):
            self._read(write_midi(tmp_path / "a.mid", [("wind chimes", notes)]))

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(b"no midi", "unreadable"), (b"MThd\0\0\0\6\0\1", "unreadable"), (bytes(9 << 20), "too large: 9 MiB")],
    )
    def test_damaged_and_huge_files_are_left_out(self, tmp_path: Path, content: bytes, reason: str) -> None:
        (tmp_path / "a.mid").write_bytes(content)
        with pytest.raises(QuarantinedError, match=reason):
            self._read(tmp_path / "a.mid")

    def test_what_is_no_file_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "a.mid").mkdir()
        with pytest.raises(QuarantinedError, match="not a file"):
            self._read(tmp_path / "a.mid")

    def test_a_folder_of_good_and_bad_is_read_and_reported(self, tmp_path: Path, write_midi) -> None:
        write_midi(tmp_path / "good.mid", [("lead", _tune())])
        write_midi(tmp_path / "short.mid", [("lead", _tune(1))])
        (tmp_path / "bad.mid").write_bytes(b"?")
        loaded = load_corpora(tmp_path, ["folder"])
        assert [piece.work for piece in loaded] == ["good"]
        assert [(entry.path.name, entry.reason.split(":")[0]) for entry in loaded.report.quarantined] == [
            ("bad.mid", "unreadable"),
            ("short.mid", "fewer than 16 melody notes"),
        ]


class TestBeats:
    @pytest.mark.parametrize("division", [1, 2, 3, 4])
    def test_notes_on_a_grid_fit_it(self, division: int) -> None:
        assert grid_fit(np.arange(100) / division) == pytest.approx(1.0)

    def test_loose_sixteenths_fit_and_random_onsets_do_not(self) -> None:
        rng = np.random.default_rng(1)
        assert grid_fit(np.arange(400) / 4 + rng.normal(0, 0.03, 400)) > GRID_FIT
        assert grid_fit(rng.uniform(0, 100, 400)) < 0.2
        assert grid_fit([]) == 0.0

    @pytest.mark.parametrize("bpm", [64, 92, 120, 168])
    def test_the_beats_of_a_steady_performance_are_found(self, bpm: int) -> None:
        rng = np.random.default_rng(bpm)
        begins = np.repeat(np.arange(64), 2) + np.tile([0, 0.5], 64)
        seconds = 3.0 + begins * 60 / bpm + rng.normal(0, 0.01, 128)
        beats = find_beats(seconds, np.where(begins % 1 == 0, 90.0, 50.0))
        true = 3.0 + np.arange(2, 62) * 60 / bpm
        assert np.abs(true[:, None] - beats[None]).min(axis=1).max() < 0.07

    def test_three_in_a_bar_is_heard(self, tmp_path: Path, write_midi) -> None:
        waltz = [(beat, TUNE[beat % 7], 0.9, 100 if beat % 3 == 0 else 50) for beat in range(96)]
        score = read_midi(write_midi(tmp_path / "a.mid", [("a", [(b * 1.13, p, d, v) for b, p, d, v in waltz])]))
        assert aligned(score).metres[0][1].beats_per_bar == 3

    def test_too_little_music_has_no_beat(self) -> None:
        with pytest.raises(QuarantinedError, match="too short"):
            find_beats(np.arange(8) * 0.5, np.ones(8))
