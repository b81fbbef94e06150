"""A session log as a MIDI file: the player's and the agent's notes, each on its track, where it stood in the music."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest
from support.logged import LoggedStage, log_of
from support.stage import BEAT_NS, CHORDS, PLAYER, lead, settings_with

from livegen.core.errors import InputError
from livegen.core.events import Note, Part
from livegen.core.midi import CLOCK, START, Control, Other, Realtime
from livegen.core.parameters import Settings
from livegen.runtime.midi_files import Performance
from livegen.runtime.session_midi import write_midi

TICKS = 480


def written(stage: LoggedStage, folder: Path) -> mido.MidiFile:
    log, path = folder / "session.livegen", folder / "session.mid"
    log.write_bytes(b"".join(log_of(stage.log)))
    counted = write_midi(log, path)
    file = mido.MidiFile(path)
    assert counted == {track.name: len(onsets(file, track.name)) for track in file.tracks[1:]}
    return file


def onsets(file: mido.MidiFile, name: str) -> list[tuple[float, int]]:
    """Beat and pitch of every note-on of a track."""
    return [(beat, message.note) for beat, message in messages(file, name) if message.type == "note_on"]


def messages(file: mido.MidiFile, name: str) -> list[tuple[float, mido.Message]]:
    (track,) = [track for track in file.tracks if track.name == name]
    tick, found = 0, []
    for message in track:
        tick += message.time
        if not message.is_meta and message.type != "program_change":
            found.append((tick / TICKS, message))
    return found


def tempi(file: mido.MidiFile) -> list[tuple[float, float]]:
    tick, found = 0, []
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "set_tempo":
            found.append((tick / TICKS, round(mido.tempo2bpm(message.tempo), 1)))
    return found


def answered(settings: Settings | None = None, advance_ns: int = 0) -> LoggedStage:
    """A note of the player on beat 0, an answer on beat 1."""
    stage = LoggedStage(settings, advance_ns=advance_ns)
    stage.play(60, 0.25)
    stage.advance(0.5)
    stage.answer(lead(0, 64), lead(12, 67))
    stage.advance(2)
    return stage


def test_player_and_agent_stand_where_they_played(tmp_path: Path) -> None:
    stage = answered()
    stage.close()
    file = written(stage, tmp_path)
    assert [track.name for track in file.tracks[1:]] == ["player", "lead"]
    assert [(beat, message.type) for beat, message in messages(file, "player")] == [(0, "note_on"), (0.25, "note_off")]
    assert onsets(file, "lead") == [(1.0, 64), (1.5, 67)]
    assert tempi(file) == [(0, 120.0)]


def test_what_is_sent_earlier_stands_where_it_is_heard(tmp_path: Path) -> None:
    assert onsets(written(answered(advance_ns=50_000_000), tmp_path), "lead") == [(1.0, 64), (1.5, 67)]


def test_tempo_changes_stand_where_they_were(tmp_path: Path) -> None:
    stage = answered()
    stage.change(tempo__bpm=60.0)
    stage.sleep(1_000_000_000)
    stage.press(62)
    file = written(stage, tmp_path)
    assert tempi(file) == [(0, 120.0), (2.75, 60.0)]
    assert onsets(file, "player") == [(0, 60), (3.75, 62)]


def test_the_silence_before_the_first_note_is_left_out_by_whole_bars(tmp_path: Path) -> None:
    stage = LoggedStage()
    stage.change(tempo__bpm=90.0)
    stage.change(tempo__bpm=120.0)
    stage.sleep(9 * BEAT_NS)
    stage.play(60, 1)
    file = written(stage, tmp_path)
    assert onsets(file, "player") == [(1.0, 60)]
    assert tempi(file) == [(0, 120.0)]


def test_what_is_passed_through_stands_once(tmp_path: Path) -> None:
    stage = LoggedStage(settings_with(mode="listen", thru=True))
    stage.play(60, 1)
    assert len(stage.sent) == 2
    file = written(stage, tmp_path)
    assert [track.name for track in file.tracks[1:]] == ["player"]
    assert onsets(file, "player") == [(0, 60)]


def test_what_is_added_to_the_players_notes_is_chords(tmp_path: Path) -> None:
    stage = LoggedStage(settings_with(mode="harmonize", thru=True))
    stage.advance(0.6)
    stage.press(60)
    stage.advance(1)
    stage.press(72, channel=CHORDS)
    file = written(stage, tmp_path)
    added = [pitch for _, pitch in onsets(file, "chords")]
    assert len(added) == len([item for item in stage.sent if item.message.channel == CHORDS and "NoteOn" in repr(item)]) - 1


def test_parts_have_their_tracks_and_the_click_its_own(tmp_path: Path) -> None:
    stage = LoggedStage(settings_with(mode="accompany", click=True))
    stage.press(60)
    stage.advance(0.4)
    stage.answer(*(Note(part, 0, 60, 6, 80) for part in Part))
    stage.advance(2)
    file = written(stage, tmp_path)
    assert [track.name for track in file.tracks[1:]] == ["player", "lead", "chords", "bass", "drums", "click"]
    assert len(onsets(file, "click")) >= 2


def test_what_sounds_when_the_log_breaks_off_ends_there(tmp_path: Path) -> None:
    stage = answered()
    stage.press(72)
    file = written(stage, tmp_path)
    for name in ("player", "lead"):
        kinds = [message.type for _, message in messages(file, name)]
        assert kinds.count("note_on") == kinds.count("note_off")


def test_clocks_and_sysex_stay_out_and_pedals_and_bends_come_in(tmp_path: Path) -> None:
    stage = LoggedStage()
    stage.press(60)
    for message in (Realtime(START), Realtime(CLOCK), Other(b"\xf0\x01\xf7"), Other(b"\xff"), Control(PLAYER, 64, 127)):
        stage.receive(message)
    stage.receive(Other(b"\xe5\x00\x40"))
    file = written(stage, tmp_path)
    assert [message.type for _, message in messages(file, "player")] == ["note_on", "control_change", "pitchwheel", "note_off"]


def test_a_session_without_a_note_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a note was played"):
        written(LoggedStage(), tmp_path)
    assert not (tmp_path / "session.mid").exists()


def test_the_resolution_is_that_of_simulate(tmp_path: Path) -> None:
    assert written(answered(), tmp_path).ticks_per_beat == Performance(()).ticks_per_beat == TICKS
