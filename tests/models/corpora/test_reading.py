"""Reading in worker processes: a file that hangs, crashes or confuses its reader costs that file alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from livegen.core.harmony import ChordSymbol
from models.corpora.piece import Piece, PieceNote
from models.corpora.reading import keyed, read_one, read_works
from models.corpora.source import QuarantinedError, Reading, Work

GOOD, HANGS, DIES, CONFUSES, REFUSED, EATS = "good", "hangs", "dies", "confuses", "refused", "eats"


def _read(work: Work) -> Reading:
    """A reader that files can bring to grief."""
    match work.group:
        case "hangs":
            threading.Event().wait()
        case "dies":
            os._exit(3)
        case "confuses":
            raise TypeError("an unforeseen byte")
        case "eats":
            raise MemoryError
        case "refused":
            raise QuarantinedError("no melody")
    notes = tuple(PieceNote(24 * at, pitch, 24) for at, pitch in enumerate((60, 64, 67, 72, 67, 64, 60)))
    return Reading([Piece("made up", work.path.name, "pop", 120.0, 4, 0, notes)])


def _works(*kinds: str) -> list[Work]:
    return [Work(Path(f"{number}"), kind) for number, kind in enumerate(kinds)]


def _told(outcomes: list[Reading | str]) -> list[str]:
    return [outcome if isinstance(outcome, str) else outcome.pieces[0].work for outcome in outcomes]


def test_what_hangs_or_dies_costs_one_file_and_all_others_are_read_in_order() -> None:
    works = _works(GOOD, HANGS, GOOD, DIES, GOOD, REFUSED, CONFUSES, GOOD)
    shown: list[int] = []
    outcomes = read_works(_read, works, workers=2, limit_s=1.5, shown=shown.append)
    assert _told(outcomes) == [
        "0",
        "it took longer to read than allowed: 1.5 s",
        "2",
        "the reader died of it: exit code 3",
        "4",
        "no melody",
        "the reader failed: TypeError: an unforeseen byte",
        "7",
    ]
    assert shown == [1, 2, 3, 4, 5, 6, 7, 8]


def test_without_workers_the_same_comes_out_of_files_that_let_the_reader_live() -> None:
    works = _works(GOOD, CONFUSES, REFUSED, GOOD)
    assert read_works(_read, works) == read_works(_read, works, workers=1)


def test_running_out_of_memory_is_a_reason_too() -> None:
    assert read_one(_read, _works(EATS)[0]) == "too much for the reader: MemoryError"


def test_no_works_need_no_workers() -> None:
    assert read_works(_read, [], workers=3) == []


def test_a_piece_gets_a_key_unless_its_loader_gave_one() -> None:
    [reading] = read_works(_read, _works(GOOD))
    assert not isinstance(reading, str)
    [piece] = reading.pieces
    assert piece.key == ChordSymbol(0, "maj")
    given = Piece("made up", "x", "pop", 120.0, 4, 0, piece.melody, key=ChordSymbol(9, "min"))
    assert keyed(given) is given
