"""What goes wrong under a player's fingers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.corpora.piece import PieceNote

_HIGHEST_RATE = 0.1
_NEIGHBOURS = (-2, -1, 1, 2)
_LATE_PULSES = (3, 13)
_BOUNCE_PULSES = 6


@dataclass(frozen=True, slots=True)
class Slips:
    """Shares of the player's notes that go wrong, each 0..1, together at most 1; a note goes wrong in one way.

    Attributes:
        missing: it is not played.
        wrong: the key beside, or the one after that, is struck.
        late: it comes an eighth to half a beat late, but ends when it should.
        doubled: the key bounces and sounds twice.
    """

    missing: float = 0.0
    wrong: float = 0.0
    late: float = 0.0
    doubled: float = 0.0


def draw_slips(rng: np.random.Generator) -> Slips:
    """None in three fifths of the takes, else each kind in half of them, at up to 10 %."""
    if rng.random() < 0.6:
        return Slips()
    return Slips(*(rng.uniform(0.0, _HIGHEST_RATE, 4) * (rng.random(4) < 0.5)).tolist())


def slipped(notes: Sequence[PieceNote], slips: Slips, rng: np.random.Generator) -> list[PieceNote]:
    """The notes as they come out, sorted; without slips the same ones."""
    if slips == Slips():
        return list(notes)
    played: list[PieceNote] = []
    missing = slips.missing
    wrong = missing + slips.wrong
    late = wrong + slips.late
    doubled = late + slips.doubled
    dice = rng.random(len(notes)).tolist()
    steps = rng.choice(_NEIGHBOURS, len(notes)).tolist()
    delays = rng.integers(*_LATE_PULSES, len(notes)).tolist()
    for note, die, step, delay in zip(notes, dice, steps, delays, strict=True):
        if die >= doubled:
            played.append(note)
        elif die >= late:
            played += _twice(note)
        elif die >= wrong:
            lost = min(delay, note.duration - 1)
            played.append(replace(note, onset=note.onset + lost, duration=note.duration - lost))
        elif die >= missing:
            played.append(replace(note, pitch=min(127, max(0, note.pitch + step))))
    return sorted(played, key=_order)


def _twice(note: PieceNote) -> list[PieceNote]:
    if note.duration < 2:
        return [note]
    first = min(_BOUNCE_PULSES, note.duration // 2)
    return [replace(note, duration=first), replace(note, onset=note.onset + first, duration=note.duration - first)]


def _order(note: PieceNote) -> tuple[int, int]:
    return (note.onset, note.pitch)
