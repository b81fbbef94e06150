"""A model that does not keep its contract is refused, and the refusal says what, where, and what to do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tiny_models import (
    CONTEXT,
    STYLES,
    copy_of,
    edit_contract,
    edit_graph,
    edit_weights,
    export_model_of,
    export_tiny,
    tiny_chords,
    tiny_lstm,
    tiny_transformer,
    write_graph,
)

from livegen.core import vocabulary as v
from livegen.core.errors import ConfigError, ModelError
from livegen.core.events import Part
from livegen.core.harmonic_memory import CHANNELS, PLACES
from livegen.generators import model_files
from livegen.generators.contract import CHORD_CLASSES, GIVEN, INT8
from livegen.generators.contract_reader import parse_contract
from livegen.generators.model_files import find_model, list_models, load_contract
from livegen.generators.session import StepSession
from models.networks.blocks import GIVEN as MODELS_GIVEN


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    training = {"seed": 7, "corpora": [{"name": "x", "licence": "CC0"}]}
    return export_tiny(tmp_path_factory.mktemp("exported"), 2, training=training)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With all that a model can have: a cache, eight bits, a chord graph."""
    return export_model_of(tiny_transformer(), tmp_path_factory.mktemp("transformer"), "full", INT8, chords=tiny_chords())


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return copy_of(exported, tmp_path)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        call()
    return str(caught.value)


def test_a_whole_model_loads_and_says_what_it_is(exported: Path) -> None:
    contract = load_contract(exported)
    assert contract.name == "tiny2"
    assert contract.styles == STYLES
    assert contract.parts == {Part.LEAD, Part.CHORDS, Part.BASS}
    assert contract.context_events is None
    assert contract.decoding == {"hide_history": True, "chords": "drawn"}
    assert contract.training["seed"] == 7
    assert contract.architecture["parameters"] > 0
    assert [before for before, _ in contract.state] == ["heard", "h0", "c0", "h1", "c1"]
    assert (contract.weights, contract.cache, contract.chords) == ("float32", None, None)
    assert {"ai.onnx:Gemm", "ai.onnx:Tanh"} <= set(contract.operators)
    assert 0 < contract.streamed_bytes < contract.step.size_bytes


def test_a_model_with_everything_says_what_it_is(transformer: Path) -> None:
    contract = load_contract(transformer)
    assert contract.architecture["kind"] == "transformer"
    assert contract.context_events == CONTEXT
    assert contract.weights == "int8"
    assert contract.cache is not None
    assert contract.cache.slots > CONTEXT
    assert len(contract.cache.layers) == 2
    assert [before for before, _ in contract.state] == ["heard"]
    assert {"com.microsoft:GroupQueryAttention", "com.microsoft:MatMulNBits"} <= set(contract.operators)
    assert contract.decoding["chords"] == "planned"
    assert contract.graphs == (contract.step, contract.heads, contract.chords)
    assert contract.export["parity"]["steps"] >= 1000


def test_the_runtime_and_the_training_side_agree_on_what_heads_are_given() -> None:
    assert GIVEN == MODELS_GIVEN


