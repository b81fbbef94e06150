"""Placement: the published file formats are read, refused clearly where they aren't met, and a tiny model learns from them."""

from __future__ import annotations

import json
import math
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from models import placement
from models.networks.checkpoint import build
from models.placement import RECIPES, STYLES, Recipe, batches, main, moved, nats_of, placed, rows_of, score, units_of
from models.scoring.placement_data import read_sets

GRID = [[[60, 55, 52, 48], [60, 55, 52, 48], [-1, 55, 53, 48]]]
FRAMES = [[[48, 60], [], [52, 60, 64]]]
TINY = Recipe(
    {"kind": "transformer", "width": 32, "layers": 1, "heads": 2, "kv_heads": 2, "context": 64, "head": 16, "dropout": 0.0},
    steps=30, batch=4, length=32, learning_rate=1e-2, warmup=2, transpose=0, validate_every=10,
)  # fmt: skip


def write(path: Path, pieces: object) -> Path:
    """A file as published: three sets, JSON or a pickle of the second protocol."""
    document = {"train": pieces, "valid": pieces, "test": pieces}
    path.write_bytes(json.dumps(document).encode() if path.suffix == ".json" else pickle.dumps(document, protocol=2))
    return path


class TestReading:
    def test_a_grid_of_voices(self, tmp_path: Path) -> None:
        sets = read_sets(write(tmp_path / "Jsb16thSeparated.json", GRID), grid=True)
        assert sets == {"train": GRID, "valid": GRID, "test": GRID}

    def test_a_silent_voice_may_be_nan(self, tmp_path: Path) -> None:
        sets = read_sets(write(tmp_path / "a.json", [[[60, math.nan, 52.0, 48]]]), grid=True)
        assert sets["train"] == [[[60, -1, 52, 48]]]

    @pytest.mark.parametrize("number", [int, np.int64, np.float64])
    def test_a_pickle_of_piano_rolls(self, tmp_path: Path, number: type) -> None:
        """Tuples and numbers of numpy, as the published ones have."""
        pieces = [[tuple(number(pitch) for pitch in step) for step in piece] for piece in FRAMES]
        assert read_sets(write(tmp_path / "Nottingham.pickle", pieces), grid=False)["test"] == FRAMES

    def test_a_pitch_that_is_there_twice_sounds_once(self, tmp_path: Path) -> None:
        assert read_sets(write(tmp_path / "a.json", [[[60, 48, 60]]]), grid=False)["train"] == [[[48, 60]]]

    def test_a_pickle_that_would_call_something_is_not_opened(self, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> tuple:
                return os.mkdir, (str(tmp_path / "called"),)

        with pytest.raises(InputError, match=r"posix\.mkdir|nt\.mkdir"):
            read_sets(write(tmp_path / "a.pkl", [Evil()]), grid=False)
        assert not (tmp_path / "called").exists()

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.json", b"{", "not JSON"),
            ("a.json", b"[]", "wants lists named train, valid, test"),
            ("a.json", b'{"train": [], "valid": [], "test": []}', "train holds no piece"),
            ("a.pickle", b"no pickle", "not a pickle of lists of numbers"),
            ("a.npz", b"", "wants a .json"),
        ],
    )
    def test_another_file_is_refused(self, tmp_path: Path, name: str, content: bytes, message: str) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_sets(tmp_path / name, grid=True)

    @pytest.mark.parametrize(
        ("piece", "message"),
        [
            ([[60, 55, 52]], r"train\[0\]\[0\]: has 3 voices and not 4"),
            ([[60, 55, 52, 128]], "outside 0..127"),
            ([[60, 55, 52, "C"]], "holds what is no pitch"),
            ([[60, 55, 52, -2]], "outside 0..127"),
            ([60], "wants a list of pitches, not int"),
            ([], "wants a list of steps"),
        ],
    )
    def test_what_is_no_chorale_is_refused_with_its_place(self, tmp_path: Path, piece: list, message: str) -> None:
        with pytest.raises(InputError, match=message):
            read_sets(write(tmp_path / "a.json", [piece]), grid=True)


