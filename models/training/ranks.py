"""One process or many: who this one is among them, and what they do together.

Started by `torchrun`, the processes of a run share every step: each takes its part of the batch, and gradients and scores are
summed. Started without, a run is its own only rank.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the run.

    Attributes:
        rank: 0 is the one that speaks and writes.
        count: how many there are.
        device: where this one computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this one speaks and writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def from_first(self, value: Any) -> Any:
        """What rank 0 has, on all ranks."""
        box = [value]
        if self.count > 1:
            distributed.broadcast_object_list(box)
        return box[0]


@contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks that `torchrun` started, joined until the end of the block; without it, this process alone.

    A GPU each where there are any (NCCL), else CPUs (Gloo).
    """
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    if "WORLD_SIZE" not in os.environ:
        yield Ranks(0, 1, device)
        return
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
