"""`livegen calibrate`: measure how long an output takes, and let `livegen run` send that much earlier."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from livegen.cli.options import Subparsers
from livegen.core.calibration import CHANNEL, Trial
from livegen.core.errors import ConfigError, DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.open_backend import open_backend
from livegen.devices.ports import stable_name
from livegen.runtime.calibrate import measure_delay
from livegen.runtime.config import BACKENDS, Config, read_config
from livegen.runtime.delays import delays_file, read_delays, write_delays


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("calibrate", help="measure an output's delay by notes that come back, and make up for it")
    parser.add_argument("--config", type=Path, metavar="FILE", help="take the MIDI system and the ports from this TOML file")
    parser.add_argument("--backend", choices=BACKENDS, help="MIDI system (default: auto)")
    parser.add_argument("--out", "--output", dest="output", metavar="PORT", help="measure this port instead of 'livegen out'")
    parser.add_argument("--in", "--input", dest="input", metavar="PORT", help="listen to this port instead of 'livegen in'")
    parser.add_argument("--count", type=int, default=40, metavar="N", help="how many notes (default: 40)")
    parser.add_argument("--wait", type=float, default=20.0, metavar="S", help="seconds to wait for the first (default: 20)")
    parser.add_argument("--spread", type=float, default=10.0, metavar="MS", help="how much delays may differ (default: 10)")
    parser.add_argument("--dry-run", action="store_true", help="measure, but store nothing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and store.

    Raises:
        ConfigError: an option or a file cannot be used.
        DeviceError: a port is not there, or what came back is no measurement.
    """
    config = _config(options)
    trial = Trial(options.count, round(options.wait * 1e9), round(options.spread * 1e6))
    path = delays_file()
    # Read first: nobody should measure for a file that cannot take it.
    delays = read_delays(path)
    clock = MonotonicClock()
    backend = open_backend(config.backend, clock, config.name, config.port_names)
    if backend is None:
        raise DeviceError("the backend 'none' has no ports: choose another")
    try:
        name, measured = measure_delay(backend, config, trial, clock, _announce)
    finally:
        backend.close()
    delay_ms = round(measured.delay_ns / 1e6, 2)
    if not options.dry_run:
        write_delays(path, delays.with_delay(name, delay_ms))
    if options.json:
        figures = {"delay_ms": delay_ms, "spread_ms": round(measured.spread_ns / 1e6, 2), "notes": measured.sent}
        stored = None if options.dry_run else str(path)
        print(json.dumps({"output": stable_name(name), **figures, "lost": measured.lost, "stored": stored}, indent=2))
        return 0
    print(f"{name}: {delay_ms:.2f} ms, within {measured.spread_ns / 1e6:.2f} ms; {measured.sent} notes, {measured.lost} lost")
    if options.dry_run:
        print("nothing was stored")
    else:
        print(f"stored in {path}; `livegen run` sends that much earlier to this port")
    if config.output_delay_ms is not None:
        print(f"but {options.config} says output_delay_ms = {config.output_delay_ms:g}, which goes first")
    return 0


def _config(options: argparse.Namespace) -> Config:
    for name, value, low, high in (
        ("--count", options.count, 8, 1000),
        ("--wait", options.wait, 0, 600),
        ("--spread", options.spread, 0.1, 500),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value:g} is not in {low:g}..{high:g}")
    config = read_config(options.config) if options.config else Config()
    given = {name: getattr(options, name) for name in ("backend", "input", "output")}
    return replace(config, **{name: value for name, value in given.items() if value is not None})


def _announce(input_name: str, output_name: str) -> None:
    """On standard error, since what is printed may be for a program."""
    print(
        f"soft notes on channel {CHANNEL + 1} go to {output_name!r} and must come back to {input_name!r}: connect the two now, "
        "by a cable, a patch bay or a track of your DAW, and play nothing",
        file=sys.stderr,
        flush=True,
    )
