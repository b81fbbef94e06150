"""The faster forms compute what torch's own do, forward and backward."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.networks.fast import LSTM, Dropout, RMSNorm, rotate, summed_lookup, windowed_attention


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def assert_same(one: Callable[..., Tensor], other: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Equal outputs, and equal gradients of all inputs."""
    outcomes = []
    for function in (one, other):
        leaves = [value.clone().requires_grad_() for value in inputs]
        out = function(*leaves)
        (out * torch.linspace(-1.0, 1.0, out.numel()).view_as(out)).sum().backward()
        outcomes.append([out.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*outcomes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


class TestLSTM:
    @pytest.mark.parametrize("layers", [1, 2])
    def test_it_is_torchs(self, layers: int) -> None:
        ours = LSTM(5, 7, layers, batch_first=True)
        theirs = nn.LSTM(5, 7, layers, batch_first=True)
        theirs.load_state_dict(ours.state_dict())
        assert_same(lambda x: ours(x)[0], lambda x: theirs(x)[0], torch.randn(3, 11, 5))
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-5)

    def test_it_ends_in_torchs_state_and_goes_on_from_one(self) -> None:
        ours = LSTM(5, 7, 2, batch_first=True)
        x = torch.randn(3, 11, 5)
        hidden, state = ours(x)
        with torch.no_grad():
            begun = ours(x[:, :6])[1]
            rest, end = ours(x[:, 6:], begun)
        torch.testing.assert_close(hidden[:, 6:], rest)
        torch.testing.assert_close(state, end)

    def test_narrow_numbers_come_near(self) -> None:
        ours = LSTM(16, 32, 2, batch_first=True)
        x = torch.randn(4, 20, 16)
        exact = ours(x)[0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            near = ours(x)[0]
        assert near.dtype == torch.bfloat16
        torch.testing.assert_close(near.float(), exact, rtol=0.0, atol=0.03)

    def test_it_drops_between_layers_in_training_alone(self) -> None:
        ours = LSTM(5, 7, 2, batch_first=True, dropout=0.5)
        x = torch.randn(3, 11, 5)
        assert not torch.equal(ours(x)[0], ours(x)[0])
        ours.eval()
        assert torch.equal(ours(x)[0], ours(x)[0])


class TestDropout:
    def test_a_share_is_zero_and_the_others_are_larger(self) -> None:
        x = torch.full((200, 501), 2.0)
        out = Dropout(0.25)(x)
        assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
        assert out.unique().tolist() == [0.0, pytest.approx(2 / 0.75)]

    def test_neighbours_are_dropped_apart(self) -> None:
        """Eight weights share one random number."""
        dropped = (Dropout(0.5)(torch.ones(80_000)) == 0).view(-1, 8).float()
        assert (torch.corrcoef(dropped.T) - torch.eye(8)).abs().max() < 0.05

    def test_the_same_seed_drops_the_same(self) -> None:
        drop, x = Dropout(0.5), torch.ones(100)
        torch.manual_seed(3)
        one = drop(x)
        torch.manual_seed(3)
        assert torch.equal(one, drop(x))

    def test_nothing_is_dropped_on_the_stage(self) -> None:
        x = torch.randn(10)
        assert torch.equal(Dropout(0.5).eval()(x), x)
        assert torch.equal(Dropout(0.0)(x), x)


def test_the_norm_is_torchs() -> None:
    ours = RMSNorm(12, eps=1e-5)
    nn.init.normal_(ours.weight)
    theirs = nn.RMSNorm(12, eps=1e-5)
    theirs.load_state_dict(ours.state_dict())
    assert_same(ours, theirs, torch.randn(3, 5, 12))
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    with torch.no_grad():
        x = torch.randn(2, 12)
        torch.testing.assert_close(ours(x), theirs(x))


def test_the_norm_of_narrow_numbers_has_a_gradient_of_their_type() -> None:
    x = torch.randn(3, 12, dtype=torch.bfloat16, requires_grad=True)
    out = RMSNorm(12, eps=1e-5)(x)
    out.sum().backward()
    assert (out.dtype, x.grad.dtype) == (torch.float32, torch.bfloat16)


def test_rotation_turns_the_halves_against_each_other() -> None:
    angles = torch.rand(6, 4) * 6
    cos, sin = angles.cos(), angles.sin()

    def plain(x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)

    assert_same(lambda x: rotate(x, cos, sin), plain, torch.randn(2, 3, 6, 8))


class TestAttention:
    @settings(deadline=None, max_examples=20)
    @given(length=st.integers(1, 300), context=st.integers(1, 300), shared=st.sampled_from([1, 2]))
    def test_it_is_torchs_with_a_mask(self, length: int, context: int, shared: int) -> None:
        k, v = torch.randn(2, 2, 2, length, 4)
        q = torch.randn(2, 2 * shared, length, 4)
        at = torch.arange(length)
        mask = (at[None] <= at[:, None]) & (at[None] > at[:, None] - context)

        def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
            return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

        assert_same(lambda q, k, v: windowed_attention(q, k, v, context), plain, q, k, v)


def test_a_summed_lookup_is_the_sum_of_lookups() -> None:
    tables = [nn.Embedding(size, 6) for size in (3, 7, 2)]
    classes = torch.stack([torch.randint(0, table.num_embeddings, (4, 5)) for table in tables], dim=-1)
    twins = copy.deepcopy(tables)
    ours = summed_lookup([table.weight for table in tables], classes)
    theirs = sum(table(classes[..., index]) for index, table in enumerate(twins))
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for table, twin in zip(tables, twins, strict=True):
        torch.testing.assert_close(table.weight.grad, twin.weight.grad)
