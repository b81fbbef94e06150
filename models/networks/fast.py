"""The same functions as torch's own, in forms that a CPU trains faster with; elsewhere torch's own are used.

Figures are of one core with AVX-512 and bf16, forward and backward together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_ATTENTION_CHUNK = 128
"""Queries at a time: enough for full speed, few enough that little is computed for keys that they don't see."""


class Dropout(nn.Module):
    """`nn.Dropout` whose mask costs one random number for eight weights: 9 ms instead of 22 for 3 M values.

    The share is rounded to 256ths.

    Args:
        share: of the values that become zero, 0 <= share < 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return dropout(x, self.share) if self.training and self.share else x


def dropout(x: Tensor, share: float) -> Tensor:
    """Zero a share of the values, 0 <= share < 1, and make the others as much larger."""
    dropped = round(share * 256)
    if x.device.type != "cpu":
        return functional.dropout(x, dropped / 256)
    count = x.numel()
    words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.uint8)[:count].view(x.shape) >= dropped
    return x * (kept.to(x.dtype) * (256 / (256 - dropped)))


def _apply(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    """`function.apply`, for which torch gives no types."""
    return function.apply(*inputs)  # type: ignore[no-untyped-call]


def summed_lookup(tables: Sequence[Tensor], classes: Tensor) -> Tensor:
    """The sum of one row of each table, as one matrix product: 15 lookups cost 25 ms instead of 250 for 12 k events.

    Args:
        tables: [classes of the field, W] each.
        classes: int64 [..., number of tables].

    Returns:
        [..., W].
    """
    sizes = torch.tensor([0, *(len(table) for table in tables)], device=classes.device)
    places = classes + sizes.cumsum(0)[:-1]
    stacked = torch.cat(list(tables))
    one_hot = torch.zeros((*classes.shape[:-1], len(stacked)), dtype=_matrix_type(stacked), device=classes.device)
    return one_hot.scatter_(-1, places, 1.0) @ stacked


def _matrix_type(like: Tensor) -> torch.dtype:
    """The type that autocast computes matrix products in, or that of `like` where it is off."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


class LSTM(nn.LSTM):
    """`nn.LSTM` (batch first), which a CPU trains step by step in matrix products of the narrow type, a tenth faster."""

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        """Inputs [B, T, E], state or None -> hidden [B, T, H], state [layers, B, H] each.

        The state after is that of the end; no gradient goes through it.
        """
        if state is not None or x.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(x, state)
        kind = _matrix_type(x)
        hidden = x.transpose(0, 1).to(kind)  # [T, B, E]
        ends: tuple[list[Tensor], list[Tensor]] = ([], [])
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                hidden = dropout(hidden, self.dropout)
            of_input, of_hidden, bias, other = (getattr(self, f"{name}_l{layer}") for name in _LSTM_WEIGHTS)
            hidden, cell = _apply(_LSTMLayer, hidden, of_input.to(kind), of_hidden.to(kind), (bias + other).to(kind))
            ends[0].append(hidden[-1].detach())
            ends[1].append(cell)
        return hidden.transpose(0, 1), (torch.stack(ends[0]), torch.stack(ends[1]))


_LSTM_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class _LSTMLayer(torch.autograd.Function):
    """Hochreiter and Schmidhuber (1997) with torch's order of gates: in, forget, new, out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, of_input: Tensor, of_hidden: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs x [T, B, E] -> hidden [T, B, H] and the last cell [B, H], from silence on."""
        steps, batch, _ = x.shape
        size = of_hidden.shape[1]
        x = x.flatten(0, 1).contiguous()
        gates = torch.addmm(bias, x, of_input.t()).view(steps, batch, 4 * size)
        hidden, cell = x.new_zeros(steps + 1, batch, size), torch.zeros(steps + 1, batch, size)
        squashed = torch.empty_like(hidden[1:])
        turned = of_hidden.t()
        for gate, before, after, kept, now, out in zip(
            *(tensor.unbind(0) for tensor in (gates, hidden[:-1], hidden[1:], cell[:-1], cell[1:], squashed)), strict=True
        ):
            gate.addmm_(before, turned)
            gate[:, : 2 * size].sigmoid_()
            gate[:, 2 * size : 3 * size].tanh_()
            gate[:, 3 * size :].sigmoid_()
            come, stay, new, go = gate.chunk(4, dim=1)
            torch.mul(stay, kept, out=now)
            now.addcmul_(come, new)
            out.copy_(now.tanh())
            torch.mul(go, out, out=after)
        ctx.save_for_backward(x, of_input, of_hidden, gates, hidden, cell, squashed)
        end = cell[-1].clone()
        ctx.mark_non_differentiable(end)
        return hidden[1:], end

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, of_input, of_hidden, gates, hidden, cell, squashed = ctx.saved_tensors
        steps, batch, size = squashed.shape
        come, stay, new, go = gates.chunk(4, dim=2)  # [T, B, H] each
        # What one step back multiplies its gradients with is known for all steps at once.
        slopes = torch.empty_like(gates)  # [T, B, 4 * H]
        for out, gate, other in zip(
            slopes.chunk(4, dim=2), (come, stay, None, go), (new, cell[:-1].to(gates.dtype), come, squashed), strict=True
        ):
            torch.mul(other, 1 - new * new if gate is None else gate * (1 - gate), out=out)
        to_cell = go * (1 - squashed * squashed)
        d_hidden, d_cell = gradients[0][-1], torch.zeros(batch, size)
        for step in range(steps - 1, -1, -1):
            d_cell.addcmul_(d_hidden, to_cell[step])
            d_gates = slopes[step].view(batch, 4, size)
            d_gates[:, :3].mul_(d_cell.unsqueeze(1))
            d_gates[:, 3].mul_(d_hidden)
            if step:
                d_hidden = torch.addmm(gradients[0][step - 1], slopes[step], of_hidden)
                d_cell.mul_(stay[step])
        flat = slopes.flatten(0, 1)  # [T * B, 4 * H]
        d_x = (flat @ of_input).view(steps, batch, -1)
        return d_x, flat.t() @ x, flat.t() @ hidden[:-1].flatten(0, 1), flat.sum(dim=0)


