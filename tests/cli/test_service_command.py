"""`livegen service`, and `livegen run` as a service manager and a second daemon meet it."""

from __future__ import annotations

import os
import plistlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livegen.cli.main import main
from livegen.runtime.name_lock import NameLock, lock_folder

LIMIT_S = 60.0
RUN = [sys.executable, "-m", "livegen", "run", "--model", "scripted"]


class TestService:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("XDG_CONFIG_HOME")
        return tmp_path

    def test_a_unit_is_printed_and_nothing_is_written(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["service", "--systemd"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith("[Unit]\n")
        assert f"ExecStart={sys.executable} -m livegen run\n" in out
        assert (err, list(home.iterdir())) == ("", [])

    def test_a_plist_is_printed(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["service", "--launchd"]) == 0
        assert plistlib.loads(capsys.readouterr().out.encode())["ProgramArguments"] == [sys.executable, "-m", "livegen", "run"]

    def test_it_runs_with_a_configuration_wherever_it_is_started(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (home / "stage.toml").write_text('name = "second"\n')
        monkeypatch.chdir(home)
        assert main(["service", "--systemd", "--config", "stage.toml", "--install"]) == 0
        unit = home / ".config/systemd/user/livegen-second.service"
        assert f"--config {home}/stage.toml\n" in unit.read_text()
        out = capsys.readouterr().out
        assert str(unit) in out
        assert "systemctl --user enable --now livegen-second" in out

    def test_a_configuration_that_cannot_be_used_is_no_service(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (home / "stage.toml").write_text("nmae = 1\n")
        assert main(["service", "--systemd", "--config", str(home / "stage.toml")]) == 2
        assert "unknown key 'nmae'" in capsys.readouterr().err

    def test_one_manager_at_a_time(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["service", "--systemd", "--launchd"])
        assert "not allowed with" in capsys.readouterr().err


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[dict[str, str], Callable[[str], list[str]]]]:
    """A socket as systemd binds it: the variables that it gives, and a reader of what comes up to a certain line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.settimeout(LIMIT_S)

        def up_to(last: str) -> list[str]:
            lines: list[str] = []
            while last not in lines:
                lines += inbox.recv(4096).decode().splitlines()
            return lines

        yield {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}, up_to


@pytest.mark.processes
def test_a_manager_hears_of_the_start_of_life_of_repairs_and_of_the_end(
    manager: tuple[dict[str, str], Callable[[str], list[str]]],
) -> None:
    variables, up_to = manager
    command = [*RUN, "--backend", "none", "--osc-port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **variables}
    ) as daemon:
        try:
            assert up_to("READY=1") == ["READY=1", "STATUS=playing"]
            for _ in range(3):
                assert up_to("WATCHDOG=1") == ["WATCHDOG=1"]
            for child in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
                if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                    os.kill(int(child), signal.SIGKILL)
                    break
            assert up_to("STATUS=playing; started again: brain 1")
            daemon.send_signal(signal.SIGTERM)
            assert set(up_to("STOPPING=1")) <= {"WATCHDOG=1", "STOPPING=1"}
            assert daemon.wait(LIMIT_S) == 0
        finally:
            daemon.kill()


@pytest.mark.processes
def test_a_second_daemon_says_who_is_first_and_starts_nothing() -> None:
    lock = NameLock("livegen", lock_folder())
    lock.take()
    try:
        done = subprocess.run(
            [*RUN, "--backend", "jack", "--osc-port", "0"], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    finally:
        lock.release()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"livegen run: another livegen (process {os.getpid()}) runs under the name 'livegen' and has the ports "
        "'livegen in' and 'livegen out': stop it, or give this one a name of its own with --name\n"
    )


@pytest.mark.processes
def test_a_lock_that_cannot_be_made_is_a_warning_and_no_end(tmp_path: Path) -> None:
    """Here the start ends all the same, for want of a JACK server."""
    (tmp_path / "livegen").write_text("in the way")
    variables = {"XDG_RUNTIME_DIR": str(tmp_path), "JACK_DEFAULT_SERVER": "livegen-no-such-server", "JACK_NO_START_SERVER": "1"}
    done = subprocess.run(
        [*RUN, "--backend", "jack", "--osc-port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        env={**os.environ, **variables},
    )
    assert done.returncode == 2
    first, last = done.stderr.splitlines()
    assert first.startswith("warning: two daemons on the same ports would not be noticed: ")
    assert "JACK" in last
