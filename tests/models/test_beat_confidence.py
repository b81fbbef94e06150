"""Fitting how sure the beat tracker is that there is a beat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import beat_confidence, beat_evaluation
from models.beat_confidence import fitted, one_after_the_other, signs
from models.performances import improvise


def test_what_says_more_for_a_beat_weighs_more_and_what_says_nothing_nothing() -> None:
    rng = np.random.default_rng(0)
    there, free = rng.normal((0.8, 1.0, 0.0), 0.3, (4000, 3)), rng.normal((0.2, 0.8, 0.0), 0.3, (400, 3))
    weights, doubt = fitted(there, free)
    assert weights[0] > 2 * weights[1] > 10 * abs(weights[2])
    odds = np.concatenate([there, free]) @ weights - doubt
    assert (odds[:4000] > 0).mean() == pytest.approx(0.85, abs=0.05)
    assert (odds[4000:] < 0).mean() == pytest.approx(0.85, abs=0.05)


def test_signs_are_those_after_each_note_once_it_has_settled() -> None:
    free = improvise("uniform", np.random.default_rng(0))
    found = signs(free)
    late = [note for note in free.notes if note.onset_ns - free.notes[0].onset_ns > 5_000_000_000]
    assert found.shape == (len(late), 3)
    assert len(signs(free, 40)) < len(late) - 30
    assert ((found[:, 0] >= 0) & (found[:, 0] <= 1)).all()


def test_a_beat_can_be_lost_after_a_while() -> None:
    first, then = (improvise("uniform", np.random.default_rng(seed)) for seed in range(2))
    both = one_after_the_other(first, then).notes
    assert [note.onset_ns for note in both[: len(first.notes)]] == [note.onset_ns for note in first.notes]
    assert all(note.end_ns < both[len(first.notes)].onset_ns for note in both[: len(first.notes)])
    assert [note.end_ns - note.onset_ns for note in both[len(first.notes) :]] == [
        note.end_ns - note.onset_ns for note in then.notes
    ]
    assert both[len(first.notes)].onset_ns == first.notes[-1].onset_ns + 400_000_000
    assert both[-1].onset_ns - both[len(first.notes)].onset_ns == then.notes[-1].onset_ns - then.notes[0].onset_ns


def test_the_command_prints_the_numbers(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat_evaluation, "_FEWEST_NOTES", 8)
    assert beat_confidence.main(["--data", str(corpora), "--limit", "1"]) == 0
    assert capsys.readouterr().out.startswith("_SIGNS_WEIGHTS, _DOUBT = np.array([")
    assert beat_confidence.main(["--data", str(tmp_path / "nothing")]) == 2
    assert "not fitted" in capsys.readouterr().err
