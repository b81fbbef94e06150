"""Batches for the training steps, drawn ahead in worker processes.

The batch of a step is a pure function of the seed and the step, so a run can go on at any step, and on any number of ranks.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch.utils.data import DataLoader, Dataset

from models.takes.dataset import Batch, Takes

_AHEAD = 8
"""Batches that each worker draws ahead."""


class Steps(Dataset[Batch]):
    """The batches of one rank by step.

    Args:
        takes: what draws the sequences.
        size: sequences of a step, over all ranks.
        rank: which of the ranks this is.
        ranks: how many share a step; a divisor of `size`.
    """

    def __init__(self, takes: Takes, size: int, rank: int, ranks: int) -> None:
        self.takes, share = takes, size // ranks
        self.indices = range(rank * share, (rank + 1) * share)

    def __getitem__(self, step: int) -> Batch:
        return self.takes.batch(step, self.indices)


def feed(steps: Steps, start: int, end: int, workers: int) -> Generator[Batch, None, None]:
    """The batches of the steps from `start` to `end` (exclusive), in order; without workers each is drawn when asked for.

    Close it to end the workers.
    """
    if not workers:
        yield from map(steps.__getitem__, range(start, end))
        return
    yield from DataLoader(
        steps,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=_AHEAD,
        # Spawned, not forked: a fork would copy the threads that torch holds.
        multiprocessing_context="spawn",
        worker_init_fn=_begin,
    )


def _begin(_worker: int) -> None:
    torch.set_num_threads(1)
