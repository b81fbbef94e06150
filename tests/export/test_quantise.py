"""Eight bits hold a matrix to half a step of each block's scale."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export.quantise import BLOCK, from_blocks, to_blocks

matrices = arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 2 * BLOCK + 3)), elements=st.floats(-1e6, 1e6))


@given(matrices)
def test_what_is_read_back_is_within_half_a_step(weight: np.ndarray) -> None:
    packed, scales = to_blocks(weight)
    blocks = -(-weight.shape[1] // BLOCK)
    assert packed.shape == (len(weight), blocks, BLOCK)
    assert scales.shape == (len(weight), blocks)
    steps = np.repeat(scales, BLOCK, axis=1)[:, : weight.shape[1]]
    assert np.all(np.abs(from_blocks(packed, scales, weight.shape[1]) - weight) <= 0.501 * steps + 1e-30)


def test_what_fills_the_last_block_is_zero() -> None:
    packed, _ = to_blocks(np.ones((2, 3)))
    assert np.all(packed[:, :, 3:] == 128)


def test_a_block_of_zeros_stays_zero() -> None:
    assert not from_blocks(*to_blocks(np.zeros((2, 5))), 5).any()
