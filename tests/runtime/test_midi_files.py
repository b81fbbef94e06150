"""MIDI files: what is read, what is refused and why, and that a written session reads back."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.stage import BEAT, PLAYER, performance

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other
from livegen.runtime.midi_files import MAX_BEATS, MAX_FILE_BYTES, Performance, read_performance, write_session

TICKS = 480


def meta(kind: str, time: int = 0, **fields: object) -> mido.MetaMessage:
    return mido.MetaMessage(kind, time=time, **fields)


def on(time: int, pitch: int = 60, channel: int = 0, velocity: int = 80) -> mido.Message:
    return mido.Message("note_on", time=time, note=pitch, channel=channel, velocity=velocity)


def off(time: int, pitch: int = 60, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", time=time, note=pitch, channel=channel, velocity=0)


@pytest.fixture
def write(tmp_path: Path):
    def write(*tracks: list[object], kind: int = 1, ticks: int = TICKS) -> Path:
        file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
        file.tracks.extend(mido.MidiTrack(track) for track in tracks)
        path = tmp_path / "player.mid"
        file.save(path)
        return path

    return write


class TestReading:
    def test_positions_are_exact_whatever_the_resolution(self, write) -> None:
        """A third of a beat at 480 ticks is 8 pulses; a tick at 1000 a beat is no whole number of pulses, and stays so."""
        path = write([on(160), off(160)])
        assert read_performance(path).messages == ((Fraction(8), NoteOn(0, 60, 80)), (Fraction(16), NoteOff(0, 60)))
        path = write([on(1), off(1)], ticks=1000)
        assert [pulse for pulse, _ in read_performance(path).messages] == [Fraction(24, 1000), Fraction(48, 1000)]

    def test_tracks_are_played_together_in_order(self, write) -> None:
        path = write([on(480), off(480)], [on(0, 72, 1), off(480, 72, 1)])
        assert [message.pitch for _, message in read_performance(path).messages] == [72, 60, 72, 60]

    def test_a_note_on_of_velocity_0_is_a_release(self, write) -> None:
        path = write([on(0), on(480, velocity=0)])
        assert read_performance(path).messages[1] == (Fraction(24), NoteOff(0, 60))

    def test_pedals_and_programs_are_played_too(self, write) -> None:
        sustain = mido.Message("control_change", control=64, value=127, time=0)
        path = write([sustain, mido.Message("program_change", program=5, time=0), on(0), off(480)])
        assert [message for _, message in read_performance(path).messages[:2]] == [Control(0, 64, 127), Other(b"\xc0\x05")]

    def test_drums_system_messages_and_sysex_are_left_out(self, write) -> None:
        """The player is what is played on keys."""
        sysex, song = mido.Message("sysex", data=(1, 2), time=0), mido.Message("song_select", song=1, time=0)
        path = write([sysex, song, on(0, 36, 9), off(10, 36, 9), on(0), off(480)])
        assert len(read_performance(path).messages) == 2

    def test_tempi_and_metre_come_from_the_file(self, write) -> None:
        path = write(
            [meta("time_signature", numerator=6, denominator=8), meta("set_tempo", tempo=600_000)],
            [meta("set_tempo", 480, tempo=1_000_000), on(0), off(480)],
        )
        read = read_performance(path)
        assert read.tempi == ((Fraction(0), 100.0), (Fraction(24), 60.0))
        assert (read.beats_per_bar, read.ticks_per_beat) == (3, TICKS)

    def test_without_them_it_is_120_and_four_four(self, write) -> None:
        read = read_performance(write([on(0), off(480)]))
        assert (read.tempi, read.beats_per_bar) == (((Fraction(0), 120.0),), 4)
        late = read_performance(write([on(0), off(480), meta("set_tempo", tempo=1_000_000)]))
        assert late.tempi == ((Fraction(0), 120.0), (Fraction(24), 60.0))

    def test_a_tempo_can_be_forced(self, write) -> None:
        path = write([meta("set_tempo", tempo=600_000), on(0), off(480)])
        assert read_performance(path, 97).tempi == ((Fraction(0), 97),)

    @pytest.mark.parametrize("bpm", [0, 19.9, 301, -5, float("nan")])
    def test_an_impossible_tempo_cannot(self, write, bpm: float) -> None:
        with pytest.raises(InputError, match="bpm is not in"):
            read_performance(write([on(0), off(480)]), bpm)

    def test_tempi_that_the_transport_does_not_have_are_brought_into_range(self, write) -> None:
        """A tempo of 0 microseconds a beat, which damaged files hold, says nothing."""
        path = write([meta("set_tempo", tempo=100_000), meta("set_tempo", 480, tempo=10_000_000), on(0), off(480)])
        assert [bpm for _, bpm in read_performance(path).tempi] == [300.0, 20.0]
        path = write([meta("set_tempo", tempo=0), on(0), off(480)])
        assert read_performance(path).tempi == ((Fraction(0), 120.0),)

    def test_its_end_is_the_last_message(self, write) -> None:
        assert read_performance(write([on(0), off(480)])).end == 24
        assert Performance(()).end == 0


class TestRefusal:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"nothing\.mid: there is no such file"):
            read_performance(tmp_path / "nothing.mid")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="not a MIDI file that can be read"):
            read_performance(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
    def test_a_pipe_is_not_waited_for_and_a_device_not_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mid")
        (tmp_path / "zero.mid").symlink_to("/dev/zero")
        for name in ("pipe.mid", "zero.mid"):
            with pytest.raises(InputError, match="it is no file"):
                read_performance(tmp_path / name)

    def test_a_file_that_is_too_long(self, write) -> None:
        path = write([on(0), off(480)])
        os.truncate(path, MAX_FILE_BYTES + 1)
        with pytest.raises(InputError, match=f"longer than {MAX_FILE_BYTES} bytes"):
            read_performance(path)

    def test_a_performance_that_is_too_long(self, write) -> None:
        """A wrong time in a file would have the agent accompany silence for days."""
        assert read_performance(write([on(0), off(MAX_BEATS * TICKS)])).end == MAX_BEATS * PULSES_PER_BEAT
        with pytest.raises(InputError, match=f"lasts more than {MAX_BEATS} beats"):
            read_performance(write([on(0), off(MAX_BEATS * TICKS + 1)]))

    def test_a_number_without_end(self, write) -> None:
        path = write([on(0), off(480)])
        path.write_bytes(path.read_bytes()[:22] + b"\xff" * 100_000)
        with pytest.raises(InputError, match="a number of thousands of bytes"):
            read_performance(path)

    def test_a_file_without_notes(self, write) -> None:
        with pytest.raises(InputError, match="there is no note in it"):
            read_performance(write([meta("set_tempo", tempo=600_000)]))
        with pytest.raises(InputError, match="there is no note in it"):
            read_performance(write([on(0, 36, 9), off(10, 36, 9)]))

    def test_songs_one_after_the_other_and_smpte_time(self, write) -> None:
        with pytest.raises(InputError, match="type 0 and 1"):
            read_performance(write([on(0), off(480)], kind=2))
        with pytest.raises(InputError, match="type 0 and 1"):
            read_performance(write([on(0), off(480)], ticks=-6400))

    @pytest.mark.parametrize("event", [b"\xff\x59\x02\x63\x00", b"\xff\x51\x01\x00", b"\xff\x58\x00", b"\xff\x54\x01\x60"])
    def test_damaged_meta_events(self, tmp_path: Path, event: bytes) -> None:
        """A key signature of 99 sharps, a tempo of one byte, a metre of none."""
        track = b"\x00" + event + b"\x00\x90\x3c\x40\x60\x80\x3c\x00\x00\xff\x2f\x00"
        path = tmp_path / "damaged.mid"
        path.write_bytes(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk" + len(track).to_bytes(4, "big") + track)
        with pytest.raises(InputError, match=r"damaged\.mid: not a MIDI file that can be read"):
            read_performance(path)

    @hypothesis_settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.integers(0, 120), st.booleans())
    def test_any_damage_is_read_or_refused(self, tmp_path: Path, damage: list[tuple[int, int]], kept: int, cut: bool) -> None:
        """Flipped bytes, missing ends: an `InputError` or a performance, and nothing else."""
        whole = tmp_path / "whole.mid"
        if not whole.exists():
            write_session(whole, {"player": performance((0, 60, 1), (1, 64, 1)).messages}, Performance(()))
        data = bytearray(whole.read_bytes()[: kept if cut else None])
        for place, byte in damage:
            if place < len(data):
                data[place] = byte
        path = tmp_path / "damaged.mid"
        path.write_bytes(data)
        try:
            read = read_performance(path)
        except InputError:
            return
        assert any(isinstance(message, NoteOn) for _, message in read.messages)
        assert all(20 <= bpm <= 300 for _, bpm in read.tempi)
        assert 1 <= read.beats_per_bar <= 12


class TestWriting:
    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        return tmp_path / "out.mid"

    def test_there_is_a_track_a_name_after_that_of_tempo_and_metre(self, out: Path) -> None:
        player = performance((0, 60, 1), tempi=((Fraction(0), 100.0), (Fraction(24), 50.0)), beats_per_bar=3)
        write_session(out, {"player": player.messages, "lead": [], "bass": [(Fraction(12), NoteOn(2, 40, 80))]}, player)
        file = mido.MidiFile(out)
        assert (file.type, file.ticks_per_beat) == (1, 480)
        assert [track.name for track in file.tracks] == ["", "player", "lead", "bass"]
        conductor = [(message.type, message.time) for message in file.tracks[0] if message.type != "end_of_track"]
        assert conductor == [("time_signature", 0), ("set_tempo", 0), ("set_tempo", 480)]

    def test_parts_sound_like_themselves(self, out: Path) -> None:
        """A General MIDI program a track, on the track's own channel; drums and empty tracks need none."""
        hit = [(Fraction(0), NoteOn(9, 36, 80))]
        write_session(out, {"bass": [(Fraction(0), NoteOn(2, 40, 80))], "drums": hit, "lead": []}, Performance(()))
        programs = [
            [message.program for message in track if message.type == "program_change"] for track in mido.MidiFile(out).tracks
        ]
        assert programs == [[], [33], [], []]

    @hypothesis_settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        notes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 127), st.integers(1, 127)), min_size=1, max_size=20),
        ticks=st.integers(24, 32767),
        tempi=st.lists(st.integers(20, 300), min_size=1, max_size=4),
        beats_per_bar=st.integers(1, 12),
    )
    def test_what_was_written_reads_back(
        self, out: Path, *, notes: list[tuple[int, int, int]], ticks: int, tempi: list[int], beats_per_bar: int
    ) -> None:
        """Positions on the file's own grid exactly, in the player's ticks."""
        messages: list[tuple[Fraction, Message]] = []
        for tick, pitch, velocity in sorted(notes):
            pulse = Fraction(tick * BEAT, ticks)
            messages.append((pulse, NoteOn(PLAYER, pitch, velocity)))
        bent = tuple((Fraction(index * BEAT), float(bpm)) for index, bpm in enumerate(tempi))
        written = Performance(tuple(messages), bent, beats_per_bar, ticks)
        write_session(out, {"agent": written.messages}, written)
        read = read_performance(out)
        assert read.messages == written.messages
        assert (read.beats_per_bar, read.ticks_per_beat) == (beats_per_bar, ticks)
        assert [pulse for pulse, _ in read.tempi] == [pulse for pulse, _ in written.tempi]
        assert [bpm for _, bpm in read.tempi] == pytest.approx(tempi, rel=1e-4)

    def test_messages_out_of_order_are_put_in_order(self, out: Path) -> None:
        write_session(out, {"x": [(Fraction(24), NoteOff(0, 60)), (Fraction(0), NoteOn(0, 60, 80))]}, Performance(()))
        assert [pulse for pulse, _ in read_performance(out).messages] == [0, 24]

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            write_session(tmp_path / "no folder" / "out.mid", {}, Performance(()))
