"""Drawing the agent's events of one window, field after field, from whatever predicts them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, ModelError
from livegen.core.events import PULSES_PER_BEAT, Note, Part
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from livegen.core.plans import Sampling
from livegen.core.sampling import choose
from livegen.generators.density import Predict, Tilt
from livegen.generators.window import Mask, WindowGrammar

_NOTE_FIELDS = ("part", "pulse", "pitch", "duration", "velocity")
_HALF_BEAT = PULSES_PER_BEAT // 2
_PASSING = 0.25
"""How much of the penalty a bass note bears that is neither in the chord nor on a half beat: it may pass through."""


class WindowDraw:
    """Draws a chord, then notes, each field given those before it; one random number a field.

    Args:
        predict: what the logits come from; asked anew for every field.
        sampling: temperature, cuts and density.
        rng: the window's own random numbers.
        in_chord: nats that a pitch outside the chord costs chords and bass.
    """

    def __init__(self, predict: Predict, sampling: Sampling, rng: np.random.Generator, in_chord: float = 0.0) -> None:
        self._predict = predict
        self._sampling = sampling
        self._rng = rng
        self._in_chord = in_chord
        self._chord = NO_CHORD
        self._given: dict[str, int] = {}
        self._tilt: Tilt | None = None

    def chord(self) -> ChordSymbol:
        """The window's chord, which all its notes are given."""
        root = self._draw("root", _any("root"))
        # "No chord" has one spelling in the stream, whatever is predicted for its quality.
        chord = NO_CHORD if root == v.NO_ROOT else ChordSymbol(root - 1, QUALITIES[self._draw("quality", _any("quality")) - 1])
        self.use_chord(chord)
        return chord

    def use_chord(self, chord: ChordSymbol) -> None:
        """Give all notes this chord."""
        root = v.NO_ROOT if chord.root is None else 1 + chord.root
        self._given = {"chord_root": root, "chord_quality": 1 + QUALITIES.index(chord.quality)}
        self._chord = chord

    def another(self, grammar: WindowGrammar) -> bool:
        """Whether one more note comes; nothing is drawn where none may."""
        for name in ("kind", *_NOTE_FIELDS):
            self._given.pop(name, None)
        kinds = grammar.kinds()
        if not kinds[v.KIND["NOTE"]]:
            return False
        density = self._sampling.density
        self._tilt = Tilt(self._predict, self._given, grammar, density) if density else None
        return self._draw("kind", kinds, None if self._tilt is None else self._tilt.kind) == v.KIND["NOTE"]

    def note(self, grammar: WindowGrammar) -> Note:
        """The next note that the grammar allows, after `another` has said that it comes."""
        tilt = self._tilt
        part = Part(self._draw("part", grammar.parts(), None if tilt is None else tilt.part) - 1)
        onset = self._draw("pulse", grammar.onsets(part), None if tilt is None else tilt.pulse(1 + part)) - 1
        pitch = self._draw("pitch", grammar.pitches(part, onset), self._in_tune(part, onset)) - 1
        held = tilt is not None and part in grammar.holding
        lengths = tilt.duration(self._predict("duration", self._given)) if tilt is not None and held else None
        duration = v.DURATIONS[self._draw("duration", grammar.durations(part, onset), lengths) - 1]
        return Note(part, onset, pitch, duration, v.velocity_of(self._draw("velocity", _any("velocity"))))

    def _in_tune(self, part: Part, onset: int) -> npt.ArrayLike | None:
        """Logits of the pitch that keep who plays harmony to the chord; None where they may stay as they are."""
        if not self._in_chord or self._chord == NO_CHORD or part not in (Part.CHORDS, Part.BASS):
            return None
        penalty = self._in_chord * (_PASSING if part is Part.BASS and onset % _HALF_BEAT else 1.0)
        logits = np.array(self._predict("pitch", self._given), dtype=np.float64)
        logits[1:][~np.isin(np.arange(128) % 12, self._chord.pitch_classes)] -= penalty
        return logits

    def _draw(self, name: str, allowed: Mask, logits: npt.ArrayLike | None = None) -> int:
        """Choose a field's class, from what is predicted where no other logits are given, and keep it for what follows."""
        if logits is None:
            logits = self._predict(name, self._given)
        try:
            klass = choose(logits, allowed, self._sampling, self._rng)
        except InputError as error:
            raise ModelError(f"nothing can be drawn for the {name}: {error}") from error
        self._given[name] = klass
        return klass


def _any(name: str) -> Mask:
    mask = np.ones(v.SIZE[name], dtype=np.bool_)
    mask[0] = False
    return mask
