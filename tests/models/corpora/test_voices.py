"""Who plays what in a file of many tracks, and the pieces that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido
import pytest

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from models.corpora import games
from models.corpora.midi_file import RawNote, read_midi
from models.corpora.piece import PieceNote
from models.corpora.source import QuarantinedError, Work
from models.corpora.voices import Voice, divide, melody_score, relay, voices_of

TICKS = 96
TUNE = (72, 74, 76, 79, 77, 76, 74, 71)
Line = Sequence[tuple[float, int, float]]
"""(begin in beats, pitch, length in beats)."""


def _tune(bars: int, start: int = 0, shift: int = 0) -> Line:
    return [(4 * start + at / 2, TUNE[at * (1 + at // 8) % 8] + shift, 0.5) for at in range(8 * bars)]


def _chords(bars: int) -> Line:
    return [(4.0 * bar, pitch, 4.0) for bar in range(bars) for pitch in ((48, 52, 55), (53, 57, 60))[bar % 2]]


def _bass(bars: int) -> Line:
    return [(4.0 * bar + beat, (36, 41)[bar % 2], 1.0) for bar in range(bars) for beat in range(4)]


def _drums(bars: int) -> Line:
    return [(beat, (36, 38)[beat % 2], 0.25) for beat in range(4 * bars)]


@pytest.fixture
def write(tmp_path: Path):
    """Writes a file of tracks (name, channel, program or None, notes); velocities say nothing unless asked for."""

    def write(*tracks: tuple[str, int, int | None, Line], dynamics: bool = False, name: str = "0000.mid") -> Path:
        file = mido.MidiFile(ticks_per_beat=TICKS, tracks=[mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])])
        for label, channel, program, notes in tracks:
            track = mido.MidiTrack([mido.MetaMessage("track_name", name=label)])
            if program is not None:
                track.append(mido.Message("program_change", channel=channel, program=program))
            timed = [(begin, 1, pitch, 40 + number % 40 if dynamics else 90) for number, (begin, pitch, _) in enumerate(notes)]
            timed += [(begin + length, 0, pitch, 0) for begin, pitch, length in notes]
            now = 0
            for at, _, pitch, velocity in sorted(timed):
                tick = round(at * TICKS)
                track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=tick - now))
                now = tick
            file.tracks.append(track)
        path = tmp_path / "freedoom" / name
        path.parent.mkdir(exist_ok=True)
        file.save(path)
        return path

    return write


def _labels(voices: Sequence[Voice]) -> list[str]:
    return [voice.name for voice in voices]


class TestDivide:
    def test_channel_program_and_texture_tell_the_roles(self, write) -> None:
        path = write(
            ("a", 0, 48, _chords(8)), ("b", 9, None, _drums(8)), ("c", 1, 33, _bass(8)), ("d", 2, 80, _tune(8))
        )  # fmt: skip
        roles = divide(voices_of(read_midi(path)))
        assert [_labels(group) for group in (roles.melody, roles.chords, roles.bass, roles.drums)] == [
            ["d"],
            ["a"],
            ["c"],
            ["b"],
        ]

    def test_without_programs_the_low_line_is_the_bass(self, write) -> None:
        roles = divide(
            voices_of(read_midi(write(("a", 0, None, _tune(8)), ("b", 1, None, _chords(8)), ("c", 2, None, _bass(8)))))
        )
        assert _labels(roles.melody) == ["a"]
        assert _labels(roles.bass) == ["c"]

    @pytest.mark.parametrize(
        ("name", "is_bass"), [("Fretless Bass", True), ("basu1", True), ("Bassoon", False), ("base", True)]
    )
    def test_names_tell_a_bass(self, write, name: str, is_bass: bool) -> None:
        roles = divide(voices_of(read_midi(write(("a", 0, None, _tune(8)), (name, 1, None, _tune(8, shift=-14))))))
        assert _labels(roles.bass) == ([name] if is_bass else [])

    def test_a_name_outweighs_a_higher_line(self, write) -> None:
        tracks = [("strings", 0, 48, _tune(8, shift=12)), ("Lead vocal", 1, 52, _tune(8))]
        assert _labels(divide(voices_of(read_midi(write(*tracks)))).melody)[0] == "Lead vocal"

    def test_an_ostinato_is_no_melody(self) -> None:
        def voice(pitches: Sequence[int]) -> Voice:
            return Voice("", 0, None, tuple(RawNote(48 * at, pitch, 48, 90, 0) for at, pitch in enumerate(pitches)))

        ostinato, tune = voice((72, 76, 79, 76) * 16), voice([pitch for _, pitch, _ in _tune(8)])
        assert melody_score(tune, 75, [ostinato, tune]) > melody_score(ostinato, 75, [ostinato, tune])

    def test_noises_are_left_out(self, write) -> None:
        roles = divide(voices_of(read_midi(write(("a", 0, None, _tune(8)), ("sea", 1, 122, _chords(8))))))
        assert roles.chords == roles.bass == roles.drums == ()

    def test_drums_alone_have_no_melody(self, write) -> None:
        with pytest.raises(QuarantinedError, match="no melody"):
            divide(voices_of(read_midi(write(("b", 9, None, _drums(8))))))

    def test_one_track_with_many_channels_is_many_voices(self, write, tmp_path: Path) -> None:
        path = write(("a", 0, 80, _tune(4)), ("b", 1, 33, _bass(4)))
        file = mido.MidiFile(path)
        file.type, file.tracks = 0, [mido.merge_tracks(file.tracks)]
        file.save(tmp_path / "merged.mid")
        voices = voices_of(read_midi(tmp_path / "merged.mid"))
        assert [(voice.channel, voice.program, len(voice.notes)) for voice in voices] == [(0, 80, 32), (1, 33, 16)]


class TestRelay:
    def _line(self, *bars: int, pitch: int = 60) -> tuple[PieceNote, ...]:
        return tuple(PieceNote(96 * bar + 24 * beat, pitch + beat, 24) for bar in bars for beat in range(4))

    def test_another_voice_has_the_melody_where_the_first_rests_for_two_bars(self) -> None:
        first, second = self._line(0, 1, 4), self._line(1, 2, 3, 4, pitch=70)
        melody, rest = relay([(first, []), (second, [])], 96)
        assert melody == tuple(sorted((*first, *self._line(2, 3, pitch=70))))
        assert rest == [*self._line(1, 4, pitch=70)]

    def test_a_rest_of_one_bar_is_a_rest(self) -> None:
        first, second = self._line(0, 2), self._line(1, pitch=70)
        assert relay([(first, []), (second, [])], 96) == (first, list(second))

    def test_what_only_doubles_the_melody_is_left_out(self) -> None:
        first = self._line(0, 1)
        assert relay([(first, []), (self._line(0, 1, pitch=72), [])], 96) == (first, [])

    def test_what_stands_beside_a_line_is_kept(self) -> None:
        chord = PieceNote(0, 48, 96)
        assert relay([(self._line(0), [chord])], 96) == (self._line(0), [chord])


class TestGames:
    def test_a_track_set_is_melody_chords_bass_and_drums(self, write) -> None:
        path = write(
            ("pad", 0, 48, _chords(8)), ("kit", 9, None, _drums(8)), ("b", 1, 33, _bass(8)), ("lead", 2, 80, _tune(8))
        )  # fmt: skip
        [piece] = games.read(Work(path, "level one")).pieces
        assert (piece.corpus, piece.work, piece.style) == ("freedoom", "level one", "game")
        assert (piece.beats_per_bar, piece.bar_offset, piece.tempo_bpm) == (4, 0, 120.0)
        assert set(piece.parts) == {Part.CHORDS, Part.BASS, Part.DRUMS}
        assert [note.pitch for note in piece.melody[:8]] == list(TUNE)
        assert {note.pitch for note in piece.parts[Part.DRUMS]} == {36, 38}
        assert [span.symbol for span in piece.chords[:2]] == [ChordSymbol(0), ChordSymbol(5)]
        assert all(note.velocity is None for note in piece.melody)

    def test_velocities_that_were_played_are_kept(self, write) -> None:
        [piece] = games.read(Work(write(("lead", 2, 80, _tune(8)), dynamics=True), "x")).pieces
        assert len({note.velocity for note in piece.melody}) > 8

    def test_a_piano_alone_is_cut_into_melody_chords_and_bass(self, write) -> None:
        [piece] = games.read(Work(write(("piano", 0, 0, [*_tune(8), *_chords(8), *_bass(8)])), "x")).pieces
        assert piece.melody[0].pitch == 72
        assert {note.pitch for note in piece.parts[Part.BASS]} == {36, 41}
        assert {note.pitch for note in piece.parts[Part.CHORDS]} >= {48, 52, 55}

    def test_a_short_jingle_is_quarantined(self, write) -> None:
        with pytest.raises(QuarantinedError, match="fewer than 16 melody notes"):
            games.read(Work(write(("a", 0, None, _tune(1))), "x"))