class RMSNorm(nn.RMSNorm):
    """`nn.RMSNorm` over the last dimension with its gradient in few passes: 11 ms instead of 33 for 3 M values."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., W] -> [..., W]."""
        if x.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(x)
        normal: Tensor = _apply(_RMSNorm, x, self.weight, self.eps)
        return normal


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32).square_()
        scale = square.div_(x.shape[-1]).add_(eps).rsqrt_()  # [..., 1]
        normal = x * scale
        ctx.save_for_backward(normal, scale, weight)
        ctx.kind = x.dtype
        weighted: Tensor = normal * weight
        return weighted

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        normal, scale, weight = ctx.saved_tensors
        inner = gradient * weight
        along = torch.linalg.vecdot(inner, normal).unsqueeze(-1) / normal.shape[-1]
        of_weight = (gradient * normal).flatten(0, -2).sum(dim=0)
        return inner.addcmul_(normal, along, value=-1.0).mul_(scale).to(ctx.kind), of_weight, None


class _Rotate(torch.autograd.Function):
    """x [..., D] with the halves of D turned against each other; the gradient turns back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        turned: Tensor = x.roll(x.shape[-1] // 2, dims=-1).mul_(sin).addcmul_(x, cos)
        return turned

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        cos, sin = ctx.saved_tensors
        return gradient.roll(gradient.shape[-1] // 2, dims=-1).mul_(-sin).addcmul_(gradient, cos), None, None


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: first half times cos minus second half times sin, and second times cos plus first times sin.

    Args:
        x: [..., T, D].
        cos: [T, D / 2].
        sin: [T, D / 2].

    Returns:
        [..., T, D] in the type of x.
    """
    tables = (torch.cat([cos, cos], dim=-1).to(x.dtype), torch.cat([-sin, sin], dim=-1).to(x.dtype))
    turned: Tensor = _apply(_Rotate, x, *tables)
    return turned


def windowed_attention(q: Tensor, k: Tensor, v: Tensor, context: int) -> Tensor:
    """Scaled dot-product attention in which each position sees itself and the `context - 1` before it.

    On a CPU in chunks of queries, each with the keys in its reach alone: 230 ms instead of 600 for [12, 4, 1024, 64] and a
    context of 512.

    Args:
        q: [B, heads, T, D].
        k: [B, kv_heads, T, D]; each serves the next `heads / kv_heads` heads of q.
        v: [B, kv_heads, T, D].
        context: positions in reach.

    Returns:
        [B, heads, T, D].
    """
    batch, heads, length, width = q.shape
    shared = heads // k.shape[1]
    if q.device.type != "cpu":
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        mask = _window(0, length, 0, context, q.device)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    queries = (q * width**-0.5).reshape(-1, shared, length, width)  # [B * kv_heads, shared, T, D]
    keys, values = k.flatten(0, 1).transpose(1, 2), v.flatten(0, 1)  # [B * kv_heads, D, T], [B * kv_heads, T, D]
    outputs = []
    for start in range(0, length, _ATTENTION_CHUNK):
        end, first = min(length, start + _ATTENTION_CHUNK), max(0, start - context + 1)
        seen = _window(start, end, first, context, q.device).repeat(shared, 1)
        hidden = torch.zeros(seen.shape, dtype=q.dtype).masked_fill_(~seen, -torch.inf)
        scores = torch.baddbmm(hidden, queries[:, :, start:end].flatten(1, 2), keys[:, :, first:end])
        chunk = torch.bmm(scores.softmax(dim=-1), values[:, first:end])  # [B * kv_heads, shared * chunk, D]
        outputs.append(chunk.view(len(chunk), shared, end - start, width))
    return torch.cat(outputs, dim=2).view(batch, heads, length, width)


def _window(start: int, end: int, first: int, context: int, device: torch.device) -> Tensor:
    """Whether query `start..end` sees key `first..end`, bool [queries, keys]."""
    query = torch.arange(start, end, device=device).unsqueeze(1)
    key = torch.arange(first, end, device=device)
    return (key <= query) & (key > query - context)
