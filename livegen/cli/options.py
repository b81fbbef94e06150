"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from livegen.core.parameters import MODES, Value
from livegen.runtime.config import BACKENDS, PROVIDERS, Config, checked, read_config

Subparsers = Any
"""What `add_subparsers` returns; argparse does not give it a public type."""


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model, on what."""
    parser.add_argument("--model", help="a bundled model's name, a folder with a model, 'markov' or 'scripted' (default: edge)")
    parser.add_argument("--provider", choices=PROVIDERS, help="what the model runs on (default: cpu)")
    parser.add_argument("--seed", type=int, help="the agent's random numbers (default: 0)")


def add_playing_options(parser: argparse.ArgumentParser) -> None:
    """Parameters to begin with."""
    parser.add_argument("--mode", choices=MODES, help="what the agent does (default: respond)")
    parser.add_argument("--style", metavar="NAME", help="play in this style")
    parser.add_argument("--guidance", type=float, metavar="G", help="how strongly the style is followed, 0..4 (default: 3)")
    parser.add_argument("--temperature", type=float, metavar="T", help="boldness, 0..2 (default: 0.8)")
    parser.add_argument("--density", type=float, metavar="D", help="how many notes, -1..1 (default: 0)")
    parser.add_argument("--register", type=float, metavar="SEMITONES", help="higher or lower, -24..24 (default: 0)")
    parser.add_argument("--bpm", type=float, metavar="B", help="tempo, 20..300 (default: 120)")
    parser.add_argument("--lookahead", type=float, metavar="BEATS", help="how far ahead to plan, 0.1..2 (default: 0.25)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Everything that makes a configuration."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file; options go over it")
    parser.add_argument("--name", help="call our ports so, instead of livegen, to run two at once; each needs an OSC port too")
    parser.add_argument("--backend", choices=BACKENDS, help="MIDI system (default: auto)")
    parser.add_argument("--in", dest="input", metavar="PORT", help="listen to this port instead of our own 'livegen in'")
    parser.add_argument("--out", dest="output", metavar="PORT", help="play to this port instead of our own 'livegen out'")
    parser.add_argument(
        "--delay",
        dest="output_delay_ms",
        type=float,
        metavar="MS",
        help="send so much earlier, 0..500 (default: what 'livegen calibrate' has measured for the port, else 0)",
    )
    parser.add_argument("--osc-host", metavar="ADDRESS", help="where OSC listens (default: 127.0.0.1)")
    parser.add_argument("--osc-port", type=int, metavar="PORT", help="UDP port of OSC, 0 for none (default: 7700)")
    parser.add_argument(
        "--osc-allow",
        nargs="+",
        metavar="HOST",
        help="obey OSC only from here and from these hosts or networks (192.168.1.0/24)",
    )
    parser.add_argument("--log", dest="session_log", metavar="DIR", help="record the session in a new file in this folder")
    add_model_options(parser)
    add_playing_options(parser)


def parameters_of(options: argparse.Namespace) -> dict[str, Value]:
    """The parameters that options set, by name."""
    named = {
        "mode": options.mode,
        "style": options.style,
        "guidance": options.guidance,
        "temperature": options.temperature,
        "density": options.density,
        "register": options.register,
        "tempo/bpm": options.bpm,
        "lookahead": options.lookahead,
    }
    return {name: value for name, value in named.items() if value is not None}


def config_of(options: argparse.Namespace) -> Config:
    """The configuration of a run: the file's, with the options over it.

    Raises:
        ConfigError: the file or an option cannot be used.
    """
    config = read_config(options.config) if options.config else Config()
    names = ["name", "backend", "input", "output", "output_delay_ms", "model", "provider", "seed"]
    names += ["osc_host", "osc_port", "osc_allow", "session_log"]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if "osc_allow" in given:
        given["osc_allow"] = tuple(given["osc_allow"])
    return checked(replace(config, **given, parameters={**config.parameters, **parameters_of(options)}))


class ProgressBar:
    """A bar on standard error, drawn only where a person watches."""

    WIDTH = 40

    def __init__(self, label: str) -> None:
        self._label = label
        self._drawn = -1
        self._shown = sys.stderr.isatty()

    def __call__(self, share: float) -> None:
        """Draw `share` of the work, 0..1; ends the line at 1."""
        filled = round(min(1.0, max(0.0, share)) * self.WIDTH)
        if not self._shown or filled == self._drawn:
            return
        self._drawn = filled
        bar = "#" * filled + "." * (self.WIDTH - filled)
        print(f"\r{self._label} [{bar}]", end="\n" if filled == self.WIDTH else "", file=sys.stderr, flush=True)
