"""Batches by step: the same whoever draws them and however many share a step."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from models.corpora.piece import Piece
from models.takes.dataset import Batch, Takes
from models.training.feed import Steps, feed


@pytest.fixture
def takes(song: Piece) -> Takes:
    return Takes([song], {"leadsheets": 1.0}, ("pop", "jazz"), length=32, seed=5)


def same(one: Batch, other: Batch) -> bool:
    return all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in ("rows", "targets", "given", "changed", "style")
    )


def test_a_step_is_the_same_whatever_was_drawn_before(takes: Takes) -> None:
    steps = Steps(takes, 4, 0, 1)
    whole = list(feed(steps, 0, 4, 0))
    late = list(feed(steps, 2, 4, 0))
    assert same(whole[2], late[0])
    assert same(whole[3], late[1])
    assert not same(whole[0], whole[1])


def test_ranks_draw_the_step_of_one_between_them(takes: Takes) -> None:
    whole = Steps(takes, 4, 0, 1)[7]
    parts = [Steps(takes, 4, rank, 2)[7] for rank in range(2)]
    assert torch.equal(whole.rows, torch.cat([part.rows for part in parts]))
    assert torch.equal(whole.style, torch.cat([part.style for part in parts]))


@pytest.mark.processes
def test_a_worker_draws_the_same_and_ends_with_the_feed(takes: Takes) -> None:
    steps = Steps(takes, 2, 0, 1)
    drawn = feed(steps, 3, 1000, 1)
    assert all(same(one, steps[3 + index]) for index, one in enumerate(islice(drawn, 3)))
    drawn.close()
    assert not torch.multiprocessing.active_children()
