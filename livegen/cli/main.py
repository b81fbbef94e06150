"""The `livegen` command: finds the subcommand, and turns our errors into one line and exit code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from livegen import __version__
from livegen.cli import bench, calibrate, demo, doctor, models, ports, replay, run, service, simulate
from livegen.core.errors import LivegenError

COMMANDS = (run, demo, simulate, calibrate, bench, doctor, ports, models, replay, service)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="livegen", description="A real-time MIDI bandmate: it listens while you play and answers within a beat."
    )
    parser.add_argument("--version", action="version", version=f"livegen {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when it did what it should, 1 when it found something wrong (`doctor`, `demo`, `replay`), 2 for unusable input.
    """
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except LivegenError as error:
        print(f"livegen {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
