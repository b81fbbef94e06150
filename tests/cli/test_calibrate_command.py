"""`livegen calibrate` through in-memory ports: the player's end is a cable that takes a known time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livegen.cli import calibrate
from livegen.cli.main import main
from livegen.core.errors import DeviceError
from livegen.core.midi import NoteOff, NoteOn, encode, parse
from livegen.devices.memory import MemoryBackend, MemoryPeer, memory_cable
from livegen.runtime.delays import Delays, delays_file, read_delays, write_delays

DELAY_S = 0.008
PATIENT = ("--count", "8", "--spread", "400")
"""A machine that is busy must not fail what is asked here."""


class Loopback:
    """Sends every note-on that it hears back after `DELAY_S`."""

    def __init__(self, peer: MemoryPeer) -> None:
        self._peer = peer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                item = self._peer.receive(0.05)
                if item is not None and isinstance(parse(item[0]), NoteOn):
                    self._ended.wait(DELAY_S)
                    self._peer.send(item[0])
            except DeviceError:
                return

    def close(self) -> list[Any]:
        """End; all that was heard."""
        self._ended.set()
        self._thread.join()
        heard = [parse(data) for data, _ in self._peer.arrived()]
        self._peer.close()
        return heard


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBackend]:
    backend, peer = memory_cable()
    backend.peer = peer
    monkeypatch.setattr(calibrate, "open_backend", lambda *_: backend)
    yield backend
    backend.close()
    peer.close()


@pytest.fixture
def loopback(backend: MemoryBackend) -> Iterator[Loopback]:
    loopback = Loopback(backend.peer)
    yield loopback
    loopback.close()


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the delays of this test are kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return delays_file()


@pytest.mark.usefixtures("loopback")
class TestMeasuring:
    def test_the_delay_is_printed_and_stored(self, capsys: pytest.CaptureFixture[str], path: Path) -> None:
        assert main(["calibrate", *PATIENT]) == 0
        out, err = capsys.readouterr()
        delay_ms = read_delays(path).of("livegen out")
        assert delay_ms >= DELAY_S * 1000
        assert out.splitlines()[0].startswith(f"livegen out: {delay_ms:.2f} ms, within ")
        assert out.splitlines()[0].endswith("; 8 notes, 0 lost")
        assert str(path) in out.splitlines()[1]
        assert "on channel 16 go to 'livegen out' and must come back to 'livegen in'" in err

    def test_json(self, capsys: pytest.CaptureFixture[str], path: Path) -> None:
        assert main(["calibrate", "--json", *PATIENT]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert list(figures) == ["output", "delay_ms", "spread_ms", "notes", "lost", "stored"]
        assert figures["delay_ms"] == read_delays(path).of("livegen out") >= DELAY_S * 1000
        assert (figures["output"], figures["notes"], figures["lost"]) == ("livegen out", 8, 0)
        assert figures["stored"] == str(path)

    def test_a_dry_run_stores_nothing(self, capsys: pytest.CaptureFixture[str], path: Path) -> None:
        assert main(["calibrate", "--dry-run", *PATIENT]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == ["nothing was stored"]
        assert not path.exists()

    def test_named_ports_are_measured_and_what_was_known_of_others_stays(self, path: Path) -> None:
        write_delays(path, Delays({"another": 3.0, "player in": 400.0}))
        assert main(["calibrate", "--out", "player", "--in", "player", *PATIENT]) == 0
        delays = read_delays(path)
        assert delays.of("another") == 3.0
        assert DELAY_S * 1000 <= delays.of("player in") < 400

    def test_ports_are_taken_from_the_configuration_which_goes_first_if_it_has_a_delay(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, path: Path
    ) -> None:
        config = tmp_path / "stage.toml"
        config.write_text('output = "player"\noutput_delay_ms = 7\n')
        assert main(["calibrate", "--config", str(config), *PATIENT]) == 0
        assert read_delays(path).by_port.keys() == {"player in"}
        assert capsys.readouterr().out.splitlines()[-1].endswith("says output_delay_ms = 7, which goes first")


class TestNotes:
    def test_none_is_left_sounding(self, loopback: Loopback) -> None:
        assert main(["calibrate", *PATIENT]) == 0
        heard = loopback.close()
        ons = [message.pitch for message in heard if isinstance(message, NoteOn)]
        offs = [message.pitch for message in heard if isinstance(message, NoteOff)]
        assert ons == offs
        assert len(ons) == 9

    def test_an_interruption_in_the_middle_of_a_note_ends_it(self, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
        sent = 0

        def interrupted(message: object) -> bytes:
            nonlocal sent
            sent += 1
            if sent == 4:
                raise KeyboardInterrupt
            return encode(message)

        monkeypatch.setattr("livegen.runtime.calibrate.encode", interrupted)
        assert main(["calibrate", *PATIENT]) == 130
        assert [type(message) for message in loopback.close()] == [NoteOn, NoteOff] * 2


class TestRefusals:
    def refused(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        assert main(["calibrate", *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err.splitlines()[-1]

    @pytest.mark.usefixtures("backend")
    def test_nothing_comes_back(self, capsys: pytest.CaptureFixture[str], path: Path) -> None:
        said = self.refused(capsys, "--wait", "0")
        assert "from 'livegen out' to 'livegen in': no test note came back within 0 s: connect the two" in said
        assert not path.exists()

    def test_something_else_plays(
        self, capsys: pytest.CaptureFixture[str], backend: MemoryBackend, loopback: Loopback, path: Path
    ) -> None:
        backend.peer.send(encode(NoteOn(4, 110, 80)))
        assert "something else plays: note 110 arrived on channel 5" in self.refused(capsys, *PATIENT)
        assert not path.exists()

    @pytest.mark.usefixtures("backend")
    @pytest.mark.parametrize("words", [["--out", "Prophet"], ["--in", "Prophet"]])
    def test_a_port_that_is_not_there(self, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
        assert "port matches 'Prophet'; existing ports: 'player" in self.refused(capsys, *words)

    def test_the_input_goes_while_it_listens(self, capsys: pytest.CaptureFixture[str], backend: MemoryBackend) -> None:
        backend.peer.close()
        said = self.refused(capsys)
        assert "from 'livegen out' to 'livegen in'" in said
        assert "has gone" in said

    @pytest.mark.usefixtures("backend")
    def test_a_broken_file_is_told_before_anything_is_measured(self, capsys: pytest.CaptureFixture[str], path: Path) -> None:
        path.parent.mkdir()
        path.write_text("[")
        said = self.refused(capsys)
        assert said.startswith(f"livegen calibrate: {path}: ")
        assert "delete it" in said

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["--count", "7"], "--count: 7 is not in 8..1000"),
            (["--wait", "-1"], "--wait: -1 is not in 0..600"),
            (["--spread", "nan"], "--spread: nan is not in 0.1..500"),
            (["--backend", "none"], "has no ports"),
            (["--config", "nowhere.toml"], "nowhere.toml: there is no such file"),
        ],
    )
    def test_an_option_that_cannot_be_used(self, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str) -> None:
        assert complaint in self.refused(capsys, *words)
