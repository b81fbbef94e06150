"""`livegen simulate` with the bundled model: deterministic, causal to the bit, on the player's grid, and fast."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import pytest

from livegen.cli.main import main
from livegen.core.parameters import build_registry
from livegen.generators.open_generator import styles_of
from livegen.runtime.simulation import TAIL_BEATS

TICKS = 480
GRID = TICKS // 24
"""Ticks of a pulse."""

MELODY = (60, 64, 67, 69, 67, 65, 64, 62)
Moment = tuple[int, tuple[int, ...]]
Simulate = Callable[..., dict[str, list[Moment]]]


def write_tune(path: Path, beats: int, phrase: int = 6, ticks: int = TICKS) -> Path:
    """Quarters with a two-beat rest after each phrase, some of them off the beat."""
    track = mido.MidiTrack()
    wait = 0
    for beat in range(beats):
        if beat % (phrase + 2) >= phrase:
            wait += ticks
            continue
        pitch = MELODY[beat * 3 % len(MELODY)]
        begin = ticks // 8 if beat % 5 == 3 else 0
        track.append(mido.Message("note_on", note=pitch, velocity=70 + beat % 20, time=wait + begin))
        track.append(mido.Message("note_off", note=pitch, time=ticks - begin - ticks // 8))
        wait = ticks // 8
    mido.MidiFile(tracks=[track], ticks_per_beat=ticks).save(path)
    return path


def read_tracks(path: Path) -> dict[str, list[Moment]]:
    """The notes of every named track as (tick, bytes), with repeats of a name refused."""
    tracks: dict[str, list[Moment]] = {}
    for track in mido.MidiFile(path).tracks:
        tick, name, moments = 0, "", []
        for message in track:
            tick += message.time
            if message.type == "track_name":
                name = message.name
            elif message.type in {"note_on", "note_off"}:
                moments.append((tick, tuple(message.bytes())))
        if name:
            assert name not in tracks
            tracks[name] = moments
    return tracks


def onsets(moments: list[Moment]) -> list[int]:
    return [tick for tick, data in moments if data[0] & 0xF0 == 0x90 and data[2]]


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tune(tmp_path_factory.mktemp("tune") / "tune.mid", 32)


@pytest.fixture
def simulate(tmp_path: Path) -> Simulate:
    """Run the command; the tracks of what it wrote."""

    def run(source: Path, *options: str) -> dict[str, list[Moment]]:
        out = tmp_path / "out.mid"
        assert main(["simulate", str(source), "--out", str(out), *options]) == 0
        return read_tracks(out)

    return run


@pytest.mark.parametrize("mode", ["respond", "accompany"])
class TestDeterminism:
    def test_the_same_seed_gives_the_same_bytes(self, tune: Path, tmp_path: Path, mode: str) -> None:
        """Also in another process, where Python hashes otherwise."""
        ours, theirs = tmp_path / "ours.mid", tmp_path / "theirs.mid"
        words = ["simulate", str(tune), "--mode", mode, "--seed", "11", "--out"]
        assert main([*words, str(ours)]) == 0
        environment = {**os.environ, "PYTHONHASHSEED": "4321"}
        command = [sys.executable, "-m", "livegen", *words, str(theirs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=60)
        assert done.stderr == ""
        assert ours.read_bytes() == theirs.read_bytes()

    @pytest.mark.parametrize("options", [["--seed", "2"], ["--seed", "1", "--temperature", "0.2"]])
    def test_another_seed_or_temperature_gives_other_notes(
        self, simulate: Simulate, tune: Path, mode: str, options: list[str]
    ) -> None:
        one = simulate(tune, "--mode", mode, "--seed", "1")
        other = simulate(tune, "--mode", mode, *options)
        assert one["player"] == other["player"]
        assert one != other


class TestTracks:
    def test_respond_writes_the_player_and_the_lead(self, simulate: Simulate, tune: Path) -> None:
        tracks = simulate(tune, "--mode", "respond")
        assert list(tracks) == ["player", "lead"]
        assert {data[0] & 0x0F for _, data in tracks["lead"]} == {0}

    def test_accompany_writes_the_player_and_the_band(self, simulate: Simulate, tune: Path) -> None:
        tracks = simulate(tune, "--mode", "accompany")
        assert list(tracks) == ["player", "chords", "bass", "drums"]
        channels = {name: {data[0] & 0x0F for _, data in moments} for name, moments in tracks.items() if name != "player"}
        assert channels == {"chords": {1}, "bass": {2}, "drums": {9}}

    def test_listen_writes_the_player_alone(self, simulate: Simulate, tune: Path) -> None:
        assert list(simulate(tune, "--mode", "listen")) == ["player"]

    @pytest.mark.parametrize("ticks", [96, 480, 960])
    def test_the_player_stands_where_he_stood_and_the_band_lines_up(
        self, simulate: Simulate, tmp_path: Path, ticks: int
    ) -> None:
        """In the file's own ticks, on its grid of 24 a beat, from the second beat to the tail after the player's end."""
        source = write_tune(tmp_path / "in.mid", 24, ticks=ticks)
        track, tick, played = mido.MidiFile(source).tracks[0], 0, []
        for message in track:
            tick += message.time
            if message.type in {"note_on", "note_off"}:
                played.append((tick, tuple(message.bytes())))
        tracks = simulate(source, "--mode", "accompany", "--lookahead", "0.5")
        assert sorted(tracks["player"]) == sorted(played)
        end = played[-1][0]
        for name in ("chords", "bass", "drums"):
            begun = onsets(tracks[name])
            assert all(onset % (ticks // 24) == 0 for onset in begun)
            assert begun[0] <= 4 * ticks
            assert begun[-1] < end + TAIL_BEATS * ticks
            assert sum(onset < end for onset in begun) > len(begun) / 2

    @pytest.mark.parametrize("mode", ["respond", "accompany"])
    def test_every_note_ends(self, simulate: Simulate, tune: Path, mode: str) -> None:
        for name, moments in simulate(tune, "--mode", mode).items():
            held: set[int] = set()
            for _, data in moments:
                begins = data[0] & 0xF0 == 0x90 and data[2] > 0
                assert begins != (data[1] in held), name
                held ^= {data[1]}
            assert not held

    def test_the_tempo_and_the_style_are_taken(self, simulate: Simulate, tune: Path, tmp_path: Path) -> None:
        plain = simulate(tune, "--mode", "accompany")
        assert simulate(tune, "--mode", "accompany", "--style", "jazz") != plain
        simulate(tune, "--mode", "accompany", "--bpm", "93")
        tempi = [message.tempo for message in mido.MidiFile(tmp_path / "out.mid").tracks[0] if message.type == "set_tempo"]
        assert tempi == [mido.bpm2tempo(93)]


class TestReport:
    def report(self, tune: Path, tmp_path: Path, *options: str) -> dict[str, Any]:
        path = tmp_path / "report.json"
        words = [str(tune), "--out", str(tmp_path / "out.mid"), "--report", str(path)]
        assert main(["simulate", *words, *options]) == 0
        report: dict[str, Any] = json.loads(path.read_text())
        return report

    def test_it_says_what_was_asked_and_what_came_of_it(self, tune: Path, tmp_path: Path) -> None:
        report = self.report(tune, tmp_path, "--mode", "accompany", "--seed", "5", "--style", "folk")
        assert set(report) == {"model", "seed", "settings", "player", "notes", "answers", "chords", "counters"}
        assert (report["model"], report["seed"]) == ("edge", 5)
        names = {parameter.name for parameter in build_registry(styles_of("edge")) if not parameter.macro}
        assert set(report["settings"]) == names
        assert report["settings"]["style/folk"] == 1.0
        assert report["player"] == {"messages": 48, "beats": 29.875, "tempo_bpm": [[0.0, 120.0]]}
        tracks = read_tracks(tmp_path / "out.mid")
        assert report["notes"] == {name: len(onsets(track)) for name, track in tracks.items() if name != "player"}
        assert report["counters"]["notes_out"] == sum(report["notes"].values())
        assert report["counters"].get("notes_late_dropped", 0) == 0

    def test_chords_are_written_window_by_window(self, tune: Path, tmp_path: Path) -> None:
        chords = self.report(tune, tmp_path, "--mode", "accompany")["chords"]
        beats = [chord["beat"] for chord in chords]
        assert beats == sorted(beats)
        assert all(set(chord) == {"beat", "root", "quality"} for chord in chords)
        assert all(chord["root"] is None or 0 <= chord["root"] < 12 for chord in chords)

    def test_answers_begin_within_a_beat(self, tune: Path, tmp_path: Path) -> None:
        answers = self.report(tune, tmp_path, "--mode", "respond")["answers"]
        assert len(answers) == 4
        for answer in answers:
            assert set(answer) == {"phrase_end_beat", "start_beat", "delay_beats", "delay_ms"}
            assert 0 < answer["delay_beats"] <= 1


class TestCausality:
    """Nobody knows the future: what is cut off changes nothing before the cut, bit for bit."""

    @pytest.mark.parametrize("mode", ["respond", "accompany"])
    @pytest.mark.parametrize("cut_beat", [5.5, 13.0, 21.25])
    def test_the_network_does_not_hear_what_has_not_been_played(
        self, simulate: Simulate, tune: Path, tmp_path: Path, mode: str, cut_beat: float
    ) -> None:
        cut = round(cut_beat * TICKS)
        file, tick = mido.MidiFile(tune), 0
        kept = mido.MidiTrack()
        for message in file.tracks[0]:
            tick += message.time
            if tick >= cut:
                break
            kept.append(message)
        prefix = tmp_path / "prefix.mid"
        mido.MidiFile(tracks=[kept], ticks_per_beat=TICKS).save(prefix)
        whole, part = (
            {name: [moment for moment in track if moment[0] < cut] for name, track in simulate(source, "--mode", mode).items()}
            for source in (tune, prefix)
        )
        # A part that has not begun by then has no track yet.
        names = [name for name, track in whole.items() if track]
        assert [name for name, track in part.items() if track] == names
        assert {name: part[name] for name in names} == {name: whole[name] for name in names}
        assert len(names) > 1 or cut_beat < 6


def test_64_beats_take_less_than_5_s_of_one_core(tmp_path: Path) -> None:
    """Processor time, so that a busy machine does not fail it; loading Python and the model included."""
    source = write_tune(tmp_path / "in.mid", 64)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "livegen", "simulate", str(source), "--mode", "accompany"]
    subprocess.run([*command, "--out", str(tmp_path / "out.mid")], check=True, capture_output=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"64 beats of accompaniment: {seconds:.2f} s of processor time")  # noqa: T201 - a figure to be read
    assert seconds < 5
