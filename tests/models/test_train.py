"""The training command: what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.progress import Progress, bar, progress_line
from models.train import main


def train(data: Path, runs: Path, *more: str, recipe: str = "tiny") -> int:
    return main([recipe, "--data", str(data), "--runs", str(runs), "--workers", "0", *more])


class TestCommand:
    def test_an_unknown_recipe_names_those_there_are(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert train(tmp_path, tmp_path, recipe="nosuch") == 2
        assert "stage, stage-small, tiny" in capsys.readouterr().err

    def test_a_damaged_recipe_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "mine.toml").write_text("steps = = 3")
        assert train(tmp_path, tmp_path, recipe=str(tmp_path / "mine.toml")) == 2
        assert "mine.toml: not a recipe" in capsys.readouterr().err

    def test_missing_data_says_where_to_get_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "pop909").mkdir()
        assert train(tmp_path, tmp_path / "runs") == 2
        assert "get the corpus from https://" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()

    def test_it_says_what_was_read_and_how_far_it_is(
        self, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert train(corpora, tmp_path) == 0
        out, err = capsys.readouterr()
        assert [json.loads(line)["step"] for line in out.splitlines()] == [10, 20]
        assert "irish: 6 pieces from 6 works" in err
        assert "tiny: 15 pieces to train on, 5 to validate on" in err
        assert "20/20" in err
        assert "steps/s" in err

    def test_there_must_be_a_run_to_go_on_from(self, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert train(corpora, tmp_path, "--resume") == 2
        assert "there is no run to go on from" in capsys.readouterr().err
        (tmp_path / "tiny" / "last.pt").write_bytes(b"no checkpoint")
        assert train(corpora, tmp_path, "--resume") == 2
        assert "last.pt: not a checkpoint of this recipe" in capsys.readouterr().err


class TestProgress:
    def test_the_line(self) -> None:
        assert progress_line(250, 5000, 250, 200.0, "train 7.1") == "250/5000  1.25 steps/s  1:03:20 left  train 7.1"
        assert progress_line(10, 20, 0, 0.0, "") == "10/20"

    def test_the_bar(self) -> None:
        assert [bar(done, 8, 4) for done in (0, 3, 8)] == ["[----]", "[#---]", "[####]"]
        assert bar(0, 0, 4) == "[----]"

    def test_a_log_is_not_flooded(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress = Progress(1000)
        for done in range(1001):
            progress.show(done, "playing")
        progress.close()
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("0/1000")
        assert lines[1].startswith("1000/1000")
