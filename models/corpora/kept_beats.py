"""Whether the notes of a file keep to its beats."""

from __future__ import annotations

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import Piece

_DIVISIONS = (1, 2, 3, 4, 6)
"""Of a beat: on one of them are the notes of a file that has a beat."""
_GATHERED = 0.25
"""How far notes must gather there: length of the mean of their phases, 0 where they are anywhere, 1 where all are on it."""
_WINDOW_PULSES, _WINDOW_NOTES = 16 * PULSES_PER_BEAT, 16
"""What is looked at at once, where it has so many notes."""
_CLEARLY = 1.5
"""So many times as long notes begin in one place as in the other."""
_SLIPPED = "--"
"""Windows one after the other whose long notes are off the beat."""


def keeps_its_beat(piece: Piece) -> bool:
    """Whether notes have to do with the beats of their file, and with the same ones from beginning to end.

    Some were played beside the grid of the program that recorded them. Others lose it: a bar that is cut short, as before a
    repeat, is a whole one in the file, and what comes after it is half a beat late.
    """
    onsets = np.array([note.onset - piece.bar_offset for note in piece.pitched])
    if not len(onsets):
        return False
    gathered = max(abs(np.exp(2j * np.pi * count * onsets / PULSES_PER_BEAT).mean()) for count in _DIVISIONS)
    lengths = np.minimum([note.duration for note in piece.pitched], PULSES_PER_BEAT)
    windows = ""
    for begin in range(0, int(onsets.max()) + 1, _WINDOW_PULSES):
        here = (onsets >= begin) & (onsets < begin + _WINDOW_PULSES)
        if here.sum() < _WINDOW_NOTES:
            continue
        on, off = (lengths[here & (onsets % PULSES_PER_BEAT == at)].sum() for at in (0, PULSES_PER_BEAT // 2))
        windows += "+" if on > _CLEARLY * off else "-" if off > _CLEARLY * on else ""
    return bool(gathered >= _GATHERED) and not ("+" in windows and _SLIPPED in windows)
