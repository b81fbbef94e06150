"""The log of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from models.training.journal import LOG, Journal, read_log


def line(step: int) -> dict[str, object]:
    return {"step": step, "train": 7.5, "validation": 8.0, "corpora": {"irish": 9.0}}


def write(folder: Path, from_step: int, *steps: int) -> None:
    journal = Journal(folder, from_step)
    for step in steps:
        journal.write(line(step))
    journal.close()


def test_lines_go_to_the_file_and_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, 0, 10, 20)
    assert read_log(tmp_path) == [line(10), line(20)]
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == [line(10), line(20)]


def test_what_an_interrupted_run_wrote_after_its_checkpoint_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, 0, 10, 20, 30)
    write(tmp_path, 20, 30, 40)
    assert [entry["step"] for entry in read_log(tmp_path)] == [10, 20, 30, 40]


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, 0, 10)
    with (tmp_path / LOG).open("a") as log:
        log.write('{"step": 2')
    write(tmp_path, 10, 20)
    assert [entry["step"] for entry in read_log(tmp_path)] == [10, 20]


def test_tensorboard_gets_the_numbers_by_step(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(tmp_path, 0, 10, 20)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(events.Tags()["scalars"]) == ["train", "validation", "validation/irish"]
    assert [(event.step, event.value) for event in events.Scalars("validation/irish")] == [(10, 9.0), (20, 9.0)]


def test_without_tensorboard_it_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    write(tmp_path, 0, 10)
    assert "tensorboard is not installed" in capsys.readouterr().err
    assert len(read_log(tmp_path)) == 1
