"""The command line as a person meets it: exit codes, and one clear line on standard error for whatever cannot be used."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import pytest
from support import jack

from livegen import __version__
from livegen.cli import doctor
from livegen.cli.main import COMMANDS, main
from livegen.core.beat_network import BeatNetwork
from livegen.core.errors import ModelError
from livegen.devices import rtmidi_ports
from livegen.generators import model_files
from livegen.generators.model_files import bundled_directory
from livegen.runtime.config import DEFAULTS
from livegen.runtime.delays import delays_file

LIMIT_S = 60
NO_SERVER = {"JACK_DEFAULT_SERVER": "livegen-no-such-server", "JACK_NO_START_SERVER": "1"}


def damaged_network() -> BeatNetwork:
    """What reading the network that hears beats does where its file is damaged."""
    raise ModelError("it is damaged")


NAMES = ("run", "demo", "simulate", "calibrate", "bench", "doctor", "ports", "models", "replay", "service")

Refused = Callable[..., str]


def livegen(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: what comes out includes what libraries print behind Python's back."""
    return subprocess.run(
        [sys.executable, "-m", "livegen", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        env={**os.environ, **environment},
    )


def one_line(command: str, stderr: str) -> str:
    """The only line of standard error, without the command's name."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith(f"livegen {command}: ")
    return lines[0].removeprefix(f"livegen {command}: ")


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Refused:
    """Run a command that must end in exit code 2, without a word on standard output; what it says."""

    def run(*words: str | Path) -> str:
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert (code, out) == (2, "")
        return one_line(str(words[0]), err)

    return run


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A UDP port of this machine that somebody else listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A file with four notes."""
    track = mido.MidiTrack()
    for pitch in (60, 62, 64, 65):
        track += [mido.Message("note_on", note=pitch, velocity=80), mido.Message("note_off", note=pitch, time=480)]
    path = tmp_path / "song.mid"
    mido.MidiFile(tracks=[track]).save(path)
    return path


class TestUsage:
    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ([], "the following arguments are required: COMMAND"),
            (["dance"], "invalid choice: 'dance'"),
            (["run", "--loud"], "unrecognized arguments: --loud"),
            (["run", "--mode", "duel"], "invalid choice: 'duel'"),
            (["run", "--bpm", "fast"], "invalid float value: 'fast'"),
            (["run", "--backend", "oss"], "invalid choice: 'oss'"),
            (["simulate", "a.mid"], "required: --out"),
            (["simulate", "--out", "a.mid"], "required: IN.mid"),
            (["bench", "--provider", "abacus"], "invalid choice: 'abacus'"),
            (["bench", "schedule", "abacus"], "invalid choice: 'abacus'"),
            (["models", "edge"], "unrecognized arguments: edge"),
        ],
    )
    def test_a_wrong_command_line_is_2_and_says_what_is_wrong(
        self, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (2, "")
        assert complaint in err.splitlines()[-1]

    @pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in NAMES)])
    def test_help_is_0(self, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: livegen")

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
        assert (ended.value.code, capsys.readouterr().out) == (0, f"livegen {__version__}\n")

    def test_every_command_is_tested_here(self) -> None:
        assert {command.__name__.rpartition(".")[2] for command in COMMANDS} == set(NAMES)

    def test_a_reader_that_has_enough_is_no_error(self) -> None:
        """As `livegen models | head -0`."""
        ours, theirs = os.pipe()
        os.close(ours)
        command = [sys.executable, "-m", "livegen", "models"]
        with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, text=True) as process:
            os.close(theirs)
            assert process.communicate(timeout=LIMIT_S)[1] == ""
        assert process.returncode == 0

    def test_ctrl_c_is_130_without_a_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("livegen.cli.models.list_models", interrupted)
        assert main(["models"]) == 130
        assert capfd.readouterr().err == ""


