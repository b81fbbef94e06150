"""When the agent comes in: with the player's phrases in turn, or as long as the player plays. Positions are in pulses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from livegen.core.director import REST_BEATS
from livegen.core.events import PULSES_PER_BEAT, Part
from models.corpora.piece import Piece, PieceNote
from models.takes.casting import HALF_BEAT, Turn
from models.takes.excerpts import length_of, onsets_before

GAPS_PULSES = (2, 8)
"""Silence by which a phrase is known to be over: on the stage a third of a beat, less after a long note."""

_PLANNING_PULSES = 1
_SHORTENED_PULSES = 3
"""What is left at the least of a note that gives way to the agent."""

_BARS_A_PHRASE = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pulses [start, end) in which the player leads, or the agent."""

    start: int
    end: int
    agents: bool


def passing(piece: Piece, player: tuple[int, int], agent: tuple[int, int], rng: np.random.Generator) -> list[Stretch]:
    """The whole piece in stretches of phrases, the player's first, then the agent's, and so on.

    Args:
        piece: where phrases are not known they are of four bars.
        player: the fewest and most phrases of a stretch of the player.
        agent: the same of the agent.
        rng: draws how many.
    """
    phrases = phrase_starts(piece)
    bounds, at = [0], 0
    while at < len(phrases):
        fewest, most = agent if len(bounds) % 2 == 0 else player
        # Where there are two phrases the agent has one, or there would be nothing to learn.
        at = max(1, min(at + int(rng.integers(fewest, most + 1)), len(phrases) - (at == 0)))
        bounds.append(phrases[at] if at < len(phrases) else length_of(piece))
    return [Stretch(start, end, index % 2 == 1) for index, (start, end) in enumerate(pairwise(bounds))]


def phrase_starts(piece: Piece) -> tuple[int, ...]:
    """Where phrases of the melody begin; with the first note of every fourth bar where fewer than three are known."""
    if len(piece.phrases) > 2 or not piece.melody:
        return piece.phrases
    step = _BARS_A_PHRASE * piece.beats_per_bar * PULSES_PER_BEAT
    first = piece.melody[0].onset
    lines = range(piece.bar_offset + (first - piece.bar_offset) // step * step + step, piece.melody[-1].onset + 1, step)
    return tuple(sorted({first, *(piece.melody[onsets_before(piece.melody, line)].onset for line in lines)}))


def within(notes: Sequence[PieceNote], stretches: Iterable[Stretch]) -> list[PieceNote]:
    """Those of the sorted notes that begin in the stretches, which are in order."""
    inside: list[PieceNote] = []
    for stretch in stretches:
        inside += notes[onsets_before(notes, stretch.start) : onsets_before(notes, stretch.end)]
    return inside


def last_end(notes: Sequence[PieceNote], stretch: Stretch) -> int:
    """Where the last of the notes of a stretch ends, or the stretch itself: an answer is over when nothing more comes."""
    ends = [note.onset + note.duration for note in within(notes, [stretch])]
    return min(stretch.end, max(ends, default=stretch.start))


def released(notes: Iterable[PieceNote], by: int) -> list[PieceNote]:
    """The notes with the keys up by pulse `by`, but for what is left of the shortest."""
    return [
        note
        if note.onset + note.duration <= by
        else replace(note, duration=min(note.duration, max(_SHORTENED_PULSES, by - note.onset)))
        for note in notes
    ]


def first_window(start: int, piece: Piece) -> int:
    """Where the windows of a turn begin that begins at `start`."""
    return start - (start - piece.bar_offset) % HALF_BEAT


def heard_out(notes: Iterable[PieceNote], gap: int, window: int) -> int:
    """When the agent knows, by a silence of `gap` pulses, that a phrase is over, if it is to answer in `window`."""
    silent = max((note.onset + note.duration for note in notes), default=0) + gap
    return min(silent, window - _PLANNING_PULSES)


def stints(notes: Sequence[PieceNote], parts: frozenset[Part], piece: Piece) -> list[Turn]:
    """The turns of an agent who plays along: from the beat after the player's first note until the player rests for long."""
    rest = int(REST_BEATS * PULSES_PER_BEAT)
    length = length_of(piece)
    turns: list[Turn] = []
    begun: tuple[int, int] | None = None
    active = 0

    def close() -> None:
        if begun is not None and begun[0] < min(length, active + rest):
            turns.append(Turn(begun[0], min(length, active + rest), parts, begun[1]))

    for note in notes:
        if begun is not None and note.onset > active + rest:
            close()
            begun = None
        if begun is None:
            begun = (_coming_in(note.onset, piece), note.onset + _PLANNING_PULSES)
        active = max(active, note.onset + note.duration)
    close()
    return turns


def _coming_in(onset: int, piece: Piece) -> int:
    """The next beat, or the half beat before it if that beat is a whole beat away, as on the stage."""
    soonest = onset + _PLANNING_PULSES
    beat = soonest + (piece.bar_offset - soonest) % PULSES_PER_BEAT
    return beat if beat < onset + PULSES_PER_BEAT else soonest + (piece.bar_offset - soonest) % HALF_BEAT
