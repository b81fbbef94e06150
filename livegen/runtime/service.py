"""Starting with the computer, or with the user's session: the files that systemd and launchd want for it.

Nothing here touches the service managers themselves; it makes text and says where it belongs.
"""

from __future__ import annotations

import os
import plistlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from livegen.core.errors import ConfigError

Kind = Literal["systemd", "launchd"]

WATCHDOG_S = 45
"""systemd starts everything anew when the supervisor has been silent so long: a child may take 30 s for its first beat."""

RETRY_S = 5
"""Pause before the next start, without end: a keyboard that is switched on an hour later is found then."""

STOP_S = 10
"""More than the daemon takes to end its notes and processes."""

_LABEL = "livegen"

_UNIT = """\
[Unit]
Description=livegen, a bandmate for MIDI
After=pipewire.service jack.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
WatchdogSec={watchdog_s}
Restart=on-failure
RestartSec={retry_s}
TimeoutStartSec={watchdog_s}
TimeoutStopSec={stop_s}
# The supervisor alone is told to end, and has the performer end its notes first.
KillMode=mixed
# Real time for the performer, and memory that JACK may lock, as far as this user is allowed it (see /etc/security/limits.d).
LimitRTPRIO=95
LimitMEMLOCK=infinity
UMask=0077

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """A file for a service manager.

    Attributes:
        kind: of the manager.
        path: where the manager looks for it.
        text: what it holds.
        next_steps: commands that make the manager start it, in their order.
    """

    kind: Kind
    path: Path
    text: str
    next_steps: tuple[str, ...]

    def write(self) -> None:
        """Put it in its place, whole or not at all; what was there under its name is replaced.

        Raises:
            ConfigError: it cannot be written.
        """
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.write_text(self.text, encoding="utf-8")
                fresh.replace(self.path)
            finally:
                with suppress(FileNotFoundError):
                    fresh.unlink()
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}") from error


def usual_kind(system: str = sys.platform) -> Kind:
    """The manager that this system has.

    Raises:
        ConfigError: it has neither.
    """
    if system == "darwin":
        return "launchd"
    if system.startswith("linux"):
        return "systemd"
    raise ConfigError("there are services for systemd and launchd only; ask for one with --systemd or --launchd")


def service_file(
    kind: Kind,
    command: Sequence[str],
    name: str,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> ServiceFile:
    """What the manager is to be given.

    Args:
        kind: of the manager.
        command: what it starts, with absolute paths.
        name: of the daemon; one that is not livegen gets a file of its own.
        environment: the variables that may name the folder for configurations.
        home: the user's own folder; None for what the system says.

    Raises:
        ConfigError: a word of the command holds a line break, which a unit cannot say.
    """
    home = Path(os.path.expanduser("~")) if home is None else home
    label = _LABEL if name == _LABEL else f"{_LABEL}-{name.replace(' ', '-')}"
    if kind == "launchd":
        path = home / "Library" / "LaunchAgents" / f"org.{label}.plist"
        steps = (f"launchctl bootstrap gui/$(id -u) '{path}'",)
        return ServiceFile(kind, path, _plist(command, f"org.{label}", home / "Library" / "Logs" / f"{label}.log"), steps)
    named = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(named) if Path(named).is_absolute() else home / ".config"
    unit_steps = ("systemctl --user daemon-reload", f"systemctl --user enable --now {label}")
    return ServiceFile(kind, folder / "systemd" / "user" / f"{label}.service", _unit(command), unit_steps)


def _unit(command: Sequence[str]) -> str:
    return _UNIT.format(
        command=" ".join(_quoted(word) for word in command),
        watchdog_s=WATCHDOG_S,
        retry_s=RETRY_S,
        stop_s=STOP_S,
    )


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it (systemd.service(5), "Command lines").

    Raises:
        ConfigError: it cannot be written on one line.
    """
    if "\n" in word or "\r" in word or "\0" in word:
        raise ConfigError(f"{word!r} holds a line break, which a systemd unit cannot say: use another path")
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(plain, escaped)
    return f'"{word}"' if not word or set(word) & set(" \t'\"\\;") else word


def _plist(command: Sequence[str], label: str, log: Path) -> str:
    job = {
        "Label": label,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RETRY_S,
        "ExitTimeOut": STOP_S,
        "ProcessType": "Interactive",  # else macOS slows it down as it does what works in the background
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps(job, sort_keys=False).decode()