class TestFinding:
    @pytest.fixture
    def bundled(self, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(model_files, "bundled_directory", lambda: tmp_path)
        copy_of(exported, tmp_path)
        (tmp_path / "broken").mkdir()
        return tmp_path

    def test_by_name_and_by_path(self, bundled: Path, exported: Path) -> None:
        assert find_model("copy") == bundled / "copy"
        assert find_model(str(exported)) == find_model(exported) == exported

    def test_an_unknown_name_lists_the_known_ones(self, bundled: Path) -> None:
        assert re.search(r"no model 'nosuch'.*broken, copy", refusal(lambda: find_model("nosuch")))

    def test_no_models_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(model_files, "bundled_directory", lambda: tmp_path / "absent")
        assert list_models() == ()
        assert "(none)" in refusal(lambda: find_model("nosuch"))

    def test_a_file_is_no_model(self, exported: Path) -> None:
        assert "is a file" in refusal(lambda: find_model(exported / "model.onnx"))

    def test_the_list_shows_broken_models_with_their_problem(self, bundled: Path) -> None:
        broken, good = list_models()
        assert (broken.name, broken.contract) == ("broken", None)
        assert "model.json" in str(broken.problem)
        assert good.problem is None
        assert good.contract is not None


class TestContract:
    def test_missing(self, model: Path) -> None:
        (model / "model.json").unlink()
        assert "is " + str(model) in refusal(lambda: load_contract(model))

    @pytest.mark.parametrize("text", ["{", "[]", '"x"', "\xff", "[" * 100_000, " " * (4 * 1024 * 1024 + 1)])
    def test_not_json(self, model: Path, text: str) -> None:
        (model / "model.json").write_text(text, encoding="latin-1")
        assert re.search("not JSON|one JSON object|more than", refusal(lambda: load_contract(model)))

    @pytest.mark.parametrize(
        "path",
        [
            "format_version", "operators", "weights", "chords", "export", "architecture.kind", "architecture.parameters",
            "step.cache", "step.streamed_bytes", "name", "vocabulary", "architecture", "opset", "context_events", "styles",
            "parts", "step", "heads", "training", "decoding", "vocabulary.hash", "step.file", "step.sha256", "step.bytes",
            "step.inputs", "step.outputs", "step.state", "heads.file", "heads.given", "decoding.hide_history",
            "decoding.chords", "step.inputs.0.name", "step.inputs.0.shape", "step.outputs.0.type",
        ],
    )  # fmt: skip
    def test_a_missing_key_or_wrong_type_is_named(self, exported: Path, path: str) -> None:
        assert_named(exported / "model.json", path)

    @pytest.mark.parametrize("path", ["step.cache.slots", "step.cache.layers", "chords.file", "chords.inputs", "chords.sha256"])
    def test_the_same_of_what_only_some_models_have(self, transformer: Path, path: str) -> None:
        assert_named(transformer / "model.json", path)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda d: d["step"].update(cache=None), "'step.inputs' have past_key0 .* too many"),
            (lambda d: d["step"]["cache"].update(slots=CONTEXT), f"{CONTEXT} slots has no room"),
            (lambda d: d["step"]["cache"].update(slots=10**9), "slots, a rope base"),
            (lambda d: d["step"]["cache"].update(rope_base=1.0), "a rope base of 1"),
            (lambda d: d["step"]["cache"].update(layers=[]), "0 layers"),
            (lambda d: d["step"]["cache"]["layers"].pop(), "past_key1 .* where past_length"),
            (lambda d: d["step"]["cache"]["layers"][0].pop(), "must list 4 names"),
            (lambda d: d["step"]["cache"]["layers"][0].reverse(), "needs an input"),
            (lambda d: d.update(context_events=None), "no room for None"),
            (lambda d: d.update(weights="int7"), "'weights' is 'int7', not one of float32, int8"),
            (lambda d: d.update(chords=None), "'planned', but there is no chord graph"),
            (lambda d: d["chords"]["inputs"].pop(), "'chords.inputs' must be"),
            (lambda d: d["chords"]["outputs"][0].update(shape=["batch", 12]), "'chords.outputs' have logits"),
            (lambda d: d["decoding"].update(boldness=0.0), "'decoding.boldness' is 0.0, not a number above 0 and up to 2"),
            (lambda d: d["decoding"].update(chord_boldness=2.5), "'decoding.chord_boldness' is 2.5, not a number above 0"),
            (lambda d: d["decoding"].update(chords="guessed"), "not one of drawn, planned"),
        ],
    )
    def test_a_cache_or_chord_graph_that_cannot_be(
        self, transformer: Path, change: Callable[[dict[str, Any]], object], words: str
    ) -> None:
        document = json.loads((transformer / "model.json").read_text())
        change(document)
        assert re.search(words, refusal(lambda: parse_contract(document, transformer / "model.json")))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda d: d.update(format_version=1), "format version 1, but this livegen reads 2"),
            (lambda d: d.update(format_version=True), "must be int, found bool"),
            (lambda d: d["vocabulary"].update(hash="0123"), f"0123.*{v.HASH}"),
            (lambda d: d.update(styles=[]), "different names"),
            (lambda d: d.update(styles=["a", "a"]), "different names"),
            (lambda d: d.update(styles=["a", "b", "c"]), r"style float32\[batch, 2\] where style float32\[batch, 3\]"),
            (lambda d: d.update(parts=["lead", "kazoo"]), "kazoo; there are lead, chords, bass, drums"),
            (lambda d: d["heads"]["given"].reverse(), "'heads.given' is chord_quality, .* gives root, "),
            (lambda d: d["step"].update(file="../model.onnx"), "plain file name"),
            (
                lambda d: d["step"]["inputs"][0].update(shape=["batch", 14]),
                r"row int64\[batch, 14\] where row int64\[batch, 15\]",
            ),
            (lambda d: d["step"]["inputs"][0].update(type="int32"), "row int32"),
            (lambda d: d["step"]["inputs"][0].update(shape=["batch", -1]), "'step.inputs.shape' is"),
            (lambda d: d["step"]["inputs"].append("x"), "must list objects"),
            (lambda d: d["step"]["inputs"].append(d["step"]["inputs"][0]), "too many"),
            (lambda d: d["step"]["outputs"].pop(), "lack c1_next"),
            (lambda d: d["step"]["outputs"].clear(), "must begin with hidden"),
            (lambda d: d["step"]["state"].pop(), "too many"),
            (lambda d: d["step"]["state"].append(["h0"]), "must list 2 names"),
            (lambda d: d["step"]["state"].append(["nosuch", "x"]), "every state"),
            (lambda d: d["heads"]["outputs"][5].update(shape=["batch", 130]), "logits_pitch"),
        ],
    )
    def test_a_contract_for_something_else(self, model: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
        edit_contract(model, change)
        assert re.search(words, refusal(lambda: load_contract(model)))

    def test_a_bounded_context_is_a_number(self, model: Path) -> None:
        edit_contract(model, lambda d: d.update(context_events=512))
        assert load_contract(model).context_events == 512

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_any_damage_is_read_or_refused(self, exported: Path, transformer: Path, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from([exported, transformer])) / "model.json"
        document = json.loads(place.read_text())
        table: Any = document
        while True:
            key = data.draw(st.sampled_from(list(table) if isinstance(table, dict) else list(range(len(table)))))
            if not isinstance(table[key], dict | list) or not table[key] or data.draw(st.booleans()):
                break
            table = table[key]
        scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        table[key] = data.draw(
            scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=3)
        )
        with suppress(ModelError):
            assert parse_contract(document, place).graphs


