"""Choosing: masks hold, cuts keep what they promise, and one random number is used whatever happens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.errors import InputError
from livegen.core.plans import Sampling
from livegen.core.sampling import choose, distribution

SIZE = 12
OPEN = Sampling(temperature=1.0, top_p=1.0, min_p=0.0)
logits = st.lists(st.floats(-30, 30), min_size=SIZE, max_size=SIZE).map(np.array)
broken = st.lists(
    st.floats(-30, 30) | st.sampled_from([np.nan, np.inf, -np.inf]), min_size=SIZE, max_size=SIZE
).map(np.array)  # fmt: skip
masks = st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).filter(any).map(np.array)
samplings = st.builds(Sampling, st.floats(0, 3), st.floats(0.01, 1), st.floats(0, 1))


def plain(scores: np.ndarray, mask: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax over what is allowed, without cuts."""
    shown = np.where(mask, scores, -np.inf)
    weights = np.exp((shown - shown.max()) / temperature)
    return weights / weights.sum()


@law
@given(broken, masks, samplings)
def test_what_comes_out_are_probabilities_of_what_is_allowed_and_finite(
    scores: np.ndarray, mask: np.ndarray, sampling: Sampling
) -> None:
    usable = mask & np.isfinite(scores)
    assume(usable.any())
    weights = distribution(scores, mask, sampling)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert not weights[~usable].any()
    assert scores[weights > 0].max() == pytest.approx(scores[usable].max()), "the likeliest always stays"


@law
@given(broken, masks, st.floats(0, 1e-4), st.floats(0.01, 1), st.floats(0, 1))
def test_temperature_zero_takes_the_likeliest(
    scores: np.ndarray, mask: np.ndarray, temperature: float, top_p: float, min_p: float
) -> None:
    """The first of equals, and no random number can change it."""
    usable = mask & np.isfinite(scores)
    assume(usable.any())
    likeliest = int(np.argmax(np.where(usable, scores, -np.inf)))
    rng = np.random.default_rng(0)
    assert {choose(scores, mask, Sampling(temperature, top_p, min_p), rng) for _ in range(5)} == {likeliest}


@law
@given(logits, masks, st.floats(0.05, 3))
def test_without_cuts_it_is_a_softmax(scores: np.ndarray, mask: np.ndarray, temperature: float) -> None:
    weights = distribution(scores, mask, Sampling(temperature, 1.0, 0.0))
    assert weights == pytest.approx(plain(scores, mask, temperature), abs=1e-12)


@law
@given(logits, masks, st.floats(0.2, 3), st.floats(0, 1))
def test_min_p_drops_what_is_less_likely_than_that_share_of_the_likeliest(
    scores: np.ndarray, mask: np.ndarray, temperature: float, min_p: float
) -> None:
    ratio = plain(scores, mask, temperature) / plain(scores, mask, temperature).max()
    assume(not (np.abs(ratio - min_p) < 1e-9)[ratio < 1].any())
    weights = distribution(scores, mask, Sampling(temperature, 1.0, min_p))
    assert ((weights > 0) == ((ratio >= min_p) & (ratio > 0))).all()


@law
@given(logits, masks, st.floats(0.2, 3), st.floats(0.01, 0.999))
def test_top_p_keeps_the_fewest_that_hold_that_mass(
    scores: np.ndarray, mask: np.ndarray, temperature: float, top_p: float
) -> None:
    before = plain(scores, mask, temperature)
    kept = distribution(scores, mask, Sampling(temperature, top_p, 0.0)) > 0
    assert before[kept].sum() >= top_p - 1e-9
    assert before[kept].sum() - before[kept].min() < top_p + 1e-9, "without the least likely it would not be enough"
    dropped = before[~kept]
    assert not dropped.size or dropped.max() <= before[kept].min() + 1e-12


@law
@given(logits, masks, samplings)
def test_cuts_change_no_ratio_among_what_stays(scores: np.ndarray, mask: np.ndarray, sampling: Sampling) -> None:
    assume(sampling.temperature > 0.05)
    weights = distribution(scores, mask, sampling)
    before = plain(scores, mask, sampling.temperature)
    kept = weights > 0
    assert weights[kept] == pytest.approx(before[kept] / before[kept].sum())


def entropy(weights: np.ndarray) -> float:
    shown = weights[weights > 0]
    return float(-(shown * np.log(shown)).sum())


@law
@given(logits, masks, st.floats(0, 3), st.floats(0, 3))
def test_the_hotter_the_less_certain(scores: np.ndarray, mask: np.ndarray, one: float, other: float) -> None:
    cool, hot = (distribution(scores, mask, Sampling(temperature, 1.0, 0.0)) for temperature in sorted((one, other)))
    assert entropy(cool) <= entropy(hot) + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_with_the_usual_cuts_entropy_follows_temperature(seed: int) -> None:
    """They take away the unlikely, which grows likelier, so the knob works with them too."""
    scores, mask = np.random.default_rng(seed).normal(0, 3, 64), np.ones(64, dtype=bool)
    heats = [0.2 * step for step in range(11)]
    entropies = [entropy(distribution(scores, mask, Sampling(heat))) for heat in heats]
    assert (np.diff(entropies) >= -1e-9).all()
    assert entropies[-1] > entropies[0] + 1


def test_a_cut_that_leaves_nothing_leaves_the_likeliest() -> None:
    scores = np.array([0.0, 1.0, 0.5])
    mask = np.ones(3, dtype=bool)
    assert distribution(scores, mask, Sampling(1.0, 0.0, 0.0)).tolist() == [0.0, 1.0, 0.0]
    assert distribution(scores, mask, Sampling(1.0, 1.0, 1.0)).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("scores", "mask"),
    [
        ([0.0, 1.0], [False, False]),
        ([np.nan, np.nan], [True, True]),
        ([np.nan, 3.0], [True, False]),
        ([-np.inf, -np.inf], [True, True]),
        ([np.inf, np.nan], [True, True]),
        ([], []),
    ],
)
def test_where_nothing_can_be_drawn_the_caller_hears_of_it(scores: list[float], mask: list[bool]) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no class is allowed and finite"):
        choose(scores, np.array(mask, dtype=bool), OPEN, rng)


@law
@given(broken, masks, samplings, st.integers(0, 2**32 - 1))
def test_one_random_number_is_used_whatever_the_settings(
    scores: np.ndarray, mask: np.ndarray, sampling: Sampling, seed: int
) -> None:
    """So the numbers of later choices do not move when the temperature does."""
    assume((mask & np.isfinite(scores)).any())
    rng, reference = np.random.default_rng(seed), np.random.default_rng(seed)
    chosen = choose(scores, mask, sampling, rng)
    reference.random()
    assert rng.random() == reference.random()
    assert mask[chosen]
    assert distribution(scores, mask, sampling)[chosen] > 0


def test_classes_are_drawn_as_often_as_they_are_likely() -> None:
    scores, mask, rng = np.log([0.5, 0.3, 0.2]), np.ones(3, dtype=bool), np.random.default_rng(1)
    counts = np.bincount([choose(scores, mask, OPEN, rng) for _ in range(4000)], minlength=3)
    assert counts / 4000 == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
