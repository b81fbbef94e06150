"""The chord chooser as a graph, always float32: it runs once a window."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto

from export.writer import Array, GraphWriter
from livegen.core.errors import ModelError
from livegen.core.harmonic_memory import CHANNELS, PLACES
from livegen.generators.contract import CHORD_CLASSES
from livegen.generators.model_files import find_model, load_contract
from models.networks.chords import ChordNet


def chords_graph(net: ChordNet) -> onnx.ModelProto:
    """Heard float32 [B, C, 12], place float32 [B, P] -> logits [B, 12 roots x qualities]."""
    weights: dict[str, Array] = {name: tensor.detach().cpu().double().numpy() for name, tensor in net.state_dict().items()}
    writer = GraphWriter()
    writer.input("heard", TensorProto.FLOAT, CHANNELS, 12)
    writer.input("place", TensorProto.FLOAT, PLACES)
    turns = writer.constant("turns", net.get_buffer("turns").numpy())
    seen = writer.node("Gather", ["heard", turns], "turned", axis=2)  # [B, C, 12 roots, 12]
    seen = writer.node("Transpose", [seen], "by_root", perm=[0, 2, 1, 3])
    seen = writer.node("Reshape", [seen, writer.constant("seen_shape", np.array([0, 12, CHANNELS * 12]))], "seen")
    logits = [_member(writer, weights, f"members.{index}.", seen) for index in range(len(net.members))]
    x = writer.node("Mean", logits, "mean")
    writer.node("Reshape", [x, writer.constant("logits_shape", np.array([0, CHORD_CLASSES]))], "logits")
    writer.output("logits", CHORD_CLASSES)
    return writer.model("chords")


def _member(writer: GraphWriter, weights: dict[str, Array], name: str, seen: str) -> str:
    """One chooser's logits [B, 12 roots, qualities], from what is seen from each root and the place."""
    # The place is the same for each root, so its part of the first layer is computed once.
    from_heard, from_place = np.split(weights[f"{name}first.weight"].T, [CHANNELS * 12])
    heard = writer.linear(seen, from_heard, None, f"{name}from_heard")  # [B, 12 roots, width]
    place = writer.linear("place", from_place, weights[f"{name}first.bias"], f"{name}from_place")
    axis = writer.constant(f"{name}root_axis", np.array([1]))
    place = writer.node("Unsqueeze", [place, axis], f"{name}from_place_row")
    x = writer.node("Gelu", [writer.node("Add", [heard, place], f"{name}first")], f"{name}first_active")
    x = writer.node("Gelu", [_layer(writer, x, weights, f"{name}second")], f"{name}second_active")
    return _layer(writer, x, weights, f"{name}out")


@dataclass(frozen=True, slots=True)
class Chooser:
    """A chord chooser's graph, and the network that it was made of; None if it was taken from an exported model."""

    graph: onnx.ModelProto
    net: ChordNet | None


def find_chooser(source: str) -> Chooser:
    """The chooser of a checkpoint of `models.chord_training`, or of an exported model, by name or directory.

    Raises:
        ModelError: there is neither, or what is there can't be used.
    """
    if Path(source).is_file():
        net = load_chords(Path(source))
        return Chooser(chords_graph(net), net)
    contract = load_contract(find_model(source))
    if contract.chords is None:
        raise ModelError(f"{source} has no chord chooser to take; name a checkpoint of models.chord_training")
    return Chooser(onnx.load(contract.directory / contract.chords.file), None)


def load_chords(path: Path) -> ChordNet:
    """The network in a checkpoint of `models.chord_training`.

    Raises:
        ModelError: the file is no such checkpoint, or was trained on other features.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        net = ChordNet(**checkpoint["sizes"])
        net.load_state_dict(checkpoint["weights"])
    except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a checkpoint of this version's chord chooser ({error})") from error
    return net.eval()


def _layer(writer: GraphWriter, source: str, weights: dict[str, Array], name: str) -> str:
    product = writer.linear(source, weights[f"{name}.weight"].T, None, f"{name}_product")
    return writer.node("Add", [product, writer.constant(f"{name}_bias", weights[f"{name}.bias"])], name)