def assert_named(place: Path, path: str) -> None:
    """A contract without a key, or with a value of another type there, is refused by the key's name."""
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for damage in ("missing", "wrong"):
        document = json.loads(place.read_text())
        table = document
        for key in way:
            table = table[key]
        if damage == "missing":
            del table[last]
        else:
            table[last] = 1.5
        message = refusal(lambda document=document: parse_contract(document, place))
        assert str(last) in message
        assert str(place) in message
        assert "export the model again" in message


class TestFiles:
    @pytest.mark.parametrize("file", ["model.onnx", "heads.onnx", "chords.onnx"])
    def test_missing(self, transformer: Path, tmp_path: Path, file: str) -> None:
        model = copy_of(transformer, tmp_path)
        (model / file).unlink()
        assert re.search(rf"{file}: cannot be read .*again", refusal(lambda: load_contract(model)))

    def test_truncated(self, model: Path) -> None:
        os.truncate(model / "model.onnx", 1000)
        assert "1000 bytes, but model.json says" in refusal(lambda: load_contract(model))

    def test_a_changed_byte(self, model: Path) -> None:
        data = bytearray((model / "heads.onnx").read_bytes())
        data[500] ^= 1
        (model / "heads.onnx").write_bytes(data)
        assert "sha256" in refusal(lambda: load_contract(model))

    def test_huge(self, model: Path) -> None:
        os.truncate(model / "model.onnx", 256 * 1024 * 1024 + 1)
        assert "more than the 268435456" in refusal(lambda: load_contract(model))

    @pytest.mark.parametrize("location", ["weights.bin", "../../../../etc/passwd", "/etc/passwd", "/dev/zero"])
    def test_weights_outside_are_not_read(self, model: Path, location: str) -> None:
        def move_out(graph: onnx.ModelProto) -> None:
            onnx.external_data_helper.convert_model_to_external_data(graph, size_threshold=0)
            for tensor in graph.graph.initializer:
                onnx.external_data_helper.set_external_data(tensor, location)
                tensor.ClearField("raw_data")

        edit_graph(model, "step", move_out)
        assert "keeps weights in other files" in refusal(lambda: load_contract(model))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
    @pytest.mark.parametrize("name", ["model.onnx", "model.json"])
    @pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
    def test_what_is_no_file_is_not_read(self, model: Path, name: str, kind: str) -> None:
        """A pipe would wait, and a device never end."""
        path = model / name
        path.unlink()
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "device":
                path.symlink_to("/dev/zero")
            case _:
                path.mkdir()
        assert f"{path}: cannot be read (it is no file)" in refusal(lambda: load_contract(model))

    def test_no_onnx(self, model: Path) -> None:
        write_graph(model, "step", b"\x07 this is no protobuf")
        assert "not an ONNX file" in refusal(lambda: load_contract(model))

    def test_the_file_changes_between_check_and_opening(self, model: Path) -> None:
        contract = load_contract(model)
        os.truncate(model / "model.onnx", 1000)
        assert "1000 bytes" in refusal(lambda: StepSession(contract))


