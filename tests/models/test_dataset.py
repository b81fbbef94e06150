"""Arrays of takes: what the network reads, what it must say, and what it may not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.stream import decode
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.networks.blocks import GIVEN
from models.takes.dataset import (
    Batch,
    Rows,
    Takes,
    chord_changes,
    encode,
    held_out_takes,
    hide_history,
    style_weights,
    targets_and_given,
    transpose,
)
from models.takes.roles import HARMONY, Staging, Take, accompany, respond

law = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
STYLES = ("pop", "jazz")
OWN = ("CHORD", "NOTE", "END")


def column(rows: Rows, name: str) -> Rows:
    return rows[:, v.COLUMN[name]]


def of_kind(rows: Rows, *kinds: str) -> np.ndarray:
    return np.isin(rows[:, 0], [v.KIND[kind] for kind in kinds])


def take_of(piece: Piece, **staging: int) -> Take:
    return accompany(piece, Staging(**staging), HARMONY, np.random.default_rng(0))


@pytest.fixture
def rows(song: Piece) -> Rows:
    return encode(take_of(song))


def moved(piece: Piece, semitones: int) -> Piece:
    def notes(part: tuple[PieceNote, ...]) -> tuple[PieceNote, ...]:
        return tuple(replace(note, pitch=note.pitch + semitones) for note in part)

    chords = tuple(ChordSpan(span.start, span.end, span.symbol.transposed(semitones)) for span in piece.chords)
    parts = {part: notes(line) for part, line in piece.parts.items()}
    return replace(piece, melody=notes(piece.melody), parts=parts, chords=chords)


class TestEncode:
    def test_a_velocity_that_the_source_lacks_is_absent(self, song: Piece, rows: Rows) -> None:
        """The melody of the song has none, its parts do."""
        assert not column(rows, "velocity")[of_kind(rows, "ON")].any()
        assert (column(rows, "velocity")[of_kind(rows, "NOTE")] == v.velocity_class(70)).all()

    def test_rows_decode_to_the_events(self, song: Piece) -> None:
        take = take_of(song)
        for row, event in zip(encode(take), take.events, strict=True):
            assert type(decode(row)) is type(event)

    def test_nothing_is_no_rows(self) -> None:
        """A stretch of a piece can be silent."""
        assert encode(Take((), ())).shape == (0, len(v.FIELDS))


class TestTranspose:
    @law
    @given(semitones=st.integers(-6, 5))
    def test_moving_the_rows_is_moving_the_piece(self, song: Piece, rows: Rows, semitones: int) -> None:
        assert np.array_equal(transpose(rows, semitones), encode(take_of(moved(song, semitones))))

    @law
    @given(semitones=st.integers(-12, 12), low=st.integers(0, 127), size=st.integers(0, 24))
    def test_no_pitch_leaves_the_keyboard(self, song: Piece, semitones: int, low: int, size: int) -> None:
        """At the edge it goes the other octave round; roots and pitch classes agree in any case."""
        edge = (PieceNote(0, low, 24), PieceNote(24, min(127, low + size), 24))
        before = encode(take_of(replace(song, melody=edge, parts={})))
        kept = before.copy()
        after = transpose(before, semitones)
        assert np.array_equal(before, kept)
        pitches = column(after, "pitch")
        assert ((pitches > 0) == (column(before, "pitch") > 0)).all()
        assert pitches.max() <= 128
        sounding = pitches > 0
        assert ((pitches - column(before, "pitch") - semitones)[sounding] % 12 == 0).all()
        named = (column(before, "root") > 0) & (column(before, "root") < v.NO_ROOT)
        assert ((column(after, "root") - column(before, "root") - semitones)[named] % 12 == 0).all()

    def test_drums_stay_what_they_are(self, song: Piece) -> None:
        drums = tuple(PieceNote(beat * 24, 127, 12, 90) for beat in range(8))
        parts = frozenset({Part.DRUMS})
        rows = encode(accompany(replace(song, parts={Part.DRUMS: drums}), Staging(), parts, np.random.default_rng(0)))
        after = transpose(rows, 5)
        assert (column(after, "pitch")[of_kind(rows, "NOTE")] == 128).all()
        assert np.array_equal(column(after, "pitch")[of_kind(rows, "ON")], column(rows, "pitch")[of_kind(rows, "ON")] + 5)

    def test_no_chord_stays_no_chord(self, song: Piece) -> None:
        rows = encode(take_of(replace(song, chords=())))
        assert set(column(rows, "root")) == {0, v.NO_ROOT}
        assert np.array_equal(column(transpose(rows, 3), "root"), column(rows, "root"))


class TestHideHistory:
    def test_the_agents_own_harmony_is_absent_and_nothing_else(self, rows: Rows) -> None:
        hidden = hide_history(rows)
        own = of_kind(rows, "CHORD", "NOTE")
        for field in v.FIELDS:
            before, after = column(rows, field.name), column(hidden, field.name)
            if field.name in ("root", "quality", "pitch"):
                assert not after[own].any()
                assert np.array_equal(before[~own], after[~own])
            else:
                assert np.array_equal(before, after)

    def test_what_it_led_is_never_hidden(self, song: Piece, rows: Rows) -> None:
        """Window by window, as on the stage; before the first window there is nothing to hide."""
        led = encode(respond(song, Staging(), np.random.default_rng(0)))
        assert of_kind(led, "NOTE").any()
        both = np.concatenate([led, rows])
        assert np.array_equal(hide_history(both), np.concatenate([led, hide_history(rows)]))

    def test_it_is_a_copy(self, rows: Rows) -> None:
        kept = rows.copy()
        hide_history(rows)
        assert np.array_equal(rows, kept)


class TestTargets:
    def test_only_what_the_agent_does_next_is_a_target(self, rows: Rows) -> None:
        targets, given = targets_and_given(rows)
        own = of_kind(rows[1:], *OWN)
        assert targets.shape == (len(rows) - 1, len(v.FIELDS))
        assert given.shape == (len(rows) - 1, len(GIVEN))
        assert np.array_equal(targets[own], rows[1:][own])
        assert not targets[~own].any()

    def test_heads_are_given_the_fields_of_their_own_target(self, rows: Rows) -> None:
        targets, given = targets_and_given(rows)
        for index, name in enumerate(GIVEN):
            if not name.startswith("chord_"):
                assert np.array_equal(given[:, index], column(targets, name))

    def test_heads_are_given_the_chord_of_the_window_once_it_is_known(self, rows: Rows) -> None:
        targets, given = targets_and_given(rows)
        current = (0, 0)
        for target, told, kind in zip(targets, given[:, -2:], rows[1:, 0], strict=True):
            if kind == v.KIND["CHORD"]:
                assert tuple(told) == (0, 0)
                current = (target[v.COLUMN["root"]], target[v.COLUMN["quality"]])
            elif kind in (v.KIND["NOTE"], v.KIND["END"]):
                assert tuple(told) == current
            else:
                assert not told.any()

    def test_hiding_history_hides_nothing_from_the_heads(self, rows: Rows) -> None:
        """Targets come from what was played; only what the network reads is hidden."""
        assert GIVEN[-2:] == ("chord_root", "chord_quality")
        targets, given = targets_and_given(rows)
        assert column(targets, "root").any()
        assert given[:, -2].any()


class TestHeldOut:
    def test_a_piece_is_staged_in_every_role_that_it_allows(self, song: Piece) -> None:
        assert [role for role, _ in held_out_takes(song)] == ["accompany", "respond"]
        assert [role for role, _ in held_out_takes(replace(song, parts={}))] == ["respond"]
        assert [role for role, _ in held_out_takes(replace(song, phrases=(0, 96)))] == ["accompany"]

    def test_it_is_always_the_same(self, song: Piece) -> None:
        for (_, one), (_, other) in zip(held_out_takes(song), held_out_takes(song), strict=True):
            assert np.array_equal(one, other)


class TestChanges:
    def test_a_chord_other_than_the_one_before_is_a_change(self, song: Piece, rows: Rows) -> None:
        """Four chords of eight beats, a window a beat."""
        changed = chord_changes(rows)
        assert changed.shape == (len(rows) - 1,)
        assert of_kind(rows[1:], "CHORD")[changed].all()
        assert changed.sum() == 4
        assert [tuple(row) for row in rows[1:][changed][:, [v.COLUMN["root"]]]] == [(1,), (6,), (1,), (6,)]

    def test_without_chords_nothing_changes(self, rows: Rows) -> None:
        assert not chord_changes(rows[~of_kind(rows, "CHORD")]).any()


def test_a_style_that_is_not_known_is_none() -> None:
    assert style_weights("jazz", STYLES).tolist() == [0.0, 1.0]
    assert style_weights("polka", STYLES).tolist() == [0.0, 0.0]


class TestTakes:
    def takes(self, pieces: list[Piece], seed: int = 3, **weights: float) -> Takes:
        return Takes(pieces, weights or {"leadsheets": 1.0}, STYLES, length=64, seed=seed)

    def batch(self, pieces: list[Piece], size: int, step: int = 0, **more: float) -> Batch:
        return self.takes(pieces, **more).batch(step, range(size))

    def test_shapes_and_types(self, song: Piece) -> None:
        batch = self.batch([song], 5).to(torch.device("cpu"))
        assert batch.rows.shape == batch.targets.shape == (5, 64, len(v.FIELDS))
        assert batch.given.shape == (5, 64, len(GIVEN))
        assert batch.changed.shape == (5, 64)
        assert batch.style.shape == (5, len(STYLES))
        assert batch.rows.dtype == batch.targets.dtype == batch.given.dtype == torch.int64
        assert (batch.changed.dtype, batch.style.dtype) == (torch.bool, torch.float32)

    def test_every_class_is_in_the_vocabulary(self, song: Piece) -> None:
        batch = self.batch([song], 20)
        for rows in (batch.rows, batch.targets):
            assert (rows.reshape(-1, len(v.FIELDS)).max(dim=0).values < torch.tensor([field.size for field in v.FIELDS])).all()

    def test_a_sequence_depends_on_seed_step_and_place_alone(self, song: Piece) -> None:
        whole = self.batch([song], 4).rows
        assert torch.equal(whole[2:], self.takes([song]).batch(0, (2, 3)).rows)
        assert not torch.equal(whole, self.batch([song], 4, step=1).rows)
        assert not torch.equal(whole, self.batch([song], 4, seed=4).rows)

    def test_its_own_harmony_is_hidden_in_some_and_never_where_it_leads(self, song: Piece) -> None:
        batch = self.batch([song], 60)
        hidden = []
        for seen, wanted in zip(batch.rows.numpy(), batch.targets.numpy(), strict=True):
            notes = of_kind(seen, "NOTE")
            lead = notes & (column(seen, "part") == 1 + Part.LEAD)
            assert column(seen, "pitch")[lead].all()
            if (notes & ~lead).any():
                hidden.append(not column(seen, "pitch")[notes & ~lead].all())
            assert column(wanted, "pitch")[of_kind(wanted, "NOTE")].all()
        assert 0.1 < np.mean(hidden) < 0.9

    def test_a_style_is_left_out_in_some(self, song: Piece) -> None:
        style = self.batch([song], 200).style
        assert {tuple(weights) for weights in style.tolist()} == {(0.0, 1.0), (0.0, 0.0)}
        assert 0.03 < (style.sum(dim=1) == 0).float().mean() < 0.2

    def test_a_corpus_without_weight_is_not_drawn(self, song: Piece) -> None:
        other = replace(song, corpus="other", style="pop")
        style = self.batch([other, song], 20, leadsheets=1.0, missing=5.0).style
        assert not style[:, STYLES.index("pop")].any()

    def test_a_piece_without_a_melody_is_not_drawn(self, song: Piece) -> None:
        batch = self.batch([replace(song, melody=(), style="pop"), song], 20)
        assert not batch.style[:, STYLES.index("pop")].any()

    def test_roles_may_be_weighed(self, song: Piece) -> None:
        takes = Takes([song], {"leadsheets": 1.0}, STYLES, length=64, seed=1, roles={"respond": 1.0})
        rows = takes.batch(0, range(20)).rows.flatten(0, 1).numpy()
        assert set(column(rows, "part")[of_kind(rows, "NOTE")]) == {1 + Part.LEAD}

    def test_without_pieces_it_is_refused(self, song: Piece) -> None:
        with pytest.raises(InputError, match="no piece to train on of pop909"):
            self.takes([song], pop909=1.0)
