"""Score the beat tracker on performances made from held-out pieces: `python -m models.beat_evaluation --data DIR`.

Each piece is played with a tempo that goes up to 15 % from its own, and with every note off by 30 ms on average (standard
deviation; with `--even` by any time up to 30 ms), its melody alone and all its parts. The beat is the one that people tap
(`models.tactus`); with `--written` that on the page, at the tempo of the file. Notes are held for half to all of their written
length, which differs from piece to piece, and by 15 % from note to note. Pieces whose files lose their beat are left out.
Beats count as they were announced while they came, after the first eight; and so do those of music that follows the tracker as
the daemon's does, only where it is sure. Then there is playing without a beat, where the tracker should say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from livegen.core.beat_tracking import BeatTracker
from livegen.core.errors import InputError, LivegenError
from models.corpora.kept_beats import keeps_its_beat
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.evaluate import without_nan
from models.performances import Manner, Performance, improvise, line_of, perform, without_metre
from models.progress import Progress
from models.reporting.tables import Table, interval
from models.scoring import metrics
from models.scoring.beats import MEASURES, Metronome, Tell, announced, announced_without_ends, followed, refusals, score
from models.shards import open_pieces
from models.tactus import tapped, written

KNOWN = 1.2
"""How far the tempo may be from the one that is played about where that is known: `follow/within` at 20."""
SYSTEMS: dict[str, Callable[[float], Tell]] = {
    "tracker": lambda _: partial(announced, BeatTracker()),
    "tracker, tempo known within 20 %": lambda tempo_bpm: partial(
        announced, BeatTracker((tempo_bpm / KNOWN, tempo_bpm * KNOWN))
    ),
    "tracker, told no note-offs": lambda _: partial(announced_without_ends, BeatTracker()),
    "music that follows it": lambda _: followed,
    "120 bpm from the first note": lambda _: partial(announced, Metronome()),
}
"""What finds beats, given the tempo that is played about."""
PARTS = ("melody", "all parts")
FREE = ("log-normal", "exponential", "uniform")
_FEWEST_NOTES = 40
_SETTLED_NS = 6_000_000_000
"""Playing without a beat is scored from then on."""


def chosen_pieces(pieces: Sequence[Piece], seed: int, limit: int | None = None) -> list[Piece]:
    """Pieces with enough notes and a beat to be found, at most so many of each corpus, in random order."""
    order = np.random.default_rng(seed).permutation(len(pieces))
    taken: dict[str, int] = {}
    found = []
    for at in order:
        piece = pieces[int(at)]
        if len(piece.melody) < _FEWEST_NOTES or (limit is not None and taken.get(piece.corpus, 0) >= limit):
            continue
        if keeps_its_beat(piece):
            taken[piece.corpus] = taken.get(piece.corpus, 0) + 1
            found.append(piece)
    return found


def evaluate(pieces: Sequence[Piece], seed: int, *, as_written: bool = False, even: bool = False) -> dict[str, Any]:
    """All findings; deterministic for the seed."""
    found: dict[str, Any] = {"pieces": len(pieces), "seed": seed, "written": as_written, "even": even, "played": {}, "free": {}}
    progress = Progress(2 * len(pieces))
    for whole, name in enumerate(PARTS):
        values: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
        for at, piece in enumerate(pieces):
            progress.show(whole * len(pieces) + at, f"{name}: {piece.corpus}")
            rng = np.random.default_rng([seed, at])
            tactus = written(piece) if as_written else tapped(piece, np.random.default_rng([seed, at, 2]))
            performance = perform(piece, line_of(piece, whole=bool(whole)), Manner(even=even), rng, tactus)
            for system, make in SYSTEMS.items():
                values[system].append(score(make(tactus.tempo_bpm), performance))
        found["played"][name] = {
            system: {measure: _with_interval([value[measure] for value in scores], seed) for measure in MEASURES}
            for system, scores in values.items()
        }
        found["played"][name]["by corpus"] = _by_corpus(pieces, values["tracker"])
    progress.close()
    for kind, performances in _free(pieces, seed).items():
        found["free"][kind] = _with_interval([refusals(BeatTracker, played, _SETTLED_NS) for played in performances], seed)
    return found


def _free(pieces: Sequence[Piece], seed: int) -> dict[str, list[Performance]]:
    rngs = [np.random.default_rng([seed, at, 1]) for at in range(len(pieces))]
    free = {kind: [improvise(kind, rng) for rng in rngs] for kind in FREE}
    free["pieces without metre"] = [
        without_metre(piece, line_of(piece, whole=False), rng) for piece, rng in zip(pieces, rngs, strict=True)
    ]
    return free


def _by_corpus(pieces: Sequence[Piece], scores: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    corpora = dict.fromkeys(sorted(piece.corpus for piece in pieces))
    return {
        corpus: {
            measure: metrics.mean(value[measure] for piece, value in zip(pieces, scores, strict=True) if piece.corpus == corpus)
            for measure in ("f", "tempo_right")
        }
        for corpus in corpora
    }


def _with_interval(values: Sequence[float], seed: int) -> list[float]:
    return [metrics.mean(values), *metrics.mean_interval(values, seed)]


def tables(found: dict[str, Any]) -> list[Table]:
    """For people."""
    shown = ("f", "tempo", "tempo_right", "half", "double", "beat")
    rows = [
        [name, system, *(interval(found["played"][name][system][measure], 2) for measure in shown)]
        for name in found["played"]
        for system in SYSTEMS
    ]
    free = [[kind, interval(value, 2)] for kind, value in found["free"].items()]
    return [
        Table(f"Beats of {found['pieces']} held-out pieces", ["played", "system", *shown], rows),
        Table('Share of playing without a beat in which it says "no beat"', ["playing", "share"], free),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.beat_evaluation", description="Score the beat tracker.")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--part", choices=("validation", "test"), default="test", help="of the split (default: %(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="pieces of each corpus, at most (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the playing and of the intervals (default: %(default)s)")
    parser.add_argument("--written", action="store_true", help="beats and tempi as they are on the page and in the file")
    parser.add_argument("--even", action="store_true", help="notes are off by up to 30 ms, and not by 30 ms on average")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    options = parser.parse_args(arguments)
    try:
        parts = dict(zip(("training", "validation", "test"), split(open_pieces(options.data)), strict=True))
        pieces = chosen_pieces(parts[options.part], options.seed, options.limit)
        if not pieces:
            raise InputError(
                f"{options.data}: no piece with {_FEWEST_NOTES} notes that keeps its beat falls into the {options.part} part"
            )
        found = without_nan(evaluate(pieces, options.seed, as_written=options.written, even=options.even))
        if options.json:
            options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except (LivegenError, OSError) as error:
        print(f"not evaluated: {error}", file=sys.stderr)
        return 2
    print("\n\n".join(table.plain() for table in tables(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