class TestConfiguration:
    """`run` refuses before it starts anything."""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("seed = 1\nmodel = first\n", "line 2"),
            ("[parameters\n", "line 1"),
            ('modle = "edge"', "unknown key 'modle'; there are name, backend"),
            ('seed = "one"', "seed: wants a whole number, not 'one'"),
            ("osc_port = 70000", "osc_port: 70000 is not in 0..65535"),
            ("[channels]\nlead = 17", "channels.lead: wants a MIDI channel 1..16"),
        ],
    )
    def test_a_file_that_cannot_be_used(self, refused: Refused, tmp_path: Path, text: str, complaint: str) -> None:
        path = tmp_path / "stage.toml"
        path.write_text(text)
        said = refused("run", "--config", path)
        assert said.startswith(str(path))
        assert "line " in said
        assert complaint in said

    def test_a_missing_file(self, refused: Refused, tmp_path: Path) -> None:
        assert refused("run", "--config", tmp_path / "none.toml").endswith("none.toml: there is no such file")

    def test_delays_that_cannot_be_read_end_the_start(
        self, refused: Refused, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        delays_file().parent.mkdir()
        delays_file().write_text("[delay_ms]\n'livegen out' = -3\n")
        said = refused("run", "--model", "scripted", "--backend", "none", "--osc-port", "0")
        assert said.startswith(f"{delays_file()}: delay_ms.'livegen out': wants a number 0..500, not -3")
        assert said.endswith("delete it and measure the outputs again with `livegen calibrate`")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[parameters]\ntemprature = 1", "no parameter is named 'temprature'"),
            ("[parameters]\ntemperature = 9", "temperature: 9 is above 2"),
            ('[parameters]\nmode = "duel"', "mode: wants one of"),
            ("[parameters.tempo]\nbpm = 5", "tempo/bpm: 5 is below 20 bpm"),
        ],
    )
    def test_a_parameter_that_cannot_be_used(self, refused: Refused, tmp_path: Path, text: str, complaint: str) -> None:
        path = tmp_path / "stage.toml"
        path.write_text(text)
        said = refused("run", "--config", path)
        assert said.startswith(f"{path}, line 2: ")
        assert complaint in said

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--style", "polka"], "style: wants one of none, pop, jazz"),
            (["--model", "markov", "--style", "jazz"], "style: wants one of none, not 'jazz'"),
            (["--temperature", "2.5"], "temperature: 2.5 is above 2"),
            (["--temperature", "nan"], "temperature: nan is not a finite number"),
            (["--density", "2"], "density: 2 is above 1"),
            (["--register", "-36"], "register: -36 is below -24 semitones"),
            (["--bpm", "1000"], "tempo/bpm: 1000 is above 300 bpm"),
            (["--lookahead", "0"], "lookahead: 0 is below 0.1 beats"),
            (["--osc-port", "-1"], "osc_port: -1 is not in 0..65535"),
            (["--delay", "501"], "output_delay_ms: 501 is not in 0..500"),
            (["--seed", "-1"], "seed: -1 is negative"),
        ],
    )
    def test_an_option_out_of_range(self, refused: Refused, options: list[str], complaint: str) -> None:
        assert complaint in refused("run", *options)

    def test_a_configuration_that_cannot_be_used_leaves_nothing_behind(self, refused: Refused) -> None:
        before = set(Path("/dev/shm").glob("psm_*"))  # noqa: S108 - where Linux keeps shared memory
        refused("run", "--style", "polka")
        assert set(Path("/dev/shm").glob("psm_*")) <= before  # noqa: S108


def edited(**changes: object) -> Callable[[Path], None]:
    """A damage: other values in model.json."""

    def damage(model: Path) -> None:
        document = json.loads((model / "model.json").read_text())
        (model / "model.json").write_text(json.dumps(document | changes))

    return damage


