"""What the graphs of both backbones share: the embedding of an event, what has been heard, and the heads.

- The embedding tables of all fields become one table, and what is linear behind them is folded into it: a product is looked up
  instead of multiplied, and a step streams fewer weights.
- The heads' first layers, their trunks, are linear in the backbone's output, so they stand at the end of the step, where they
  run once an event; the heads, called up to six times an event, cost a third without them. `hidden` is therefore what the
  trunks make of the backbone's output, [B, heads * head width].
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from export.writer import Array, GraphWriter
from livegen.core import vocabulary as v
from livegen.generators.contract import GIVEN
from models.networks.blocks import GIVEN_SIZE, HEAD_GIVEN, HEARD_FLOOR, HEARD_SECONDS, HEARD_VOICES, dt_seconds, table_of
from models.networks.checkpoint import Model

HEARD_STATE = ("heard", "heard_next")
HEARD_SHAPE = (len(HEARD_SECONDS), 12 * HEARD_VOICES)

Weights = dict[str, Array]


def weights_of(model: Model) -> Weights:
    """All weights by their name in the checkpoint, in double precision."""
    return {name: tensor.detach().cpu().double().numpy() for name, tensor in model.state_dict().items()}


def table_at(model: Model, path: str) -> Array:
    """The embedding table of one field, [classes, width]."""
    table: Array = table_of(model.get_submodule(path)).detach().cpu().double().numpy()
    return table


def event_tables(model: Model) -> list[Array]:
    """The embedding table of each field of a row, [classes, width] each."""
    return [table_at(model, f"embed.fields.{column}") for column in range(len(v.FIELDS))]


def common_tensors(writer: GraphWriter, model: Model) -> None:
    """What every step has: row, style weights and the counts of what was heard go in, `hidden` and the counts come out."""
    writer.input("row", TensorProto.INT64, len(v.FIELDS))
    writer.input("style", TensorProto.FLOAT, len(model.config.styles))
    writer.input(HEARD_STATE[0], TensorProto.FLOAT, *HEARD_SHAPE)
    writer.output("hidden", len(v.HEADS) * model.config.head)
    writer.output(HEARD_STATE[1], *HEARD_SHAPE)


def heard_features(writer: GraphWriter) -> str:
    """The counts faded and added to, which become the next state, and the features that they give, [B, width] (`Heard`)."""
    rates = 1.0 / np.array(HEARD_SECONDS)
    seconds = dt_seconds().double().numpy()
    fade = np.exp(-seconds[:, None] * rates)[:, :, None]  # [dt classes, taus, 1]
    struck = np.zeros((v.SIZE["kind"], v.SIZE["pitch"], HEARD_VOICES, 12))
    for voice, kind in enumerate(("ON", "NOTE")):
        struck[v.KIND[kind], np.arange(1, 129), voice, np.arange(128) % 12] = 1.0
    times = writer.node("Gather", [writer.constant("fade_table", fade), _columns(writer, "dt")], "fade", axis=0)
    faded = writer.node("Mul", [HEARD_STATE[0], times], "faded")
    table = writer.constant("struck_table", struck.reshape(*struck.shape[:2], 1, -1))
    added = writer.node("GatherND", [table, _columns(writer, "kind", "pitch")], "struck")  # [B, 1, 24]
    counts = writer.node("Add", [faded, added], HEARD_STATE[1])  # [B, taus, 24]
    shape = writer.constant("voices_shape", np.array([0, len(HEARD_SECONDS), HEARD_VOICES, 12]))
    voices = writer.node("Reshape", [counts, shape], "voices")
    total = writer.node("ReduceSum", [voices, writer.constant("voices_axis", np.array([-1]))], "heard_total", keepdims=1)
    floored = writer.node("Add", [total, writer.constant("heard_floor", HEARD_FLOOR)], "heard_floored")
    shares = writer.node("Div", [voices, floored], "heard_shares")
    more = writer.node("Add", [total, writer.constant("heard_one", 1.0)], "heard_more")
    both = writer.node("Concat", [shares, writer.node("Log", [more], "heard_log")], "heard_both", axis=-1)
    width = len(HEARD_SECONDS) * HEARD_VOICES * 13
    return writer.node("Reshape", [both, writer.constant("heard_shape", np.array([0, width]))], "heard_features")


def _columns(writer: GraphWriter, *names: str) -> str:
    """Columns of the row: one is [B], several are [B, columns]."""
    at = [v.COLUMN[name] for name in names]
    index = writer.constant("_".join(["columns", *names]), np.array(at if len(at) > 1 else at[0]))
    return writer.node("Gather", ["row", index], "_".join(["row", *names]), axis=1)


def trunk_of(weights: Weights) -> tuple[Array, Array]:
    """The first layers of all heads as one: weight [H, heads * head], bias [heads * head]."""
    weight = np.concatenate([weights[f"heads.trunk.{head}.weight"].T for head in v.HEADS], axis=1)
    return weight, np.concatenate([weights[f"heads.trunk.{head}.bias"] for head in v.HEADS])


def heads_graph(model: Model) -> onnx.ModelProto:
    """All heads at once: hidden [B, heads * head], given int64 [B, G] -> logits_<head> [B, classes] for each head.

    Always float32: its matrices are small, so eight bits would save no time.
    """
    width, weights = model.config.head, weights_of(model)
    writer = GraphWriter()
    writer.input("hidden", TensorProto.FLOAT, len(v.HEADS) * width)
    writer.input("given", TensorProto.INT64, len(GIVEN))
    tables = []
    for name in GIVEN:
        # A head that is not given a field finds zeros.
        blocks = [
            table_at(model, f"heads.given.{head}.{name}") if name in HEAD_GIVEN[head] else np.zeros((GIVEN_SIZE[name], width))
            for head in v.HEADS
        ]
        tables.append(np.concatenate(blocks, axis=1))  # [classes, heads * head]
    known = writer.squeeze(writer.lookup("given", tables, "known"), "known_flat")
    total = writer.node("Add", ["hidden", known], "before")
    active = writer.node("Gelu", [total], "active", approximate="tanh")
    writer.split(active, [f"active_{head}" for head in v.HEADS], [width] * len(v.HEADS))
    for head in v.HEADS:
        out, bias = weights[f"heads.out.{head}.weight"].T, weights[f"heads.out.{head}.bias"]
        writer.output(writer.linear(f"active_{head}", out, bias, f"logits_{head}"), v.SIZE[head])
    return writer.model("heads")
