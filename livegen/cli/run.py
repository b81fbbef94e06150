"""`livegen run`: the daemon."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from livegen.cli.options import Subparsers, add_run_options, config_of
from livegen.core.errors import ConfigError, InputError
from livegen.core.parameters import build_registry
from livegen.generators.open_generator import styles_of
from livegen.runtime.config import with_place
from livegen.runtime.delays import delays_file, read_delays
from livegen.runtime.messages import (
    AnswerTiming,
    DeskReady,
    Failed,
    GeneratorReady,
    LogEnded,
    LogOpened,
    PortsOpen,
    Restarted,
    StartFailed,
    Warned,
)
from livegen.runtime.notify import Notifier
from livegen.runtime.session_midi import write_midi
from livegen.runtime.supervisor import Supervisor


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("run", help="play: listen on MIDI in, answer on MIDI out, obey OSC")
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM."""
    config = config_of(options)
    if config.osc_host not in ("127.0.0.1", "localhost"):
        who = " and ".join(config.osc_allow) if config.osc_allow else "everybody who reaches this address"
        print(f"OSC listens on {config.osc_host}: {who} can play along", file=sys.stderr)
    try:
        supervisor = Supervisor(config, report, delays=read_delays(delays_file()), notifier=Notifier.of())
    except ConfigError as error:
        if options.config is None:
            raise
        raise with_place(error, options.config, config, build_registry(styles_of(config.model))) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.request_stop())
    seconds = supervisor.start()
    print(f"ready in {seconds:.1f} s; Ctrl-C ends it", flush=True)
    try:
        supervisor.run()
    finally:
        supervisor.stop()
    for log in supervisor.session_logs:
        write_beside(log)
    print("all notes released, goodbye", flush=True)
    return 0


def write_beside(log: Path) -> None:
    """Write what a log says as a MIDI file of the same name."""
    path = log.with_suffix(".mid")
    try:
        write_midi(log, path)
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        return
    print(f"what was played: {path}", flush=True)


def report(message: Any) -> None:
    """Say what a musician wants to know of the daemon's messages."""
    match message:
        case PortsOpen(midi_in, midi_out, _, advance_ns):
            early = f", sent {advance_ns / 1e6:.1f} ms early" if advance_ns else ""
            print(f"MIDI in: {midi_in or 'none'}; MIDI out: {midi_out or 'none'}{early}", flush=True)
        case DeskReady(host, port):
            print(f"OSC on {host}:{port}", flush=True)
        case GeneratorReady(name, notice):
            print(f"model: {name}", flush=True)
            if notice:
                print(f"warning: {notice}", file=sys.stderr, flush=True)
        case AnswerTiming(_, delay_ns, delay_beats):
            print(f"answered after {delay_ns / 1e6:.0f} ms, {delay_beats:.2f} beats", flush=True)
        case LogOpened(path):
            print(f"session log: {path}", flush=True)
        case LogEnded(reason):
            print(f"warning: the session is no longer recorded: {reason}", file=sys.stderr, flush=True)
        case StartFailed(reason) | Failed(_, reason) | Warned(reason):
            print(f"warning: {reason}", file=sys.stderr, flush=True)
        case Restarted(role, exit_code):
            print(f"the {role} ended (exit code {exit_code}) and is started again", file=sys.stderr, flush=True)
        case Exception():
            print(f"warning: {message}", file=sys.stderr, flush=True)
