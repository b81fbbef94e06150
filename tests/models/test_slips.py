"""What goes wrong under the fingers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pieces import melodies, seeds

from models.corpora.piece import PieceNote
from models.takes.slips import Slips, slipped

law = settings(deadline=None, max_examples=50)
LINE = tuple(PieceNote(24 * beat, 60, 24, 80) for beat in range(1000))


def played(slips: Slips) -> list[PieceNote]:
    return slipped(LINE, slips, np.random.default_rng(0))


@law
@given(melodies(), st.builds(Slips, *[st.floats(0, 0.25)] * 4), seeds)
def test_what_comes_out_can_be_played(notes: tuple[PieceNote, ...], slips: Slips, seed: int) -> None:
    """In order, with keys that exist, inside the time of the written notes."""
    out = slipped(notes, slips, np.random.default_rng(seed))
    assert [(note.onset, note.pitch) for note in out] == sorted((note.onset, note.pitch) for note in out)
    assert all(0 <= note.pitch <= 127 and note.duration >= 1 for note in out)
    for note in out:
        assert any(
            written.onset <= note.onset
            and note.onset + note.duration <= written.onset + written.duration
            and abs(note.pitch - written.pitch) <= 2
            for written in notes
        )


def test_without_slips_nothing_is_changed() -> None:
    assert played(Slips()) == list(LINE)


def test_missing_notes_are_missing() -> None:
    out = played(Slips(missing=0.1))
    assert set(out) < set(LINE)
    assert len(out) / len(LINE) == pytest.approx(0.9, abs=0.03)


def test_wrong_notes_are_neighbours() -> None:
    out = played(Slips(wrong=0.1))
    wrong = [note for note in out if note.pitch != 60]
    assert {note.pitch for note in wrong} == {58, 59, 61, 62}
    assert len(wrong) / len(LINE) == pytest.approx(0.1, abs=0.03)
    assert len(out) == len(LINE)


def test_late_notes_end_when_they_should() -> None:
    out = played(Slips(late=0.1))
    late = [note for note in out if note not in LINE]
    assert {note.onset % 24 for note in late} == set(range(3, 13))
    assert all((note.onset + note.duration) % 24 == 0 for note in late)
    assert len(out) == len(LINE)


def test_doubled_notes_are_struck_again() -> None:
    out = played(Slips(doubled=0.1))
    assert len(out) / len(LINE) == pytest.approx(1.1, abs=0.03)
    assert {note.duration for note in out} == {24, 6, 18}


def test_the_ends_of_the_keyboard_hold() -> None:
    edges = [PieceNote(0, 0, 1), PieceNote(1, 127, 1)] * 20
    assert {note.pitch for note in slipped(edges, Slips(wrong=1.0), np.random.default_rng(0))} <= {0, 1, 2, 125, 126, 127}
