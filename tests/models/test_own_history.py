"""The model's own past in its input."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from support.laws import slow_law
from support.tiny_models import STYLES, tiny_lstm

from livegen.core import vocabulary as v
from models.corpora.piece import Piece
from models.networks.lstm import LSTMModel
from models.takes.dataset import Batch, encode, example_of, stack
from models.takes.own_history import draw_classes, own_history
from models.takes.roles import HARMONY, Staging, accompany

LENGTH = 90
OWN = [v.COLUMN[name] for name in ("root", "quality", "pitch")]
MODEL: LSTMModel = tiny_lstm(1)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch(song: Piece) -> Batch:
    """Four times the song, the last one with its history hidden."""
    rows = encode(accompany(song, Staging(), HARMONY, np.random.default_rng(0)))[: LENGTH + 1]
    style = np.zeros(len(STYLES), dtype=np.float32)
    return stack(example_of(rows, hidden, style) for hidden in (False, False, False, True))


def test_only_chords_and_pitches_of_the_agent_are_its_own(batch: Batch) -> None:
    after = own_history(MODEL, batch, 1.0, dice())
    changed = after.rows != batch.rows
    kinds = batch.rows[..., 0]
    agent = (kinds == v.KIND["CHORD"]) | (kinds == v.KIND["NOTE"])
    others = [column for column in range(len(v.FIELDS)) if column not in OWN]
    assert changed[:3][..., OWN].any()
    assert not changed[..., others].any()
    assert not changed[~agent].any()
    assert replace(after, rows=batch.rows) == batch


def test_what_is_hidden_stays_hidden(batch: Batch) -> None:
    assert torch.equal(own_history(MODEL, batch, 1.0, dice()).rows[3], batch.rows[3])


def test_the_first_event_and_the_batch_are_left_alone(batch: Batch) -> None:
    before = batch.rows.clone()
    after = own_history(MODEL, batch, 1.0, dice())
    assert torch.equal(batch.rows, before)
    assert torch.equal(after.rows[:, 0], before[:, 0])


def test_a_share_of_the_sequences_is_drawn(batch: Batch) -> None:
    many = Batch(*(getattr(batch, field.name)[:1].repeat_interleave(80, dim=0) for field in fields(batch)))
    assert own_history(MODEL, many, 0.0, dice()) is many
    own = (own_history(MODEL, many, 0.3, dice()).rows != many.rows).flatten(1).any(dim=1)
    assert 0.15 < own.float().mean() < 0.45


def test_the_beginning_is_true_in_most(batch: Batch) -> None:
    """From a random event of the first half on the past is the model's own."""
    first = [
        int((own_history(MODEL, batch, 1.0, dice(seed)).rows[0] != batch.rows[0]).any(dim=1).nonzero()[0]) for seed in range(20)
    ]
    assert len(set(first)) > 3
    assert max(first) < LENGTH * 0.75


def test_the_same_dice_draw_the_same_and_gradients_stay_out(batch: Batch) -> None:
    one, other = (own_history(MODEL, batch, 1.0, dice(5)).rows for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, own_history(MODEL, batch, 1.0, dice(6)).rows)
    assert all(parameter.grad is None for parameter in MODEL.parameters())


def test_the_model_keeps_its_mode(batch: Batch) -> None:
    """Inside it does not drop out, or the stage's model would be another one."""
    model = tiny_lstm(2)
    for training in (True, False):
        model.train(training)
        calm = own_history(model, batch, 1.0, dice()).rows
        assert model.training == training
        assert torch.equal(calm, own_history(model, batch, 1.0, dice()).rows)


def test_notes_of_a_chord_ascend(batch: Batch) -> None:
    """As the stage's grammar has it; a pitch drawn twice is blank."""
    rows = own_history(MODEL, batch, 1.0, dice(1)).rows[0]
    notes = rows[:, 0] == v.KIND["NOTE"]
    for at in range(1, len(rows)):
        same = all(rows[at, v.COLUMN[name]] == rows[at - 1, v.COLUMN[name]] for name in ("part", "pulse"))
        low, high = rows[at - 1, v.COLUMN["pitch"]], rows[at, v.COLUMN["pitch"]]
        if notes[at] and notes[at - 1] and same and at > LENGTH // 2:
            assert high == 0 or low < high


def test_more_passes_read_what_was_drawn_before(batch: Batch) -> None:
    once, twice = (own_history(MODEL, batch, 1.0, dice(), passes).rows for passes in (1, 2))
    assert not torch.equal(once, twice)


def test_no_chord_has_one_spelling(batch: Batch) -> None:
    """As on the stage, whatever is drawn for its quality."""
    model = tiny_lstm(1)
    with torch.no_grad():
        model.heads.out["root"].bias[v.NO_ROOT] = 50.0
        model.heads.out["quality"].bias[5] = 50.0
    rows = own_history(model, batch, 1.0, dice()).rows[0]
    chords = rows[(rows[:, 0] == v.KIND["CHORD"]) & (rows[:, v.COLUMN["root"]] == v.NO_ROOT)]
    assert len(chords)
    assert (chords[:, v.COLUMN["quality"]] == 1).all()


class TestDrawing:
    @slow_law
    @given(st.lists(st.floats(-20, 20), min_size=2, max_size=12), st.floats(0, 1, exclude_max=True))
    @example([0.0, 4.0, 0.0], 0.9999999999999998)
    def test_a_class_is_always_found(self, logits: list[float], number: float) -> None:
        """Never the absent one, and never one that is hardly likely."""
        (drawn,) = draw_classes(torch.tensor([logits]), torch.tensor([[number]])).tolist()
        assert 1 <= drawn < len(logits)
        assert logits[drawn] >= max(logits[1:]) + np.log(0.02) - 1e-3

    def test_classes_are_drawn_by_their_probability(self) -> None:
        logits = torch.tensor([[9.0, 0.0, 1.0, -9.0]]).expand(4000, -1)
        drawn = draw_classes(logits, torch.rand(4000, 1, generator=dice()))
        share = (drawn == 2).float().mean().item()
        assert set(drawn.tolist()) == {1, 2}
        assert share == pytest.approx(1 / (1 + np.exp(-1)), abs=0.03)
