"""What may come next in a planning window, as masks over the vocabulary's classes.

The law: notes ascend by (part, onset, pitch), only wanted parts play, onsets lie in the window, a part does not strike a pitch
that it still sounds, and an answer opens with a note at once (by the lead where the lead is wanted).

Two more rules keep a harmony sounding, where the generator wants them. A part can be told to strike at the window's begin, as a
chord that changes must be heard; the chords then strike different pitch classes until a chord is complete. And a part can be
made to hold: its notes last until the window's end at the least, and striking a pitch that it sounds ends the note before and
begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import Note, Part

MAX_NOTES = 16
"""Most notes of a window."""

HOLDING: frozenset[Part] = frozenset({Part.CHORDS})
"""Who holds, where a harmony is kept sounding."""

Mask = npt.NDArray[np.bool_]
"""Which classes of a field are allowed, bool [classes]; class 0, absent, never is."""

FULL: dict[Part, int] = {Part.CHORDS: 3}
"""Pitch classes of a part that is told to strike, where it takes more than one."""

_ANY_PITCH: Mask = np.arange(v.SIZE["pitch"]) > 0
_PITCH_CLASSES = np.arange(128) % 12
_DURATIONS = np.array([0, *v.DURATIONS])


class WindowGrammar:
    """Keeps the notes of one window and says what may follow them.

    Args:
        hop: the window's length in pulses.
        parts: who plays.
        opening: the window must begin with a note at onset 0.
        striking: this part must strike at onset 0, unless others leave no room for it; None for nobody.
        then: a later part that must strike at onset 0 as well, once the first has; None for nobody.
        tones: pitch classes that chords strike, all of them and no other; any three different ones where it is empty.
        holding: parts whose notes last until the window's end.
        playable: classes of `pitch` that a part may have; all where it is missing.
    """

    def __init__(
        self,
        hop: int,
        parts: frozenset[Part],
        opening: bool,
        *,
        striking: Part | None = None,
        then: Part | None = None,
        tones: frozenset[int] = frozenset(),
        holding: frozenset[Part] = frozenset(),
        playable: Mapping[Part, Mask] | None = None,
    ) -> None:
        self.hop = hop
        self._parts = parts
        self._opening = opening
        self._striking = striking if striking in parts else None
        self._then = then if then in parts else None
        self._tones = tones
        self.holding = holding
        self._playable = playable or {}
        self._notes: list[Note] = []
        self._struck: frozenset[int] = frozenset()
        """Pitch classes of the part that is striking."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes so far, sorted by (part, onset, pitch)."""
        return tuple(self._notes)

    def add(self, note: Note) -> None:
        """Take a note that the masks allowed."""
        if note.part in self.holding:
            self._notes = [_ended_by(note, before) for before in self._notes]
        self._notes.append(note)
        if note.part == self._striking:
            self._struck |= {note.pitch % 12}
            if len(self._struck) >= self._full(note.part) or not self.pitches(note.part, 0).any():
                self._striking, self._then, self._struck = self._then, None, frozenset()

    def kinds(self) -> Mask:
        """Classes of `kind`: a note, the end, or both."""
        mask = np.zeros(v.SIZE["kind"], dtype=np.bool_)
        another = len(self._notes) < MAX_NOTES and bool(self.parts().any())
        mask[v.KIND["NOTE"]] = another
        mask[v.KIND["END"]] = not (another and (self._must_open() or self._striking is not None))
        return mask

    def parts(self) -> Mask:
        """Classes of `part`."""
        mask = np.zeros(v.SIZE["part"], dtype=np.bool_)
        if self._must_open() and Part.LEAD in self._parts:
            mask[1 + Part.LEAD] = True
            return mask
        lowest = self._notes[-1].part if self._notes else Part.LEAD
        highest = max(Part) if self._striking is None else self._striking
        for part in self._parts:
            mask[1 + part] = lowest <= part <= highest and bool(self.onsets(part).any())
        return mask

    def onsets(self, part: Part) -> Mask:
        """Classes of `pulse` for a note of `part`."""
        mask = np.zeros(v.SIZE["pulse"], dtype=np.bool_)
        if self._must_open() or part == self._striking:
            mask[1] = True
            return mask
        earliest = self._earliest(part)
        mask[1 + earliest : 1 + self.hop] = True
        # Where a part may have more pitches than there are notes, only at the earliest onset can nothing be left.
        last = earliest + 1 if self._playable.get(part, _ANY_PITCH).sum() > len(self._notes) else self.hop
        for onset in range(earliest, last):
            mask[1 + onset] = bool(self.pitches(part, onset).any())
        return mask

    def pitches(self, part: Part, onset: int) -> Mask:
        """Classes of `pitch` for a note of `part` at `onset`."""
        mask = self._playable.get(part, _ANY_PITCH).copy()
        if part not in self.holding:
            for note in self._notes:
                if note.part == part and note.onset + note.duration > onset:
                    mask[1 + note.pitch] = False
        if self._notes and (self._notes[-1].part, self._notes[-1].onset) == (part, onset):
            mask[: 2 + self._notes[-1].pitch] = False
        if part == self._striking and part in FULL:
            mask[1:] &= ~np.isin(_PITCH_CLASSES, list(self._struck))
            if self._tones:
                mask[1:] &= np.isin(_PITCH_CLASSES, list(self._tones))
            mask = _with_room_above(mask, self._full(part) - len(self._struck) - 1)
        return mask

    def durations(self, part: Part, onset: int) -> Mask:
        """Classes of `duration` for a note of `part` at `onset`."""
        shortest = self.hop - onset if part in self.holding else 1
        mask: Mask = shortest <= _DURATIONS
        return mask

    def _full(self, part: Part) -> int:
        """How many pitch classes a part strikes that is told to."""
        return len(self._tones) if self._tones and part in FULL else FULL.get(part, 1)

    def _must_open(self) -> bool:
        return self._opening and not self._notes

    def _earliest(self, part: Part) -> int:
        return self._notes[-1].onset if self._notes and self._notes[-1].part == part else 0


def _with_room_above(pitches: Mask, missing: int) -> Mask:
    """Those pitches above which so many other pitch classes are left; all, where none are."""
    above: set[int] = set()
    roomy = np.zeros_like(pitches)
    for klass in np.flatnonzero(pitches)[::-1]:
        pitch_class = int(klass - 1) % 12
        roomy[klass] = len(above - {pitch_class}) >= missing
        above.add(pitch_class)
    return roomy if roomy.any() else pitches


def _ended_by(note: Note, before: Note) -> Note:
    """The note before, no longer than until its part strikes its pitch anew."""
    if (before.part, before.pitch) != (note.part, note.pitch):
        return before
    return replace(before, duration=min(before.duration, note.onset - before.onset))
