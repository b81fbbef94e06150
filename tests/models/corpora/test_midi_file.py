"""From ticks to pulses: metres, tempi, damaged files, the pedal."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corpora.midi_file import Metre, MidiScore, quantised, read_midi, sustained
from models.corpora.source import QuarantinedError


@pytest.mark.parametrize(
    ("written", "beats_per_bar", "pulses_per_quarter"),
    [
        ((4, 4), 4, 24),
        ((3, 4), 3, 24),
        ((2, 2), 2, 12),
        ((3, 8), 3, 48),
        ((6, 8), 2, 16),
        ((9, 8), 3, 16),
        ((12, 8), 4, 16),
        ((6, 4), 2, 8),
    ],
)
def test_the_beat_is_the_written_unit_or_three_of_them(
    written: tuple[int, int], beats_per_bar: int, pulses_per_quarter: int
) -> None:
    metre = Metre(*written)
    assert (metre.beats_per_bar, metre.pulses_per_quarter) == (beats_per_bar, pulses_per_quarter)


@given(
    numerator=st.integers(1, 24), denominator=st.sampled_from([2, 4, 8, 16]), ticks_per_quarter=st.sampled_from([120, 480, 960])
)
def test_a_written_bar_is_a_whole_number_of_beats(numerator: int, denominator: int, ticks_per_quarter: int) -> None:
    metre = Metre(numerator, denominator)
    score = MidiScore(ticks_per_quarter, (), (), ((0, 500_000),), 0)
    bar_ticks = ticks_per_quarter * 4 * numerator // denominator
    assert score.pulses(bar_ticks, metre) == metre.bar_pulses


def test_notes_of_a_jig_fall_on_thirds_of_the_beat(tmp_path: Path, write_midi) -> None:
    path = write_midi(tmp_path / "jig.mid", [("tune", [(i / 2, 60 + i, 0.49) for i in range(6)])], metres=[(0, (6, 8))])
    score = read_midi(path)
    notes = quantised(score, score.tracks[1].notes, score.metres[0][1])
    assert [note.onset for note in notes] == [0, 8, 16, 24, 32, 40]
    assert {note.duration for note in notes} == {8}
    assert {note.velocity for note in notes} == {None}


def test_tempo_is_in_beats_of_the_metre(tmp_path: Path, write_midi) -> None:
    notes = [("tune", [(0, 60, 12)])]
    simple = read_midi(write_midi(tmp_path / "a.mid", notes, tempi=[(0, 90)]))
    compound = read_midi(write_midi(tmp_path / "b.mid", notes, metres=[(0, (6, 8))], tempi=[(0, 90)]))
    assert simple.tempo_bpm(simple.metres[0][1]) == pytest.approx(90, abs=0.01)
    assert compound.tempo_bpm(compound.metres[0][1]) == pytest.approx(60, abs=0.01)


def test_a_change_of_tempo_counts_by_the_time_it_holds(tmp_path: Path, write_midi) -> None:
    score = read_midi(write_midi(tmp_path / "a.mid", [("tune", [(0, 60, 8)])], tempi=[(0, 120), (4, 60)]))
    assert score.seconds([0, 4 * 480, 8 * 480]).tolist() == pytest.approx([0.0, 2.0, 6.0], abs=1e-4)
    assert score.tempo_bpm(Metre(4, 4)) == pytest.approx(80, abs=0.01)


def test_a_metre_written_twice_is_no_change(tmp_path: Path, write_midi) -> None:
    path = write_midi(tmp_path / "a.mid", [("tune", [(0, 60, 8)])], metres=[(0, (4, 4)), (4, (4, 4)), (8, (3, 4))])
    assert [(tick, metre.numerator) for tick, metre in read_midi(path).metres] == [(0, 4), (8 * 480, 3)]


def test_a_damaged_file_is_quarantined_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.mid"
    path.write_bytes(b"MThd not really")
    with pytest.raises(QuarantinedError, match="unreadable"):
        read_midi(path)


def test_the_pedal_holds_a_note_until_it_lifts_or_the_note_returns(tmp_path: Path, write_midi) -> None:
    notes = [(0, 48, 0.5), (1, 60, 0.5), (3, 60, 0.5), (6, 72, 0.5)]
    path = write_midi(tmp_path / "a.mid", [("piano", notes)], pedal=[(0.25, True), (4, False)])
    lengths = [note.duration / 480 for note in sustained(read_midi(path).tracks[1], longest=3 * 480)]
    # Held to the limit, to its own return, to the lift of the pedal; the last is played without pedal.
    assert lengths == [3, 2, 1, 0.5]


class TestNoMusic:
    """Files that are MIDI by form, with times that no music has."""

    def _file(self, path: Path, *messages: mido.Message, ticks: int = 96) -> Path:
        mido.MidiFile(ticks_per_beat=ticks, tracks=[mido.MidiTrack(messages)]).save(path)
        return path

    def test_time_in_frames_is_quarantined(self, tmp_path: Path) -> None:
        path = self._file(tmp_path / "a.mid", mido.Message("note_on", note=60))
        content = bytearray(path.read_bytes())
        content[12:14] = (0xE7, 0x28)
        path.write_bytes(content)
        with pytest.raises(QuarantinedError, match="in frames"):
            read_midi(path)

    @pytest.mark.parametrize(("above", "below"), [(0, 4), (4, 64), (65, 4)])
    def test_an_impossible_metre_is_quarantined(self, tmp_path: Path, above: int, below: int) -> None:
        path = self._file(tmp_path / "a.mid", mido.MetaMessage("time_signature", numerator=above, denominator=below))
        with pytest.raises(QuarantinedError, match="no metre or tempo of music"):
            read_midi(path)

    def test_a_tempo_of_zero_is_quarantined(self, tmp_path: Path) -> None:
        with pytest.raises(QuarantinedError, match="a tempo of 0"):
            read_midi(self._file(tmp_path / "a.mid", mido.MetaMessage("set_tempo", tempo=0)))

    def test_a_note_without_end_in_sight_is_quarantined(self, tmp_path: Path) -> None:
        notes = (mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=(1 << 28) - 1))
        with pytest.raises(QuarantinedError, match="too long: 2796202 quarters"):
            read_midi(self._file(tmp_path / "a.mid", *notes))


class TestMarks:
    @pytest.mark.parametrize(("name", "fifths"), [("C", None), ("G", 1), ("Bb", -2), ("F#m", 3), ("Ebm", -6), ("Cb", -7)])
    def test_a_key_signature_holds_from_its_tick_on_and_an_empty_one_says_nothing(
        self, tmp_path: Path, name: str, fifths: int | None
    ) -> None:
        track = mido.MidiTrack([mido.MetaMessage("key_signature", key=name, time=96)])
        mido.MidiFile(ticks_per_beat=96, tracks=[track]).save(tmp_path / "a.mid")
        score = read_midi(tmp_path / "a.mid")
        assert (score.fifths(95), score.fifths(96)) == (None, fifths)

    def test_the_first_program_of_each_channel_is_known(self, tmp_path: Path) -> None:
        changes = [
            mido.Message("program_change", channel=channel, program=program) for channel, program in ((1, 40), (1, 41), (0, 5))
        ]
        mido.MidiFile(tracks=[mido.MidiTrack(changes)]).save(tmp_path / "a.mid")
        assert read_midi(tmp_path / "a.mid").tracks[0].programs == ((0, 5), (1, 40))
