"""What is exported is what was trained, through the daemon's own session; what isn't is not written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import LAYERS, STYLES, edit_weights, tiny_lstm

from export import bundle
from export.__main__ import main
from export.bundle import export_model
from export.parity import LIMIT, Parity, compare
from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.generators.model_files import load_contract
from livegen.generators.session import StepSession
from models.lstm import save


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, Parity]]:
    base = tmp_path_factory.mktemp("exported")
    made = {}
    for layers in LAYERS:
        save(tiny_lstm(layers), base / f"{layers}.pt", recipe="tiny", training={"scores": {"nats": 1.25}, "seed": 3})
        made[layers] = export_model(base / f"{layers}.pt", f"tiny{layers}", base)
    return made


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save(tiny_lstm(1), tmp_path / "tiny.pt")
    return tmp_path / "tiny.pt"


@pytest.mark.parametrize("layers", LAYERS)
def test_a_thousand_steps_with_rollbacks_are_the_same(exported: dict[int, tuple[Path, Parity]], layers: int) -> None:
    _, parity = exported[layers]
    assert parity.steps >= 1000
    assert parity.rollbacks > 5
    assert max(parity.hidden, parity.state, parity.logits) < LIMIT


@pytest.mark.parametrize("layers", LAYERS)
def test_a_batch_is_the_same(exported: dict[int, tuple[Path, Parity]], layers: int) -> None:
    session = StepSession(load_contract(exported[layers][0]))
    assert compare(tiny_lstm(layers), session, steps=100, batch=4, seed=1).ok


def test_rows_of_a_batch_do_not_see_each_other(exported: dict[int, tuple[Path, Parity]]) -> None:
    session = StepSession(load_contract(exported[2][0]))
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, field.size, 4) for field in v.FIELDS], axis=1)  # [4, F]
    style = rng.random((4, len(STYLES)), dtype=np.float32)
    hidden, _ = session.step(rows, style, session.initial_state(4))
    for index in range(4):
        alone, _ = session.step(rows[index : index + 1], style[index : index + 1], session.initial_state())
        np.testing.assert_allclose(alone[0], hidden[index], atol=1e-5)


def test_another_model_is_not_the_same(exported: dict[int, tuple[Path, Parity]]) -> None:
    session = StepSession(load_contract(exported[2][0]))
    assert not compare(tiny_lstm(2, seed=1), session, steps=20).ok


@pytest.mark.parametrize(
    ("section", "name"), [("step", "event_table"), ("step", "recurrent0"), ("step", "gates1_bias"), ("heads", "known_table")]
)
def test_one_wrong_weight_shows(tmp_path: Path, section: str, name: str) -> None:
    save(tiny_lstm(2), tmp_path / "tiny.pt")
    target, _ = export_model(tmp_path / "tiny.pt", "tiny", tmp_path)
    edit_weights(target, section, name, lambda values: values.__setitem__((1,) * values.ndim, 1.0))
    assert not compare(tiny_lstm(2), StepSession(load_contract(target)), steps=1000).ok


class TestWriting:
    def test_the_contract_says_where_the_model_comes_from(self, exported: dict[int, tuple[Path, Parity]]) -> None:
        contract = load_contract(exported[2][0])
        assert contract.training == {"scores": {"nats": 1.25}, "seed": 3}
        assert contract.architecture["parameters"] == tiny_lstm(2).parameter_count
        assert contract.architecture["hidden"] == 16
        assert contract.styles == STYLES

    def test_what_the_checkpoint_decides_is_passed_on(self, tmp_path: Path) -> None:
        save(tiny_lstm(1), tmp_path / "tiny.pt", decoding={"hide_history": False, "more": 1}, parts=["lead"])
        contract = load_contract(export_model(tmp_path / "tiny.pt", "tiny", tmp_path)[0])
        assert contract.decoding == {"hide_history": False, "chords": "drawn", "more": 1}
        assert [part.label for part in contract.parts] == ["lead"]

    def test_the_same_checkpoint_gives_the_same_files(self, checkpoint: Path, tmp_path: Path) -> None:
        one, other = (export_model(checkpoint, "tiny", tmp_path / place)[0] for place in ("one", "other"))
        assert sorted(file.name for file in one.iterdir()) == ["heads.onnx", "model.json", "model.onnx"]
        assert all(file.read_bytes() == (other / file.name).read_bytes() for file in one.iterdir())

    def test_a_new_export_replaces_the_old_and_keeps_the_card(self, checkpoint: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        target, _ = export_model(checkpoint, "tiny", out)
        (target / "CARD.md").write_text("by hand")
        (target / "stale").touch()
        save(tiny_lstm(2), checkpoint)
        export_model(checkpoint, "tiny", out)
        assert load_contract(target).architecture["layers"] == 2
        assert (target / "CARD.md").read_text() == "by hand"
        assert not (target / "stale").exists()
        assert list(out.iterdir()) == [target]

    def test_a_model_that_differs_is_not_written(
        self, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        target, _ = export_model(checkpoint, "tiny", out)
        before = (target / "model.json").read_bytes()
        monkeypatch.setattr(bundle, "compare", lambda *_: Parity(1000, 10, hidden=0.0, state=0.0, logits=LIMIT))
        save(tiny_lstm(2), checkpoint)
        with pytest.raises(ModelError, match="differs from its source"):
            export_model(checkpoint, "tiny", out)
        assert (target / "model.json").read_bytes() == before
        assert list(out.iterdir()) == [target]

    def test_a_failing_move_puts_the_old_model_back(
        self, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        target, _ = export_model(checkpoint, "tiny", out)
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


class TestCommand:
    def test_it_writes_and_says_so(self, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([str(checkpoint), "--name", "tiny", "--out", str(tmp_path)]) == 0
        assert "the same as" in capsys.readouterr().out
        load_contract(tmp_path / "tiny")

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
