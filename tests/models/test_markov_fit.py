"""The order-2 table: probabilities, counting, and the file that it is kept in."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.laws import chord_symbols, notes

from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Chord, End, Note, Part, Tick
from livegen.core.stream import StreamEncoder
from livegen.generators.markov import load_table, save_table
from livegen.generators.ngram import SHAPES, Memory, Ngram
from models import markov
from models.corpora.piece import Piece
from models.markov import fit, score
from models.sharding.build import build
from models.takes.dataset import held_out_takes, transpose
from models.training.recipe import read_recipe

law = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
events = st.one_of(
    notes.map(lambda note: Note(note.part, note.onset, note.pitch, min(192, note.duration), note.velocity)),
    st.builds(Chord, chord_symbols),
    st.just(End()),
    st.just(Tick(0, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD, Part.BASS}))),
)


@pytest.fixture
def table(song: Piece) -> Ngram:
    return fit([song])


def memory_after(history: list) -> Memory:
    encoder, memory = StreamEncoder(), Memory()
    for event in history:
        memory = memory.after(encoder.encode(event))
    return memory


class TestProbabilities:
    @law
    @given(
        history=st.lists(events, max_size=6),
        name=st.sampled_from(v.HEADS),
        part=st.integers(1, 4),
        root=st.integers(0, v.NO_ROOT),
        learned=st.booleans(),
    )
    def test_they_sum_to_one_after_anything(
        self, table: Ngram, *, history: list, name: str, part: int, root: int, learned: bool
    ) -> None:
        estimate = (table if learned else Ngram()).probabilities(name, memory_after(history), {"part": part, "root": root})
        assert estimate.shape == (v.SIZE[name],)
        assert estimate[0] == 0
        assert (estimate >= 0).all()
        assert estimate.sum() == pytest.approx(1)

    @law
    @given(history=st.lists(events, min_size=1, max_size=6))
    def test_whatever_the_agent_can_do_is_possible(self, table: Ngram, history: list) -> None:
        memory = memory_after(history[:-1])
        row = StreamEncoder().encode(history[-1])
        if int(row[0]) in markov.AGENT:
            assert all(np.isfinite(nats) and nats >= 0 for _, nats in table.nats(row, memory))

    def test_of_nothing_learned_all_is_as_likely(self) -> None:
        estimate = Ngram().probabilities("duration", Memory(), {"part": 1})
        assert estimate[1:] == pytest.approx(1 / len(v.DURATIONS))

    def test_what_was_seen_becomes_likely(self) -> None:
        table, memory, encoder = Ngram(), Memory(), StreamEncoder()
        row = encoder.encode(Note(Part.BASS, 12, 40, 6, 80))
        before = dict(table.nats(row, memory))
        for _ in range(50):
            table.learn(row, memory)
        after = dict(table.nats(row, memory))
        assert all(after[name] < before[name] for name in ("kind", "part", "pulse", "duration", "velocity"))
        assert table.probabilities("pulse", memory, {"part": 1 + Part.BASS})[13] > 0.9
        assert table.probabilities("pulse", memory, {"part": 1 + Part.CHORDS})[13] < 0.1, "each part for itself"

    def test_weight_is_repetition(self) -> None:
        row = StreamEncoder().encode(Note(Part.LEAD, 0, 60, 6, 80))
        one, other = Ngram(), Ngram()
        one.learn(row, Memory(), weight=3)
        for _ in range(3):
            other.learn(row, Memory())
        assert all(np.array_equal(one.tables[name], other.tables[name]) for name in SHAPES)

    def test_the_end_depends_on_who_played(self) -> None:
        """A lead that rests after one note must not go on because chords have four."""
        table, encoder = Ngram(), StreamEncoder()
        tick = Tick(0, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD}))
        for _ in range(30):
            for window in (
                [Note(Part.LEAD, 0, 60, 6, 80)],
                [Note(Part.CHORDS, 0, pitch, 6, 80) for pitch in (60, 64, 67, 71)],
            ):
                memory = Memory()
                for event in (tick, *window, End()):
                    row = encoder.encode(event)
                    if int(row[0]) in markov.AGENT:
                        table.learn(row, memory)
                    memory = memory.after(row)
        after_lead = table.probabilities("kind", memory_after([tick, Note(Part.LEAD, 0, 72, 6, 80)]), {})
        after_chords = table.probabilities("kind", memory_after([tick, Note(Part.CHORDS, 0, 72, 6, 80)]), {})
        assert after_lead[v.KIND["END"]] > 0.8
        assert after_chords[v.KIND["NOTE"]] > 0.8


class TestFit:
    def test_learning_lowers_nats(self, song: Piece, table: Ngram) -> None:
        for _, rows in held_out_takes(song):
            learned, uniform = score(table, rows), score(Ngram(), rows)
            assert learned.count == uniform.count
            assert learned.nats_per_note < 0.5 * uniform.nats_per_note

    def test_what_is_learned_in_one_key_holds_in_all(self, song: Piece, table: Ngram) -> None:
        _, rows = next(held_out_takes(song))
        assert score(table, transpose(rows, 4)).nats_per_note == pytest.approx(score(table, rows).nats_per_note, rel=0.01)

    def test_every_event_of_the_agent_is_counted_once(self, song: Piece, table: Ngram) -> None:
        kinds = np.concatenate([rows[:, 0] for _, rows in held_out_takes(song)])
        agent = np.isin(kinds, list(markov.AGENT))
        assert table.tables["kind"].sum() == agent.sum()
        assert table.tables["pitch"].sum() == (kinds == v.KIND["NOTE"]).sum()


class TestFile:
    @pytest.fixture
    def path(self, table: Ngram, tmp_path: Path) -> Path:
        save_table(table, tmp_path / "table.npz")
        return tmp_path / "table.npz"

    def test_round_trip(self, table: Ngram, path: Path) -> None:
        again = load_table(path)
        assert all(np.array_equal(again.tables[name], table.tables[name]) for name in SHAPES)
        memory = Memory()
        assert np.array_equal(again.probabilities("kind", memory, {}), table.probabilities("kind", memory, {}))

    def test_the_bundled_one_can_be_read(self) -> None:
        assert load_table().tables["pitch"].any()

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="nosuch"):
            load_table(tmp_path / "nosuch.npz")

    @law
    @given(st.data())
    def test_a_damaged_file_is_refused_or_read_as_it_was(self, table: Ngram, path: Path, data: st.DataObject) -> None:
        whole = path.read_bytes()
        cut, at = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole) - 1))
        damaged = bytearray(whole)
        damaged[at] ^= data.draw(st.integers(1, 255))
        place = path.with_name("damaged.npz")
        for content in (whole[:cut], bytes(damaged)):
            place.write_bytes(content)
            with suppress(ModelError):
                again = load_table(place)
                assert all(np.array_equal(again.tables[name], table.tables[name]) for name in SHAPES)

    @pytest.mark.parametrize("content", [b"", b"no archive", b"\x93NUMPY"])
    def test_another_file_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "other.npz").write_bytes(content)
        with pytest.raises(ModelError, match="not a Markov table"):
            load_table(tmp_path / "other.npz")

    def test_one_array_is_not_a_table(self, tmp_path: Path) -> None:
        np.save(tmp_path / "array.npy", np.zeros(3))
        with pytest.raises(ModelError, match="not a Markov table"):
            load_table(tmp_path / "array.npy")

    def test_a_zip_file_is_not_a_table(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
            archive.writestr("readme", "hello")
        with pytest.raises(ModelError, match="not a Markov table"):
            load_table(tmp_path / "some.npz")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"vocabulary": np.array("0123")}, f"vocabulary 0123, but this livegen has {v.HASH}"),
            ({"pitch": np.zeros((4, 2), dtype=np.uint32)}, r"table of pitch has shape \(4, 2\)"),
            ({"pitch": np.full(SHAPES["pitch"], np.nan)}, "table of pitch holds float64"),
            ({"pitch": np.array([{}], dtype=object)}, "not a Markov table"),
        ],
    )
    def test_a_table_of_something_else_is_refused(self, table: Ngram, tmp_path: Path, change: dict, message: str) -> None:
        np.savez(tmp_path / "t.npz", **({"vocabulary": np.array(v.HASH)} | table.tables | change))
        with pytest.raises(ModelError, match=message):
            load_table(tmp_path / "t.npz")

    def test_a_table_that_is_not_there_is_refused(self, table: Ngram, tmp_path: Path) -> None:
        np.savez(tmp_path / "t.npz", vocabulary=np.array(v.HASH), kind=table.tables["kind"])
        with pytest.raises(ModelError, match="not a Markov table"):
            load_table(tmp_path / "t.npz")


class TestCommand:
    def test_it_writes_a_table(self, corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "markov.npz"
        assert markov.main(["--data", str(corpora), "--recipe", "tiny", "--out", str(out)]) == 0
        assert "counted 15 pieces" in capsys.readouterr().out
        assert load_table(out).tables["kind"].any()

    def test_shards_give_the_table_that_their_corpora_give(self, corpora: Path, tmp_path: Path) -> None:
        shards, outs = tmp_path / "shards", [tmp_path / "of_corpora.npz", tmp_path / "of_shards.npz"]
        build(corpora, shards, list(read_recipe("tiny")["data"]["weights"]))
        for data, out in zip((corpora, shards), outs, strict=True):
            assert markov.main(["--data", str(data), "--recipe", "tiny", "--out", str(out)]) == 0
        one, other = map(load_table, outs)
        assert all(np.array_equal(one.tables[name], other.tables[name]) for name in SHAPES)

    def test_without_data_it_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert markov.main(["--data", str(tmp_path), "--out", str(tmp_path / "markov.npz")]) == 2
        assert "holds no works" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []
