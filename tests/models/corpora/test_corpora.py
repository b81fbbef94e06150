"""Each corpus from files as its source has them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora import hymns, irish, leadsheets, lieder, pop909
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.corpora.source import QuarantinedError, Work

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def _scale(count: int, step: float = 1.0, start: float = 0.0) -> list[tuple[float, int, float]]:
    return [(start + step * i, SCALE[i % 8], step) for i in range(count)]


def _write_index(folder: Path, rows: Iterable[dict[str, str]]) -> None:
    rows = list(rows)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class TestLeadsheets:
    @pytest.fixture
    def write(self, tmp_path: Path, write_midi) -> Callable[..., Work]:
        def write(melody: Sequence, chords: Sequence[tuple[float, float, str]], metre: tuple[int, int] = (4, 4)) -> Work:
            path = write_midi(tmp_path / "0000.mid", [("melody", melody)], metres=[(0, metre)])
            rows = "".join(f"{start},{end},{pitches},kind\n" for start, end, pitches in chords)
            table = path.with_name("0000.chords.csv")
            table.write_text("start_beat,end_beat,pitch_classes_root_first,kind\n" + rows, encoding="utf-8")
            return Work(path, "A Song")

        return write

    def test_a_song_has_chords_and_a_rendered_accompaniment(self, write) -> None:
        work = write(_scale(17), [(1, 5, "0 4 7"), (5, 9, "7 11 2 5"), (9, 13, "5 9 0"), (13, 17, "0 4 7 9")])
        [piece] = leadsheets.read(work).pieces
        assert (piece.style, piece.work, piece.beats_per_bar, piece.bar_offset) == ("jazz", "A Song", 4, 24)
        assert piece.chords[1] == ChordSpan(120, 216, ChordSymbol(7, "dom7"))
        assert set(piece.parts) == {Part.CHORDS, Part.BASS}
        assert all(note.velocity for note in piece.parts[Part.BASS])
        assert piece.melody[0] == PieceNote(0, 60, 24, None)

    def test_chord_times_are_in_quarters_whatever_the_beat(self, write) -> None:
        [piece] = leadsheets.read(write(_scale(18, 0.5), [(0, 3, "0 4 7"), (3, 9, "7 11 2")], metre=(6, 8))).pieces
        assert [(span.start, span.end) for span in piece.chords] == [(0, 48), (48, 144)]

    def test_too_short_a_melody_is_quarantined(self, write) -> None:
        with pytest.raises(QuarantinedError, match="fewer than 16 melody notes: 15"):
            leadsheets.read(write(_scale(15), [(0, 15, "0 4 7")]))

    def test_a_damaged_or_missing_chord_table_is_quarantined(self, write) -> None:
        work = write(_scale(16), [(0, 16, "zero four")])
        with pytest.raises(QuarantinedError, match="damaged chord table"):
            leadsheets.read(work)
        work.path.with_name("0000.chords.csv").unlink()
        with pytest.raises(QuarantinedError, match="missing chord table"):
            leadsheets.read(work)


class TestPop909:
    """The file runs at 120 quarters a minute, the beats come every 0.6 s from 0.3 s: only the beat table tells the beat."""

    BEAT_S = 0.6

    @pytest.fixture
    def write(self, tmp_path: Path, write_midi) -> Callable[..., Work]:
        def at(beat: float) -> float:
            return (0.3 + beat * self.BEAT_S) * 2.0

        def write(downbeats: Iterable[int], beats: int, *, half: Iterable[int] = (), label: str = "C:maj") -> Work:
            folder = tmp_path / "007"
            melody = [(at(beat), SCALE[beat % 8], 0.9, 70 + beat % 40) for beat in range(beats)]
            piano = [(at(beat), pitch, 2.0, 55) for beat in range(0, beats, 2) for pitch in (40, 55, 60)]
            write_midi(folder / "007.mid", [("MELODY", melody), ("BRIDGE", []), ("PIANO", piano)])
            bars = set(downbeats)
            flags = [(float(beat in bars or beat in set(half)), float(beat in bars)) for beat in range(beats)]
            rows = [f"{0.3 + beat * self.BEAT_S} {simple} {bar}" for beat, (simple, bar) in enumerate(flags)]
            (folder / "beat_midi.txt").write_text("\n".join(rows), encoding="utf-8")
            middle, end = 0.3 + 8 * self.BEAT_S, 0.3 + beats * self.BEAT_S
            (folder / "chord_midi.txt").write_text(f"0.3 {middle} N\n{middle} {end} {label}\n", encoding="utf-8")
            return Work(folder, "007")

        return write

    def test_time_becomes_beats(self, write) -> None:
        [piece] = pop909.read(write(range(2, 40, 4), 40)).pieces
        assert piece.tempo_bpm == pytest.approx(100)
        assert (piece.beats_per_bar, piece.bar_offset) == (4, 48)
        assert [note.onset for note in piece.melody] == [24 * beat for beat in range(40)]
        assert piece.melody[5].velocity == 75
        assert [(span.start, span.symbol) for span in piece.chords] == [(0, NO_CHORD), (192, ChordSymbol(0))]

    def test_the_piano_splits_into_bass_and_chords(self, write) -> None:
        [piece] = pop909.read(write(range(0, 40, 4), 40)).pieces
        assert {note.pitch for note in piece.parts[Part.BASS]} == {40}
        assert {note.pitch for note in piece.parts[Part.CHORDS]} == {55, 60}
        assert {note.velocity for note in piece.parts[Part.BASS]} == {55}

    def test_a_bar_of_two_beats_cuts_the_song(self, write) -> None:
        first, second = pop909.read(write([*range(0, 24, 4), *range(26, 60, 4)], 60)).pieces
        assert (len(first.melody), first.bar_offset) == (26, 0)
        assert (len(second.melody), second.bar_offset, second.melody[0].onset) == (34, 0, 0)

    def test_a_stretch_that_is_too_short_is_reported(self, write) -> None:
        reading = pop909.read(write([*range(0, 24, 4), *range(26, 40, 4)], 40))
        assert [len(piece.melody) for piece in reading.pieces] == [26]
        assert reading.left_out == ["a stretch with regular bars is too short: 14 melody notes"]

    def test_six_rows_with_two_flags_are_two_bars_of_three(self, write) -> None:
        [piece] = pop909.read(write(range(0, 48, 6), 48, half=range(0, 48, 3))).pieces
        assert piece.beats_per_bar == 3

    def test_an_unknown_label_is_quarantined(self, write) -> None:
        with pytest.raises(QuarantinedError, match="unknown chord label"):
            pop909.read(write(range(0, 40, 4), 40, label="C:strange"))

    def test_beat_times_must_ascend(self, write) -> None:
        work = write(range(0, 40, 4), 40)
        table = work.path / "beat_midi.txt"
        lines = table.read_text(encoding="utf-8").splitlines()
        table.write_text("\n".join([*lines, lines[0]]), encoding="utf-8")
        with pytest.raises(QuarantinedError, match="don't ascend"):
            pop909.read(work)


class TestIrish:
    def _tune(self, beats: int, pitches: Sequence[int] = SCALE, downbeat: int = 1) -> list[tuple[float, int, float, int]]:
        accents = [105 if beat == 0 or beat % 4 == downbeat else 80 for beat in range(beats)]
        return [(beat, pitches[beat % len(pitches)], 1.0, accent) for beat, accent in enumerate(accents)]

    def _read(self, path: Path) -> Piece:
        [piece] = irish.read(Work(path, path.stem)).pieces
        return piece

    def test_bar_lines_are_where_the_converter_plays_accents(self, tmp_path: Path, write_midi) -> None:
        piece = self._read(write_midi(tmp_path / "reel.mid", [("tune", self._tune(49))]))
        assert (piece.style, piece.bar_offset, piece.chords, dict(piece.parts)) == ("folk", 24, (), {})
        assert piece.phrases == (0, 24 + 4 * 96, 24 + 8 * 96)

    def test_guitar_chords_on_other_channels_are_no_melody(self, tmp_path: Path, write_midi) -> None:
        guitar = [(beat, 40, 1.0) for beat in range(32)]
        piece = self._read(write_midi(tmp_path / "reel.mid", [("tune", self._tune(32)), ("guitar", guitar)]))
        assert min(note.pitch for note in piece.melody) == 60

    def test_a_tune_in_another_key_is_a_near_duplicate(self, tmp_path: Path, write_midi) -> None:
        higher = [pitch + 5 for pitch in SCALE]
        different = (60, 67, 64, 72, 59, 62, 71, 65, 69)
        tunes = {"a": SCALE, "b": higher, "c": different}
        pieces = [self._read(write_midi(tmp_path / f"{name}.mid", [("t", self._tune(40, p))])) for name, p in tunes.items()]
        assert irish.CORPUS.prune is not None
        kept, dropped = irish.CORPUS.prune(pieces)
        assert [piece.work for piece in kept] == ["a", "c"]
        assert [(piece.work, reason) for piece, reason in dropped] == [("b", "near-duplicate: of a")]

    def test_a_change_of_metre_is_quarantined(self, tmp_path: Path, write_midi) -> None:
        path = write_midi(tmp_path / "a.mid", [("tune", self._tune(32))], metres=[(0, (4, 4)), (16, (3, 4))])
        with pytest.raises(QuarantinedError, match="metre"):
            irish.read(Work(path, "a"))


class TestHymns:
    def test_four_voices_become_melody_chords_and_bass(self, tmp_path: Path, write_midi) -> None:
        upper = [(beat, pitch, 1.0) for beat in range(24) for pitch in (72, 67)]
        lower = [(beat, pitch, 1.0) for beat in range(24) for pitch in (64, 48)]
        path = write_midi(tmp_path / "hymns" / "0.mid", [("upper", upper), ("lower", lower), ("organ", upper)])
        [piece] = hymns.read(Work(path, "Tune")).pieces
        assert {note.pitch for note in piece.melody} == {72}
        assert {note.pitch for note in piece.parts[Part.CHORDS]} == {64, 67}
        assert {note.pitch for note in piece.parts[Part.BASS]} == {48}
        assert piece.chords == (ChordSpan(0, 24 * 24, ChordSymbol(0, "maj")),)
        assert piece.corpus == "hymns"

    def test_text_read_as_one_line_of_notes_is_quarantined(self, tmp_path: Path, write_midi) -> None:
        path = write_midi(tmp_path / "0.mid", [("", _scale(40))])
        with pytest.raises(QuarantinedError, match="one line only"):
            hymns.read(Work(path, "Tune"))

    def test_of_mutopia_only_the_settings_for_voices_are_read(self, tmp_path: Path, write_midi) -> None:
        styles = {"0": "Hymn: Voice (SATB)", "1": "Baroque: Organ"}
        for name in styles:
            write_midi(tmp_path / f"{name}.mid", [("", _scale(4))])
        rows = [{"file": f"mutopia/{name}.mid", "work_group": "W", "style": style} for name, style in styles.items()]
        _write_index(tmp_path, rows)
        assert hymns.MUTOPIA.works(tmp_path) == [Work(tmp_path / "0.mid", "W", "Hymn: Voice (SATB)")]


class TestLieder:
    LEFT = tuple((beat, pitch, 2.0) for beat in range(0, 32, 2) for pitch in (36, 48))
    RIGHT = tuple((beat, pitch, 2.0) for beat in range(0, 32, 2) for pitch in (64, 67))

    def _write(self, path: Path, write_midi, voices: Sequence[str] = ("Gesang",), **marks) -> Work:
        sung = [(name, _scale(32)) for name in voices]
        return Work(write_midi(path, [*sung, ("Klavier", self.RIGHT), ("Klavier", self.LEFT)], **marks), "Schubert")

    def test_voice_and_piano(self, tmp_path: Path, write_midi) -> None:
        [piece] = lieder.read(self._write(tmp_path / "a.mid", write_midi)).pieces
        assert (piece.style, piece.work, piece.bar_offset) == ("song", "Schubert", 0)
        assert len(piece.melody) == 32
        assert {note.pitch for note in piece.parts[Part.BASS]} == {36}
        assert {note.pitch for note in piece.parts[Part.CHORDS]} == {48, 64, 67}
        assert piece.chords[0] == ChordSpan(0, 32 * 24, ChordSymbol(0, "maj"))

    def test_without_names_the_last_two_tracks_are_the_piano(self, tmp_path: Path, write_midi) -> None:
        path = write_midi(tmp_path / "a.mid", [("", _scale(32)), ("", self.RIGHT), ("", self.LEFT)])
        [piece] = lieder.read(Work(path, "Anon")).pieces
        assert [note.pitch for note in piece.melody[:3]] == [60, 62, 64]

    def test_each_metre_is_a_piece_and_a_short_stretch_is_reported(self, tmp_path: Path, write_midi) -> None:
        metres = [(0, (4, 4)), (16, (2, 2)), (20, (3, 4))]
        work = self._write(tmp_path / "a.mid", write_midi, metres=metres)
        with pytest.raises(QuarantinedError, match="beats"):
            lieder.read(self._write(tmp_path / "b.mid", write_midi, metres=[(0, (13, 4))]))
        reading = lieder.read(work)
        assert [(piece.beats_per_bar, len(piece.melody)) for piece in reading.pieces] == [(4, 16)]
        assert [reason.split(": ")[1] for reason in reading.left_out] == ["4 melody notes", "12 melody notes"]

    def test_several_voices_are_quarantined(self, tmp_path: Path, write_midi) -> None:
        with pytest.raises(QuarantinedError, match="several voices: 2"):
            lieder.read(self._write(tmp_path / "a.mid", write_midi, voices=("Sopran", "Alt")))
