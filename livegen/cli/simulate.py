"""`livegen simulate`: a MIDI file is the player, time is virtual."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from livegen.cli.options import ProgressBar, Subparsers, add_model_options, add_playing_options, parameters_of
from livegen.core.errors import ConfigError, InputError
from livegen.core.parameters import Settings, build_registry
from livegen.generators.band import Band
from livegen.generators.open_generator import open_generator, styles_of
from livegen.runtime.config import DEFAULTS, Config
from livegen.runtime.midi_files import Performance, read_performance, write_session
from livegen.runtime.simulation import Session, Simulation


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("simulate", help="play a MIDI file to the agent in virtual time and write what comes of it")
    parser.add_argument("input", type=Path, metavar="IN.mid", help="the player")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.mid", help="file to write, a track a part")
    parser.add_argument("--report", type=Path, metavar="R.json", help="write figures about the session")
    add_model_options(parser)
    add_playing_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate, write, say what was written."""
    config = Config(model=options.model or DEFAULTS.model, seed=options.seed or 0, parameters=parameters_of(options))
    settings = _settings(config)
    performance = read_performance(options.input, options.bpm)
    band = Band(open_generator(config.model, options.provider or config.provider))
    simulation = Simulation(performance, settings, band, config.seed)
    session = simulation.run(ProgressBar("simulating"))
    tracks = {"player": performance.messages, **{part.label: track for part, track in sorted(session.tracks.items())}}
    write_session(options.out, tracks, performance)
    if options.report:
        _write_report(options.report, _report(config, settings, performance, session))
    counted = ", ".join(f"{name} {count}" for name, count in session.notes.items()) or "no notes"
    print(f"{options.out}: {counted}")
    return 0


def _settings(config: Config) -> Settings:
    if config.seed < 0:
        raise ConfigError(f"--seed: {config.seed} is negative")
    return config.settings(build_registry(styles_of(config.model)))


def _report(config: Config, settings: Settings, performance: Performance, session: Session) -> dict[str, Any]:
    return {
        "model": config.model,
        "seed": config.seed,
        "settings": dict(settings.items()) | {"tempo/bpm": performance.tempi[0][1], "beats_per_bar": performance.beats_per_bar},
        "player": {
            "messages": len(performance.messages),
            "beats": round(float(performance.end / 24), 3),
            "tempo_bpm": [[round(float(pulse / 24), 3), bpm] for pulse, bpm in performance.tempi],
        },
        "notes": session.notes,
        "answers": [asdict(answer) for answer in session.answers],
        "chords": [
            {"beat": plan.window / 24, "root": plan.chord.root, "quality": plan.chord.quality}
            for plan in session.plans
            if plan.chord is not None
        ],
        "counters": dict(session.counters),
    }


def _write_report(path: Path, report: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
