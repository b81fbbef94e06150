"""Rules of a few lines, from silence to chasing the player's last note. Whoever copies the player scores high and says nothing.

All but two hold one triad for the whole window.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Note, Part, PlayerEvent
from livegen.core.harmony import NO_CHORD, ChordSymbol, close_voicing, nearest_pitch
from livegen.core.plans import Plan, PlanRequest
from models.baselines.heard import TRIADS, Heard, best_triad

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Key profiles of Krumhansl and Kessler, 1982, from the tonic up."""

BASS_CENTRE = 40
VELOCITY = 64

_SCALES = {"maj": {0, 2, 4, 5, 7, 9, 11}, "min": {0, 2, 3, 5, 7, 8, 10}}


def _profiles() -> npt.NDArray[np.float64]:
    """The profile of every key in the order of `TRIADS`, centred and of length 1, [24, 12]."""
    rows = np.array([np.roll(MAJOR if key.quality == "maj" else MINOR, key.root or 0) for key in TRIADS])
    rows -= rows.mean(axis=1, keepdims=True)
    profiles: npt.NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return profiles


_PROFILES = _profiles()


def estimated_key(counts: npt.ArrayLike) -> ChordSymbol:
    """The tonic triad of the key that fits best how often each pitch class was heard, [12]; no chord in silence.

    The fit is the correlation with the key's profile (Krumhansl and Schmuckler).
    """
    heard = np.asarray(counts, dtype=np.float64)
    return TRIADS[int(np.argmax(_PROFILES @ heard))] if heard.any() else NO_CHORD


class Rule:
    """A generator that looks at what was heard and holds one chord for the window. See `Generator`."""

    name = "rule"
    notice: str | None = None

    def __init__(self) -> None:
        self._heard = Heard()

    def observe(self, event: PlayerEvent) -> None:
        """Remember what the player did."""
        self._heard = self._heard.after(event)

    def plan(self, request: PlanRequest) -> Plan:
        """The rule's chord, and the notes in the parts that are wanted."""
        tick = request.tick
        heard = self._heard.placed(tick, request.window)
        chord = self._chord(heard, request)
        self._heard = replace(heard, chord=chord)
        notes = (note for note in self._notes(heard, chord, request) if note.part in tick.parts)
        in_order = sorted(notes, key=lambda note: (note.part, note.onset, note.pitch))
        return Plan(request.plan_id, request.window, tick.hop, chord, tuple(in_order))

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

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:  # noqa: ARG002 - most rules need less than all
        return NO_CHORD

    def _notes(self, heard: Heard, chord: ChordSymbol, request: PlanRequest) -> list[Note]:  # noqa: ARG002 - the same
        """The chord, in close position and in the bass, for the length of the window."""
        if chord.root is None:
            return []
        hop = request.tick.hop
        notes = [Note(Part.CHORDS, 0, pitch, hop, VELOCITY) for pitch in close_voicing(chord)]
        return [*notes, Note(Part.BASS, 0, nearest_pitch(chord.root, BASS_CENTRE), hop, VELOCITY)]


class Silence(Rule):
    """Plays nothing."""

    name = "silence"


class HoldTonic(Rule):
    """Plays the tonic triad of the key as estimated from all that was heard so far."""

    name = "hold-tonic"

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:  # noqa: ARG002 - what is asked for doesn't matter
        return estimated_key(heard.counts)


class Chaser(Rule):
    """Plays a triad on the last note that it heard, major or minor as the estimated key has it."""

    name = "chaser"

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:  # noqa: ARG002 - what is asked for doesn't matter
        key = estimated_key(heard.counts)
        if key.root is None or heard.last is None:
            return NO_CHORD
        return ChordSymbol(heard.last, "min" if _degree(heard.last + 3, key) in _SCALES[key.quality] else "maj")


class RandomInKey(Rule):
    """Plays a triad of the estimated key, drawn anew at every bar line."""

    name = "random in key"

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:
        key = estimated_key(heard.counts)
        if key.root is None or (heard.chord.root is not None and request.tick.half_beat != 0):
            return heard.chord
        scale = _SCALES[key.quality]
        inside = [triad for triad in TRIADS if all(_degree(tone, key) in scale for tone in triad.pitch_classes)]
        rng = np.random.Generator(np.random.PCG64([request.seed, request.plan_id]))
        return inside[int(rng.integers(len(inside)))]


class LastBar(Rule):
    """Plays what the player played a bar ago, note for note; its chord is the triad that holds most of it."""

    name = "repeat the last bar"

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:
        counts = np.zeros(12)
        for _, pitch in _bar_ago(heard, request):
            counts[pitch % 12] += 1.0
        return best_triad(counts, heard.chord, hold=0.5) if counts.any() else heard.chord

    def _notes(self, heard: Heard, chord: ChordSymbol, request: PlanRequest) -> list[Note]:  # noqa: ARG002 - it plays the notes
        repeated = dict(_bar_ago(heard, request))
        bounds = pairwise([*repeated, request.tick.hop])
        return [Note(Part.CHORDS, onset, repeated[onset], end - onset, VELOCITY) for onset, end in bounds]


def _bar_ago(heard: Heard, request: PlanRequest) -> list[tuple[int, int]]:
    """Onset in the window and pitch of what was heard a bar before the window, ascending."""
    tick = request.tick
    then = request.window - (tick.beats_per_bar or 4) * PULSES_PER_BEAT
    onsets = ((round(pulse) - then, pitch) for pulse, pitch in heard.notes)
    return sorted((onset, pitch) for onset, pitch in onsets if 0 <= onset < tick.hop)


def _degree(pitch_class: int, key: ChordSymbol) -> int:
    """Semitones above the key's tonic."""
    return (pitch_class - (key.root or 0)) % 12
