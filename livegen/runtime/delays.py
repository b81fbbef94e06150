"""What `livegen calibrate` has measured: the delay of each output, kept in the user's configuration folder."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livegen.core.errors import ConfigError
from livegen.devices.ports import stable_name
from livegen.runtime.config import MOST_DELAY_MS

_TABLE = "delay_ms"
_HEAD = """\
# How long each MIDI output takes, in milliseconds, as `livegen calibrate` has measured it: so much earlier `livegen run` sends.
# A line that is taken out is forgotten. Numbers that change when a device comes back are not part of the names.

"""


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of outputs in ms, 0..`MOST_DELAY_MS`, by the part of the port's name that does not change."""

    by_port: Mapping[str, float] = field(default_factory=dict)

    def of(self, port: str) -> float:
        """Of the port with this name; 0 where nothing has been measured."""
        return self.by_port.get(stable_name(port), 0.0)

    def with_delay(self, port: str, delay_ms: float) -> Delays:
        """The same, but for this port."""
        return Delays({**self.by_port, stable_name(port): delay_ms})


NOTHING_MEASURED = Delays()


def delays_file(system: str = sys.platform, environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """Where this user's delays are kept: in the system's folder for the configuration of programs.

    Args:
        system: as `sys.platform` names it.
        environment: the variables that may name the folder; `XDG_CONFIG_HOME` counts on every system, if it is absolute.
        home: the user's own folder; None for what the system says.
    """
    home = Path(os.path.expanduser("~")) if home is None else home
    if Path(named := environment.get("XDG_CONFIG_HOME", "")).is_absolute():
        folder = Path(named)
    elif system == "win32":
        folder = Path(environment.get("APPDATA") or Path(home, "AppData", "Roaming"))
    elif system == "darwin":
        folder = Path(home, "Library", "Application Support")
    else:
        folder = Path(home, ".config")
    return folder / "livegen" / "delays.toml"


def read_delays(path: Path) -> Delays:
    """What is kept in a file; nothing where there is none.

    Raises:
        ConfigError: it cannot be read, or holds something else than delays; the text says what to do.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return Delays(_checked(table))
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING_MEASURED
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(
            f"{path}: {error}: correct it, or delete it and measure the outputs again with `livegen calibrate`"
        ) from error


def write_delays(path: Path, delays: Delays) -> None:
    """Keep them, whole or not at all: who reads meanwhile sees the old ones or the new.

    Raises:
        ConfigError: the file cannot be written.
    """
    if not path.is_absolute():
        raise ConfigError(f"{path}: your home folder is not known: name a folder for it in XDG_CONFIG_HOME")
    lines = [f"{_quoted(port)} = {delay_ms:g}\n" for port, delay_ms in sorted(delays.by_port.items())]
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.write(f"{_HEAD}[{_TABLE}]\n{''.join(lines)}")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            with suppress(FileNotFoundError):
                fresh.unlink()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _checked(table: Mapping[str, Any]) -> dict[str, float]:
    delays = table.get(_TABLE, {})
    if table.keys() - {_TABLE} or not isinstance(delays, dict):
        raise ConfigError(f"holds something else than the table [{_TABLE}]")
    for port, delay_ms in delays.items():
        if type(delay_ms) not in {int, float} or not 0 <= delay_ms <= MOST_DELAY_MS:
            raise ConfigError(f"{_TABLE}.{port!r}: wants a number 0..{MOST_DELAY_MS:g}, not {delay_ms!r}")
    return {port: float(delay_ms) for port, delay_ms in delays.items()}


def _quoted(text: str) -> str:
    """As a TOML string: JSON's, with the one control character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
