"""Train the network that hears beats: `python -m models.beat_network --data DIR --out livegen/pretrained/beats.npz`.

Training pieces are played as in `models.beat_lessons`; after each strike the network says on which place of its beat that is,
and how long the beat is. It goes on from the network that livegen has unless it is to begin anew with `--units`, on a GPU if
there is one. What it has become by then is written every few minutes.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from livegen.core.beat_network import PERIODS_S, PLACES, UNTOLD, beat_network
from livegen.core.errors import InputError, LivegenError
from livegen.core.strike_features import FEATURES
from models.beat_lessons import FEWEST, Lesson, Lessons, lesson
from models.corpora.kept_beats import keeps_its_beat
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.networks.beat_network import BeatHearing
from models.performances import Manner, line_of, perform
from models.progress import Progress
from models.shards import open_pieces
from models.tactus import tapped
from models.training.files import replace_file

_PERIODS_WEIGHT = 0.5
_BLUR = 1.5
"""Standard deviation, in periods, of what counts as right: tempi are told as well by the next one."""
_WARM_UP_STEPS = 100
_DECAY = 0.02
_SAVED_EVERY_S = 300.0
_VALIDATED = 16
"""Pieces of each corpus."""
_AGAIN, _WAITING = 2, 512
"""How often a lesson comes, and out of how many the next is drawn."""
_COUNTED = 5
"""Batches from which it is told how usual each place is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lessons side by side: features [B, N, F], places and periods [B, N]; -100 is no label."""

    features: Tensor
    places: Tensor
    periods: Tensor


def batch_of(lessons: Sequence[Lesson]) -> Batch:
    """Lessons as one batch; the shorter ones are filled up."""
    longest = max(len(each.places) for each in lessons)
    features = np.zeros((len(lessons), longest, FEATURES), dtype=np.float32)
    labels = np.full((2, len(lessons), longest), -100)
    for at, each in enumerate(lessons):
        features[at, : len(each.places)] = each.features
        labels[:, at, : len(each.places)] = each.places, each.periods
    labels[:, :, :UNTOLD] = -100
    return Batch(torch.tensor(features), torch.tensor(labels[0]), torch.tensor(labels[1]))


class Drawn(IterableDataset[Lesson]):
    """Lessons without an end, other ones in each worker; each comes `_AGAIN` times: it takes longer to play than to hear."""

    def __init__(self, pieces: Sequence[Piece], corpora: Sequence[str], seed: int) -> None:
        self._pieces, self._corpora, self._seed = pieces, corpora, seed

    def __iter__(self):  # type: ignore[no-untyped-def]
        worker = get_worker_info()
        seed = self._seed + (1000 * worker.id if worker is not None else 0)
        rng, waiting = np.random.default_rng([seed, 1]), list[Lesson]()
        for drawn in Lessons(self._pieces, self._corpora, seed):
            waiting += [drawn] * _AGAIN
            while len(waiting) > _WAITING:
                yield waiting.pop(int(rng.integers(len(waiting))))


def surprise(model: BeatHearing, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean negative logarithm of the right place, and of the periods about the right one, scalars."""
    places, periods = model(batch.features)
    numbers = torch.arange(len(PERIODS_S), device=periods.device)
    blurred = torch.softmax(-0.5 * ((numbers[:, None] - numbers) / _BLUR) ** 2, dim=1)
    known = batch.periods >= 0
    about = -(blurred[batch.periods[known]] * torch.log_softmax(periods[known], dim=-1)).sum(dim=-1)
    return functional.cross_entropy(places.flatten(0, 1), batch.places.flatten()), about.mean()


def held_out(pieces: Sequence[Piece], seed: int) -> Batch:
    """The first pieces of each corpus, melodies and all parts by turns, in the manner of `models.beat_evaluation`."""
    rng, found, taken = np.random.default_rng(seed), list[Lesson](), dict[str, int]()
    for piece in pieces:
        notes = line_of(piece, whole=bool(len(found) % 2))
        taken[piece.corpus] = taken.get(piece.corpus, 0) + 1
        if taken[piece.corpus] <= _VALIDATED and len(notes) >= FEWEST:
            found.append(lesson(perform(piece, notes, Manner(), rng, tapped(piece, rng))))
    if not found:
        raise InputError(f"no piece with {FEWEST} notes that keeps its beat falls into the validation part")
    return batch_of(found)


