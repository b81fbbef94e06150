"""What of the agent's harmony still sounds when a window begins, and whether it must be struck anew.

A chord is struck when it changes, and when too little of it rings on from before: so the harmony is heard from the beginning of
its window, and does not stop while somebody plays to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core import vocabulary as v
from livegen.core.events import Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import Plan

ENOUGH: dict[Part, int] = {Part.CHORDS: 2, Part.BASS: 1}
"""Pitch classes of a part that make its harmony heard."""

_LONGEST = v.DURATIONS[-1]


@dataclass(frozen=True, slots=True)
class Ringing:
    """A value; never changed in place.

    Attributes:
        chord: of the last window.
        notes: (part, pitch, pulse at which it ends) of chords and bass in that chord.
    """

    chord: ChordSymbol = NO_CHORD
    notes: tuple[tuple[Part, int, int], ...] = ()

    def striking(self, chord: ChordSymbol, parts: frozenset[Part], window: int, hop: int) -> Part | None:
        """Who must strike as a window begins, with this chord and these parts; None if nobody need.

        The chords do, or the bass where there are none.

        Args:
            chord: of the window.
            parts: who plays in it.
            window: where it begins, in pulses.
            hop: its length; what ends in it is not enough.
        """
        part = next((part for part in (Part.CHORDS, Part.BASS) if part in parts), None)
        if part is None or chord == NO_CHORD:
            return None
        # A position that has jumped back since leaves ends that are further off than any note is long.
        heard = {pitch % 12 for whose, pitch, end in self.notes if whose == part and window + hop <= end <= window + _LONGEST}
        return part if chord != self.chord or len(heard) < ENOUGH[part] else None

    def after(self, plan: Plan) -> Ringing:
        """What rings when this plan has been played."""
        if plan.chord is None:
            return self
        new = tuple(
            (note.part, note.pitch, plan.window + note.onset + note.duration)
            for note in plan.notes
            if note.part in ENOUGH and note.pitch % 12 in plan.chord.pitch_classes
        )
        old = tuple(
            (part, pitch, end)
            for part, pitch, end in self.notes
            if end > plan.window + plan.hop and pitch % 12 in plan.chord.pitch_classes
        )
        return Ringing(plan.chord, (*old, *new))
