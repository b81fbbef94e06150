"""`livegen run --log` on real MIDI ports: the log and the MIDI file hold what the peer heard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mido
import pytest
from support.jack import JackServer
from support.live import CHORDS, daemon, peer

pytestmark = [pytest.mark.jack, pytest.mark.processes]

MELODY = [60, 64, 67, 72]


def test_a_gig_is_recorded_replayed_and_written_as_midi(jack_server: JackServer, tmp_path: Path) -> None:
    with peer() as player, daemon("--backend", "jack", "--mode", "accompany", "--log", str(tmp_path)) as started:
        log = Path(started.wait_for_line("session log: ").removeprefix("session log: "))
        player.connect()
        player.play(MELODY, 0.5)
        assert player.ear.wait_for(lambda heard: any(item.is_on and item.channel == CHORDS for item in heard), 20)
        assert started.stop() == 0
        midi = log.with_suffix(".mid")
        assert started.lines[-2:] == [f"what was played: {midi}", "all notes released, goodbye"]
        heard = sorted((item.channel, item.data[1]) for item in player.ear.since(0) if item.is_on)
    done = subprocess.run(
        [sys.executable, "-m", "livegen", "replay", str(log)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the same came out, byte for byte\n")
    assert "orderly" not in done.stdout
    tracks = {track.name: [message for message in track if message.type == "note_on"] for track in mido.MidiFile(midi).tracks}
    assert [message.note for message in tracks.pop("player")] == MELODY
    assert sorted((message.channel, message.note) for track in tracks.values() for message in track) == heard
