"""The whole daemon on real MIDI ports: JACK's dummy driver, a real peer, real OSC clients, real kills."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.jack import JackServer
from support.live import BASS, CHORDS, DRUMS, LEAD, Daemon, Heard, Peer, ask_osc, daemon, oscsend, peer, sounding_of

pytestmark = [pytest.mark.jack, pytest.mark.processes]

PHRASE = [60, 62, 64, 65, 67]


@pytest.fixture(scope="class")
def stage(jack_server: JackServer) -> Iterator[tuple[Daemon, Peer]]:
    """One daemon and one peer for the tests that break nothing."""
    # The daemon ends first: a client that is closed while it is played to can crash in libjack.
    with peer() as player, daemon("--backend", "jack", "--bpm", "120") as started:
        player.connect()
        yield started, player


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """The shared daemon is left as it was found: in respond, silent."""
    yield
    if "stage" in request.fixturenames:
        _, player = request.getfixturevalue("stage")
        oscsend("/livegen/mode", "s", "respond")
        oscsend("/livegen/panic")
        assert player.ear.wait_for(lambda heard: not sounding_of(heard), 5)


def has(channel: int, since_s: float) -> Callable[[list[Heard]], bool]:
    return lambda heard: any(item.is_on and item.channel == channel and item.time_s >= since_s for item in heard)


class TestPlaying:
    def test_both_ports_are_shown(self, stage: tuple[Daemon, Peer], jack_server: JackServer) -> None:
        ports = jack_server.ports()
        assert any("livegen in" in name for name in ports)
        assert any("livegen out" in name for name in ports)

    def test_a_phrase_is_answered_within_a_beat(self, stage: tuple[Daemon, Peer]) -> None:
        _, player = stage
        player.play(PHRASE)
        ended_s = time.perf_counter()
        assert player.ear.wait_for(has(LEAD, ended_s), 5)
        first = next(item for item in player.ear.since(ended_s) if item.is_on)
        # At 120 bpm a beat is 0.5 s; the ports and this process add a little.
        assert first.time_s - ended_s < 0.55

    def test_it_yields_when_the_player_comes_back(self, stage: tuple[Daemon, Peer]) -> None:
        _, player = stage
        player.play(PHRASE)
        assert player.ear.wait_for(sounding_of, 5)
        player.press(72)
        back_s = time.perf_counter()
        assert player.ear.wait_for(lambda heard: not sounding_of(heard), 5)
        silent_s = player.ear.heard[-1].time_s
        player.release(72)
        assert silent_s - back_s < 0.05
        assert not any(item.is_on and item.time_s > silent_s for item in player.ear.since(silent_s))

    def test_accompany_plays_chords_and_bass_and_drums(self, stage: tuple[Daemon, Peer]) -> None:
        _, player = stage
        oscsend("/livegen/mode", "s", "accompany")
        assert ask_osc("/livegen/mode") == ["accompany"]
        begin_s = time.perf_counter()
        player.play([60, 64, 67, 72, 71, 67, 65, 62], 0.5)
        for channel in (CHORDS, BASS, DRUMS):
            assert player.ear.wait_for(has(channel, begin_s), 5)
        assert not has(LEAD, begin_s)(player.ear.heard)

    def test_listen_plays_nothing(self, stage: tuple[Daemon, Peer]) -> None:
        _, player = stage
        oscsend("/livegen/mode", "s", "listen")
        assert ask_osc("/livegen/mode") == ["listen"]
        begin_s = time.perf_counter()
        player.play(PHRASE, 0.1)
        assert not player.ear.wait_for(lambda heard: any(item.is_on and item.time_s > begin_s for item in heard), 1.5)


class TestOsc:
    @pytest.mark.parametrize(
        ("address", "types", "value", "expected"),
        [
            ("/livegen/temperature", "f", "0.4", pytest.approx(0.4)),
            ("/livegen/style", "s", "folk", "folk"),
            ("/livegen/style/jazz", "f", "0.5", pytest.approx(0.5)),
            ("/livegen/mode", "s", "listen", "listen"),
            ("/livegen/tempo/bpm", "f", "96", pytest.approx(96.0)),
            ("/livegen/tempo/bpm", "f", "9999", pytest.approx(300.0)),
            ("/livegen/tempo/bpm", "f", "120", pytest.approx(120.0)),
        ],
    )
    def test_a_parameter_is_set_and_answered(
        self, stage: tuple[Daemon, Peer], address: str, types: str, value: str, expected: object
    ) -> None:
        oscsend(address, types, value)
        assert ask_osc(address) == [expected]

    def test_ping(self, stage: tuple[Daemon, Peer]) -> None:
        token, version, uptime_s = ask_osc("/livegen/ping", "hello")
        assert (token, version) == ("hello", "0.1.0")
        assert float(uptime_s) > 0

    def test_health_names_the_brain_and_counts_notes(self, stage: tuple[Daemon, Peer]) -> None:
        assert ask_osc("/livegen/health", "brain")[:2] == ["brain", "edge"]
        assert ask_osc("/livegen/health", "notes_out")[0] == "notes_out"

    @pytest.mark.parametrize(
        ("address", "argument"), [("/livegen/temperature", float("nan")), ("/livegen/mode", 3), ("/livegen/nothing", 1.0)]
    )
    def test_nonsense_gets_an_error(self, stage: tuple[Daemon, Peer], address: str, argument: object) -> None:
        code, about, text = ask_osc(address, argument)
        assert about == address
        assert code
        assert text

    def test_panic_releases_everything_within_20_ms(self, stage: tuple[Daemon, Peer]) -> None:
        """The median of five, since one of them may meet a stall of the machine."""
        _, player = stage
        oscsend("/livegen/mode", "s", "accompany")
        delays = []
        for _ in range(5):
            player.play([60, 64], 0.3)
            assert player.ear.wait_for(sounding_of, 5)
            held = player.ear.sounding()
            asked_s = time.perf_counter()
            send_panic()
            assert player.ear.wait_for(lambda heard: not sounding_of(heard), 5)
            ends = [item.time_s for item in player.ear.since(asked_s) if item.is_off and (item.channel, item.data[1]) in held]
            delays.append(max(ends) - asked_s)
        assert statistics.median(delays) < 0.02, delays


def send_panic() -> None:
    """Without the start-up time of another program in the measurement."""
    import socket  # noqa: PLC0415 - used here only

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"/livegen/panic\0\0,\0\0\0", ("127.0.0.1", 7700))


class TestCalibration:
    def test_what_a_loop_measures_the_next_run_makes_up_for(
        self, jack_server: JackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Both ports are our own, and are connected while it waits."""
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        options = ["--backend", "jack", "--json", "--spread", "400", "--wait", "60"]
        command = [sys.executable, "-m", "livegen", "calibrate", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert "must come back to 'livegen in'" in process.stderr.readline()
            ends = [next(name for name in jack_server.ports() if name.endswith(end)) for end in ("livegen out", "livegen in")]
            jack_server.connect(*ends)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        measured = json.loads(out)
        assert (measured["output"], measured["notes"]) == ("livegen out", 40)
        assert 0 < measured["delay_ms"] < 500
        with daemon("--backend", "jack", "--model", "scripted") as started:
            line = started.wait_for_line("MIDI in:")
            assert line.endswith(f"MIDI out: livegen out, sent {measured['delay_ms']:.1f} ms early")


class TestDeath:
    def test_a_killed_brain_is_replaced_and_nothing_hangs(self, jack_server: JackServer) -> None:
        with peer() as player, daemon("--backend", "jack", "--mode", "accompany") as started:
            player.connect()
            player.play([60, 64, 67, 72], 0.5)
            assert player.ear.wait_for(sounding_of, 5)
            brain = started.children()["brain"]
            assert player.ear.wait_for(sounding_of, 5)
            held = player.ear.sounding()
            killed_s = time.perf_counter()
            os.kill(brain, signal.SIGKILL)
            assert player.ear.wait_for(lambda heard: not held & sounding_of(heard), 0.2), "a note hung for more than 200 ms"
            player.play([67, 64], 0.5)
            assert player.ear.wait_for(has(CHORDS, killed_s + 0.2), 3), "nothing played on"
            started.wait_for_line("model: edge", 3.0 - (time.perf_counter() - killed_s), count=2)
            assert started.children()["brain"] != brain
            assert ask_osc("/livegen/health", "brain_losses")[:2] == ["brain_losses", 1]

    def test_a_killed_performer_leaves_no_note_on_a_synth_that_outlives_it(self, jack_server: JackServer) -> None:
        with peer() as player:
            synth = player.be_a_synth()
            with daemon("--backend", "jack", "--mode", "accompany", "--out", synth) as started:
                player.connect()
                player.play([60, 64, 67, 72], 0.5)
                assert player.ear.wait_for(sounding_of, 5)
                os.kill(started.children()["performer"], signal.SIGKILL)
                # JACK itself takes seconds to bury a killed client, and what is sent before that may be lost.
                assert player.ear.wait_for(lambda heard: not sounding_of(heard), 20), player.ear.sounding()
                started.wait_for_line("MIDI in:", count=2)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_orderly_end_releases_everything(self, jack_server: JackServer, number: signal.Signals) -> None:
        with peer() as player, daemon("--backend", "jack", "--mode", "accompany") as started:
            player.connect()
            player.play([60, 64, 67], 0.5)
            assert player.ear.wait_for(sounding_of, 5)
            assert started.stop(number) == 0
            assert not player.ear.sounding()
            assert started.lines[-1] == "all notes released, goodbye"
            assert not any("Traceback" in line for line in started.lines)
