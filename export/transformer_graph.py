"""The step of a Transformer, its cache of keys and values in place.

Seven nodes a block, all but the products contributed operators of ONNX Runtime: GroupQueryAttention turns queries and keys by
their slot, writes the new key and value into the cache that is bound to it, and sees a window of `context` events; the norm
adds the branch before it to the stream, bias included; FastGelu adds the other bias.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from export.parts import common_tensors, event_tables, heard_features, trunk_of, weights_of
from export.writer import CONTRIB, Array, GraphWriter
from livegen.core.errors import ModelError
from livegen.generators.contract import PAST_LENGTH, SLOTS, TOTAL_LENGTH
from models.networks.transformer import ROPE_BASE, TransformerModel, rope_tables

NORM_EPSILON = 1e-5
_HEAD_STEP = 16


def slots_of(model: TransformerModel) -> int:
    """How many events a page of the cache holds: a quarter more than the window, since attention costs time for all in use."""
    return model.config.context + max(2, model.config.context // 4)


def cache_of(model: TransformerModel) -> dict[str, object]:
    """The contract's description of the cache."""
    layers = [[name for pair in _cache_names(layer) for name in pair] for layer in range(model.config.layers)]
    return {"slots": slots_of(model), "rope_base": ROPE_BASE, "layers": layers}


def transformer_step(model: TransformerModel, writer: GraphWriter) -> onnx.ModelProto:
    """One event: row, style, heard, the cache, its lengths -> hidden [B, heads * head], heard_next, the cache.

    Keys and values are [B, kv heads, slots, head width] each. `past_length` int32 [B] is the slot of the new event,
    `total_length` int32 the number of slots in use with it.

    Raises:
        ModelError: the heads have a width that the operator does not take.
    """
    config, weights = model.config, weights_of(model)
    if config.head_width % _HEAD_STEP:
        raise ModelError(
            f"attention heads of width {config.head_width} ({config.width} / {config.heads}) can't be exported: ONNX Runtime's "
            f"GroupQueryAttention takes multiples of {_HEAD_STEP}; train with another number of heads"
        )
    common_tensors(writer, model)
    kv_width = config.kv_heads * config.head_width
    cos, sin = (
        writer.constant(name, table.numpy())
        for name, table in zip(("cos", "sin"), rope_tables(slots_of(model), config.head_width), strict=True)
    )
    # A sink that takes nothing: it makes ONNX Runtime (1.31) compute attention to 512 events in 19 µs instead of 35.
    sink = writer.constant("sink", np.full(config.heads, -1e9))
    told = writer.node("Concat", ["style", heard_features(writer)], "told", axis=1)
    stacked = np.concatenate([weights["embed.style.weight"].T, weights["heard_in.weight"].T])
    extra = writer.node(
        "Unsqueeze",
        [writer.linear(told, stacked, None, "extra", exact=True), writer.constant("extra_axis", np.array([1]))],
        "extra_row",
    )
    added = [extra, writer.lookup("row", event_tables(model), "event")]
    for layer in range(config.layers):
        block = f"blocks.{layer}"
        x, stream = _norm(writer, f"attention{layer}", weights[f"{block}.attention_norm.weight"], added)
        # The operator's own scale would be a factor of its product, which ONNX Runtime then computes by a slower routine.
        scale = np.concatenate([np.full(config.width, config.head_width**-0.5), np.ones(2 * kv_width)])
        qkv = writer.linear(x, weights[f"{block}.qkv.weight"].T * scale, None, f"qkv{layer}")
        before, after = _cache_names(layer)
        attended = writer.node(
            "GroupQueryAttention",
            [qkv, "", "", *before, PAST_LENGTH, TOTAL_LENGTH, cos, sin, "", "", sink],
            f"attended{layer}",
            *after,
            domain=CONTRIB,
            num_heads=config.heads,
            kv_num_heads=config.kv_heads,
            do_rotary=1,
            scale=1.0,
            local_window_size=config.context,
        )
        for tensor in before:
            writer.input(tensor, TensorProto.FLOAT, config.kv_heads, SLOTS, config.head_width)
        for tensor in after:
            writer.output(tensor, config.kv_heads, SLOTS, config.head_width)
        added = [stream, writer.linear(attended, weights[f"{block}.out.weight"].T, None, f"out{layer}")]
        x, stream = _norm(writer, f"mlp{layer}", weights[f"{block}.mlp_norm.weight"], added)
        up = writer.linear(x, weights[f"{block}.up.weight"].T, None, f"up{layer}")
        up_bias = writer.constant(f"up_bias{layer}", weights[f"{block}.up.bias"])
        active = writer.node("FastGelu", [up, up_bias], f"active{layer}", domain=CONTRIB)
        down = writer.linear(active, weights[f"{block}.down.weight"].T, None, f"down{layer}")
        added = [stream, down, writer.constant(f"down_bias{layer}", weights[f"{block}.down.bias"])]
    x, _ = _norm(writer, "final", weights["norm.weight"], added)
    trunk, trunk_bias = trunk_of(weights)
    writer.linear(writer.squeeze(x, "final_flat"), trunk, trunk_bias, "hidden")
    writer.input(PAST_LENGTH, TensorProto.INT32)
    writer.scalar(TOTAL_LENGTH, TensorProto.INT32)
    return writer.model("step")


def _cache_names(layer: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Key and value of a layer as they go in, and as they come out."""
    return (f"past_key{layer}", f"past_value{layer}"), (f"present_key{layer}", f"present_value{layer}")


def _norm(writer: GraphWriter, name: str, scale: Array, added: list[str]) -> tuple[str, str]:
    """The sum of the stream, a branch and perhaps its bias: normed, and as it is."""
    inputs = [*added[:2], writer.constant(f"{name}_scale", scale), *added[2:]]
    outputs = (f"{name}_normed", "", "", f"{name}_stream")
    normed = writer.node("SkipSimplifiedLayerNormalization", inputs, *outputs, domain=CONTRIB, epsilon=NORM_EPSILON)
    return normed, outputs[3]