class TestOpening:
    @pytest.mark.parametrize(
        ("section", "change", "words"),
        [
            ("step", lambda m: m.opset_import[0].__setattr__("version", 99), "can't load it"),
            ("step", lambda m: m.graph.node.pop(), "can't load it"),
            ("heads", lambda m: m.graph.node[0].__setattr__("op_type", "Nonsense"), "can't load it"),
            ("heads", lambda m: m.graph.output.pop(), "outputs lack logits_velocity"),
            ("step", lambda m: m.graph.input[1].type.tensor_type.shape.dim[1].__setattr__("dim_value", 3), "can't load|style"),
        ],
    )
    def test_a_graph_that_breaks_the_contract(
        self, model: Path, section: str, change: Callable[..., object], words: str
    ) -> None:
        edit_graph(model, section, change)
        contract = load_contract(model)
        message = refusal(lambda: StepSession(contract))
        assert re.search(words, message)
        assert str(model) in message

    @pytest.mark.parametrize(("section", "name"), [("step", "hidden_bias"), ("heads", "logits_root_bias")])
    def test_a_model_of_nans(self, model: Path, section: str, name: str) -> None:
        edit_weights(model, section, name, lambda values: values.fill(np.nan))
        assert "not finite" in refusal(lambda: StepSession(load_contract(model)))


class TestChords:
    def test_a_model_with_a_chord_graph_answers(self, transformer: Path) -> None:
        session = StepSession(load_contract(transformer))
        heard, place = np.ones((3, CHANNELS, 12), np.float32), np.ones((3, PLACES), np.float32)
        assert session.chords(heard, place).shape == (3, CHORD_CLASSES)

    def test_one_without_says_so(self, exported: Path) -> None:
        session = StepSession(load_contract(exported))
        heard, place = np.ones((1, CHANNELS, 12), np.float32), np.ones((1, PLACES), np.float32)
        assert "no chord graph" in refusal(lambda: session.chords(heard, place))


class TestProviders:
    def test_a_cache_in_place_stays_on_the_cpu_and_says_so(self, transformer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
        session = StepSession(load_contract(transformer), "cuda")
        assert session.provider == "cpu"
        assert re.search(r"memory in place.*'cuda'.*using cpu", str(session.notice))

    def test_an_unknown_name(self, exported: Path) -> None:
        with pytest.raises(ConfigError, match="choose one of cpu, cuda, coreml, dml"):
            StepSession(load_contract(exported), "abacus")

    def test_the_default_has_nothing_to_say(self, exported: Path) -> None:
        session = StepSession(load_contract(exported))
        assert (session.provider, session.notice) == ("cpu", None)

    def test_one_that_is_not_there_falls_back_and_says_so(self, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
        session = StepSession(load_contract(exported), "cuda")
        assert session.provider == "cpu"
        assert re.search(r"'cuda'.*using cpu.*onnxruntime-gpu", str(session.notice))

    def test_one_that_fails_to_start_falls_back_and_says_so(self, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = onnxruntime.InferenceSession

        def failing(data: bytes, options: object, providers: list[str], **keywords: Any) -> object:
            if providers[0] != "CPUExecutionProvider":
                raise RuntimeError("no such driver")
            return real(data, options, providers=providers, **keywords)

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
        monkeypatch.setattr(onnxruntime, "InferenceSession", failing)
        session = StepSession(load_contract(exported), "cuda")
        assert session.provider == "cpu"
        assert "no such driver" in str(session.notice)

    def test_one_that_onnxruntime_skips_falls_back_and_says_so(self, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = onnxruntime.InferenceSession

        def skipping(data: bytes, options: object, providers: list[str], **keywords: Any) -> object:
            return real(data, options, providers=["CPUExecutionProvider"], **keywords)

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
        monkeypatch.setattr(onnxruntime, "InferenceSession", skipping)
        session = StepSession(load_contract(exported), "cuda")
        assert session.provider == "cpu"
        assert "could not be started" in str(session.notice)


@pytest.mark.parametrize("make", [lambda: tiny_lstm(1), tiny_transformer])
def test_a_run_that_fails_is_a_model_error(tmp_path: Path, make: Callable[[], Any]) -> None:
    session = StepSession(load_contract(export_model_of(make(), tmp_path, "tiny")))
    row = np.full((1, len(v.FIELDS)), 10**6, dtype=np.int64)  # no such classes
    message = refusal(lambda: session.step(row, np.zeros((1, 2), np.float32), session.initial_state()))
    assert "inference failed" in message
