"""Where the phrases of a melody begin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import PieceNote

LONGEST_BARS = 4
"""A phrase is cut at the bar line when it gets longer than this."""

LONG_NOTE = 2 * PULSES_PER_BEAT
LONG_RATIO = 2.5


def phrases(
    notes: Sequence[PieceNote], bar_pulses: int, bar_offset: int = 0, longest_bars: int = LONGEST_BARS
) -> tuple[int, ...]:
    """Onsets at which a phrase of a monophonic melody begins, ascending.

    A phrase begins with the first note, after a rest of a beat or more, and after a note that is long (two beats, or 2.5 times
    the median). A held note ends a phrase only if the phrase has lasted a bar, so that a slow tune does not fall into single
    notes. What is still longer than `longest_bars` is cut at bar lines.

    Args:
        notes: the melody, sorted, not overlapping.
        bar_pulses: length of a bar.
        bar_offset: pulse of the first downbeat.
        longest_bars: 1 or more.
    """
    if not notes:
        return ()
    long = min(LONG_NOTE, LONG_RATIO * median(note.duration for note in notes))
    begins = [notes[0].onset]
    for before, note in pairwise(notes):
        rest = note.onset - before.onset - before.duration
        lasted = note.onset - begins[-1]
        if rest >= PULSES_PER_BEAT or (before.duration >= long and lasted >= bar_pulses):
            begins.append(note.onset)
    end = notes[-1].onset + notes[-1].duration
    onsets = [note.onset for note in notes]
    result: list[int] = []
    for begin, stop in pairwise([*begins, end]):
        result.append(begin)
        result += _cuts(onsets, (begin, stop), bar_pulses, bar_offset, longest_bars)
    return tuple(result)


def _cuts(onsets: Sequence[int], phrase: tuple[int, int], bar_pulses: int, bar_offset: int, longest_bars: int) -> list[int]:
    """First onsets after every `longest_bars`-th bar line inside a phrase, as long as two bars or more remain."""
    begin, stop = phrase
    # A pickup belongs to the bars that it leads into: the count starts at the first bar line, not at the first note.
    line = begin + (bar_offset - begin) % bar_pulses + longest_bars * bar_pulses
    cuts: list[int] = []
    while line <= stop - 2 * bar_pulses:
        onset = next((onset for onset in onsets if onset >= line), stop)
        if onset < stop and onset > (cuts[-1] if cuts else begin):
            cuts.append(onset)
        line += longest_bars * bar_pulses
    return cuts
