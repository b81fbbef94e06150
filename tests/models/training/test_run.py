"""Training: the loss goes down, and a run that was broken off or divided goes on as if it had not been."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from livegen.core.errors import InputError
from models.corpora.piece import Piece
from models.corpora.registry import STYLES, load_corpora
from models.networks.checkpoint import build, load
from models.train import main
from models.training.data import divide
from models.training.journal import read_log
from models.training.ranks import Ranks
from models.training.recipe import RECIPES, Plan, read_recipe
from models.training.run import Run, Settings

ALONE = Ranks(0, 1, torch.device("cpu"))

TRANSFORMER = {
    "kind": "transformer", "width": 16, "layers": 1, "heads": 2, "kv_heads": 1, "context": 24, "head": 16, "dropout": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def pieces(corpora: Path) -> list[Piece]:
    return list(load_corpora(corpora, list(read_recipe("tiny")["data"]["weights"])))


def run_of(pieces: list[Piece], folder: Path, model: dict[str, Any] | None = None, **train: Any) -> Run:
    """A run of the recipe `tiny` with other values."""
    recipe = read_recipe("tiny")
    recipe["train"] |= train
    torch.manual_seed(recipe["seed"])
    return Run(recipe, build(model or recipe["model"], STYLES), divide(pieces), ALONE, Settings(folder))


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The log without the time that it took."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in read_log(folder)]


def assert_same_run(folder: Path, whole: Path) -> None:
    """The same log and the same best weights, to the last bit."""
    assert log_of(folder) == log_of(whole)
    expected = load(whole / "best.pt")[0].state_dict()
    for name, weights in load(folder / "best.pt")[0].state_dict().items():
        assert torch.equal(weights, expected[name]), name


def recipe_file(folder: Path, **train: Any) -> Path:
    """The recipe `tiny` with dropout and other values, as a file."""
    text = (RECIPES / "tiny.toml").read_text(encoding="utf-8").replace("dropout = 0.0", "dropout = 0.2")
    table = read_recipe("tiny")["train"] | train
    head = text[: text.index("[train]")]
    path = folder / "mine.toml"
    path.write_text(head + "[train]\n" + "".join(f"{name} = {value}\n" for name, value in table.items()), encoding="utf-8")
    return path


class TestLearning:
    def test_the_loss_goes_down(self, finished: Path) -> None:
        first, last = log_of(finished)
        assert (first["step"], last["step"]) == (10, 20)
        assert last["validation"] < first["validation"] < 22
        assert last["train"] < first["train"]

    def test_the_log_tells_the_corpora_and_the_fields_apart(self, finished: Path) -> None:
        line = log_of(finished)[-1]
        assert sorted(line["corpora"]) == ["irish", "leadsheets", "lieder", "mutopia", "pop909"]
        assert min(line["corpora"].values()) <= line["validation"] <= max(line["corpora"].values())
        assert {"kind", "root", "pitch"} <= line.keys()

    def test_the_best_checkpoint_rebuilds_itself(self, finished: Path) -> None:
        model, extra = load(finished / "best.pt")
        assert not model.training
        assert extra["training"]["recipe"] == read_recipe("tiny")
        assert extra["training"]["validation_nats_per_note"] == pytest.approx(log_of(finished)[-1]["validation"], abs=1e-4)

    def test_a_transformer_learns_too(self, pieces: list[Piece], tmp_path: Path) -> None:
        run_of(pieces, tmp_path, TRANSFORMER, own_history=0.5, change_weight=2.0).go()
        first, last = log_of(tmp_path)
        assert last["validation"] < first["validation"] < 22
        assert load(tmp_path / "best.pt")[0].kind == "transformer"

    def test_without_improvement_it_stops(self, pieces: list[Piece], tmp_path: Path) -> None:
        run_of(pieces, tmp_path, patience=2, validate_every=2, learning_rate=0.0).go()
        assert [line["step"] for line in log_of(tmp_path)] == [2, 4, 6]

    def test_a_loss_that_is_no_number_ends_it(self, pieces: list[Piece], tmp_path: Path) -> None:
        run = run_of(pieces, tmp_path)
        with torch.no_grad():
            run.model.heads.out["kind"].bias.fill_(torch.nan)
        with pytest.raises(InputError, match="lower the learning rate"):
            run.go()

    def test_the_average_is_what_is_kept(self, pieces: list[Piece], tmp_path: Path) -> None:
        run = run_of(pieces, tmp_path, ema=0.999)
        run.go()
        kept = load(tmp_path / "best.pt")[0].heads.out["kind"].bias
        assert torch.equal(kept, dict(zip(dict(run.model.named_parameters()), run.average.values, strict=True))[
            "heads.out.kind.bias"
        ])  # fmt: skip
        assert not torch.equal(kept, run.model.heads.out["kind"].bias)


class TestResume:
    @pytest.mark.parametrize("model", [None, TRANSFORMER], ids=["lstm", "transformer"])
    def test_a_run_that_was_broken_off_goes_on_exactly(
        self, model: dict[str, Any] | None, pieces: list[Piece], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between two validations, with dropout, an average and the model's own history."""
        more = {"own_history": 0.5, "steps": 8, "validate_every": 4, "ema": 0.9}
        run_of(pieces, tmp_path / "whole", model, **more).go()
        broken = run_of(pieces, tmp_path / "broken", model, **more)
        broken.settings = replace(broken.settings, save_every_s=0.0)
        step = broken._train_step

        def kill(batch: Any) -> torch.Tensor:
            if broken.step == 6:
                raise KeyboardInterrupt
            return step(batch)

        monkeypatch.setattr(broken, "_train_step", kill)
        with pytest.raises(KeyboardInterrupt):
            broken.go()
        torch.rand(5)
        resumed = run_of(pieces, tmp_path / "broken", model, **more)
        resumed.resume()
        assert resumed.step == 6
        resumed.go()
        assert_same_run(tmp_path / "broken", tmp_path / "whole")

    @pytest.mark.processes
    def test_kill_9_at_any_moment_loses_nothing(self, corpora: Path, tmp_path: Path) -> None:
        """The process is killed at some moment after one of its first validations, with a checkpoint after each step."""
        path = recipe_file(tmp_path, steps=12, validate_every=2)
        common = [str(path), "--data", str(corpora), "--workers", "0"]
        assert main([*common, "--runs", str(tmp_path / "whole")]) == 0
        command = [sys.executable, "-m", "models.train", *common, "--runs", str(tmp_path / "killed"), "--save-every", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_alone()) as process:
            assert process.stdout is not None
            for _ in range(random.SystemRandom().randint(1, 5)):
                assert json.loads(process.stdout.readline())["step"] < 12
            process.kill()
        assert process.returncode < 0
        assert main([*common, "--runs", str(tmp_path / "killed"), "--resume"]) == 0
        assert [line["step"] for line in read_log(tmp_path / "killed" / "tiny")] == [2, 4, 6, 8, 10, 12]
        assert_same_run(tmp_path / "killed" / "tiny", tmp_path / "whole" / "tiny")


