"""Training a finished model on."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import pytest
import torch
from support.tiny_models import tiny_chords

from export.bundle import export_model
from livegen.generators.model_files import load_contract
from models.networks.checkpoint import load
from models.train import main
from models.training.journal import read_log
from models.training.recipe import read_recipe


def finetune(runs: Path, data: Path, base: Path | str, *more: str) -> int:
    options = ["--runs", str(runs), "--name", "mine", "--steps", "10", "--workers", "0", *more]
    return main(["finetune", "--data", str(data), "--from", str(base), *options])


def test_it_goes_on_gently_from_a_checkpoint(finished: Path, corpora: Path, tmp_path: Path) -> None:
    """On the music that it is given, and on no other."""
    mine = tmp_path / "music"
    for name in ("irish", "lieder"):
        shutil.copytree(corpora / name, mine / name)
    assert finetune(tmp_path, mine, finished / "best.pt") == 0
    model, extra = load(tmp_path / "mine" / "best.pt")
    recipe = extra["training"]["recipe"]
    assert recipe["name"] == "mine"
    assert recipe["base"] == str(finished / "best.pt")
    assert recipe["train"]["learning_rate"] == pytest.approx(read_recipe("tiny")["train"]["learning_rate"] / 10)
    assert recipe["data"]["weights"] == {"irish": 6.0, "lieder": 6.0}
    base = load(finished / "best.pt")[0].state_dict()
    distance = max(float((weights - base[name]).abs().max()) for name, weights in model.state_dict().items())
    assert 0 < distance < 0.1
    log = read_log(tmp_path / "mine")
    assert log[-1]["validation"] < log[0]["validation"] < read_log(finished)[0]["validation"]


def test_from_an_exported_model_to_one_that_the_stage_takes(finished: Path, corpora: Path, tmp_path: Path) -> None:
    """Export with a chord chooser, train on with a folder of MIDI, export again; the chooser stays behind."""
    net = tiny_chords()
    torch.save(
        {"weights": net.state_dict(), "sizes": {"width": net.width, "members": len(net.members)}}, tmp_path / "chords.pt"
    )
    export_model(finished / "best.pt", "tiny", tmp_path / "models", chords=str(tmp_path / "chords.pt"))
    assert load_contract(tmp_path / "models" / "tiny").decoding["chords"] == "planned"
    mine = tmp_path / "music"
    mine.mkdir()
    for path in (corpora / "leadsheets").glob("*.mid"):
        mido.MidiFile(path).save(mine / path.name)
    assert finetune(tmp_path, mine, tmp_path / "models" / "tiny") == 0
    export_model(tmp_path / "mine" / "best.pt", "mine", tmp_path / "models")
    contract = load_contract(tmp_path / "models" / "mine")
    assert (contract.name, contract.decoding["chords"]) == ("mine", "drawn")


def test_a_recipe_may_begin_from_a_model(finished: Path, corpora: Path, tmp_path: Path) -> None:
    """It goes on where that model stands, and says so."""
    options = ["--data", str(corpora), "--runs", str(tmp_path), "--workers", "0"]
    assert main(["tiny", "--from", str(finished / "best.pt"), *options]) == 0
    assert read_log(tmp_path / "tiny")[0]["validation"] < read_log(finished)[0]["validation"]
    assert load(tmp_path / "tiny" / "best.pt")[1]["training"]["recipe"]["base"] == str(finished / "best.pt")


def test_a_recipe_does_not_begin_from_a_model_of_other_sizes(
    finished: Path, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edge", "--from", str(finished / "best.pt"), "--data", str(corpora), "--runs", str(tmp_path)]) == 2
    assert "they must be the same" in capsys.readouterr().err


def test_what_it_trains_on_must_be_named(corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "--data", str(corpora), "--runs", str(tmp_path)]) == 2
    assert "--from NAME" in capsys.readouterr().err


def test_a_missing_or_strange_base_is_refused(
    finished: Path, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune(tmp_path, corpora, "nosuch") == 2
    assert "nosuch" in capsys.readouterr().err
    checkpoint = torch.load(finished / "best.pt", weights_only=True)
    torch.save({**checkpoint, "training": {}}, tmp_path / "bare.pt")
    assert finetune(tmp_path, corpora, tmp_path / "bare.pt") == 2
    assert "does not say how it was trained" in capsys.readouterr().err
