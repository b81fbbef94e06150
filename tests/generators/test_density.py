"""The density knob: it tilts how many notes come, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law
from support.statistics import spearman
from support.tastes import Taste

from livegen.core import vocabulary as v
from livegen.core.events import Note, Part
from livegen.core.harmony import ChordSymbol
from livegen.core.plans import Sampling
from livegen.core.sampling import distribution
from livegen.generators.density import Tilt
from livegen.generators.draw import WindowDraw
from livegen.generators.window import HOLDING, WindowGrammar

OPEN = Sampling(temperature=1.0, top_p=1.0, min_p=0.0)
TRIO = frozenset({Part.LEAD, Part.CHORDS, Part.BASS})
KNOB = [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
densities = st.floats(-1, 1)
seeds = st.integers(0, 2**32 - 1)


def window(
    taste: Taste, density: float, seed: int, parts: frozenset[Part] = TRIO, holding: frozenset[Part] = frozenset()
) -> tuple[Note, ...]:
    """The notes of one window."""
    grammar = WindowGrammar(24, parts, opening=False, holding=holding)
    draw = WindowDraw(taste, replace(OPEN, density=density), np.random.default_rng(seed))
    draw.use_chord(ChordSymbol(0))
    while draw.another(grammar):
        grammar.add(draw.note(grammar))
    return grammar.notes


def grammar_after(*notes: Note) -> WindowGrammar:
    grammar = WindowGrammar(24, TRIO, opening=False)
    for note in notes:
        grammar.add(note)
    return grammar


CHORD_TONE = Note(Part.CHORDS, 12, 60, 12, 80)


def chances(taste: Taste, grammar: WindowGrammar, density: float) -> dict[str, float]:
    """How likely the end is, another note of the last chord, and a strike of its own."""
    tilt = Tilt(taste, {}, grammar, density)
    kind = distribution(tilt.kind, grammar.kinds(), OPEN)
    note = kind[v.KIND["NOTE"]]
    part = distribution(tilt.part, grammar.parts(), OPEN)[1 + Part.CHORDS]
    onset = distribution(tilt.pulse(1 + Part.CHORDS), grammar.onsets(Part.CHORDS), OPEN)[1 + 12]
    return {"end": kind[v.KIND["END"]], "joined": note * part * onset, "strike": note * (1 - part * onset)}


@law
@given(seeds, densities)
def test_how_full_a_chord_is_does_not_depend_on_it(seed: int, density: float) -> None:
    grammar = grammar_after(CHORD_TONE)
    plain, tilted = (chances(Taste(seed), grammar, value) for value in (0.0, density))
    assert tilted["joined"] == pytest.approx(plain["joined"], rel=1e-9)


@law
@given(seeds, densities, densities)
def test_a_full_chord_grows_less_the_sparser_it_is(seed: int, one: float, other: float) -> None:
    """A network that is kept from its bass notes would have all its notes in the chords."""
    grammar = grammar_after(*(replace(CHORD_TONE, pitch=pitch) for pitch in (60, 64, 67)))
    sparse, dense = (chances(Taste(seed), grammar, value)["joined"] for value in sorted((one, other)))
    assert sparse <= dense * (1 + 1e-9)


@pytest.mark.parametrize("sure_of", ["END", "NOTE"])
def test_a_network_that_is_sure_can_be_talked_out_of_it(sure_of: str) -> None:
    taste, grammar = Taste(1), grammar_after(CHORD_TONE)
    taste.logits["kind"][v.KIND[sure_of]] += 40.0
    ends = [chances(taste, grammar, knob)["end"] for knob in KNOB]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] > 0.05
    assert ends[-1] < 0.95


@law
@given(seeds, densities, densities)
def test_the_denser_the_less_likely_the_end(seed: int, one: float, other: float) -> None:
    grammar = grammar_after(CHORD_TONE)
    sparse, dense = (chances(Taste(seed), grammar, value) for value in sorted((one, other)))
    assert dense["end"] <= sparse["end"] * (1 + 1e-9)
    assert dense["strike"] >= sparse["strike"] * (1 - 1e-9)


@law
@given(seeds, st.sampled_from([(), (CHORD_TONE,)]))
def test_near_the_middle_it_says_what_the_predictor_says(seed: int, notes: tuple[Note, ...]) -> None:
    """Kind, part and onset taken apart again are what was put together."""
    taste, grammar = Taste(seed), grammar_after(*notes)
    tilt = Tilt(taste, {}, grammar, 0.0)
    for name, logits, mask in (
        ("kind", tilt.kind, grammar.kinds()),
        ("part", tilt.part, grammar.parts()),
        ("pulse", tilt.pulse(1 + Part.BASS), grammar.onsets(Part.BASS)),
    ):
        assert distribution(logits, mask, OPEN) == pytest.approx(distribution(taste.logits[name], mask, OPEN))


@pytest.mark.parametrize("parts", [TRIO, TRIO - {Part.LEAD}, frozenset({Part.LEAD}), frozenset({Part.BASS})])
@pytest.mark.parametrize("holding", [frozenset(), HOLDING])
def test_notes_follow_the_knob(parts: frozenset[Part], holding: frozenset[Part]) -> None:
    """With many windows of many tastes the order is perfect, and both ends are far from the middle."""
    means = [np.mean([len(window(Taste(seed % 5), knob, seed, parts, holding)) for seed in range(40)]) for knob in KNOB]
    assert spearman(KNOB, means) > 0.95
    assert means[0] < 0.8 * means[4]
    assert means[-1] > 1.2 * means[4]


def test_held_notes_are_longer_where_it_is_sparse() -> None:
    lengths = []
    for knob in KNOB:
        logits = Tilt(Taste(1), {}, grammar_after(), knob).duration(np.zeros(v.SIZE["duration"]))
        chance = distribution(logits, np.arange(v.SIZE["duration"]) > 0, OPEN)
        lengths.append(float(chance[1:] @ v.DURATIONS))
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == len(lengths)


def test_other_notes_keep_their_lengths() -> None:
    """An articulation is no density."""
    taste = Taste(1)
    taste.logits["duration"][:] = 0.0
    taste.logits["duration"][v.duration_class(6)] = 50.0
    notes = [note for seed in range(20) for note in window(taste, 1.0, seed, holding=HOLDING)]
    assert {note.duration for note in notes if note.part is not Part.CHORDS} == {6}


def test_in_the_middle_it_is_not_there_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is predicted, and nothing can be rounded differently."""
    monkeypatch.setattr("livegen.generators.draw.Tilt", None)
    assert window(Taste(3), 0.0, 7)


def test_it_cannot_make_what_is_not_allowed() -> None:
    """At its end the highest pitch leaves no more of the chord, and the bass is all that is left."""
    grammar = grammar_after(Note(Part.CHORDS, 23, 127, 1, 80))
    tilt = Tilt(Taste(0), {}, grammar, 1.0)
    assert np.isinf(tilt.part[1 + Part.CHORDS])
    assert distribution(tilt.kind, grammar.kinds(), OPEN).sum() == pytest.approx(1.0)
