"""`livegen run`: the daemon."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any

from livegen.cli.options import Subparsers, add_run_options, config_of
from livegen.cli.terminal import tell, warn
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
    """Run until Ctrl-C, SIGTERM, or the terminal's end."""
    config = config_of(options)
    if config.osc_host not in ("127.0.0.1", "localhost"):
        who = " and ".join(config.osc_allow) if config.osc_allow else "everybody who reaches this address"
        warn(f"OSC listens on {config.osc_host}: {who} can play along")
    try:
        supervisor = Supervisor(config, report, delays=read_delays(delays_file()), notifier=Notifier.of())
    except ConfigError as error:
        if options.config is None:
            raise
        raise with_place(error, options.config, config, build_registry(styles_of(config.model))) from error
    for number in ending_signals():
        signal.signal(number, lambda *_: supervisor.request_stop())
    seconds = supervisor.start()
    tell(f"ready in {seconds:.1f} s; Ctrl-C ends it")
    try:
        supervisor.run()
    finally:
        supervisor.stop()
    for log in supervisor.session_logs:
        write_beside(log)
    tell("all notes released, goodbye")
    return 0


def ending_signals() -> list[signal.Signals]:
    """What ends a run in an orderly way: Ctrl-C, SIGTERM, and that the terminal was closed, unless `nohup` says to stay."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


def write_beside(log: Path) -> None:
    """Write what a log says as a MIDI file of the same name."""
    path = log.with_suffix(".mid")
    try:
        write_midi(log, path)
    except InputError as error:
        warn(str(error))
        return
    tell(f"what was played: {path}")


def report(message: Any) -> None:
    """Say what a musician wants to know of the daemon's messages."""
    match message:
        case PortsOpen(midi_in, midi_out, _, advance_ns):
            early = f", sent {advance_ns / 1e6:.1f} ms early" if advance_ns else ""
            tell(f"MIDI in: {midi_in or 'none'}; MIDI out: {midi_out or 'none'}{early}")
        case DeskReady(host, port):
            tell(f"OSC on {host}:{port}")
        case GeneratorReady(name, notice):
            tell(f"model: {name}")
            if notice:
                warn(f"warning: {notice}")
        case AnswerTiming(_, delay_ns, delay_beats):
            tell(f"answered after {delay_ns / 1e6:.0f} ms, {delay_beats:.2f} beats")
        case LogOpened(path):
            tell(f"session log: {path}")
        case LogEnded(reason):
            warn(f"warning: the session is no longer recorded: {reason}")
        case StartFailed(reason) | Failed(_, reason) | Warned(reason):
            warn(f"warning: {reason}")
        case Restarted(role, exit_code):
            warn(f"the {role} ended (exit code {exit_code}) and is started again")
        case Exception():
            warn(f"warning: {message}")
