"""`livegen service`: start the daemon with the computer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from livegen.cli.options import Subparsers
from livegen.runtime.config import Config, read_config
from livegen.runtime.service import service_file, usual_kind


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("service", help="print or install what makes systemd or launchd start livegen and watch it")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--systemd", dest="kind", action="store_const", const="systemd", help="a user unit (default on Linux)")
    kinds.add_argument("--launchd", dest="kind", action="store_const", const="launchd", help="a plist (default on macOS)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the TOML file that it runs with")
    parser.add_argument("--install", action="store_true", help="write the file where it belongs, instead of printing it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the file, or write it and say what to do next.

    Raises:
        ConfigError: the configuration cannot be used, the system has no such services, or the file cannot be written.
    """
    command = [sys.executable, "-m", "livegen", "run"]
    config = Config()
    if options.config is not None:
        config = read_config(options.config)
        command += ["--config", str(options.config.resolve())]
    service = service_file(options.kind or usual_kind(), command, config.name)
    if not options.install:
        print(service.text, end="")
        return 0
    service.write()
    print(f"written: {service.path}")
    print("now let it start, at once and with every session:")
    for step in service.next_steps:
        print(f"  {step}")
    return 0
