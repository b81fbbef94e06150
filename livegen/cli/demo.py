"""`livegen demo`: no hardware; a bundled performance is played in real time into the whole daemon."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from livegen.cli.options import Subparsers
from livegen.runtime.config import DEFAULTS
from livegen.runtime.demo import Answer, Demo
from livegen.runtime.midi_files import write_session

OUT = Path("demo.mid")


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("demo", help="hear the agent without any hardware: plays a tune to it, writes a MIDI file")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="MIDI file to write (default: demo.mid)")
    parser.add_argument("--model", default=DEFAULTS.model, help="a bundled model's name, a folder with a model, or 'markov'")
    parser.add_argument("--seed", type=int, default=0, help="the agent's random numbers (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the timeline")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Play the demo; exit code 1 if the agent did not begin within a beat every time."""
    if not options.json:
        print("a player plays Beethoven's ode (1824) into the real daemon, in real time; this takes half a minute", flush=True)
    demo = Demo(options.model, options.seed, lambda answer: None if options.json else print(_line(answer), flush=True))
    recording = demo.run()
    tracks = {"player": recording.player, **{part.label: track for part, track in sorted(recording.parts.items())}}
    write_session(options.out, tracks, recording.performance)
    within = all(answer.delay_beats is not None and answer.delay_beats <= 1.0 for answer in recording.answers)
    if options.json:
        answers = [asdict(answer) for answer in recording.answers]
        document = {
            "out": str(options.out),
            "ready_s": round(recording.ready_s, 3),
            "answers": answers,
            "within_a_beat": within,
        }
        print(json.dumps({**document, "health": recording.health}, indent=2))
    else:
        print("every answer began within one beat" if within else "an answer was missing or began more than one beat late")
        print(f"{options.out}: tracks {', '.join(tracks)}; open it in any player or DAW")
    return 0 if within else 1


def _line(answer: Answer) -> str:
    what = "phrase" if answer.mode == "respond" else "melody"
    played = f"{answer.mode}: your {what}, beats {answer.phrase_start_beat:.1f} to {answer.phrase_end_beat:.1f}"
    if answer.delay_ms is None or answer.delay_beats is None:
        return f"{played}; no answer"
    since = "its end" if answer.mode == "respond" else "its first note"
    notes = ", ".join(f"{name} {count}" for name, count in answer.notes.items() if count)
    return f"{played}; answered {answer.delay_ms:.0f} ms = {answer.delay_beats:.2f} beats after {since}, with {notes} notes"
