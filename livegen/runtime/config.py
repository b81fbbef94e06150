"""What a run is made of: read from options and a TOML file, checked once at start, then frozen."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from livegen.core.engine import CHANNELS, MOST_ADVANCE_NS
from livegen.core.errors import ConfigError, InputError
from livegen.core.events import Part
from livegen.core.parameters import Registry, Settings, Value
from livegen.desk.allowed_hosts import AllowedHosts
from livegen.runtime.config_lines import faulty_key, line_of

BACKENDS = ("auto", "alsa", "jack", "coremidi", "winmm", "none")
PROVIDERS = ("cpu", "cuda", "coreml", "dml")
MOST_DELAY_MS = MOST_ADVANCE_NS / 1e6
"""No output can be allowed a longer delay."""
MOST_LOG_MB = 100_000
_NAME = re.compile(r"\w[\w .-]{0,30}", re.ASCII)
"""What every MIDI system and file system takes for a part of a name: no colon, no slash."""


@dataclass(frozen=True, slots=True)
class Config:
    """One run of the daemon.

    Attributes:
        name: of the daemon, a part of its virtual ports' names; two that run at once have different ones.
        backend: one of `BACKENDS`; "none" opens no MIDI port.
        input: pattern of the port to listen to, or None for our own virtual port.
        output: pattern of the port to play to, or None for our own virtual port.
        output_delay_ms: how much earlier notes are sent to it, 0..`MOST_DELAY_MS`; None for what was measured, if anything.
        model: name of a bundled model, a folder with one, or "markov".
        provider: ONNX Runtime's execution provider, one of `PROVIDERS`.
        seed: the agent's random numbers.
        osc_host: address that OSC listens on.
        osc_port: UDP port, 0 for none.
        osc_allow: addresses and networks whose OSC is obeyed beside this machine's own; everybody's if there are none.
        session_log: folder in which sessions are recorded, or None for no recording.
        session_log_mb: where recording ends, in millions of bytes a run.
        channels: MIDI channel 0..15 of each part.
        parameters: values to begin with, by parameter name.
    """

    name: str = "livegen"
    backend: str = "auto"
    input: str | None = None
    output: str | None = None
    output_delay_ms: float | None = None
    model: str = "edge"
    provider: str = "cpu"
    seed: int = 0
    osc_host: str = "127.0.0.1"
    osc_port: int = 7700
    osc_allow: tuple[str, ...] = ()
    session_log: str | None = None
    session_log_mb: int = 200
    channels: Mapping[Part, int] = field(default_factory=lambda: dict(CHANNELS))
    parameters: Mapping[str, Value] = field(default_factory=dict)

    @property
    def port_names(self) -> tuple[str, str]:
        """Names of our own virtual input and output."""
        return f"{self.name} in", f"{self.name} out"

    def settings(self, registry: Registry) -> Settings:
        """The settings to begin with.

        Raises:
            ConfigError: a parameter is unknown or its value is illegal or out of range.
        """
        try:
            settings, notices = registry.defaults().with_changes(self.parameters)
        except InputError as error:
            raise ConfigError(f"[parameters] {error}") from error
        if notices:
            raise ConfigError(f"[parameters] {notices[0].text.removesuffix(', which is used')}: write a value in range")
        return settings


DEFAULTS = Config()
"""A run without options."""

_TYPES: dict[str, type] = {
    "name": str, "backend": str, "input": str, "output": str, "output_delay_ms": float, "model": str, "provider": str,
    "seed": int, "osc_host": str, "osc_port": int, "osc_allow": list, "session_log": str, "session_log_mb": int,
    "channels": dict, "parameters": dict,
}  # fmt: skip
_WORDS: dict[type, str] = {
    str: "a text in quotes", int: "a whole number", float: "a number", dict: "a table", list: "a list of texts",
}  # fmt: skip


def read_config(path: Path) -> Config:
    """Read a TOML file.

    Raises:
        ConfigError: it is missing, is not TOML, or has an unknown key or a wrong value; the text names it and its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        return with_table(Config(), table)
    except ConfigError as error:
        key = faulty_key(table, lambda part: with_table(Config(), part))
        raise ConfigError(f"{_place(path, text, key)}: {error}") from error


