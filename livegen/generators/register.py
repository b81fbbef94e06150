"""The register knob: the same notes, higher or lower.

A note moves by whole octaves only, so that chord and key stay what they are. Between octaves some notes move and others don't,
so that the mean pitch follows the knob: of a chord the low notes move up first and the high ones down first, as a player
inverts it; a bass line moves window by window; a lead line keeps its place through an answer. No note ever goes the other way.

It is done to finished plans. The generator's context keeps what it has played in its own register: it was trained there, and
would otherwise take its own transposed notes for its register and climb on from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from livegen.core.events import Note, Part

RANGES: dict[Part, range] = {Part.LEAD: range(36, 104), Part.CHORDS: range(36, 97), Part.BASS: range(24, 65)}
"""Pitches that a part may be moved to. What lies outside of itself stays where it is."""


class Register:
    """Moves one agent's notes. It remembers no more than where the lead's line stands in its octave."""

    def __init__(self) -> None:
        self._lead: float | None = None

    def moved(self, notes: tuple[Note, ...], semitones: float, opening: bool) -> tuple[Note, ...]:
        """The notes of a window, moved up or down by about so many semitones; drums stay.

        Args:
            notes: sorted by (part, onset, pitch).
            semitones: any; 0 gives the notes as they are.
            opening: an answer begins here.

        Returns:
            As many notes or fewer, sorted; where two meet on one pitch at once, one is left, and where one meets another that
            still sounds, it begins anew.
        """
        if opening:
            self._lead = None
        moved: list[Note] = []
        for part, group in groupby(notes, key=lambda note: note.part):
            own = tuple(group)
            if part not in RANGES:
                moved.extend(own)
                continue
            for note, place in zip(own, self._places(part, [note.pitch for note in own]), strict=True):
                moved.append(_by_octaves(note, int((semitones + place) // 12)))
        return _apart(moved) if semitones else notes

    def _places(self, part: Part, pitches: Sequence[int]) -> list[float]:
        """Where each note stands between moving up last, 0, and first, just under 12."""
        middle = float(np.mean(pitches))
        if part is Part.CHORDS:
            return [min(11.999, max(0.0, middle + 6.0 - pitch)) for pitch in pitches]
        place = -middle % 12
        if part is Part.LEAD:
            self._lead = place = place if self._lead is None else self._lead
        return [place] * len(pitches)


def _by_octaves(note: Note, octaves: int) -> Note:
    """So many octaves away, or fewer where the part's range ends."""
    step = 12 if octaves > 0 else -12
    pitch = note.pitch
    for _ in range(abs(octaves)):
        if pitch + step not in RANGES[note.part]:
            break
        pitch += step
    return replace(note, pitch=pitch)


def _apart(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Sorted, without notes on top of each other."""
    kept: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.part, note.onset, note.pitch)):
        for index, before in enumerate(kept):
            if (before.part, before.pitch) == (note.part, note.pitch) and before.onset + before.duration > note.onset:
                kept[index] = replace(before, duration=note.onset - before.onset)
        kept.append(note)
    return tuple(note for note in kept if note.duration > 0)
