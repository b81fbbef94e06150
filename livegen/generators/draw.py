"""Drawing the agent's events of one window, field after field, from whatever predicts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, ModelError
from livegen.core.events import Note, Part
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from livegen.core.plans import Sampling
from livegen.core.sampling import choose
from livegen.generators.window import Mask, WindowGrammar

Predict = Callable[[str, Mapping[str, int]], npt.ArrayLike]
"""Logits of a field over its classes, given the classes of the event's fields that are known (others are missing)."""

_NOTE_FIELDS = ("part", "pulse", "pitch", "duration", "velocity")


class WindowDraw:
    """Draws a chord, then notes, each field given those before it; one random number a field.

    Args:
        predict: what the logits come from; asked anew for every field.
        sampling: temperature and cuts.
        rng: the window's own random numbers.
    """

    def __init__(self, predict: Predict, sampling: Sampling, rng: np.random.Generator) -> None:
        self._predict = predict
        self._sampling = sampling
        self._rng = rng
        self._given: dict[str, int] = {}

    def chord(self) -> ChordSymbol:
        """The window's chord, which all its notes are given."""
        root = self._field("root", _any("root"))
        # "No chord" has one spelling in the stream, whatever is predicted for its quality.
        chord = NO_CHORD if root == v.NO_ROOT else ChordSymbol(root - 1, QUALITIES[self._field("quality", _any("quality")) - 1])
        self.use_chord(chord)
        return chord

    def use_chord(self, chord: ChordSymbol) -> None:
        """Give all notes this chord."""
        root = v.NO_ROOT if chord.root is None else 1 + chord.root
        self._given = {"chord_root": root, "chord_quality": 1 + QUALITIES.index(chord.quality)}

    def another(self, kinds: Mask) -> bool:
        """Whether one more note comes; nothing is drawn where none may."""
        self._forget_note()
        return bool(kinds[v.KIND["NOTE"]]) and self._field("kind", kinds) == v.KIND["NOTE"]

    def note(self, grammar: WindowGrammar) -> Note:
        """The next note that the grammar allows."""
        self._forget_note()
        part = Part(self._field("part", grammar.parts()) - 1)
        onset = self._field("pulse", grammar.onsets(part)) - 1
        pitch = self._field("pitch", grammar.pitches(part, onset)) - 1
        duration = v.DURATIONS[self._field("duration", _any("duration")) - 1]
        return Note(part, onset, pitch, duration, v.velocity_of(self._field("velocity", _any("velocity"))))

    def _forget_note(self) -> None:
        for name in ("kind", *_NOTE_FIELDS):
            self._given.pop(name, None)

    def _field(self, name: str, allowed: Mask) -> int:
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
