"""Rules to be beaten, as generators, so that they are heard through the same path and at the same lookahead as the models.

Both hold one triad for the whole window; whoever copies the player scores high on note-in-chord and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.events import Note, On, Part, PlayerEvent
from livegen.core.harmony import NO_CHORD, ChordSymbol, close_voicing, nearest_pitch
from livegen.core.plans import Plan, PlanRequest

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Key profiles of Krumhansl and Kessler, 1982, from the tonic up."""

BASS_CENTRE = 40
VELOCITY = 64


def estimated_key(counts: npt.ArrayLike) -> ChordSymbol:
    """The tonic triad of the key that fits best how often each pitch class was heard, [12]; no chord in silence.

    The fit is the correlation with the key's profile (Krumhansl and Schmuckler).
    """
    heard = np.asarray(counts, dtype=np.float64)
    if not heard.any():
        return NO_CHORD
    keys = [ChordSymbol(tonic, quality) for quality in ("maj", "min") for tonic in range(12)]
    profiles = np.array([np.roll(MAJOR if key.quality == "maj" else MINOR, key.root or 0) for key in keys])
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    centred = heard - heard.mean()
    fits = profiles @ centred / np.linalg.norm(profiles, axis=1)
    return keys[int(np.argmax(fits))]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a rule remembers: note-ons by pitch class, and the last one's."""

    counts: tuple[int, ...] = (0,) * 12
    last: int | None = None


class HoldTonic:
    """Plays the tonic triad of the key as estimated from all that was heard so far. See `Generator`."""

    name = "hold-tonic"
    notice: str | None = None

    def __init__(self) -> None:
        self._heard = Heard()

    def observe(self, event: PlayerEvent) -> None:
        """Count a note-on."""
        if isinstance(event, On):
            pitch_class = event.pitch % 12
            counts = list(self._heard.counts)
            counts[pitch_class] += 1
            self._heard = replace(self._heard, counts=tuple(counts), last=pitch_class)

    def plan(self, request: PlanRequest) -> Plan:
        """The chord, in close position and in the bass, for the length of the window."""
        chord = self._chord(self._heard)
        pitches = [(Part.CHORDS, pitch) for pitch in close_voicing(chord)]
        if chord.root is not None:
            pitches.append((Part.BASS, nearest_pitch(chord.root, BASS_CENTRE)))
        tick = request.tick
        notes = tuple(Note(part, 0, pitch, tick.hop, VELOCITY) for part, pitch in pitches if part in tick.parts)
        return Plan(request.plan_id, request.window, tick.hop, chord, notes)

    def snapshot(self) -> Heard:
        """What was heard, as a value."""
        return self._heard

    def restore(self, state: object) -> None:
        """Go back to a snapshot.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(state, Heard):
            raise InputError(f"a context of {self.name} is needed, not {type(state).__name__}")
        self._heard = state

    def reset(self) -> None:
        """Forget everything."""
        self._heard = Heard()

    def _chord(self, heard: Heard) -> ChordSymbol:
        return estimated_key(heard.counts)


class Chaser(HoldTonic):
    """Plays a triad on the last note that it heard, major or minor as the estimated key has it."""

    name = "chaser"

    def _chord(self, heard: Heard) -> ChordSymbol:
        key = estimated_key(heard.counts)
        if key.root is None or heard.last is None:
            return NO_CHORD
        minor_third = (heard.last + 3 - key.root) % 12
        return ChordSymbol(heard.last, "min" if minor_third in _SCALES[key.quality] else "maj")


_SCALES = {"maj": {0, 2, 4, 5, 7, 9, 11}, "min": {0, 2, 3, 5, 7, 8, 10}}
