"""The running average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.average import Average


@pytest.fixture
def model() -> nn.Module:
    model = nn.Linear(2, 1, bias=False)
    nn.init.constant_(model.weight, 4.0)
    return model


def moved(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


def test_it_follows_the_weights(model: nn.Linear) -> None:
    average = Average(model)
    moved(model, 8.0)
    average.add(0.75)
    assert average.values[0].tolist() == [[5.0, 5.0]]
    average.add(0.0)
    assert average.values[0].tolist() == [[8.0, 8.0]]


def test_it_stands_in_for_the_weights_within_a_block(model: nn.Linear) -> None:
    average = Average(model)
    moved(model, 8.0)
    where = model.weight.data_ptr()
    with average.in_place():
        assert model.weight.tolist() == [[4.0, 4.0]]
        assert model.weight.data_ptr() == where
    assert model.weight.tolist() == [[8.0, 8.0]]
    assert average.values[0].tolist() == [[4.0, 4.0]]


def test_it_goes_on_from_saved_values(model: nn.Linear) -> None:
    average = Average(model)
    average.restore([torch.full((1, 2), 2.0)])
    average.add(0.5)
    assert average.values[0].tolist() == [[3.0, 3.0]]
