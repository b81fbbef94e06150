"""`livegen bench`: how fast and how exact the daemon is on this machine."""

from __future__ import annotations

import argparse
import json
import sys

from livegen.cli.options import Subparsers
from livegen.core.errors import ConfigError
from livegen.devices.clock import MonotonicClock
from livegen.runtime.bench import LiveBench, model_figures, roundtrip_ms
from livegen.runtime.config import BACKENDS, DEFAULTS, PROVIDERS


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("bench", help="measure the model, the schedule idle and loaded, MIDI, memory")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--model", default=DEFAULTS.model, help="a bundled model's name or a folder with a model")
    parser.add_argument(
        "--provider", choices=PROVIDERS, default=DEFAULTS.provider, help="what the model runs on (default: cpu)"
    )
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="MIDI system of the round trip (default: auto)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each live condition (default: 10)")
    parser.add_argument(
        "--events", type=int, default=5000, metavar="N", help="events over which memory must not grow (default: 5000)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure everything and print it."""
    if not 1 <= options.seconds <= 3600:
        raise ConfigError(f"--seconds: {options.seconds:g} is not in 1..3600")
    if not 0 <= options.events <= 10_000_000:
        raise ConfigError(f"--events: {options.events} is not in 0..10000000")
    _progress("model")
    figures = model_figures(options.model, options.provider, MonotonicClock(), options.events)
    live = LiveBench(options.model, options.seconds, _progress).run()
    _progress("MIDI round trip")
    figures |= {
        "schedule_error_ms": live["schedule_error_ms"],
        "schedule_error_loaded_ms": live["schedule_error_loaded_ms"],
        "roundtrip_ms": roundtrip_ms(options.backend),
        "rss_mb": live["rss_mb"],
        "ready_s": live["ready_s"],
    }
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name}: {_shown(value)}")
    return 0


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {figure}" for key, figure in value.items())
    return "not measured" if value is None else str(value)


def _progress(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
