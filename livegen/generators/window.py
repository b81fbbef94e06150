"""What may come next in a planning window, as masks over the vocabulary's classes.

The law: notes ascend by (part, onset, pitch), only wanted parts play, onsets lie in the window, a part does not strike a pitch
that it still sounds, and an answer opens with a note at once (by the lead where the lead is wanted).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import Note, Part

MAX_NOTES = 16
"""Most notes of a window."""

Mask = npt.NDArray[np.bool_]
"""Which classes of a field are allowed, bool [classes]; class 0, absent, never is."""


class WindowGrammar:
    """Keeps the notes of one window and says what may follow them.

    Args:
        hop: the window's length in pulses.
        parts: who plays.
        opening: the window must begin with a note at onset 0.
    """

    def __init__(self, hop: int, parts: frozenset[Part], opening: bool) -> None:
        self._hop = hop
        self._parts = parts
        self._opening = opening
        self._notes: list[Note] = []

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes so far, sorted by (part, onset, pitch)."""
        return tuple(self._notes)

    def add(self, note: Note) -> None:
        """Take a note that the masks allowed."""
        self._notes.append(note)

    def kinds(self) -> Mask:
        """Classes of `kind`: a note, the end, or both."""
        mask = np.zeros(v.SIZE["kind"], dtype=np.bool_)
        another = len(self._notes) < MAX_NOTES and bool(self.parts().any())
        mask[v.KIND["NOTE"]] = another
        mask[v.KIND["END"]] = not (another and self._must_open())
        return mask

    def parts(self) -> Mask:
        """Classes of `part`."""
        mask = np.zeros(v.SIZE["part"], dtype=np.bool_)
        if self._must_open() and Part.LEAD in self._parts:
            mask[1 + Part.LEAD] = True
            return mask
        lowest = self._notes[-1].part if self._notes else Part.LEAD
        for part in self._parts:
            mask[1 + part] = part >= lowest and bool(self.onsets(part).any())
        return mask

    def onsets(self, part: Part) -> Mask:
        """Classes of `pulse` for a note of `part`."""
        mask = np.zeros(v.SIZE["pulse"], dtype=np.bool_)
        if self._must_open():
            mask[1] = True
            return mask
        earliest = self._earliest(part)
        mask[1 + earliest : 1 + self._hop] = True
        # At later onsets at most 16 of 128 pitches sound, so only here can nothing be left.
        mask[1 + earliest] = bool(self.pitches(part, earliest).any())
        return mask

    def pitches(self, part: Part, onset: int) -> Mask:
        """Classes of `pitch` for a note of `part` at `onset`."""
        mask = np.ones(v.SIZE["pitch"], dtype=np.bool_)
        mask[0] = False
        for note in self._notes:
            if note.part == part and note.onset + note.duration > onset:
                mask[1 + note.pitch] = False
        if self._notes and (self._notes[-1].part, self._notes[-1].onset) == (part, onset):
            mask[: 2 + self._notes[-1].pitch] = False
        return mask

    def _must_open(self) -> bool:
        return self._opening and not self._notes

    def _earliest(self, part: Part) -> int:
        return self._notes[-1].onset if self._notes and self._notes[-1].part == part else 0