def with_place(error: ConfigError, path: Path, config: Config, registry: Registry) -> ConfigError:
    """The error of a parameter with the place in the file that it comes from; as it is if it comes from elsewhere.

    Args:
        error: what `Config.settings` has raised.
        path: the file that was read.
        config: the file's, with options over it.
        registry: the parameters that there are.
    """
    # As they are written, for NaN is not even like itself.
    used = {name: repr(value) for name, value in config.parameters.items()}
    given = {name: value for name, value in read_config(path).parameters.items() if used.get(name) == repr(value)}
    name = faulty_key(given, lambda part: Config(parameters=part).settings(registry))
    if name is None:
        return error
    return ConfigError(f"{_place(path, path.read_text(encoding='utf-8'), ('parameters', *name))}: {error}")


def _place(path: Path, text: str, key: tuple[str, ...] | None) -> str:
    line = None if key is None else line_of(text, key)
    return str(path) if line is None else f"{path}, line {line}"


def with_table(config: Config, table: Mapping[str, Any]) -> Config:
    """A configuration with the values of a table over it.

    Raises:
        ConfigError: an unknown key, or a wrong type or value.
    """
    for key, value in table.items():
        if key not in _TYPES:
            raise ConfigError(f"unknown key {key!r}; there are {', '.join(_TYPES)}")
        wanted, given = _TYPES[key], type(value)
        # A bool is an int in Python, but not to a person, to whom a whole number is a number.
        if given is not wanted and (given, wanted) != (int, float):
            raise ConfigError(f"{key}: wants {_WORDS[wanted]}, not {value!r}")
    changes = dict(table)
    if "channels" in table:
        changes["channels"] = _channels(table["channels"])
    if "osc_allow" in table:
        changes["osc_allow"] = _texts("osc_allow", table["osc_allow"])
    if "parameters" in table:
        changes["parameters"] = _flat(table["parameters"])
    return checked(replace(config, **changes))


def checked(config: Config) -> Config:
    """The same configuration, if every value is one that exists.

    Raises:
        ConfigError: the backend, provider or a number is out of its range.
    """
    for name, value, known in (("backend", config.backend, BACKENDS), ("provider", config.provider, PROVIDERS)):
        if value not in known:
            raise ConfigError(f"{name}: {value!r} is not one of {', '.join(known)}")
    if not _NAME.fullmatch(config.name) or config.name != config.name.strip():
        raise ConfigError(f"name: {config.name!r} is not 1 to 31 letters, digits, spaces, hyphens, dots or underlines")
    if not 0 <= config.osc_port <= 65535:
        raise ConfigError(f"osc_port: {config.osc_port} is not in 0..65535 (0 turns OSC off)")
    try:
        AllowedHosts(config.osc_allow)
    except InputError as error:
        raise ConfigError(f"osc_allow: {error}") from error
    if config.output_delay_ms is not None and not 0 <= config.output_delay_ms <= MOST_DELAY_MS:
        raise ConfigError(f"output_delay_ms: {config.output_delay_ms:g} is not in 0..{MOST_DELAY_MS:g}")
    if not 1 <= config.session_log_mb <= MOST_LOG_MB:
        raise ConfigError(f"session_log_mb: {config.session_log_mb} is not in 1..{MOST_LOG_MB}")
    if config.session_log == "":
        raise ConfigError("session_log: '' is no folder; leave it out to record nothing")
    if config.seed < 0:
        raise ConfigError(f"seed: {config.seed} is negative")
    return config


def _texts(key: str, values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{key}: wants {_WORDS[list]}, not {values!r}")
    return tuple(values)


def _channels(table: Mapping[str, Any]) -> dict[Part, int]:
    labels = {part.label: part for part in Part}
    channels = dict(CHANNELS)
    for name, channel in table.items():
        if name not in labels:
            raise ConfigError(f"channels.{name}: unknown part; there are {', '.join(labels)}")
        if not isinstance(channel, int) or isinstance(channel, bool) or not 1 <= channel <= 16:
            raise ConfigError(f"channels.{name}: wants a MIDI channel 1..16, not {channel!r}")
        channels[labels[name]] = channel - 1
    return channels


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Nested tables as parameter names: `[parameters.tempo] bpm = 100` is `tempo/bpm`."""
    flat: dict[str, Value] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}/")
        else:
            flat[prefix + name] = value
    return flat
