"""Which chord a window gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT, Part, Tick
from livegen.core.harmonic_memory import Features, HarmonicMemory
from livegen.core.harmony import NO_CHORD, QUALITIES, ChordSymbol
from livegen.core.plans import PlanRequest, Sampling
from livegen.generators.chord_choice import CLASSES, choose_chord

G7 = 7 * len(QUALITIES) + QUALITIES.index("dom7")


def request(window: int = 96, plan_id: int = 1, temperature: float = 1.0) -> PlanRequest:
    tick = Tick(0, 0, 4, 120.0, 6, PULSES_PER_BEAT // 2, frozenset({Part.CHORDS}))
    return PlanRequest(plan_id, window, tick, Sampling(temperature=temperature, top_p=1.0, min_p=0.0))


def favouring(klass: int, by: float = 30.0) -> npt.NDArray[np.float64]:
    logits = np.zeros(CLASSES)
    logits[klass] = by
    return logits


def never(_: Features) -> npt.NDArray[np.float64]:
    raise AssertionError("there was nothing to choose")


def test_the_likeliest_chord_is_chosen() -> None:
    memory = HarmonicMemory().struck(60, 0)
    assert choose_chord(memory, request(), lambda _: favouring(G7), 0.3) == ChordSymbol(7, "dom7")


def test_no_chord_before_anything_was_heard() -> None:
    assert choose_chord(HarmonicMemory(), request(), never, 0.3) == NO_CHORD


def test_a_chord_does_not_change_within_the_beat() -> None:
    """The second half of a beat keeps the chord of the first; without one, it chooses."""
    memory = HarmonicMemory().struck(60, 0)
    off_beat = request(window=96 + 12)
    assert choose_chord(memory.planned(ChordSymbol(2, "min"), 96), off_beat, never, 0.3) == ChordSymbol(2, "min")
    assert choose_chord(memory, off_beat, lambda _: favouring(G7), 0.3) == ChordSymbol(7, "dom7")


def test_the_same_request_gives_the_same_chord_and_others_vary() -> None:
    memory = HarmonicMemory().struck(60, 0)

    def chosen(plan_id: int) -> ChordSymbol:
        return choose_chord(memory, request(plan_id=plan_id), lambda _: np.zeros(CLASSES), 1.0)

    assert chosen(1) == chosen(1)
    assert len({chosen(plan_id) for plan_id in range(1, 30)}) > 10


def test_boldness_scales_the_temperature() -> None:
    """A lead of 3 nats is nearly certain at a third of the temperature and not at the whole."""
    memory = HarmonicMemory().struck(60, 0)

    def share(boldness: float) -> float:
        drawn = [choose_chord(memory, request(plan_id=at), lambda _: favouring(G7, 6.0), boldness) for at in range(1, 60)]
        return sum(chord == ChordSymbol(7, "dom7") for chord in drawn) / len(drawn)

    assert share(0.3) == 1.0
    assert share(1.0) < 0.95
