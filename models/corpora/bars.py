"""Bar lines: where they fall, and the stretches of a work in which they stay regular."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.phrasing import phrases
from models.corpora.piece import ChordSpan, Piece, PieceNote

_STEADY = 4
"""So many downbeats in a row have to agree before they are believed."""


@dataclass(frozen=True, slots=True)
class Section:
    """Pulses `start` to `end` (exclusive) of a work, with regular bars through `downbeat`."""

    start: int
    end: int
    downbeat: int


def strongest_downbeat(weighted: Iterable[tuple[int, float]], bar_pulses: int, favour_start: float = 0.0) -> int:
    """The place in the bar where the most weight falls: the `bar_offset` of a file that does not mark its bar lines.

    Args:
        weighted: (pulse, weight) of what tends to fall on downbeats, such as chord changes.
        bar_pulses: length of a bar.
        favour_start: share by which the weight of pulse 0 is raised, where works tend to begin with a full bar.

    Returns:
        The pulse in 0..bar_pulses - 1, the earlier one on a tie; 0 if nothing is given.
    """
    weights = np.zeros(bar_pulses)
    for pulse, weight in weighted:
        weights[pulse % bar_pulses] += weight
    weights[0] *= 1.0 + favour_start
    return int(np.argmax(weights))


def steady_sections(downbeats: Sequence[int], bar_pulses: int, end: int) -> list[Section]:
    """Cuts a work where its downbeats jump to another place in the bar, as by a bar of two beats among bars of four.

    Downbeats that disagree with their neighbours for less than four in a row are taken for errors and passed over.

    Args:
        downbeats: pulses, ascending.
        bar_pulses: length of a regular bar.
        end: pulse at which the work ends.

    Returns:
        Sections in order that cover the work from pulse 0; empty if no four downbeats agree.
    """
    runs: list[tuple[int, int]] = []
    for phase, group in groupby(downbeats, key=lambda pulse: pulse % bar_pulses):
        members = list(group)
        if len(members) >= _STEADY and (not runs or runs[-1][1] != phase):
            runs.append((members[0], phase))
    if not runs:
        return []
    starts = [0, *(first for first, _ in runs[1:]), end]
    return [Section(start, stop, first) for (start, stop), (first, _) in zip(pairwise(starts), runs, strict=True)]


def cut(piece: Piece, section: Section) -> Piece:
    """The part of `piece` inside `section`, counted from the section's start, with its own bar offset and phrases."""
    bar_pulses = piece.beats_per_bar * PULSES_PER_BEAT
    bar_offset = (section.downbeat - section.start) % bar_pulses
    melody = _inside(piece.melody, section)
    spans = (
        ChordSpan(max(span.start, section.start) - section.start, min(span.end, section.end) - section.start, span.symbol)
        for span in piece.chords
        if span.start < section.end and span.end > section.start
    )
    return replace(
        piece,
        bar_offset=bar_offset,
        melody=melody,
        parts={part: _inside(notes, section) for part, notes in piece.parts.items()},
        chords=tuple(spans),
        phrases=phrases(melody, bar_pulses, bar_offset),
    )


def _inside(notes: Iterable[PieceNote], section: Section) -> tuple[PieceNote, ...]:
    return tuple(
        replace(note, onset=note.onset - section.start, duration=min(note.duration, section.end - note.onset))
        for note in notes
        if section.start <= note.onset < section.end
    )
