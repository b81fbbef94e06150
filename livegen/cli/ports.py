"""`livegen ports`: what can be listened to and played to."""

from __future__ import annotations

import argparse
import json

from livegen.cli.options import Subparsers
from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.open_backend import open_backend
from livegen.runtime.config import BACKENDS


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("ports", help="list MIDI ports")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="MIDI system (default: auto)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List inputs and outputs.

    Raises:
        DeviceError: there is no MIDI system.
    """
    backend = open_backend(options.backend, MonotonicClock())
    if backend is None:
        raise DeviceError("the backend 'none' has no ports: choose another")
    try:
        found = {"backend": backend.name, "inputs": list(backend.list_inputs()), "outputs": list(backend.list_outputs())}
        found["backend"] = backend.name
    finally:
        backend.close()
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"MIDI system: {found['backend']}")
    for title, key in (("to listen to (--in)", "inputs"), ("to play to (--out)", "outputs")):
        print(f"{title}:")
        for name in found[key] or ["none"]:
            print(f"  {name}")
    return 0
