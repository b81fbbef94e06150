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
from models.networks.losses import TALLY, Score, field_nats, score_of, tally_of, weighted_sum
from models.networks.lstm import LSTMModel
from models.takes.dataset import held_out_takes, targets_and_given


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


def test_a_tally_is_the_score_in_one_tensor(model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
    """So that scores of several batches or processes are summed before they are read."""
    rows, targets, given = arrays
    nats = field_nats(model, model(rows, torch.zeros(1, 2))[0], targets, given)
    tally = tally_of(nats, targets)
    assert tally.shape == (TALLY,)
    twice = score_of(nats, targets)
    twice += score_of(nats, targets)
    assert Score.of(tally * 2) == twice


class TestWeightedSum:
    def nats(self, model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        rows, targets, given = arrays
        return field_nats(model, model(rows, torch.zeros(1, 2))[0], targets, given)

    def test_with_a_weight_of_one_it_is_the_published_sum(self, model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
        nats, targets = self.nats(model, arrays), arrays[1]
        changed = torch.ones(targets.shape[:2], dtype=torch.bool)
        total = weighted_sum(nats, targets, changed, 1.0)
        assert float(total.detach()) == pytest.approx(score_of(nats, targets).nats.total(), rel=1e-5)

    def test_root_and_quality_of_a_change_count_more(self, model: LSTMModel, arrays: tuple[torch.Tensor, ...]) -> None:
        nats, targets = self.nats(model, arrays), arrays[1]
        places = torch.nonzero(targets[0, :, 0] == v.KIND["CHORD"]).squeeze(1)
        changed = torch.zeros(targets.shape[:2], dtype=torch.bool)
        changed[0, places[2]] = True
        more = weighted_sum(nats, targets, changed, 3.0) - weighted_sum(nats, targets, changed, 1.0)
        assert float(more.detach()) == pytest.approx(2 * float((nats["root"][2] + nats["quality"][2]).detach()), rel=1e-3)


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