def cut(name: str) -> Callable[[Path], None]:
    return lambda model: os.truncate(model / name, (model / name).stat().st_size // 2)


def flipped(model: Path) -> None:
    data = bytearray((model / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (model / "model.onnx").write_bytes(data)


def sealed(model: Path, section: str, data: bytes) -> None:
    """Other bytes in a graph's file, with a contract that vouches for them."""
    document = json.loads((model / "model.json").read_text())
    (model / document[section]["file"]).write_bytes(data)
    document[section] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (model / "model.json").write_text(json.dumps(document))


def swapped(model: Path) -> None:
    """A graph of another kind, which only ONNX Runtime finds out."""
    sealed(model, "step", (model / "heads.onnx").read_bytes())


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no directory": (shutil.rmtree, "there is no model"),
    "nothing in it": (lambda model: (shutil.rmtree(model), model.mkdir()), "is {model} the directory of a model?"),
    "no contract": (lambda model: (model / "model.json").unlink(), "model.json: cannot be read"),
    "half a contract": (cut("model.json"), "model.json: not JSON"),
    "a list as contract": (lambda model: (model / "model.json").write_text("[]"), "must hold one JSON object"),
    "another format": (edited(format_version=99), "99"),
    "another vocabulary": (edited(vocabulary="0" * 64), "vocabulary"),
    "no graph": (lambda model: (model / "model.onnx").unlink(), "model.onnx: cannot be read"),
    "no heads": (lambda model: (model / "heads.onnx").unlink(), "heads.onnx: cannot be read"),
    "half a graph": (cut("model.onnx"), "model.onnx: "),
    "a flipped bit": (flipped, "model.onnx: sha256 is"),
    "no ONNX": (lambda model: sealed(model, "step", b"#!/bin/sh\n"), "not an ONNX file"),
    "a file": (lambda model: (shutil.rmtree(model), model.write_text("x")), "is a file; a model is a directory"),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model that comes with livegen."""
    return Path(shutil.copytree(bundled_directory() / "edge", tmp_path / "copy"))


class TestModels:
    @pytest.mark.parametrize("damage", list(DAMAGES))
    def test_a_damaged_model_is_refused(self, refused: Refused, model: Path, damage: str) -> None:
        break_it, complaint = DAMAGES[damage]
        break_it(model)
        said = refused("run", "--model", model)
        assert complaint.format(model=model) in said
        assert str(model) in said

    @pytest.mark.parametrize("command", ["simulate", "demo", "bench"])
    def test_every_command_that_plays_refuses_it(
        self, capfd: pytest.CaptureFixture[str], song: Path, model: Path, command: str
    ) -> None:
        flipped(model)
        words = [song, "--out", song.with_name("out.mid")] if command == "simulate" else []
        assert main([command, *map(str, words), "--model", str(model)]) == 2
        said = capfd.readouterr().err.splitlines()[-1]
        assert said.startswith(f"livegen {command}: ")
        assert "sha256" in said

    def test_a_copy_elsewhere_works(self, capfd: pytest.CaptureFixture[str], song: Path, model: Path) -> None:
        assert main(["simulate", str(song), "--out", str(song.with_name("out.mid")), "--model", str(model)]) == 0
        assert capfd.readouterr().err == ""

    @pytest.mark.processes
    def test_what_only_the_brain_can_find_out_is_told_as_clearly(self, model: Path) -> None:
        swapped(model)
        done = livegen("run", "--model", model, "--backend", "none", "--osc-port", "0")
        assert done.returncode == 2
        assert str(model) in one_line("run", done.stderr)
        assert "ready" not in done.stdout

    def test_an_unknown_name_lists_the_bundled(self, refused: Refused) -> None:
        assert "choose a bundled one (edge" in refused("run", "--model", "egde")

    def test_they_are_listed(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["models"]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        lines = {line.partition(":")[0]: line for line in out.splitlines()}
        assert {"edge", "markov", "scripted"} <= set(lines)
        assert "styles: pop, jazz" in lines["edge"]
        assert lines["scripted"] == "scripted: no network"

    def test_they_are_listed_for_programs(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capfd.readouterr().out)}
        assert rows["edge"]["parameters"] > 0
        assert rows["edge"]["parts"] == ["bass", "chords", "lead"]
        assert rows["markov"] == {"name": "markov", "architecture": "no network", "styles": [], "parts": []}

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_a_damaged_bundled_model_is_1(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: Path, options: list[str]
    ) -> None:
        flipped(model)
        monkeypatch.setattr(model_files, "bundled_directory", lambda: model.parent)
        assert main(["models", *options]) == 1
        out, err = capfd.readouterr()
        assert "sha256" in out
        assert err == ""


class TestSimulate:
    def test_no_file(self, refused: Refused, tmp_path: Path) -> None:
        said = refused("simulate", tmp_path / "none.mid", "--out", tmp_path / "out.mid")
        assert said.endswith("none.mid: there is no such file")

    @pytest.mark.parametrize("data", [b"", b"not music", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\xff"])
    def test_no_midi(self, refused: Refused, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "odd.mid"
        path.write_bytes(data)
        assert f"{path}: not a MIDI file" in refused("simulate", path, "--out", tmp_path / "out.mid")

    def test_a_directory(self, refused: Refused, tmp_path: Path) -> None:
        assert "not a MIDI file" in refused("simulate", tmp_path, "--out", tmp_path / "out.mid")

    def test_no_notes(self, refused: Refused, tmp_path: Path) -> None:
        path = tmp_path / "silence.mid"
        mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("control_change", control=7, value=1)])]).save(path)
        assert refused("simulate", path, "--out", tmp_path / "out.mid").endswith("there is no note in it")

    @pytest.mark.parametrize("option", ["--out", "--report"])
    @pytest.mark.parametrize("name", ["", "nowhere/out.mid"])
    def test_what_cannot_be_written(self, refused: Refused, song: Path, tmp_path: Path, option: str, name: str) -> None:
        options = {"--out": tmp_path / "out.mid", option: tmp_path / name}
        words = [word for pair in options.items() for word in pair]
        assert f"{tmp_path / name}: cannot be written" in refused("simulate", song, "--model", "scripted", *words)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--style", "polka"], "style: wants one of"),
            (["--temperature", "3"], "temperature: 3 is above 2"),
            (["--bpm", "10"], "tempo/bpm: 10 is below 20 bpm"),
            (["--seed", "-3"], "--seed: -3 is negative"),
            (["--model", "nowhere"], "there is no model 'nowhere'"),
        ],
    )
    def test_options_out_of_range(self, refused: Refused, song: Path, options: list[str], complaint: str) -> None:
        assert complaint in refused("simulate", song, "--out", song.with_name("out.mid"), *options)


class TestBench:
    @pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "4000"])
    def test_a_length_out_of_range(self, refused: Refused, seconds: str) -> None:
        assert "is not in 1..3600" in refused("bench", "--seconds", seconds)

    @pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "601"])
    def test_minutes_out_of_range(self, refused: Refused, minutes: str) -> None:
        assert "is not in 0.02..600" in refused("bench", "delivery", "--minutes", minutes)

    def test_a_folder_for_pictures_that_cannot_be_made(self, refused: Refused, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file")
        assert "taken cannot be made" in refused("bench", "--plot", str(tmp_path / "taken"))

    def test_following_a_clock_wants_real_ports_and_says_so_at_once(self, refused: Refused) -> None:
        said = refused("bench", "model", "follow-clock", "--backend", "none")
        assert "there are none: start a JACK server" in said
        assert "measuring" not in said


class TestStartOfRun:
    """What is found out only by the processes that `run` starts."""

    @pytest.mark.processes
    def test_a_port_in_use_is_named(self, taken_port: int) -> None:
        done = livegen("run", "--model", "scripted", "--backend", "none", "--osc-port", str(taken_port))
        assert done.returncode == 2
        said = one_line("run", done.stderr)
        assert f"127.0.0.1:{taken_port}" in said
        assert "choose another OSC port" in said
        assert "ready" not in done.stdout
        if Path("/proc/net/udp").exists():
            assert f"process {os.getpid()} (" in said

    @pytest.mark.processes
    @pytest.mark.parametrize("command", ["run", "ports"])
    def test_no_jack_server_is_one_line(self, command: str) -> None:
        """Without what libjack prints by itself."""
        options = ["--model", "scripted", "--osc-port", "0"] if command == "run" else []
        done = livegen(command, "--backend", "jack", *options, **NO_SERVER)
        assert (done.returncode, done.stdout) == (2, "")
        assert "jack" in one_line(command, done.stderr).casefold()

    def test_no_backend_has_no_ports(self, refused: Refused) -> None:
        assert "has no ports" in refused("ports", "--backend", "none")

    @pytest.mark.processes
    def test_ctrl_c_in_the_terminal_is_an_orderly_end(self) -> None:
        """A terminal signals every process of the group, and people press twice."""
        command = [sys.executable, "-m", "livegen", "run", "--model", "scripted", "--backend", "none", "--osc-port", "0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            lines, errors = read_until(process, "ready in")
            os.killpg(process.pid, signal.SIGINT)
            os.killpg(process.pid, signal.SIGINT)
            rest, more_errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
        assert rest == "all notes released, goodbye\n"
        assert errors + more_errors == ""
        assert any(line.startswith("model: scripted") for line in lines)

    @pytest.mark.processes
    @pytest.mark.skipif(not hasattr(os, "openpty"), reason="has no such terminals")
    def test_when_its_terminal_is_closed_it_ends_in_an_orderly_way(self, tmp_path: Path) -> None:
        """Every process of the terminal gets SIGHUP, and there is nobody left to tell anything."""
        ours, its = os.openpty()
        words = [sys.executable, "-m", "livegen", "run", "--model", "scripted", "--backend", "none", "--osc-port", "0"]
        # A session of its own whose terminal this is: opening one makes it so.
        # What started the tests may have told them to stay, as nohup does.
        lead = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.setsid(); "
            f"os.open({os.ttyname(its)!r}, os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [sys.executable, "-c", lead, *words, "--log", str(tmp_path)]
        with subprocess.Popen(command, stdin=its, stdout=its, stderr=its) as process:
            os.close(its)
            said = b""
            while b"ready in" not in said:
                assert select.select([ours], [], [], LIMIT_S)[0], said.decode()
                said += os.read(ours, 4096)
            os.close(ours)
            try:
                process.wait(LIMIT_S)
            finally:
                process.kill()
        assert process.returncode == 0
        (log,) = tmp_path.glob("*.livegen")
        done = subprocess.run([sys.executable, "-m", "livegen", "replay", str(log)], capture_output=True, text=True, check=True)
        assert "the same came out" in done.stdout
        assert "orderly" not in done.stdout

    @pytest.mark.processes
    @pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="watches processes as only Linux can")
    def test_when_the_supervisor_is_killed_its_processes_end(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "livegen", "run", "--model", "scripted", "--backend", "none", "--osc-port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            read_until(process, "ready in")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            assert len(children) >= 3
            watches = [os.pidfd_open(int(child)) for child in children]
            process.kill()
            process.communicate(timeout=LIMIT_S)
        for watch in watches:
            assert select.select([watch], [], [], 10)[0], "a process outlives its supervisor"
            os.close(watch)


def read_until(process: subprocess.Popen[str], part: str) -> tuple[list[str], str]:
    """Lines of standard output up to the one with `part`; the process is ended if it does not come."""
    assert process.stdout is not None
    guard = threading.Timer(LIMIT_S, process.kill)
    guard.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if part in line:
                return lines, ""
    finally:
        guard.cancel()
        guard.join()
    process.kill()
    raise AssertionError(f"no line with {part!r}: {lines}")


@pytest.fixture
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores, OSC's port free, no ALSA, and no JACK but the tests' own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setattr(doctor, "DEFAULTS", replace(DEFAULTS, osc_port=probe.getsockname()[1]))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rtmidi_ports, "_ALSA_SEQUENCER", Path("/nonexistent/seq"))


def findings(out: str) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(out)}


@pytest.mark.usefixtures("quiet_machine")
class TestDoctor:
    @pytest.fixture
    def no_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in NO_SERVER.items():
            monkeypatch.setenv(name, value)

    @pytest.mark.usefixtures("no_server")
    def test_without_a_midi_system_it_says_what_to_install(self, capfd: pytest.CaptureFixture[str]) -> None:
        """In one sentence, and libjack adds nothing of its own."""
        assert main(["doctor"]) == 1
        out, err = capfd.readouterr()
        assert err == ""
        marks = {line[4:].partition(":")[0]: line[:4] for line in out.splitlines()}
        assert marks == {"machine": "ok  ", "MIDI": "NO  ", "model": "ok  ", "OSC": "ok  "}
        said = next(line for line in out.splitlines() if "MIDI" in line)
        assert said.count("no MIDI system") == 1
        assert "modprobe snd-seq" in said
        assert "jackd2" in said or "JACK" not in said

    @pytest.mark.usefixtures("no_server")
    def test_json(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--json"]) == 1
        out, err = capfd.readouterr()
        assert err == ""
        found = findings(out)
        assert {name: finding["ok"] for name, finding in found.items()} == {
            "machine": True,
            "MIDI": False,
            "model": True,
            "OSC": True,
        }
        assert __version__ in found["machine"]["text"]

    @pytest.mark.usefixtures("no_server")
    def test_a_port_in_use(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
        monkeypatch.setattr(doctor, "DEFAULTS", replace(DEFAULTS, osc_port=taken_port))
        assert main(["doctor", "--json"]) == 1
        osc = findings(capfd.readouterr().out)["OSC"]
        assert not osc["ok"]
        assert f"127.0.0.1:{taken_port}" in osc["text"]

    @pytest.mark.usefixtures("no_server")
    def test_a_model_that_cannot_be_used(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: Path
    ) -> None:
        flipped(model)
        monkeypatch.setattr(doctor, "DEFAULTS", replace(DEFAULTS, model=str(model)))
        assert main(["doctor", "--json"]) == 1
        found = findings(capfd.readouterr().out)["model"]
        assert not found["ok"]
        assert "sha256" in found["text"]

    @pytest.mark.usefixtures("no_server")
    def test_a_network_that_cannot_be_used(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "beat_network", damaged_network)
        assert main(["doctor", "--json"]) == 1
        found = findings(capfd.readouterr().out)["model"]
        assert not found["ok"]
        assert found["text"] == "it is damaged"

    @pytest.mark.jack
    def test_with_jack_all_is_well(self, jack_server: jack.JackServer, capfd: pytest.CaptureFixture[str]) -> None:
        clients = jack_server.clients()
        assert main(["doctor", "--json"]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        assert all(finding["ok"] for finding in findings(out).values())
        assert "jack" in findings(out)["MIDI"]["text"]
        assert jack_server.clients() == clients


@pytest.mark.jack
class TestPorts:
    @pytest.fixture
    def keyboard(self, jack_server: jack.JackServer) -> Iterator[None]:
        """Somebody else's output."""
        import rtmidi  # noqa: PLC0415 - read through the module, so that the leak guard sees what is opened

        client = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="keyboard")
        client.open_virtual_port("keys")
        yield
        client.delete()

    @pytest.mark.usefixtures("keyboard")
    def test_ports_are_listed_for_programs(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["ports", "--json", "--backend", "jack"]) == 0
        out, err = capfd.readouterr()
        assert (json.loads(out), err) == ({"backend": "jack", "inputs": ["keyboard:keys"], "outputs": []}, "")

    @pytest.mark.usefixtures("keyboard")
    def test_ports_are_listed(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["ports", "--backend", "jack"]) == 0
        assert capfd.readouterr().out.splitlines() == [
            "MIDI system: jack",
            "to listen to (--in):",
            "  keyboard:keys",
            "to play to (--out):",
            "  none",
        ]

    @pytest.mark.usefixtures("jack_server")
    @pytest.mark.processes
    def test_libjack_prints_nothing_into_the_list(self) -> None:
        done = livegen("ports", "--json", "--backend", "jack")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["backend"] == "jack"
