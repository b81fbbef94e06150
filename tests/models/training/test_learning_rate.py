"""How fast a run learns, and what it averages."""

from __future__ import annotations

import pytest

from models.training.schedule import ema_decay, learning_rate


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate(step, 1.0, 10, 110) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[9:10] + rates[10:] == sorted(rates[9:10] + rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


def test_the_average_forgets_the_beginning_soon_and_later_little() -> None:
    decays = [ema_decay(step, 0.99) for step in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99
    assert ema_decay(500, 0.0) == 0.0
