"""`livegen bench`: how fast and how exact the daemon is on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from livegen.cli.options import Subparsers
from livegen.core.errors import ConfigError
from livegen.runtime.benches.figures import Samples, Setup
from livegen.runtime.benches.follow_clock import needs_ports
from livegen.runtime.benches.histogram import histogram
from livegen.runtime.benches.machine import Stolen, machine
from livegen.runtime.benches.parts import PARTS
from livegen.runtime.benches.relay import MODES
from livegen.runtime.config import BACKENDS, DEFAULTS, PROVIDERS


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    quick = ", ".join(name for name, part in PARTS.items() if part.quick)
    parser = subparsers.add_parser(
        "bench",
        help="measure the model, the schedule idle and loaded, the clock, MIDI, memory",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n" + "\n".join(f"  {name:13} {part.text}" for name, part in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", type=_part, metavar="PART", help=f"what to measure (default: {quick})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--model", default=DEFAULTS.model, help="a bundled model's name or a folder with a model")
    parser.add_argument(
        "--provider", choices=PROVIDERS, default=DEFAULTS.provider, help="what the model runs on (default: cpu)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="MIDI system of the ports, 'none' for memory (default: auto)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each live condition (default: 10)")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="length of delivery (default: 10) and of follow-clock (default: 5)"
    )
    parser.add_argument("--mode", choices=MODES, default="thru", help="which notes relay measures (default: thru)")
    parser.add_argument(
        "--events", type=int, default=5000, metavar="N", help="events over which memory must not grow (default: 5000)"
    )
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write a histogram of each measurement, as SVG")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    if not 1 <= options.seconds <= 3600:
        raise ConfigError(f"--seconds: {options.seconds:g} is not in 1..3600")
    if options.minutes is not None and not 0.02 <= options.minutes <= 600:
        raise ConfigError(f"--minutes: {options.minutes:g} is not in 0.02..600")
    if not 0 <= options.events <= 10_000_000:
        raise ConfigError(f"--events: {options.events} is not in 0..10000000")
    names = list(dict.fromkeys(options.parts)) or [name for name, part in PARTS.items() if part.quick]
    setup = Setup(
        model=options.model,
        provider=options.provider,
        backend=options.backend,
        seconds=options.seconds,
        minutes=options.minutes,
        events=options.events,
        mode=options.mode,
        progress=_progress,
    )
    if "follow-clock" in names:
        # Now, and not after a quarter of an hour.
        needs_ports(setup)
    if options.plot is not None:
        _make_folder(options.plot)
    stolen, where = Stolen(), machine()
    figures: dict[str, object] = {"machine": where}
    for name in names:
        outcome = PARTS[name].measure(setup)
        figures |= outcome.figures
        if options.plot is not None:
            _draw(outcome.samples, options.plot)
    where["stolen"] = stolen.share()
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        for line in _lines(figures):
            print(line)
    return 0


def _part(name: str) -> str:
    # argparse's own choices refuse an empty list in Python 3.11.
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {', '.join(PARTS)})")
    return name


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--plot: {folder} cannot be made: {error.strerror}") from error


def _draw(samples: Sequence[Samples], folder: Path) -> None:
    for measured in samples:
        plot = histogram(measured)
        path = folder / f"{plot.name}.svg"
        try:
            path.write_text(plot.svg, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--plot: {path} cannot be written: {error.strerror}") from error


def _lines(figures: Mapping[str, object], within: str = "") -> Iterator[str]:
    """A line for each figure; figures of one kind side by side, groups of groups one after the other."""
    for name, value in figures.items():
        if isinstance(value, Mapping) and any(isinstance(part, Mapping) for part in value.values()):
            yield from _lines(value, f"{within}{name} ")
        elif isinstance(value, Mapping):
            yield f"{within}{name}: {', '.join(f'{key} {figure}' for key, figure in value.items())}"
        else:
            yield f"{within}{name}: {'not measured' if value is None else value}"


def _progress(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
