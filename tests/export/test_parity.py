"""What is exported is what was trained, through the daemon's own session; what isn't is not written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import CONTEXT, LAYERS, STYLES, copy_of, edit_weights, tiny_chords, tiny_lstm, tiny_transformer

from export import bundle
from export.__main__ import main
from export.bundle import Exported, export_model
from export.parity import LIMIT, NATS_LIMIT, Parity, compare
from export.random_events import random_rows
from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.generators.contract import FLOAT32, INT8
from livegen.generators.model_files import load_contract
from livegen.generators.session import StepSession
from models.networks.checkpoint import Model, parameter_count, save
from models.networks.transformer import TransformerConfig, TransformerModel

MODELS = {**{f"lstm{layers}": lambda layers=layers, seed=0: tiny_lstm(layers, seed) for layers in LAYERS}, "t": None}
MODELS["t"] = lambda seed=0: tiny_transformer(seed=seed)


def exported_of(model: Model, base: Path, weights: str = FLOAT32) -> Exported:
    save(model, base / "tiny.pt", recipe="tiny", training={"scores": {"nats": 1.25}, "seed": 3})
    return export_model(base / "tiny.pt", "tiny", base / weights, weights=weights)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    base = tmp_path_factory.mktemp("exported")
    for name in MODELS:
        (base / name).mkdir()
    return {name: exported_of(make(), base / name) for name, make in MODELS.items()}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save(tiny_lstm(1), tmp_path / "tiny.pt")
    return tmp_path / "tiny.pt"


@pytest.mark.parametrize("name", MODELS)
def test_a_thousand_steps_with_rollbacks_are_the_same(exported: dict[str, Exported], name: str) -> None:
    parity = exported[name].parity
    assert parity.steps >= 1000
    assert parity.rollbacks > 5
    assert parity.worst < LIMIT
    assert parity.exact


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_the_same(exported: dict[str, Exported], name: str) -> None:
    session = StepSession(load_contract(exported[name].directory))
    assert compare(MODELS[name](), session, steps=100, batch=4, seed=1).ok


@pytest.mark.parametrize("name", MODELS)
def test_another_model_is_not_the_same(exported: dict[str, Exported], name: str) -> None:
    session = StepSession(load_contract(exported[name].directory))
    assert not compare(MODELS[name](seed=1), session, steps=20).ok


def test_a_window_that_moves_on_sees_what_torch_sees(exported: dict[str, Exported]) -> None:
    """Event by event over many windows and pages, torch on the whole sequence behind its mask."""
    model, session = tiny_transformer(), StepSession(load_contract(exported["t"].directory))
    rows = random_rows(np.random.default_rng(2), 1, 9 * CONTEXT)
    style = np.array([[1.0, 0.0]], dtype=np.float32)
    with torch.inference_mode():
        output, _ = model(torch.from_numpy(rows), torch.from_numpy(style))
        expected = torch.cat([model.heads.trunk[head](output) for head in v.HEADS], dim=-1)[0].numpy()
    state = session.initial_state()
    for at in range(rows.shape[1]):
        hidden, state = session.step(rows[:, at], style, state)
        np.testing.assert_allclose(hidden[0], expected[at], atol=1e-4, err_msg=f"event {at}")


def test_a_window_of_another_length_shows(exported: dict[str, Exported]) -> None:
    """The comparison would notice if the exported attention reached one event too far or too near."""
    session = StepSession(load_contract(exported["t"].directory))
    for context in (CONTEXT - 1, CONTEXT + 1):
        assert not compare(tiny_transformer(context=context), session, steps=100).ok


@pytest.mark.parametrize(
    ("model", "section", "name"),
    [
        ("lstm2", "step", "event_table"),
        ("lstm2", "step", "gates0_weight"),
        ("lstm2", "step", "gates1_bias"),
        ("lstm2", "step", "fade_table"),
        ("lstm2", "heads", "known_table"),
        ("t", "step", "qkv1_weight"),
        ("t", "step", "down_bias0"),
        ("t", "step", "mlp1_scale"),
        ("t", "step", "sin"),
    ],
)
def test_one_wrong_weight_shows(exported: dict[str, Exported], tmp_path: Path, model: str, section: str, name: str) -> None:
    directory = copy_of(exported[model].directory, tmp_path)
    edit_weights(directory, section, name, lambda values: values.__setitem__(tuple(min(1, n - 1) for n in values.shape), 0.25))
    assert not compare(MODELS[model](), StepSession(load_contract(directory)), steps=1000).ok


class TestEightBits:
    @pytest.mark.parametrize("name", MODELS)
    def test_they_cost_little_and_what_they_cost_is_on_record(self, tmp_path: Path, name: str) -> None:
        done = exported_of(MODELS[name](), tmp_path, INT8)
        contract = load_contract(done.directory)
        assert contract.weights == INT8
        assert "com.microsoft:MatMulNBits" in contract.operators
        assert not done.parity.exact
        assert LIMIT < done.parity.worst < 1.0
        assert 0 < done.parity.nats < 0.01
        assert contract.export["parity"]["nats"] == done.parity.nats

    def test_they_are_fewer_bytes(self, exported: dict[str, Exported], tmp_path: Path) -> None:
        rounded = load_contract(exported_of(tiny_transformer(), tmp_path, INT8).directory)
        assert rounded.streamed_bytes < 0.5 * load_contract(exported["t"].directory).streamed_bytes

    def test_another_model_is_not_rounding(self, tmp_path: Path) -> None:
        session = StepSession(load_contract(exported_of(tiny_transformer(), tmp_path, INT8).directory))
        parity = compare(tiny_transformer(seed=1), session, steps=100)
        assert parity.nats > NATS_LIMIT
        assert not parity.ok


class TestChords:
    @pytest.fixture
    def chords(self, tmp_path: Path) -> Path:
        net = tiny_chords()
        torch.save(
            {"weights": net.state_dict(), "sizes": {"width": net.width, "members": len(net.members)}}, tmp_path / "chords.pt"
        )
        return tmp_path / "chords.pt"

    def test_the_graph_is_the_network(self, checkpoint: Path, chords: Path, tmp_path: Path) -> None:
        done = export_model(checkpoint, "tiny", tmp_path, chords=str(chords), weights=FLOAT32)
        assert 0 < done.parity.chords < LIMIT
        assert load_contract(done.directory).decoding["chords"] == "planned"
        session = StepSession(load_contract(done.directory))
        assert not compare(tiny_lstm(1), session, steps=20, chords=tiny_chords(seed=1)).ok

    def test_the_chooser_of_an_exported_model_is_taken_as_it_is(self, checkpoint: Path, chords: Path, tmp_path: Path) -> None:
        """So that a model that was trained on keeps the chords of the one that it comes from."""
        first = export_model(checkpoint, "first", tmp_path, chords=str(chords), weights=FLOAT32).directory
        second = export_model(checkpoint, "second", tmp_path, chords=str(first), weights=FLOAT32).directory
        assert (second / "chords.onnx").read_bytes() == (first / "chords.onnx").read_bytes()
        assert load_contract(second).decoding["chords"] == "planned"

    def test_a_model_without_a_chooser_has_none_to_give(self, checkpoint: Path, tmp_path: Path) -> None:
        plain = export_model(checkpoint, "plain", tmp_path, weights=FLOAT32).directory
        with pytest.raises(ModelError, match="has no chord chooser to take"):
            export_model(checkpoint, "tiny", tmp_path, chords=str(plain), weights=FLOAT32)

    @pytest.mark.parametrize("content", [{"weights": {}, "sizes": {"width": 8}}, {"sizes": {"depth": 1}}, {}])
    def test_no_chord_chooser(self, checkpoint: Path, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "x.pt")
        with pytest.raises(ModelError, match=r"x\.pt: not a checkpoint of this version's chord chooser"):
            export_model(checkpoint, "tiny", tmp_path, chords=str(tmp_path / "x.pt"), weights=FLOAT32)


class TestWriting:
    def test_the_contract_says_where_the_model_comes_from(self, exported: dict[str, Exported]) -> None:
        contract = load_contract(exported["lstm2"].directory)
        assert contract.training == {"scores": {"nats": 1.25}, "seed": 3}
        assert contract.architecture["parameters"] == parameter_count(tiny_lstm(2))
        assert contract.architecture["hidden"] == 16
        assert contract.styles == STYLES

    def test_what_the_checkpoint_decides_is_passed_on(self, tmp_path: Path) -> None:
        save(tiny_lstm(1), tmp_path / "tiny.pt", decoding={"hide_history": False, "more": 1}, parts=["lead"])
        contract = load_contract(export_model(tmp_path / "tiny.pt", "tiny", tmp_path).directory)
        assert contract.decoding == {"hide_history": False, "chords": "drawn", "more": 1}
        assert [part.label for part in contract.parts] == ["lead"]

    @pytest.mark.parametrize("weights", [FLOAT32, INT8])
    def test_the_same_checkpoint_gives_the_same_files(self, checkpoint: Path, tmp_path: Path, weights: str) -> None:
        one, other = (export_model(checkpoint, "tiny", tmp_path / at, weights=weights).directory for at in ("one", "other"))
        assert sorted(file.name for file in one.iterdir()) == ["heads.onnx", "model.json", "model.onnx", "weights.npz"]
        assert all(file.read_bytes() == (other / file.name).read_bytes() for file in one.iterdir())

    def test_a_new_export_replaces_the_old_and_keeps_the_card(self, checkpoint: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        target = export_model(checkpoint, "tiny", out).directory
        (target / "CARD.md").write_text("by hand")
        (target / "stale").touch()
        save(tiny_lstm(2), checkpoint)
        export_model(checkpoint, "tiny", out)
        assert load_contract(target).architecture["layers"] == 2
        assert (target / "CARD.md").read_text() == "by hand"
        assert not (target / "stale").exists()
        assert list(out.iterdir()) == [target]

    @pytest.mark.parametrize(
        "parity",
        [
            Parity(1000, 10, hidden=0.0, state=0.0, logits=LIMIT, chords=0.0, nats=0.0, exact=True),
            Parity(1000, 10, hidden=0.0, state=0.0, logits=0.0, chords=0.0, nats=NATS_LIMIT, exact=False),
            Parity(1000, 10, hidden=0.0, state=0.0, logits=0.0, chords=LIMIT, nats=0.0, exact=False),
        ],
    )
    def test_a_model_that_differs_is_not_written(
        self, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parity: Parity
    ) -> None:
        out = tmp_path / "out"
        target = export_model(checkpoint, "tiny", out).directory
        before = (target / "model.json").read_bytes()
        monkeypatch.setattr(bundle, "compare", lambda *_, **__: parity)
        save(tiny_lstm(2), checkpoint)
        with pytest.raises(ModelError, match="differs from its source"):
            export_model(checkpoint, "tiny", out)
        assert (target / "model.json").read_bytes() == before
        assert list(out.iterdir()) == [target]

    def test_a_failing_move_puts_the_old_model_back(
        self, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        target = export_model(checkpoint, "tiny", out).directory
        real = bundle.os.replace

        def failing(source: Path, destination: Path) -> None:
            if source.name == "new":
                raise OSError("disk gone")
            real(source, destination)

        monkeypatch.setattr(bundle.os, "replace", failing)
        with pytest.raises(OSError, match="disk gone"):
            export_model(checkpoint, "tiny", out)
        load_contract(target)

    @pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "ü"])
    def test_a_name_is_a_plain_name(self, checkpoint: Path, tmp_path: Path, name: str) -> None:
        with pytest.raises(ModelError, match="can't name a model"):
            export_model(checkpoint, name, tmp_path)

    def test_heads_that_the_runtime_does_not_take(self, tmp_path: Path) -> None:
        sizes = {"width": 32, "layers": 1, "heads": 4, "kv_heads": 2, "context": 8, "head": 8, "dropout": 0.0}
        save(TransformerModel(TransformerConfig(**sizes, styles=STYLES)), tmp_path / "narrow.pt")
        with pytest.raises(ModelError, match=r"width 8 \(32 / 4\) can't be exported.*multiples of 16"):
            export_model(tmp_path / "narrow.pt", "narrow", tmp_path)


class TestCommand:
    def test_it_writes_and_says_so(self, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([str(checkpoint), "--name", "tiny", "--out", str(tmp_path), "--weights", "float32"]) == 0
        assert "the same as" in capsys.readouterr().out
        load_contract(tmp_path / "tiny")

    def test_it_rounds_unless_told_otherwise_and_says_what_that_costs(
        self, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(checkpoint), "--name", "tiny", "--out", str(tmp_path)]) == 0
        assert "nats a note" in capsys.readouterr().out
        assert load_contract(tmp_path / "tiny").weights == INT8

    def test_another_vocabulary(self, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        torch.save({"vocabulary": "0123"}, checkpoint)
        assert main([str(checkpoint), "--name", "tiny", "--out", str(tmp_path)]) == 2
        assert "0123" in capsys.readouterr().err

    @pytest.mark.parametrize("content", [b"", b"no checkpoint", json.dumps({}).encode()])
    def test_no_checkpoint(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
        (tmp_path / "x.pt").write_bytes(content)
        assert main([str(tmp_path / "x.pt"), "--name", "tiny", "--out", str(tmp_path)]) == 2
        assert "not a checkpoint" in capsys.readouterr().err

    def test_missing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([str(tmp_path / "x.pt"), "--name", "tiny", "--out", str(tmp_path)]) == 2
        assert "x.pt" in capsys.readouterr().err
