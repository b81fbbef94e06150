"""The Markov bandmate: lawful, deterministic, in tune with what it hears, and near the player."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, ModelError
from livegen.core.events import Off, On, Part, PlayerEvent, Tick
from livegen.core.harmony import ChordSymbol
from livegen.core.plans import Plan, PlanRequest, Sampling
from livegen.generators.markov import RANGES, TABLE, MarkovGenerator, load_table
from livegen.generators.ngram import Ngram
from livegen.generators.protocol import Generator
from livegen.generators.window import MAX_NOTES

S = 1_000_000_000
BEAT_NS = S // 2
LEAD = frozenset({Part.LEAD})
ACCOMPANIMENT = frozenset({Part.CHORDS, Part.BASS})
C_MAJOR = (60, 64, 67)

law = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
New = Callable[[], MarkovGenerator]


@pytest.fixture(scope="module")
def counts() -> Ngram:
    """The bundled table, read once."""
    return load_table()


@pytest.fixture
def new(counts: Ngram) -> New:
    """Makes generators that have not heard anything and share nothing."""
    return lambda: MarkovGenerator(Ngram({name: table.copy() for name, table in counts.tables.items()}))


@pytest.fixture
def generator(new: New) -> MarkovGenerator:
    return new()


def played(*pitches: int, start_ns: int = 0, length_ns: int = BEAT_NS) -> list[PlayerEvent]:
    """One note after the other."""
    events: list[PlayerEvent] = []
    for index, pitch in enumerate(pitches):
        at = start_ns + index * length_ns
        events += [On(at, pitch, 80, 0), Off(at + length_ns * 9 // 10, pitch)]
    return events


def listen(generator: MarkovGenerator, events: list[PlayerEvent]) -> None:
    for event in events:
        generator.observe(event)


def request_for(
    plan_id: int = 1, parts: frozenset[Part] = ACCOMPANIMENT, *, at_ns: int = 10 * S, hop: int = 24, **changes: object
) -> PlanRequest:
    tick = Tick(at_ns + plan_id * BEAT_NS, 0, 4, 120.0, 6, hop, parts)
    return replace(PlanRequest(plan_id=plan_id, window=plan_id * hop, tick=tick), **changes)


def plans_of(generator: MarkovGenerator, count: int, parts: frozenset[Part], **changes: object) -> list[Plan]:
    return [generator.plan(request_for(plan_id, parts, **changes)) for plan_id in range(1, count + 1)]


@law
@given(
    seed=st.integers(0, 2**63),
    temperature=st.floats(0, 5),
    parts=st.frozensets(st.sampled_from(list(Part))),
    hop=st.sampled_from(v.HOPS),
    opening=st.booleans(),
    pitches=st.lists(st.integers(0, 127), max_size=5),
)
def test_every_plan_obeys_the_grammar_of_its_window(
    generator: MarkovGenerator,
    *,
    seed: int,
    temperature: float,
    parts: frozenset[Part],
    hop: int,
    opening: bool,
    pitches: list[int],
) -> None:
    generator.reset()
    listen(generator, played(*pitches))
    sampling = Sampling(temperature=temperature, top_p=1.0, min_p=0.0)
    request = request_for(3, parts, hop=hop, opening=opening, seed=seed, sampling=sampling)
    plan = generator.plan(request)
    assert (plan.plan_id, plan.window, plan.hop) == (3, request.window, hop)
    assert (plan.chord is not None) == bool(parts & ACCOMPANIMENT)
    order = [(note.part, note.onset, note.pitch) for note in plan.notes]
    assert order == sorted(set(order))
    assert len(order) <= MAX_NOTES
    assert all(note.part in parts and 0 <= note.onset < hop for note in plan.notes)
    assert all(note.pitch in RANGES[note.part] for note in plan.notes)
    assert all(note.duration >= 1 and 1 <= note.velocity <= 127 for note in plan.notes)
    if opening and Part.LEAD in parts:
        assert order[0][:2] == (Part.LEAD, 0)


def test_it_is_a_generator(generator: MarkovGenerator) -> None:
    bandmate: Generator = generator
    assert bandmate.name == "markov"


class TestDeterminism:
    def test_the_same_calls_give_the_same_music(self, new: New) -> None:
        sessions = []
        for generator in (new(), new()):
            listen(generator, played(*C_MAJOR, 72, 71))
            sessions.append([*plans_of(generator, 6, LEAD, seed=5), *plans_of(generator, 6, ACCOMPANIMENT, seed=5)])
        assert sessions[0] == sessions[1]

    def test_another_seed_or_plan_gives_other_music(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        before = generator.snapshot()
        plans = set()
        for seed, plan_id in [(0, 1), (1, 1), (0, 2)]:
            generator.restore(before)
            request = request_for(1, LEAD | ACCOMPANIMENT, opening=True)
            plans.add(generator.plan(replace(request, seed=seed, plan_id=plan_id)).notes)
        assert len(plans) == 3


class TestChord:
    def test_it_follows_what_was_heard(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        for plan in plans_of(generator, 12, ACCOMPANIMENT, at_ns=2 * S):
            assert plan.chord == ChordSymbol(0, "maj")
            assert {note.pitch % 12 for note in plan.notes} <= {0, 4, 7}

    def test_bass_and_chords_both_play(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        notes = [note for plan in plans_of(generator, 12, ACCOMPANIMENT) for note in plan.notes]
        assert {note.part for note in notes} == ACCOMPANIMENT
        assert {note.pitch % 12 for note in notes if note.part == Part.BASS} <= {0, 4, 7}

    def test_it_moves_on_with_the_player(self, generator: MarkovGenerator) -> None:
        """What was heard eight seconds ago weighs a sixteenth."""
        listen(generator, played(*C_MAJOR))
        assert generator.plan(request_for(1, at_ns=2 * S)).chord == ChordSymbol(0, "maj")
        listen(generator, played(65, 69, 72, start_ns=10 * S))
        assert generator.plan(request_for(2, at_ns=11 * S)).chord == ChordSymbol(5, "maj")

    def test_before_anything_is_heard_there_is_none(self, generator: MarkovGenerator) -> None:
        """Nobody knows what fits, so chords and bass rest; a lead may begin."""
        plan = generator.plan(request_for(1, ACCOMPANIMENT))
        assert plan.chord is not None
        assert (plan.chord.root, plan.notes) == (None, ())
        assert generator.plan(request_for(2, LEAD | ACCOMPANIMENT, opening=True)).notes

    def test_who_only_leads_plans_no_chord(self, generator: MarkovGenerator) -> None:
        assert generator.plan(request_for(1, LEAD)).chord is None


class TestAnswer:
    @pytest.mark.parametrize("centre", [60, 72, 80])
    def test_it_answers_where_the_player_plays(self, generator: MarkovGenerator, centre: int) -> None:
        listen(generator, played(*(centre + step for step in (0, 2, 4, 5, 4, 2, 0, 2))))
        notes = [note for plan in plans_of(generator, 8, LEAD, opening=True) for note in plan.notes]
        assert len(notes) >= 8
        assert abs(float(np.median([note.pitch for note in notes])) - centre) <= 12

    def test_it_answers_with_a_line(self, generator: MarkovGenerator) -> None:
        """About as many notes as people play, seldom two at once."""
        listen(generator, played(60, 62, 64, 65, 67, 65, 64, 62))
        plans = plans_of(generator, 100, LEAD)
        assert 0.5 < np.mean([len(plan.notes) for plan in plans]) < 4
        assert np.mean([len(plan.notes) - len({note.onset for note in plan.notes}) for plan in plans]) < 0.2

    def test_it_learns_from_the_player(self, new: New) -> None:
        """A leap that no corpus knows becomes likely once the player has made it often."""
        leap = 19
        novice, pupil = (MarkovGenerator(Ngram()) for _ in range(2))
        listen(pupil, played(*(60 + leap * (index % 2) for index in range(40))))
        for generator in (novice, pupil):
            generator.reset()
            listen(generator, [On(0, 60, 80, 0), Off(BEAT_NS, 60)])
        shares = []
        for generator in (novice, pupil):
            pitches = [note.pitch for plan in plans_of(generator, 20, LEAD, opening=True) for note in plan.notes]
            shares.append(np.mean(np.abs(np.diff(pitches)) == leap))
        assert shares[0] < 0.1
        assert shares[1] > 0.4


class TestContext:
    def test_a_plan_rolls_back(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        before = generator.snapshot()
        first = generator.plan(request_for())
        assert generator.snapshot() != before
        generator.restore(before)
        assert generator.snapshot() == before
        assert generator.plan(request_for()) == first

    def test_a_restored_context_has_the_same_future(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        before = generator.snapshot()
        futures = []
        for _ in range(2):
            generator.restore(before)
            listen(generator, [On(9 * S, 65, 80, 0)])
            futures.append((generator.snapshot(), generator.plan(request_for(5))))
        assert futures[0] == futures[1]

    def test_a_snapshot_is_a_value(self, generator: MarkovGenerator) -> None:
        before = generator.snapshot()
        kept = replace(before)
        listen(generator, played(*C_MAJOR))
        generator.plan(request_for())
        assert before == kept

    def test_something_else_is_refused(self, generator: MarkovGenerator) -> None:
        with pytest.raises(InputError, match="a context of the Markov generator is needed, not dict"):
            generator.restore({})

    def test_reset_forgets_what_was_heard(self, generator: MarkovGenerator) -> None:
        listen(generator, played(*C_MAJOR))
        generator.plan(request_for())
        generator.reset()
        plan = generator.plan(request_for())
        assert plan.chord is not None
        assert plan.chord.root is None

    def test_a_release_that_was_never_pressed_changes_nothing_but_time(self, generator: MarkovGenerator) -> None:
        generator.observe(Off(S, 60))
        assert generator.snapshot().held == ()

    def test_held_notes_are_bounded(self, generator: MarkovGenerator) -> None:
        """A keyboard that never sends a note-off must not fill the memory."""
        for index in range(1000):
            generator.observe(On(index, index % 128, 80, 0))
        assert len(generator.snapshot().held) <= 32


def test_without_the_bundled_table_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("livegen.generators.markov.files", lambda package: tmp_path)
    with pytest.raises(ModelError, match=TABLE):
        MarkovGenerator()


def test_what_is_heard_again_after_a_plan_was_taken_back_is_learned_once(counts: Ngram) -> None:
    table = Ngram({name: values.copy() for name, values in counts.tables.items()})
    generator = MarkovGenerator(table)
    before = generator.snapshot()
    phrase = played(60, 62, 64, 65)
    for event in phrase:
        generator.observe(event)
    learned = int(table.tables["pitch"].sum())
    generator.restore(before)
    for event in phrase[:-2]:
        generator.observe(event)
    assert int(table.tables["pitch"].sum()) == learned
