"""Who plays what, and the agent's share of it in windows. Positions are in pulses."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from livegen.core.events import PULSES_PER_BEAT, Part
from models.corpora.piece import Piece, PieceNote
from models.takes.excerpts import onsets_before

HALF_BEAT = PULSES_PER_BEAT // 2


@dataclass(frozen=True, slots=True)
class Turn:
    """The agent plays `parts` from pulse `start` to `end`; before pulse `since` it does not know of that, if that is given."""

    start: int
    end: int
    parts: frozenset[Part]
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what in a piece.

    Attributes:
        piece: gives tempo, bar lines and chords.
        player: the player's notes, sorted.
        turns: when the agent plays, in order, not overlapping.
        lines: what it plays there, by part, sorted; what begins outside the turns of its part is not heard.
    """

    piece: Piece
    player: Sequence[PieceNote]
    turns: Sequence[Turn]
    lines: Mapping[Part, Sequence[PieceNote]]


def window_bounds(turn: Turn, following: Turn | None, hop: int, grid: int) -> list[int]:
    """Where the windows of a turn begin, and where the last one ends.

    As on the stage a turn begins on a half beat, no window reaches over a beat, and the turn ends with a beat, unless the one
    that follows begins before.

    Args:
        turn: what is cut in windows.
        following: the turn after it.
        hop: length of a window.
        grid: pulse of a beat.
    """
    end = turn.end + (grid - turn.end) % PULSES_PER_BEAT
    if following is not None:
        end = min(end, _half_beat_before(following.start, grid))
    bounds = [_half_beat_before(turn.start, grid)]
    while bounds[-1] < end:
        to_beat = PULSES_PER_BEAT - (bounds[-1] - grid) % PULSES_PER_BEAT
        bounds.append(bounds[-1] + min(hop, to_beat, end - bounds[-1]))
    return bounds


def notes_by_window(
    parts: frozenset[Part], lines: Mapping[Part, Sequence[PieceNote]], bounds: Sequence[int]
) -> list[list[tuple[Part, PieceNote]]]:
    """The notes that begin in each window, in the order of the stream; at most one a part, onset and pitch."""
    windows: list[dict[tuple[Part, int, int], PieceNote]] = [{} for _ in pairwise(bounds)]
    for part in sorted(parts):
        line = lines.get(part, ())
        for note in line[onsets_before(line, bounds[0]) : onsets_before(line, bounds[-1])]:
            windows[bisect.bisect_right(bounds, note.onset) - 1][part, note.onset, note.pitch] = note
    return [[(place[0], window[place]) for place in sorted(window)] for window in windows]


def _half_beat_before(pulse: int, grid: int) -> int:
    return pulse - (pulse - grid) % HALF_BEAT
