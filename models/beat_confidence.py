"""Fit how much the signs of a beat say for one: `python -m models.beat_confidence --data DIR` prints the numbers.

Training pieces are played with a beat and without one, as in `models.beat_evaluation`, and with a beat that is lost; after each
note the beat tracker has the signs (`BeatTracker.signs`), and a logistic regression tells by them where there is a beat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from livegen.core.beat_tracking import SIGNS, BeatTracker
from livegen.core.errors import InputError, LivegenError
from models.beat_evaluation import FREE, chosen_pieces
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.performances import Manner, Performance, improvise, line_of, perform, without_metre
from models.progress import Progress
from models.scoring.beats import hear
from models.shards import open_pieces
from models.tactus import tapped

Floats = npt.NDArray[np.float64]

_SETTLED_NS = 5_000_000_000
"""After the first note, or after the beat is lost, what is heard counts from then on."""
_LOST_AFTER = 40
"""Beats."""
_PAUSE_NS = 400_000_000
"""Where the beat is lost."""
_NOISES_S = (0.03, 0.03, 0.015)
"""By turns."""
_STEPS = 30
_HELD_BACK = 1e-3
"""How much large weights are held back."""


def signs(performance: Performance, after: int = 0) -> Floats:
    """Those after each note, but for the first `after` notes and those soon after them, [notes, 3]."""
    tracker, found = BeatTracker(), list[Floats]()
    begin_ns = performance.notes[after].onset_ns + _SETTLED_NS
    for ended, note in performance.with_ends():
        hear(tracker, ended, note)
        if note.onset_ns > begin_ns and tracker.line(note.onset_ns) is not None:
            found.append(tracker.signs())
    return np.array(found).reshape(-1, SIGNS)


def one_after_the_other(first: Performance, then: Performance) -> Performance:
    """Both as one, a short pause between, without beats; both have notes."""
    later_ns = first.notes[-1].onset_ns + _PAUSE_NS - then.notes[0].onset_ns
    first_ns = then.notes[0].onset_ns + later_ns
    ended = (replace(note, end_ns=min(note.end_ns, first_ns - 1)) for note in first.notes)
    moved = (replace(note, onset_ns=note.onset_ns + later_ns, end_ns=note.end_ns + later_ns) for note in then.notes)
    return Performance((*ended, *moved), np.zeros(0, dtype=np.int64))


def with_and_without_a_beat(pieces: Sequence[Piece], seed: int) -> tuple[Floats, Floats]:
    """The signs of playing that has one and of playing that has none, [notes, 3] each."""
    there, free = list[Floats](), list[Floats]()
    progress = Progress(len(pieces))
    for at, piece in enumerate(pieces):
        progress.show(at, piece.corpus)
        rng = np.random.default_rng([seed, at])
        for whole in (False, True):
            manner = Manner(noise_s=_NOISES_S[at % len(_NOISES_S)])
            there.append(signs(perform(piece, line_of(piece, whole=whole), manner, rng, tapped(piece, rng))))
            free.append(signs(without_metre(piece, line_of(piece, whole=whole), rng)))
        free.append(signs(improvise(FREE[at % len(FREE)], rng)))
        begin = perform(piece, line_of(piece, whole=True), Manner(beats=_LOST_AFTER), rng, tapped(piece, rng))
        kind = (*FREE, None)[at % (len(FREE) + 1)]
        then = improvise(kind, rng) if kind else without_metre(piece, line_of(piece, whole=True), rng)
        free.append(signs(one_after_the_other(begin, then), len(begin.notes)))
    progress.close()
    return np.concatenate(there), np.concatenate(free)


def fitted(there: Floats, free: Floats) -> tuple[Floats, float]:
    """Weights of the signs, [3], and the doubt that they must outweigh: the odds for a beat are exp(weights @ signs - doubt).

    A logistic regression, by Newton's method, in which both kinds of playing weigh alike.
    """
    told = np.concatenate([there, free])
    told = np.concatenate([told, -np.ones((len(told), 1))], axis=1)
    right = np.arange(len(told)) < len(there)
    share = np.where(right, 0.5 / len(there), 0.5 / len(free))
    weights = np.zeros(told.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(told @ weights, -30, 30)))
        slope = told.T @ (share * (right - chance)) - _HELD_BACK * weights
        curve = (told * (share * chance * (1 - chance))[:, np.newaxis]).T @ told + _HELD_BACK * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return weights[:-1], float(weights[-1])


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.beat_confidence", description="Fit what says that there is a beat.")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--limit", type=int, default=40, metavar="N", help="pieces of each corpus (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the playing (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        pieces = chosen_pieces(split(open_pieces(options.data))[0], options.seed, options.limit)
        if not pieces:
            raise InputError(f"{options.data}: no piece that keeps its beat falls into the training part")
        weights, doubt = fitted(*with_and_without_a_beat(pieces, options.seed))
    except (LivegenError, OSError) as error:
        print(f"not fitted: {error}", file=sys.stderr)
        return 2
    print(f"_SIGNS_WEIGHTS, _DOUBT = np.array([{', '.join(f'{weight:.2f}' for weight in weights)}]), {doubt:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
