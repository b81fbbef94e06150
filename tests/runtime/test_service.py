"""What systemd and launchd are given, as they read it."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.core.errors import ConfigError
from livegen.runtime.service import RETRY_S, WATCHDOG_S, Kind, ServiceFile, service_file, usual_kind
from livegen.runtime.supervisor import FIRST_BEAT_NS

COMMAND = [sys.executable, "-m", "livegen", "run"]
ODD = [sys.executable, "-m", "livegen", "run", "--config", '/home/a b/100 % "$HOME" \\ ; stage.toml']


def of(kind: Kind, command: list[str] = COMMAND, name: str = "livegen") -> ServiceFile:
    return service_file(kind, command, name, {}, Path("/home/musician"))


class TestSystemd:
    def test_it_is_watched_and_started_again(self) -> None:
        lines = of("systemd").text.splitlines()
        for line in (
            "Type=notify",
            f"WatchdogSec={WATCHDOG_S}",
            "Restart=on-failure",
            f"RestartSec={RETRY_S}",
            "LimitRTPRIO=95",
        ):
            assert line in lines
        assert f"ExecStart={' '.join(COMMAND)}" in lines

    def test_its_watchdog_waits_for_what_the_supervisor_repairs_by_itself(self) -> None:
        assert WATCHDOG_S * 1e9 > FIRST_BEAT_NS + 10e9

    def test_it_is_a_unit_of_the_user(self) -> None:
        service = of("systemd")
        assert service.path == Path("/home/musician/.config/systemd/user/livegen.service")
        assert service.next_steps[-1] == "systemctl --user enable --now livegen"
        elsewhere = service_file("systemd", COMMAND, "livegen", {"XDG_CONFIG_HOME": "/configuration"}, Path("/home/musician"))
        assert elsewhere.path == Path("/configuration/systemd/user/livegen.service")

    def test_another_name_has_a_unit_of_its_own(self) -> None:
        assert of("systemd", name="second set").path.name == "livegen-second-set.service"

    def test_odd_words_are_quoted(self) -> None:
        (line,) = [line for line in of("systemd", ODD).text.splitlines() if line.startswith("ExecStart=")]
        assert line.endswith(r'--config "/home/a b/100 %% \"$$HOME\" \\ ; stage.toml"')

    def test_a_line_break_cannot_be_said(self) -> None:
        with pytest.raises(ConfigError, match="line break"):
            of("systemd", [*COMMAND, "--config", "a\nExecStartPre=b"])

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
    @pytest.mark.parametrize("command", [COMMAND, ODD], ids=["plain", "odd"])
    def test_systemd_has_nothing_against_it(self, tmp_path: Path, command: list[str]) -> None:
        path = tmp_path / "livegen.service"
        path.write_text(of("systemd", command).text)
        verify = ["systemd-analyze", "verify", "--user", "--man=no", str(path)]
        done = subprocess.run(
            verify,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        assert (done.returncode, done.stderr) == (0, "")


class TestLaunchd:
    @pytest.mark.parametrize("command", [COMMAND, ODD], ids=["plain", "odd"])
    def test_it_is_a_plist_that_keeps_it_alive(self, command: list[str]) -> None:
        job = plistlib.loads(of("launchd", command).text.encode())
        assert job["Label"] == "org.livegen"
        assert job["ProgramArguments"] == command
        assert job["RunAtLoad"] is True
        assert job["KeepAlive"] == {"SuccessfulExit": False}
        assert job["StandardErrorPath"] == "/home/musician/Library/Logs/livegen.log"

    def test_it_is_an_agent_of_the_user(self) -> None:
        service = of("launchd", name="second set")
        assert service.path == Path("/home/musician/Library/LaunchAgents/org.livegen-second-set.plist")
        assert str(service.path) in service.next_steps[0]


class TestInstalling:
    def test_it_is_written_whole_and_replaces_what_was_there(self, tmp_path: Path) -> None:
        service = service_file("systemd", COMMAND, "livegen", {}, tmp_path)
        for _ in range(2):
            service.write()
            assert service.path.read_text() == service.text
            assert list(service.path.parent.iterdir()) == [service.path]

    def test_a_place_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / ".config").write_text("a file")
        with pytest.raises(ConfigError, match=r"livegen\.service: cannot be written: Not a directory"):
            service_file("systemd", COMMAND, "livegen", {}, tmp_path).write()


def test_each_system_has_its_manager() -> None:
    assert (usual_kind("linux"), usual_kind("darwin")) == ("systemd", "launchd")
    with pytest.raises(ConfigError, match="--systemd or --launchd"):
        usual_kind("win32")
