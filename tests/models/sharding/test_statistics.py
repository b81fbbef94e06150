"""What the page says of shards: counted right, near-duplicates left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.sharding.arrays import packed
from models.sharding.collection import FORMAT, MANIFEST, Shards
from models.sharding.files import write_arrays, write_json
from models.sharding.page import write_page
from models.sharding.statistics import statistics_of, total

HOUR = 60 * 60 * 24
"""Pulses in an hour at 60 beats a minute."""


def _piece(work: str, corpus: str = "lieder", style: str = "song", tempo_bpm: float = 60.0, **fields) -> Piece:
    melody = (PieceNote(0, 60, 24), PieceNote(HOUR - 24, 62, 24, 80))
    return Piece(corpus, work, style, tempo_bpm, fields.pop("beats_per_bar", 4), 0, melody, **fields)


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Three lieder, of which one is left out as a near-duplicate, and a mazurka."""
    chords = (ChordSpan(0, HOUR // 2, ChordSymbol(0)), ChordSpan(HOUR // 2, HOUR, NO_CHORD))
    corpora = {
        "lieder": [
            _piece("a", chords=chords, key=ChordSymbol(1, "min"), parts={Part.BASS: (PieceNote(0, 40, 24),), Part.CHORDS: ()}),
            _piece("a", tempo_bpm=120.0, key=ChordSymbol(0)),
            _piece("twin"),
        ],
        "polish": [_piece("c", "polish", "classical", 150.0, beats_per_bar=3)],
    }
    entries = {
        name: write_arrays(tmp_path, name, packed(pieces)).as_json()
        | {"left_out": [["x.mid", "unreadable: no header"]], "inputs": {"sources": {"files": 4, "sha256": "0" * 64}}}
        for name, pieces in corpora.items()
    }
    twins = {"lieder": {"2": "near-duplicate: of lieder/a"}}
    write_json(
        tmp_path / MANIFEST, {"format": FORMAT, "complete": True, "corpora": entries, "order": list(corpora), "twins": twins}
    )
    return Shards(tmp_path)


def test_each_corpus_is_counted_from_its_arrays(shards: Shards) -> None:
    counted = statistics_of(shards)
    lieder = counted["lieder"]
    assert (lieder.pieces, lieder.works) == (2, 1)
    assert lieder.hours == pytest.approx(1.5)
    assert (lieder.notes["melody"], lieder.notes["bass"], lieder.with_velocity, lieder.all_notes) == (4, 1, 2, 5)
    assert (lieder.with_line["bass"], lieder.with_line["chords"]) == (1, 0)
    assert lieder.chord_share == pytest.approx(0.5 / 1.5)
    assert (dict(lieder.keys), dict(lieder.styles), dict(lieder.metres)) == ({"C#m": 1, "C": 1}, {"song": 2}, {4: 2})
    assert lieder.left_out == {"unreadable": 1, "near-duplicate": 1}
    assert (dict(counted["polish"].metres), counted["polish"].chord_share) == ({3: 1}, 0.0)


def test_all_corpora_add_up(shards: Shards) -> None:
    whole = total(statistics_of(shards).values())
    assert (whole.pieces, whole.works, whole.all_notes) == (3, 2, 7)
    assert whole.hours == pytest.approx(1.5 + 0.4)
    assert whole.chord_share == pytest.approx(0.5 / 1.9)
    assert sum(whole.tempi.values()) == 3


def test_the_page_shows_it_and_is_the_same_each_time(shards: Shards, tmp_path: Path) -> None:
    first = write_page(shards, tmp_path / "one")
    second = write_page(shards, tmp_path / "two")
    text = first.read_text()
    assert "3 pieces of 2 works, 2 hours, 7 notes" in text
    assert "| lieder | 2 | 1 | 1.5 | 4 | 1 | 40 % | 33 % |" in text
    assert "| lieder | unreadable | 1 |" in text
    assert text == second.read_text()
    plots = sorted(path.name for path in first.parent.glob("*.svg"))
    assert plots == ["keys.svg", "metres.svg", "notes.svg", "parts.svg", "styles.svg", "tempi.svg"]
    for name in plots:
        svg = (first.parent / name).read_text()
        assert svg == (second.parent / name).read_text()
        assert svg.startswith("<svg")
