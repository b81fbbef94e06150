"""The neural generator and the fallback as accompanists, and the knobs on both: harmony that is heard, whole and in tune."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.statistics import spearman
from support.tastes import Taste, generator_of

from livegen.core import vocabulary as v
from livegen.core.events import Note, On, Part, Tick
from livegen.core.harmony import NO_CHORD
from livegen.core.plans import Plan, PlanRequest, Sampling
from livegen.generators.band import Band
from livegen.generators.markov import MarkovGenerator, load_table
from livegen.generators.ngram import Ngram

S = 1_000_000_000
LEAD = frozenset({Part.LEAD})
HARMONY = frozenset({Part.CHORDS, Part.BASS})
KNOB = [-1.0, -2 / 3, -1 / 3, 0.0, 1 / 3, 2 / 3, 1.0]
TABLE = load_table()


def hesitant(seed: int) -> Taste:
    """It ends a window after a note or two, is fond of few chords, and of short notes anywhere in an octave and a half."""
    taste = Taste(seed)
    taste.logits["kind"][[v.KIND["NOTE"], v.KIND["END"]]] = 0.0, 0.5
    taste.logits["root"][v.NO_ROOT] = -50.0
    taste.logits["root"] *= 3.0
    taste.logits["quality"] *= 3.0
    taste.logits["pitch"] -= np.abs(np.arange(v.SIZE["pitch"]) - 60) / 3
    taste.logits["duration"][v.duration_class(24) :] -= 6.0
    return taste


def neural(seed: int = 0, **decoding: object) -> Band:
    return Band(generator_of(hesitant(seed), **{"hold": True, "in_chord": 8.0, **decoding}))


def markov(seed: int = 0) -> Band:
    return Band(MarkovGenerator(Ngram({name: table.copy() for name, table in TABLE.tables.items()})))


def played(
    band: Band, windows: int, parts: frozenset[Part] = HARMONY, *, hop: int = 24, seed: int = 0, **changes: object
) -> list[Plan]:
    """Plans of so many windows while somebody plays a tune."""
    plans = []
    for number in range(windows):
        now_ns = number * hop * S // 48
        band.observe(On(now_ns, (60, 64, 67, 65, 69, 72)[number // 4 % 6], 80, 0))
        tick = Tick(now_ns, number * hop // 12 % 8, 4, 120.0, 6, hop, parts)
        request = PlanRequest(number, number * hop, tick, opening=number == 0 and parts == LEAD, seed=seed)
        plans.append(band.plan(replace(request, **changes)))
    return plans


def ringing_at(plans: list[Plan], pulse: int) -> list[Note]:
    """The notes that sound just after `pulse`, as their plans have them."""
    return [
        note
        for plan in plans
        for note in plan.notes
        if plan.window + note.onset <= pulse < plan.window + note.onset + note.duration
    ]


both = pytest.mark.parametrize("make", [neural, markov])


class TestHarmony:
    @both
    @pytest.mark.parametrize("hop", v.HOPS)
    def test_a_change_is_struck_at_once_and_whole(self, make: Callable[[int], Band], hop: int) -> None:
        plans = played(make(1), 24, hop=hop)
        before = NO_CHORD
        changes = 0
        for plan in plans:
            assert plan.chord is not None
            if plan.chord != before:
                struck = {note.pitch % 12 for note in plan.notes if note.part is Part.CHORDS and note.onset == 0}
                assert len(struck) >= 3
                changes += 1
            before = plan.chord
        assert changes >= 3

    @both
    def test_it_never_stops(self, make: Callable[[int], Band]) -> None:
        """At every sixteenth a chord rings, of two tones at the least."""
        plans = played(make(2), 24)
        for pulse in range(0, 24 * 24, 6):
            assert len({note.pitch % 12 for note in ringing_at(plans, pulse) if note.part is Part.CHORDS}) >= 2

    def test_a_chord_that_rings_is_not_struck_at_every_window(self) -> None:
        """Holding it is enough."""
        taste = hesitant(3)
        taste.logits["duration"][v.duration_class(192)] = 50.0
        taste.logits["kind"][v.KIND["END"]] = 50.0
        taste.logits["root"][1] = taste.logits["quality"][1] = 50.0
        plans = played(Band(generator_of(taste, hold=True, in_chord=20.0)), 8)
        assert [bool(plan.notes) for plan in plans] == [True] + [False] * 7

    def test_in_tune(self) -> None:
        plans = played(neural(4), 24)
        notes = [(note, plan.chord) for plan in plans for note in plan.notes if note.part is Part.CHORDS]
        inside = [chord is not None and note.pitch % 12 in chord.pitch_classes for note, chord in notes]
        assert np.mean(inside) > 0.97
        loose = played(neural(4, in_chord=0.0, hold=False), 24)
        notes = [(note, plan.chord) for plan in loose for note in plan.notes if note.part is Part.CHORDS]
        assert np.mean([chord is not None and note.pitch % 12 in chord.pitch_classes for note, chord in notes]) < 0.6

    def test_a_model_that_does_not_ask_for_it_plays_as_it_likes(self) -> None:
        plans = played(neural(5, hold=False, in_chord=0.0), 24)
        assert any(not plan.notes for plan in plans)

    @both
    def test_a_plan_that_is_taken_back_takes_back_what_rings(self, make: Callable[[int], Band]) -> None:
        band = make(6)
        played(band, 5)
        before = band.generator.snapshot()
        tick = Tick(20 * S, 0, 4, 120.0, 6, 24, HARMONY)
        first = band.plan(PlanRequest(100, 2400, tick))
        band.discard(100)
        assert band.generator.snapshot() == before
        assert band.plan(PlanRequest(100, 2400, tick)) == first


@both
class TestKnobs:
    @pytest.mark.parametrize("parts", [HARMONY, LEAD])
    def test_density_moves_the_number_of_notes(self, make: Callable[[int], Band], parts: frozenset[Part]) -> None:
        counts = []
        for knob in KNOB:
            sampling = Sampling(density=knob)
            windows = [plan for seed in range(2) for plan in played(make(seed), 16, parts, seed=seed, sampling=sampling)]
            counts.append(sum(len(plan.notes) for plan in windows))
        assert spearman(KNOB, counts) >= 0.9
        assert counts[0] < 0.75 * counts[3]
        assert counts[-1] > 1.25 * counts[3]

    @pytest.mark.parametrize("parts", [HARMONY, LEAD])
    def test_register_moves_the_mean_pitch(self, make: Callable[[int], Band], parts: frozenset[Part]) -> None:
        means = []
        for knob in KNOB:
            plans = played(make(0), 16, parts, register=24 * knob)
            means.append(np.mean([note.pitch for plan in plans for note in plan.notes]))
        assert spearman(KNOB, means) >= 0.9
        assert means[-1] - means[0] > 24

    def test_register_changes_octaves_and_nothing_else(self, make: Callable[[int], Band]) -> None:
        """Nor what comes after: the context keeps what it played where it played it."""
        plain, high = (played(make(0), 12, HARMONY | LEAD, register=register) for register in (0.0, 24.0))
        for one, other in zip(plain, high, strict=True):
            assert one.chord == other.chord
            assert {(note.part, note.onset, note.pitch % 12) for note in one.notes} == {
                (note.part, note.onset, note.pitch % 12) for note in other.notes
            }

    def test_at_their_defaults_the_knobs_are_not_there(self, make: Callable[[int], Band]) -> None:
        """Bit for bit."""
        plain = played(make(0), 12, HARMONY | LEAD)
        assert plain == played(make(0), 12, HARMONY | LEAD, sampling=Sampling(density=0.0), register=0.0)
        assert plain != played(make(0), 12, HARMONY | LEAD, sampling=Sampling(density=0.5))
