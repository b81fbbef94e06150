"""Nats by field, and their sums."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from support.tiny_models import tiny_lstm

from livegen.core import vocabulary as v
from models.corpora.piece import Piece
from models.dataset import held_out_takes, targets_and_given
from models.losses import Score, field_nats, score_of
from models.lstm import LSTMModel


@pytest.fixture
def model() -> LSTMModel:
    return tiny_lstm(1)


@pytest.fixture
def arrays(song: Piece) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows, targets and given of one take, each [1, T, ...]."""
    _, rows = next(held_out_takes(song))
    targets, given = targets_and_given(rows)
    return tuple(torch.from_numpy(array)[None] for array in (rows[:-1], targets, given))


@torch.no_grad()
def test_the_cost_is_what_the_heads_say_of_each_target(model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
    rows, targets, given = arrays
    hidden, _ = model(rows, torch.zeros(1, 2))
    nats = field_nats(model, hidden, targets, given)
    assert tuple(nats) == v.HEADS
    at = int(torch.nonzero(targets[0, :, 0] == v.KIND["NOTE"])[0])
    for name in ("part", "pulse", "pitch", "duration", "velocity"):
        logits = model.heads.logits(name, hidden[:, at], given[:, at])
        expected = -torch.log_softmax(logits, dim=-1)[0, targets[0, at, v.COLUMN[name]]]
        assert float(nats[name][0]) == pytest.approx(float(expected), abs=1e-5)


def test_only_fields_that_the_target_has_are_counted(model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
    rows, targets, given = arrays
    hidden, _ = model(rows, torch.zeros(1, 2))
    score = score_of(field_nats(model, hidden, targets, given), targets)
    kinds = Counter(v.KINDS[kind - 1] for kind in targets[0, :, 0].tolist() if kind)
    assert score.notes == kinds["NOTE"]
    assert score.count["kind"] == kinds.total()
    assert score.count["root"] == score.count["quality"] == kinds["CHORD"]
    assert score.count["pitch"] == score.count["velocity"] == kinds["NOTE"]


def test_a_model_that_knows_nothing_costs_the_logarithm_of_the_choices(
    model: LSTMModel, arrays: tuple[torch.Tensor, ...]
) -> None:
    rows, targets, given = arrays
    with torch.no_grad():
        for head in model.heads.out.values():
            head.weight.zero_()
            head.bias.zero_()
        hidden, _ = model(rows, torch.zeros(1, 2))
        nats = field_nats(model, hidden, targets, given)
    for name, values in nats.items():
        assert values.numpy() == pytest.approx(math.log(v.SIZE[name]), abs=1e-5)


def test_padding_costs_nothing(model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
    rows, targets, given = arrays
    hidden, _ = model(rows, torch.zeros(1, 2))
    score = score_of(field_nats(model, hidden, torch.zeros_like(targets), given), torch.zeros_like(targets))
    assert (score.nats.total(), score.notes, score.nats_per_note) == (0, 0, 0)


def test_a_score_that_still_has_its_gradient_is_summed_without_a_warning(
    model: LSTMModel, arrays: tuple[torch.Tensor, ...]
) -> None:
    """Warnings are errors here."""
    rows, targets, given = arrays
    hidden, _ = model(rows, torch.zeros(1, 2))
    nats = field_nats(model, hidden, targets, given)
    assert nats["pitch"].requires_grad
    assert score_of(nats, targets).nats["pitch"] == pytest.approx(float(nats["pitch"].detach().sum()))


class TestScore:
    def test_sums(self) -> None:
        score = Score(Counter(pitch=3.0, kind=0.0), Counter(pitch=2, kind=4), 2)
        score += Score(Counter(pitch=1.0, root=2.0), Counter(pitch=1, root=1), 1)
        assert score == Score(Counter(pitch=4.0, kind=0.0, root=2.0), Counter(pitch=3, kind=4, root=1), 3)
        assert score.nats_per_note == 2.0

    def test_a_field_that_costs_nothing_is_not_forgotten(self) -> None:
        score = Score()
        score += Score(Counter(kind=0.0), Counter(kind=4), 0)
        assert "kind" in score.nats

    def test_nothing_costs_nothing(self) -> None:
        assert Score().nats_per_note == 0.0
        assert not np.isnan(Score().nats_per_note)