def usual_places(lessons: Iterable[Lesson]) -> npt.NDArray[np.float32]:
    """Logarithm of how often strikes are on each place, [13]."""
    counts = np.ones(PLACES)
    for each in lessons:
        counts += np.bincount(each.places, minlength=PLACES)
    return np.log(counts / counts.sum()).astype(np.float32)


def train(model: BeatHearing, options: argparse.Namespace, training: Sequence[Piece], validation: Batch) -> None:
    """Change the network, with a learning rate that falls to nothing, and write it. Blocks."""
    device = next(model.parameters()).device
    corpora = [piece.corpus for piece in training]
    usual = usual_places(islice(Lessons(training, corpora, options.seed), _COUNTED * options.batch))
    drawn = DataLoader(
        Drawn(training, corpora, options.seed),
        options.batch,
        num_workers=options.workers,
        collate_fn=batch_of,
        pin_memory=device.type == "cuda",
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=_DECAY)
    progress, recent, saved_s = Progress(options.steps), math.nan, time.monotonic()
    for step, batch in enumerate(islice(drawn, options.steps)):
        for group in optimiser.param_groups:
            group["lr"] = (
                options.rate * min(1, (step + 1) / _WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * step / options.steps))
            )
        model.train()
        places, periods = surprise(model, _on(device, batch))
        optimiser.zero_grad()
        (places + _PERIODS_WEIGHT * periods).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent = places.item() if math.isnan(recent) else 0.98 * recent + 0.02 * places.item()
        progress.show(step + 1, f"training {recent:.3f}")
        last = step + 1 == options.steps
        if last or time.monotonic() - saved_s > _SAVED_EVERY_S:
            saved_s = time.monotonic()
            replace_file(options.out, partial(_write, {**model.arrays(), "usual_places": usual}))
            print(f"\nstep {step + 1}: training {recent:.3f}, {validated(model, validation)}", file=sys.stderr)
    progress.close()


def validated(model: BeatHearing, batch: Batch) -> str:
    """How well the network does on what it does not learn from."""
    model.eval()
    with torch.no_grad():
        moved = _on(next(model.parameters()).device, batch)
        places, periods = surprise(model, moved)
        told = model(moved.features)[0].argmax(dim=-1)
    on_beat = ((told == 0) == (moved.places == 0))[moved.places >= 0].double().mean()
    return f"validation {places:.3f} (places), {periods:.3f} (periods), whether on the beat right in {on_beat:.3f}"


def _write(arrays: Mapping[str, npt.NDArray[np.float32]], path: Path) -> None:
    # By name numpy would add an ending of its own.
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _on(device: torch.device, batch: Batch) -> Batch:
    return Batch(batch.features.to(device), batch.places.to(device), batch.periods.to(device))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.beat_network", description="Train the network that hears beats.")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .npz")
    parser.add_argument("--units", type=int, metavar="N", help="begin anew with layers of so many units")
    parser.add_argument("--steps", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="performances a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="learning rate at first (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that play the pieces; 0 for none (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.steps < 1 or (options.units is not None and options.units < 1):
        parser.error("--steps and --units are 1 or more")
    # Matrices this small are slower on several threads than on one.
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    try:
        training, validation, _ = (list(filter(keeps_its_beat, part)) for part in split(open_pieces(options.data)))
        if not training:
            raise InputError(f"{options.data}: no piece that keeps its beat falls into the training part")
        if options.units is not None:
            model = BeatHearing(options.units)
        else:
            model = BeatHearing(beat_network().units)
            model.load(beat_network().arrays)
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        train(model, options, training, held_out(validation, options.seed))
    except (LivegenError, OSError) as error:
        print(f"not trained: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
