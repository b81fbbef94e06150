"""Drawing a window's events: what keeps harmony in its chord, and what happens where nothing can be drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from livegen.core import vocabulary as v
from livegen.core.errors import ModelError
from livegen.core.events import Note, Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import Sampling
from livegen.generators.draw import WindowDraw
from livegen.generators.window import WindowGrammar

OPEN = Sampling(temperature=1.0, top_p=1.0, min_p=0.0)
C = ChordSymbol(0)
ON_THE_BEAT, OFF_THE_BEAT = 0, 5


def flat(name: str, given: Mapping[str, int]) -> np.ndarray:
    return np.zeros(v.SIZE[name])


def pitches(part: Part, onset: int, in_chord: float, chord: ChordSymbol = C, count: int = 300) -> np.ndarray:
    """Pitch classes that a predictor without any opinion plays at one onset."""

    def here(name: str, given: Mapping[str, int]) -> np.ndarray:
        logits = np.zeros(v.SIZE[name])
        if name == "kind":
            logits[v.KIND["NOTE"]] = 50.0
        if name == "pulse":
            logits[1 + onset] = 50.0
        return logits

    drawn = []
    for seed in range(count):
        draw = WindowDraw(here, OPEN, np.random.default_rng(seed), in_chord)
        draw.use_chord(chord)
        grammar = WindowGrammar(24, frozenset({part}), opening=False)
        assert draw.another(grammar)
        drawn.append(draw.note(grammar).pitch % 12)
    return np.array(drawn)


def share_in_chord(part: Part, onset: int, in_chord: float) -> float:
    return float(np.isin(pitches(part, onset, in_chord), C.pitch_classes).mean())


@pytest.mark.parametrize("part", [Part.CHORDS, Part.BASS])
def test_a_penalty_keeps_the_harmony_in_its_chord(part: Part) -> None:
    """Three of twelve pitch classes are in it."""
    shares = [share_in_chord(part, ON_THE_BEAT, penalty) for penalty in (0.0, 1.0, 3.0, 9.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.35
    assert shares[-1] > 0.98


def test_a_bass_may_pass_through_off_the_beat() -> None:
    assert share_in_chord(Part.BASS, ON_THE_BEAT, 6.0) > 0.95
    assert 0.3 < share_in_chord(Part.BASS, OFF_THE_BEAT, 6.0) < 0.8
    assert share_in_chord(Part.CHORDS, OFF_THE_BEAT, 6.0) > 0.95


def test_a_lead_is_free() -> None:
    assert share_in_chord(Part.LEAD, ON_THE_BEAT, 9.0) < 0.35


def test_without_a_chord_there_is_nothing_to_keep_to() -> None:
    assert len(set(pitches(Part.CHORDS, ON_THE_BEAT, 9.0, NO_CHORD))) == 12


def test_where_only_other_notes_are_left_they_are_played() -> None:
    """A penalty is no law."""
    draw = WindowDraw(flat, OPEN, np.random.default_rng(0), 1000.0)
    draw.use_chord(C)
    grammar = WindowGrammar(24, frozenset({Part.CHORDS}), opening=True)
    grammar.add(Note(Part.CHORDS, 23, 125, 1, 80))
    while not draw.another(grammar):
        pass
    assert draw.note(grammar).pitch in (126, 127)


def test_a_field_of_which_nothing_is_finite_is_the_models_fault() -> None:
    def broken(name: str, given: Mapping[str, int]) -> np.ndarray:
        return np.full(v.SIZE[name], -np.inf)

    for density in (0.0, 0.5):
        draw = WindowDraw(broken, Sampling(density=density), np.random.default_rng(0))
        draw.use_chord(C)
        with pytest.raises(ModelError, match="nothing can be drawn for the kind"):
            draw.another(WindowGrammar(24, frozenset({Part.BASS}), opening=False))
