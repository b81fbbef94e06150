"""Training: the loss goes down, a run that was broken off goes on as if it had not been, and errors say what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from livegen.core.errors import InputError
from models import train
from models.corpora.piece import Piece
from models.corpora.registry import load_corpora, split
from models.lstm import load
from models.progress import Progress, progress_line
from models.train import Run, learning_rate, main, read_recipe, validation_batches


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over threads come in any order; with one the same run gives the same numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pieces(corpora: Path) -> list[Piece]:
    return list(load_corpora(corpora, list(read_recipe("tiny")["data"]["weights"])))


@pytest.fixture(scope="module")
def finished(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run, by the command."""
    runs = tmp_path_factory.mktemp("runs")
    assert main(["tiny", "--data", str(corpora), "--runs", str(runs)]) == 0
    return runs / "tiny"


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class TestRun:
    def test_the_loss_goes_down(self, finished: Path) -> None:
        first, last = log_of(finished)
        assert (first["step"], last["step"]) == (10, 20)
        assert last["validation"] < first["validation"] < 22
        assert last["train"] < first["train"]

    def test_the_best_checkpoint_rebuilds_itself(self, finished: Path) -> None:
        model, extra = load(finished / "best.pt")
        assert not model.training
        assert extra["training"]["recipe"] == read_recipe("tiny")
        assert extra["training"]["validation_nats_per_note"] == pytest.approx(log_of(finished)[-1]["validation"], abs=1e-4)

    def test_a_run_that_was_broken_off_goes_on_exactly(
        self, pieces: list[Piece], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ten steps, a kill, and ten more are the twenty steps: weights, optimiser and random numbers."""
        broken = Run(read_recipe("tiny"), pieces, tmp_path / "run")
        step = broken._train_step

        def kill() -> train.Score:
            if broken.step == 10:
                raise KeyboardInterrupt
            return step()

        monkeypatch.setattr(broken, "_train_step", kill)
        with pytest.raises(KeyboardInterrupt):
            broken.go()
        torch.rand(5)
        resumed = Run(read_recipe("tiny"), pieces, tmp_path / "run")
        resumed.resume()
        assert resumed.step == 10
        resumed.go()
        whole = load(finished / "best.pt")[0].state_dict()
        for name, weights in load(tmp_path / "run" / "best.pt")[0].state_dict().items():
            assert torch.equal(weights, whole[name]), name
        steps = [[{**line, "seconds": 0} for line in log_of(folder)] for folder in (finished, tmp_path / "run")]
        assert steps[0] == steps[1]

    def test_without_improvement_it_stops(self, pieces: list[Piece], tmp_path: Path) -> None:
        recipe = read_recipe("tiny")
        recipe["train"] |= {"patience": 2, "validate_every": 2, "learning_rate": 0.0}
        run = Run(recipe, pieces, tmp_path / "run")
        run.go()
        assert [line["step"] for line in log_of(tmp_path / "run")] == [2, 4, 6]

    def test_too_few_pieces_are_refused(self, pieces: list[Piece], tmp_path: Path) -> None:
        training, held_out, _ = split(pieces)
        with pytest.raises(InputError, match="none falls into the validation part"):
            Run(read_recipe("tiny"), training, tmp_path / "run")
        with pytest.raises(InputError, match="no piece to train on"):
            Run(read_recipe("tiny"), held_out, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_validation_is_on_whole_takes_of_one_length(self, pieces: list[Piece]) -> None:
        batches = validation_batches(pieces, 64, 7)
        assert {batch.rows.shape[1] for batch in batches} == {64}
        assert max(len(batch.rows) for batch in batches) == 7
        again = validation_batches(pieces[::-1], 64, 7)
        assert all(torch.equal(one.rows, other.rows) for one, other in zip(batches, again, strict=True))


def test_the_learning_rate_rises_then_falls() -> None:
    plan = {"learning_rate": 1.0, "warmup": 10, "steps": 110}
    rates = [learning_rate(step, plan) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[9:10] + rates[10:] == sorted(rates[9:10] + rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


class TestCommand:
    def test_an_unknown_recipe_names_those_there_are(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["nosuch", "--data", str(tmp_path)]) == 2
        assert "there are first, tiny" in capsys.readouterr().err

    def test_a_damaged_recipe_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "mine.toml").write_text("steps = = 3")
        assert main([str(tmp_path / "mine.toml"), "--data", str(tmp_path)]) == 2
        assert "mine.toml: not a recipe" in capsys.readouterr().err

    def test_missing_data_says_where_to_get_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["tiny", "--data", str(tmp_path), "--runs", str(tmp_path / "runs")]) == 2
        assert "get the corpus from https://" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()

    def test_it_says_what_was_read_and_how_far_it_is(
        self, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["tiny", "--data", str(corpora), "--runs", str(tmp_path)]) == 0
        out, err = capsys.readouterr()
        assert [json.loads(line)["step"] for line in out.splitlines()] == [10, 20]
        assert "irish: 6 pieces from 6 works" in err
        assert "20/20" in err
        assert "steps/s" in err

    def test_there_must_be_a_run_to_go_on_from(self, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["tiny", "--data", str(corpora), "--runs", str(tmp_path), "--resume"]
        assert main(arguments) == 2
        assert "there is no run to go on from" in capsys.readouterr().err
        (tmp_path / "tiny" / "last.pt").write_bytes(b"no checkpoint")
        assert main(arguments) == 2
        assert "last.pt: not a checkpoint of this recipe" in capsys.readouterr().err


class TestProgress:
    def test_the_line(self) -> None:
        assert progress_line(250, 5000, 250, 200.0, "train 7.1") == "250/5000  1.25 steps/s  1:03:20 left  train 7.1"
        assert progress_line(10, 20, 0, 0.0, "") == "10/20"

    def test_a_log_is_not_flooded(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress = Progress(1000)
        for done in range(1001):
            progress.show(done, "playing")
        progress.close()
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("0/1000")
        assert lines[1].startswith("1000/1000")
