"""What the beat network hears of strikes: the same music sounds the same, and what repeats shows where it repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, pitches, velocities

from livegen.core.strike_features import FEATURES, LAGS_S, LOOKED_BACK, Floats, StrikeFeatures, Struck, resonances

MS = 1_000_000
WHETHER, ACCENTED, ALIKE = (
    slice(FEATURES + len(LAGS_S) * row, FEATURES + len(LAGS_S) * (row + 1) or None) for row in (-3, -2, -1)
)

Notes = list[tuple[int, int, int]]
"""Time in ms, pitch, velocity."""


def heard(notes: Notes, together_ms: int = 60) -> tuple[StrikeFeatures, list[Struck]]:
    """After these notes, and the strikes that were over by them."""
    features, over, began = StrikeFeatures(), [], None
    for at_ms, pitch, velocity in notes:
        begins = began is None or at_ms - began > together_ms
        began = at_ms if begins or began is None else began
        if (struck := features.receive(at_ms * MS, pitch, velocity, begins=begins)) is not None:
            over.append(struck)
    return features, over


def nearest(lag_s: float) -> int:
    """Which of the lags that is."""
    return int(np.argmin(np.abs(LAGS_S - lag_s)))


def test_a_strike_is_told_by_its_notes() -> None:
    features, over = heard([(1000, 60, 80), (1020, 64, 90), (1040, 67, 70)])
    assert over == []
    strike = features.strike()
    assert (strike.low, strike.top, strike.size, strike.loud) == (60, 67, 3, 90)
    assert strike.time_s == pytest.approx(1.02)
    assert list(np.flatnonzero(strike.classes)) == [0, 4, 7]


def test_a_lower_bigger_or_louder_strike_is_accented() -> None:
    plain = [(at, 60, 80) for at in (0, 500, 1000)]
    assert heard([*plain, (1500, 60, 80)])[0].strike().accent == 0
    assert heard([*plain, (1500, 48, 80)])[0].strike().accent > 0
    assert heard([*plain, (1500, 60, 80), (1510, 64, 80)])[0].strike().accent > 0
    assert heard([*plain, (1500, 60, 120)])[0].strike().accent > 0


def test_a_resonator_answers_where_strikes_come_again() -> None:
    row = heard([(at, 60, 80) for at in (0, 1000)])[0].features()
    assert row[WHETHER][nearest(1.0)] > 0.9
    assert row[WHETHER][nearest(0.5)] < 0.01
    assert row[ALIKE][nearest(1.0)] > 0.9
    other = heard([(0, 60, 80), (1000, 61, 80)])[0].features()
    assert other[WHETHER][nearest(1.0)] > 0.9
    assert other[ALIKE].max() == 0


def test_an_accent_is_heard_again_after_the_time_since_it() -> None:
    row = heard([(0, 60, 80), (400, 36, 80), (1000, 60, 80)])[0].features()
    assert row[ACCENTED][nearest(0.6)] > 0.5
    assert row[ACCENTED][nearest(1.0)] < 0.1


@law
@given(notes=st.lists(st.tuples(st.integers(0, 900), pitches, velocities), min_size=1, max_size=30), up=st.integers(-6, 6))
def test_music_in_another_key_or_later_has_the_same_rhythm(notes: Notes, up: int) -> None:
    at_ms, line = 0, []
    for gap_ms, pitch, velocity in notes:
        at_ms += gap_ms
        line.append((at_ms, 40 + pitch % 40, velocity))
    one = heard(line)[0].features()
    other = heard([(at + 5000, pitch + up, velocity) for at, pitch, velocity in line])[0].features()
    assert one.shape == (FEATURES,)
    assert np.isfinite(one).all()
    heights = [17, 18]
    assert np.delete(other, heights) == pytest.approx(np.delete(one, heights), abs=1e-6)


def test_many_strikes_at_once_say_what_one_after_the_other_says() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.integers(70, 400, LOOKED_BACK + 20))
    notes = [(int(at), int(pitch), 80) for at, pitch in zip(times, rng.integers(40, 80, len(times)), strict=True)]
    rows: list[Floats] = []
    features, strikes = StrikeFeatures(), list[Struck]()
    for at, pitch, velocity in notes:
        if (over := features.receive(at * MS, pitch, velocity, begins=True)) is not None:
            strikes.append(over)
        rows.append(features.features()[-3 * len(LAGS_S) :])
    strikes.append(features.strike())
    assert resonances(strikes, len(strikes)) == pytest.approx(np.array(rows))
