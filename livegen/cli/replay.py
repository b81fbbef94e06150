"""`livegen replay`: a recorded session, played again from its log and compared, or written as a MIDI file."""

from __future__ import annotations

import argparse
from pathlib import Path

from livegen import __version__
from livegen.cli.options import Subparsers
from livegen.core.session_replay import Difference, Replay
from livegen.core.vocabulary import HASH
from livegen.runtime.session_files import SessionFile
from livegen.runtime.session_midi import SessionScore

_SHOWN = 200
"""Characters of a line that differs."""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("replay", help="play a session's log again and say whether the same comes out")
    parser.add_argument("log", type=Path, metavar="FILE", help="a log that 'livegen run --log' has written")
    parser.add_argument("--midi", type=Path, metavar="OUT.mid", help="write what was played as a MIDI file, a track a part")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay, compare, say what was found; 1 if something else came out."""
    file, replay, score = SessionFile(options.log), Replay(), SessionScore()
    for line in file:
        replay.take(line)
        score.take(line.entry)
    _describe(options.log, replay, file.ignored_bytes)
    if replay.difference is None:
        print("the same came out, byte for byte")
    else:
        _say(replay.difference)
    if options.midi:
        counted = ", ".join(f"{name} {count}" for name, count in score.write(options.midi).items())
        print(f"{options.midi}: {counted}")
    return 0 if replay.difference is None else 1


def _describe(log: Path, replay: Replay, ignored_bytes: int) -> None:
    counts, beginning = replay.counts, replay.beginning
    print(
        f"{log}: {_clock(replay.time_ns)}, {counts['notes in']} notes played, {counts['plans']} plans, "
        f"{counts['changes']} changes of settings; {counts['notes out']} notes in {counts['messages out']} messages sent"
    )
    if beginning is not None and (beginning.version, beginning.vocabulary) != (__version__, HASH):
        print(f"recorded by livegen {beginning.version}, this is {__version__}: it may differ for that reason alone")
    if ignored_bytes:
        print(f"the last {ignored_bytes} bytes are of a line that was cut off, and were ignored")
    if replay.difference is None and not replay.ended:
        print("the log ends without an orderly end")


def _say(difference: Difference) -> None:
    where = f"line {difference.line}, {_clock(difference.time_ns)} after the beginning"
    if difference.failure is not None:
        print(f"{where}: the engine failed: {difference.failure}")
        print(f"  at:  {_short(difference.logged)}")
        return
    print(f"something else came out: {where}")
    print(f"  log: {_short(difference.logged)}")
    print(f"  now: {_short(difference.played)}")


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


def _clock(time_ns: int) -> str:
    minutes, seconds = divmod(time_ns / 1e9, 60)
    return f"{minutes:.0f}:{seconds:06.3f}"
