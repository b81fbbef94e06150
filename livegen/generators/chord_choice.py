"""Which chord a window gets: a small network's choice from what was heard, kept through the beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmonic_memory import Features, HarmonicMemory
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from livegen.core.plans import PlanRequest
from livegen.core.sampling import choose

CLASSES = 12 * len(QUALITIES)
"""Chords by root and quality, the root first."""

Judge = Callable[[Features], npt.ArrayLike]
"""Logits of the chords, [CLASSES], from what was heard."""


def choose_chord(memory: HarmonicMemory, request: PlanRequest, judge: Judge, boldness: float) -> ChordSymbol:
    """The chord of a window.

    It changes on beats only: a window in the middle of a beat keeps the chord of its beginning.

    Args:
        memory: what was heard, placed for this window.
        request: the window.
        judge: the network; asked only where there is a choice.
        boldness: factor on the request's temperature. A chord is drawn from a distribution that was trained to fit the player,
            and a wrong one is heard for a whole beat; so it is well below 1.
    """
    if memory.silent:
        return NO_CHORD
    if request.window % PULSES_PER_BEAT and memory.chord != NO_CHORD:
        return memory.chord
    # Its own stream of random numbers, so that what the notes draw does not depend on where the chord came from.
    rng = np.random.Generator(np.random.PCG64([request.seed, request.plan_id, 1]))
    sampling = replace(request.sampling, temperature=request.sampling.temperature * boldness)
    logits = judge(memory.features(request.tick, request.window))
    klass = choose(logits, np.ones(CLASSES, dtype=np.bool_), sampling, rng)
    return ChordSymbol(klass // len(QUALITIES), QUALITIES[klass % len(QUALITIES)])