@pytest.mark.processes
def test_two_processes_learn_what_one_learns(finished: Path, corpora: Path, tmp_path: Path) -> None:
    """The batch of the recipe is divided between them; sums in another order are all that differs."""
    done = subprocess.run(
        [
            # The name of a machine in a container may not lead to itself.
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2",
            "-m", "models.train", "tiny", "--data", str(corpora), "--runs", str(tmp_path), "--workers", "0",
        ],
        check=False, capture_output=True, text=True, env=_alone() | {"GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = log_of(finished)
    for one, two in zip(whole, log_of(tmp_path / "tiny"), strict=True):
        for name in ("step", "train", "validation"):
            assert two[name] == pytest.approx(one[name], rel=0.01)


def _alone() -> dict[str, str]:
    """The environment for a process with one thread."""
    return os.environ | {"OMP_NUM_THREADS": "1"}


class TestPlan:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda table: table.pop("clip"), "'clip'"),
            (lambda table: table.update(steps_=3), "'steps_'"),
        ],
    )
    def test_a_wrong_table_is_refused(self, change: Callable[[dict[str, Any]], Any], message: str) -> None:
        table = read_recipe("tiny")["train"]
        change(table)
        with pytest.raises(InputError, match=rf"\[train\] of the recipe is wrong: .*{message}"):
            Plan.of(table)

    def test_a_batch_must_divide_among_the_processes(self, pieces: list[Piece], tmp_path: Path) -> None:
        recipe = read_recipe("tiny")
        with pytest.raises(InputError, match="4 sequences cannot be divided among 3 processes"):
            Run(recipe, build(recipe["model"], STYLES), divide(pieces), replace(ALONE, count=3), Settings(tmp_path / "run"))
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("name", ["tiny", "edge", "stage", "stage-small"])
    def test_every_recipe_has_a_plan_and_a_model(self, name: str) -> None:
        recipe = read_recipe(name)
        assert recipe["name"] == name
        assert Plan.of(recipe["train"]).warmup < recipe["train"]["steps"]
        with torch.device("meta"):
            build(recipe["model"], STYLES)
