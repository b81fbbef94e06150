"""Which chord the player's latest notes say: pitch classes that fade with time, matched against templates."""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.harmony import NO_CHORD, ChordSymbol, match_chord

HALF_LIFE_NS = 2_000_000_000
"""A heard note weighs half as much after this time."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What has been heard, as a value.

    Attributes:
        weights: by pitch class, at `time_ns`; each note-on adds 1.
        time_ns: when the weights held.
        chord: the chord that was found last, which is favoured so that ties do not flicker.
    """

    weights: tuple[float, ...] = (0.0,) * 12
    time_ns: int = 0
    chord: ChordSymbol = NO_CHORD

    def faded(self, now_ns: int) -> Hearing:
        """The same, as it weighs at a later time; time that goes back changes nothing."""
        if now_ns <= self.time_ns:
            return self
        fade = 0.5 ** ((now_ns - self.time_ns) / HALF_LIFE_NS)
        return Hearing(tuple(weight * fade for weight in self.weights), now_ns, self.chord)

    def struck(self, pitch: int, now_ns: int) -> Hearing:
        """After a note-on of MIDI pitch `pitch`."""
        faded = self.faded(now_ns)
        weights = list(faded.weights)
        weights[pitch % 12] += 1.0
        return Hearing(tuple(weights), faded.time_ns, faded.chord)

    def judged(self, now_ns: int) -> Hearing:
        """With the chord that the notes say by `now_ns`; "no chord" when nothing has been heard."""
        faded = self.faded(now_ns)
        return Hearing(faded.weights, faded.time_ns, match_chord(faded.weights, previous=faded.chord))
