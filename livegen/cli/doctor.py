"""`livegen doctor`: what works on this machine, and what to do about what doesn't."""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
from dataclasses import asdict, dataclass

import onnxruntime

from livegen import __version__
from livegen.cli.options import Subparsers
from livegen.core.beat_network import beat_network
from livegen.core.errors import LivegenError
from livegen.desk.holder import holder_of
from livegen.devices.rtmidi_ports import available_apis
from livegen.generators.open_generator import open_generator
from livegen.runtime.config import DEFAULTS


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its name, whether it is fit to play, and one sentence."""

    name: str
    ok: bool
    text: str


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("doctor", help="say what works on this machine, and what to do about what doesn't")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look at everything that a performance needs; exit code 1 if something is missing."""
    findings = [_machine(), _midi(), _model(), _osc()]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.ok else 'NO '} {finding.name}: {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1


def _machine() -> Finding:
    cores = os.cpu_count() or 1
    text = f"livegen {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores"
    if cores < 2:
        return Finding(
            "machine",
            ok=False,
            text=f"{text}: the model and the clock share one core; use the 'markov' model if notes come late",
        )
    return Finding("machine", ok=True, text=text)


def _midi() -> Finding:
    try:
        statuses = available_apis()
    except LivegenError as error:
        return Finding("MIDI", ok=False, text=str(error))
    usable = [status for status in statuses if status.usable]
    if usable:
        return Finding("MIDI", ok=True, text="; ".join(f"{status.name}: {status.detail}" for status in usable))
    reasons = "; ".join(status.detail for status in statuses) or "this python-rtmidi was built without any"
    return Finding("MIDI", ok=False, text=f"no MIDI system works: {reasons}")


def _model() -> Finding:
    providers = ", ".join(onnxruntime.get_available_providers())
    try:
        generator = open_generator(DEFAULTS.model)
        beat_network()
    except LivegenError as error:
        return Finding("model", ok=False, text=str(error))
    return Finding(
        "model", ok=True, text=f"{generator.name} loads and steps; ONNX Runtime {onnxruntime.__version__} offers {providers}"
    )


def _osc() -> Finding:
    address = (DEFAULTS.osc_host, DEFAULTS.osc_port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            holder = holder_of(address[1])
            who = f"{holder} has it, stop it or use" if holder else "is a livegen running? Else use"
            text = f"{address[0]}:{address[1]} cannot be had ({error.strerror}): {who} --osc-port"
            return Finding("OSC", ok=False, text=text)
    return Finding("OSC", ok=True, text=f"{address[0]}:{address[1]} is free")