class TestRows:
    def test_every_voice_of_every_step_is_a_token(self) -> None:
        rows = rows_of("jsb16", GRID[0])
        assert units_of("jsb16", rows) == 12
        assert list(rows[1:, v.COLUMN["part"]]) == [1, 2, 3, 4] * 3
        assert list(rows[1:, v.COLUMN["pulse"]]) == [1] * 4 + [7] * 4 + [13] * 4
        assert list(rows[1:5, v.COLUMN["pitch"]]) == [61, 56, 53, 49]
        assert rows[9, v.COLUMN["pitch"]] == 1, "a rest has a class of its own"

    def test_a_step_of_a_piano_roll_is_its_pitches_and_an_end(self) -> None:
        rows = rows_of("nottingham", FRAMES[0])
        kinds = [v.KINDS[kind - 1] for kind in rows[:, 0]]
        assert kinds == ["TICK", "NOTE", "NOTE", "END", "END", "NOTE", "NOTE", "NOTE", "END"]
        assert units_of("nottingham", rows) == 3

    def test_moving_keeps_rests_and_the_piano(self) -> None:
        rows = rows_of("jsb16", GRID[0])
        up = moved(rows, 3)
        assert list(up[1:5, v.COLUMN["pitch"]]) == [64, 59, 56, 52]
        assert up[9, v.COLUMN["pitch"]] == 1
        assert np.array_equal(moved(rows, 60), rows)


class TestScore:
    @pytest.mark.parametrize(("kind", "piece"), [("jsb16", GRID[0]), ("nottingham", FRAMES[0])])
    def test_padding_costs_nothing(self, kind: str, piece: list) -> None:
        torch.manual_seed(0)
        model, rows = build(TINY.sizes, STYLES).eval(), torch.from_numpy(rows_of(kind, piece))[None]
        padded = torch.nn.functional.pad(rows, (0, 0, 0, 7))
        with torch.no_grad():
            assert float(nats_of(model, kind, padded)) == pytest.approx(float(nats_of(model, kind, rows)), rel=1e-5)

    def test_a_model_that_knows_nothing_pays_for_every_class(self) -> None:
        """Only the pitch on the grid; also whether another note comes, in a piano roll."""
        model = build(TINY.sizes, STYLES)
        with torch.no_grad():
            for name in ("pitch", "kind"):
                model.heads.out[name].weight.zero_()
                model.heads.out[name].bias.zero_()
        pitch, kind = math.log(v.SIZE["pitch"]), math.log(v.SIZE["kind"])
        assert score(model, "jsb16", [rows_of("jsb16", GRID[0])]) == pytest.approx(pitch)
        assert score(model, "jsb", [rows_of("jsb", FRAMES[0])]) == pytest.approx((5 * pitch + 8 * kind) / 3)

    def test_excerpts_are_padded_and_the_same_for_a_seed(self) -> None:
        rows = [rows_of("jsb16", GRID[0])]
        one, other = (next(batches(rows, TINY)) for _ in range(2))
        assert one.shape == (4, 33, len(v.FIELDS))
        assert torch.equal(one, other)
        assert not one[:, len(rows[0]) :].any()


@pytest.mark.parametrize("kind", list(RECIPES))
def test_a_tiny_model_learns_what_repeats(kind: str) -> None:
    piece = GRID[0] * 6 if kind == "jsb16" else FRAMES[0] * 6
    found = placed(kind, {"train": [piece], "valid": [piece], "test": [piece]}, TINY, minutes=1)
    assert found["valid"] == pytest.approx(found["test"])
    assert found["valid"] < (2.0 if kind == "jsb16" else 6.0)
    assert (found["steps"], found["pieces"]) == (30, {"train": 1, "valid": 1, "test": 1})


class TestCommand:
    def test_it_prints_ours_beside_what_is_published(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(placement.RECIPES, "jsb16", replace(TINY, steps=2))
        file, out = write(tmp_path / "a.json", GRID), tmp_path / "out.json"
        assert main(["--jsb16", str(file), "--json", str(out)]) == 0
        text = capsys.readouterr().out
        assert "jsb16: nats a token." in text
        assert "Music Transformer (validation)" in text
        assert json.loads(out.read_text())["steps"] == 2

    def test_what_cannot_be_placed_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--jsb16", str(tmp_path / "nosuch.json")]) == 2
        assert "JSB-Chorales-dataset" in capsys.readouterr().err

    def test_the_recipes_can_be_built(self) -> None:
        for recipe in RECIPES.values():
            assert 1e5 < placement.parameter_count(build(recipe.sizes, STYLES)) < 6e6
