"""What rounding costs is measured on takes, said, and written into the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny_models import STYLES, export_model_of, tiny_lstm, tiny_transformer

from export import __main__ as command
from export.random_events import random_rows
from export.rounding import measure
from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.generators.contract import FLOAT32, INT8
from livegen.generators.model_files import load_contract
from livegen.generators.session import StepSession
from models.networks.checkpoint import save
from models.takes.dataset import Batch, example_of, stack, style_weights

MAKERS = {"lstm": lambda: tiny_lstm(2), "transformer": tiny_transformer}


@pytest.fixture(scope="module")
def takes() -> list[Batch]:
    """Two streams of random events, one a batch."""
    rows = random_rows(np.random.default_rng(0), 2, 150)
    return [stack([example_of(stream, hidden, style_weights("b", STYLES))]) for hidden, stream in enumerate(rows)]


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_lost_where_nothing_is_rounded(tmp_path: Path, takes: list[Batch], kind: str) -> None:
    found = measure(MAKERS[kind](), StepSession(load_contract(export_model_of(MAKERS[kind](), tmp_path, "x"))), takes)
    assert found.takes == 2
    assert found.notes == sum(int((take.targets[:, :, 0] == v.KIND["NOTE"]).sum()) for take in takes)
    assert abs(found.loss) < 1e-5
    assert found.source > 1.0


@pytest.mark.parametrize("kind", MAKERS)
def test_rounding_changes_little(tmp_path: Path, takes: list[Batch], kind: str) -> None:
    found = measure(MAKERS[kind](), StepSession(load_contract(export_model_of(MAKERS[kind](), tmp_path, "x", INT8))), takes)
    assert 0 < abs(found.loss) < 0.2
    assert found.as_table()["loss"] == found.exported - found.source


def test_the_command_measures_says_and_writes_it(
    tmp_path: Path, takes: list[Batch], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def found(*asking: object) -> list[Batch]:
        asked.append(asking)
        return takes

    monkeypatch.setattr(command, "held_out_batches", found)
    save(tiny_lstm(1), tmp_path / "x.pt", training={"recipe": {"data": {"weights": {"pop909": 1.0}}}})
    given = [str(tmp_path / "x.pt"), "--name", "x", "--out", str(tmp_path), "--data", "music", "--pieces", "7"]
    assert command.main(given) == 0
    assert asked == [(Path("music"), ["pop909"], STYLES, 7)]
    table = load_contract(tmp_path / "x").export["rounding"]
    assert f"{table['notes']} held-out notes of 2 takes: {table['exported']:.4f} nats a note" in capsys.readouterr().out


def test_music_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> list[Batch]:
        raise InputError("there is no music")

    monkeypatch.setattr(command, "held_out_batches", refuse)
    save(tiny_lstm(1), tmp_path / "x.pt")
    assert command.main([str(tmp_path / "x.pt"), "--name", "x", "--out", str(tmp_path), "--data", "music"]) == 2
    assert "there is no music" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_float32_has_no_rounding_to_speak_of(tmp_path: Path) -> None:
    contract = load_contract(export_model_of(tiny_lstm(1), tmp_path, "x", FLOAT32))
    assert contract.export["rounding"] is None
    assert contract.export["parity"]["exact"] is True
