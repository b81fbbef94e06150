"""The neural generator: lawful, deterministic, causal, and unharmed by a model that fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tiny_models import (
    LAYERS,
    copy_of,
    edit_weights,
    export_model_of,
    export_tiny,
    tiny_chords,
    tiny_lstm,
    tiny_transformer,
)

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, ModelError
from livegen.core.events import Off, On, Part, PlayerEvent, Tick
from livegen.core.harmony import QUALITIES
from livegen.core.plans import Plan, PlanRequest, Sampling
from livegen.core.stream import parts_class
from livegen.generators.guidance import guided
from livegen.generators.model_files import load_contract
from livegen.generators.neural import Context, NeuralGenerator, open_neural
from livegen.generators.protocol import Generator
from livegen.generators.session import FloatArray, IntArray, State, StepSession
from livegen.generators.window import MAX_NOTES

S = 1_000_000_000
TRANSFORMER = 0
TRIO = frozenset({Part.LEAD, Part.CHORDS, Part.BASS})
ACCOMPANIMENT = frozenset({Part.CHORDS, Part.BASS})


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Models by their layers, and a Transformer."""
    base = tmp_path_factory.mktemp("exported")
    made = {layers: export_tiny(base, layers) for layers in LAYERS}
    return made | {TRANSFORMER: export_model_of(tiny_transformer(), base, "tiny-transformer")}


@pytest.fixture(scope="module", params=[*LAYERS, TRANSFORMER])
def generator(request: pytest.FixtureRequest, exported: dict[int, Path]) -> NeuralGenerator:
    return open_neural(exported[request.param])


@pytest.fixture
def fresh(generator: NeuralGenerator) -> NeuralGenerator:
    generator.reset()
    return generator


class SpySession(StepSession):
    """Keeps what it is asked."""

    def __init__(self, path: Path) -> None:
        self.rows: list[list[int]] = []
        self.given: list[list[int]] = []
        super().__init__(load_contract(path))
        self.rows.clear()
        self.given.clear()

    def step(self, row: IntArray, style: FloatArray, state: State) -> tuple[FloatArray, State]:
        self.rows.append(row[0].tolist())
        return super().step(row, style, state)

    def heads(self, hidden: FloatArray, given: IntArray) -> dict[str, FloatArray]:
        self.given.append(given[0].tolist())
        return super().heads(hidden, given)

    def rows_of(self, kind: str) -> list[dict[str, int]]:
        names = [field.name for field in v.FIELDS]
        return [dict(zip(names, row, strict=True)) for row in self.rows if row[0] == v.KIND[kind]]


def request_for(plan_id: int = 1, parts: frozenset[Part] = TRIO, hop: int = 24, **changes: object) -> PlanRequest:
    tick = Tick(plan_id * S, 0, 4, 120.0, 12, hop, parts)
    return replace(PlanRequest(plan_id=plan_id, window=plan_id * hop, tick=tick), **changes)


def phrase(count: int, seed: int = 0, start_ns: int = 0) -> list[PlayerEvent]:
    rng = np.random.default_rng(seed)
    events: list[PlayerEvent] = []
    for index in range(count):
        pitch, at = int(rng.integers(40, 90)), start_ns + index * S // 4
        events += [On(at, pitch, int(rng.integers(1, 128)), index * 6 % 24), Off(at + S // 8, pitch)]
    return events


def same(one: Context, other: Context) -> bool:
    states = zip(one.state.values, other.state.values, strict=True)
    return (
        one.state.place.count == other.state.place.count
        and one.last_ns == other.last_ns
        and all(np.array_equal(getattr(one.memory, part.name), getattr(other.memory, part.name)) for part in fields(one.memory))
        and one.ringing == other.ringing
        and np.array_equal(one.style, other.style)
        and all(np.array_equal(mine, theirs) for mine, theirs in states)
    )


def assert_lawful(plan: Plan, request: PlanRequest, parts: frozenset[Part]) -> None:
    order = [(note.part, note.onset, note.pitch) for note in plan.notes]
    assert order == sorted(set(order))
    assert len(order) <= MAX_NOTES
    assert all(note.part in parts and 0 <= note.onset < request.tick.hop for note in plan.notes)
    assert all(0 <= note.pitch <= 127 and note.duration in v.DURATIONS and 1 <= note.velocity <= 127 for note in plan.notes)
    for index, note in enumerate(plan.notes):
        same_key = [earlier for earlier in plan.notes[:index] if (earlier.part, earlier.pitch) == (note.part, note.pitch)]
        assert all(earlier.onset + earlier.duration <= note.onset for earlier in same_key)
    if request.opening and parts:
        assert plan.notes[0].onset == 0
        assert plan.notes[0].part == (Part.LEAD if Part.LEAD in parts else plan.notes[0].part)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    seed=st.integers(0, 2**63),
    temperature=st.floats(0, 5),
    parts=st.frozensets(st.sampled_from(list(Part))),
    hop=st.sampled_from(v.HOPS),
    opening=st.booleans(),
    count=st.integers(0, 5),
)
def test_every_plan_is_lawful(
    fresh: NeuralGenerator, *, seed: int, temperature: float, parts: frozenset[Part], hop: int, opening: bool, count: int
) -> None:
    for event in phrase(count, seed):
        fresh.observe(event)
    sampling = Sampling(temperature=temperature, top_p=1.0, min_p=0.0)
    request = request_for(3, parts, hop, opening=opening, seed=seed, sampling=sampling)
    plan = fresh.plan(request)
    assert (plan.plan_id, plan.window, plan.hop) == (3, request.window, hop)
    assert (plan.chord is not None) == bool(parts & ACCOMPANIMENT)
    assert_lawful(plan, request, parts - {Part.DRUMS})


def test_it_is_a_generator(fresh: NeuralGenerator) -> None:
    bandmate: Generator = fresh
    assert bandmate.name.startswith("tiny")
    assert fresh.notice is None


def test_the_same_calls_give_the_same_music(exported: dict[int, Path]) -> None:
    one, other = (open_neural(exported[2]) for _ in range(2))
    for generator in (one, other):
        for event in phrase(4):
            generator.observe(event)
    for plan_id in range(5):
        assert one.plan(request_for(plan_id, seed=3)) == other.plan(request_for(plan_id, seed=3))
    assert same(one.snapshot(), other.snapshot())


def test_another_seed_or_plan_gives_other_music(fresh: NeuralGenerator) -> None:
    before = fresh.snapshot()
    plans = set()
    for seed, plan_id in [(0, 1), (1, 1), (0, 2)]:
        fresh.restore(before)
        tick = request_for(1).tick
        plans.add(fresh.plan(request_for(plan_id, seed=seed, opening=True, tick=tick)).notes)
    assert len(plans) == 3


def test_a_plan_rolls_back(fresh: NeuralGenerator) -> None:
    for event in phrase(4):
        fresh.observe(event)
    before = fresh.snapshot()
    kept = [tensor.copy() for tensor in before.state.values]
    first = fresh.plan(request_for(style=(("a", 1.0),), opening=True))
    assert not same(before, fresh.snapshot())
    fresh.restore(before)
    assert all(np.array_equal(tensor, copy) for tensor, copy in zip(before.state.values, kept, strict=True))
    assert fresh.plan(request_for(style=(("a", 1.0),), opening=True)) == first


def test_a_restored_context_has_the_same_future(fresh: NeuralGenerator) -> None:
    """Style included: it is part of what the player's events are heard in."""
    fresh.plan(request_for(1, style=(("a", 1.0),)))
    before = fresh.snapshot()

    def future() -> tuple[Context, Plan]:
        for event in phrase(3, start_ns=2 * S):
            fresh.observe(event)
        return fresh.snapshot(), fresh.plan(request_for(9, style=(("b", 1.0),)))

    context, plan = future()
    fresh.restore(before)
    again, plan_again = future()
    assert same(context, again)
    assert plan == plan_again


def test_nothing_can_write_to_a_snapshot(fresh: NeuralGenerator) -> None:
    fresh.observe(On(0, 60, 64))
    with pytest.raises(ValueError, match="read-only"):
        fresh.snapshot().state.values[0][0, 0] = 1.0


def test_reset_forgets_everything(fresh: NeuralGenerator) -> None:
    new = fresh.snapshot()
    fresh.observe(On(5 * S, 60, 64))
    fresh.plan(request_for(6, style=(("b", 0.5),)))
    fresh.reset()
    assert same(fresh.snapshot(), new)


def test_the_future_changes_nothing_in_the_past(fresh: NeuralGenerator) -> None:
    """Two performances that begin alike are answered alike until they part, bit by bit."""
    beginning = phrase(6, seed=1)
    trails, plans = [], []
    for seed in (2, 3):
        fresh.reset()
        trail, answers = [], []
        for index, event in enumerate([*beginning, *phrase(6, seed, start_ns=3 * S)]):
            fresh.observe(event)
            trail.append(fresh.snapshot())
            if index % 3 == 2:
                answers.append(fresh.plan(request_for(index, tick=replace(request_for().tick, time_ns=event.time_ns))))
        trails.append(trail)
        plans.append(answers)
    shared = len(beginning)
    assert all(same(one, other) for one, other in zip(trails[0][:shared], trails[1][:shared], strict=True))
    assert plans[0][: shared // 3] == plans[1][: shared // 3]
    assert not same(trails[0][-1], trails[1][-1])


def test_what_the_player_does_matters(fresh: NeuralGenerator) -> None:
    fresh.observe(On(0, 60, 64))
    one = fresh.snapshot()
    fresh.reset()
    fresh.observe(On(0, 61, 64))
    assert not same(one, fresh.snapshot())


class TestStyle:
    def test_styles_change_what_is_heard_and_unknown_ones_do_not(self, fresh: NeuralGenerator) -> None:
        contexts, hidden = [], []
        for style in ((), (("nosuch", 1.0),), (("a", 1.0),), (("b", 1.0),)):
            fresh.reset()
            fresh.plan(request_for(1, frozenset(), style=style))
            contexts.append(fresh.snapshot())
            hidden.append(fresh._hidden)
        assert same(contexts[0], contexts[1])
        assert np.array_equal(hidden[0], hidden[1])
        assert not np.array_equal(hidden[0], hidden[2])
        assert not np.array_equal(hidden[2], hidden[3])

    def test_guidance_plays_up_what_the_style_changes(self) -> None:
        styled, plain = np.float32([0.0, 2.0, -1.0]), np.float32([0.0, 1.0, 1.0])
        both = np.stack([styled, plain])
        assert np.array_equal(guided(both, 1.0), styled)
        assert np.array_equal(guided(both, 0.0), plain)
        assert np.array_equal(guided(both, 3.0), np.float32([0.0, 4.0, -5.0]))
        assert np.array_equal(guided(styled[np.newaxis], 3.0), styled)

    def test_without_any_guidance_a_style_is_none(self, fresh: NeuralGenerator) -> None:
        def played(style: tuple[tuple[str, float], ...], guidance: float) -> list[Plan]:
            fresh.reset()
            plans = []
            for index in range(3):
                plans.append(fresh.plan(request_for(index, opening=True, style=style, guidance=guidance)))
                for event in phrase(2, index, start_ns=index * S):
                    fresh.observe(event)
            return plans

        assert played((("a", 1.0),), 0.0) == played((), 2.0)
        assert len({tuple(played((("a", 1.0),), guidance)) for guidance in (0.0, 1.0, 30.0)}) == 3

    def test_guidance_may_begin_and_end_at_any_time(self, fresh: NeuralGenerator) -> None:
        """The second hearing goes on from the first, and what is not guided is drawn as ever."""
        for event in phrase(4):
            fresh.observe(event)
        before = fresh.snapshot()
        plain = fresh.plan(request_for(1, opening=True))
        fresh.restore(before)
        fresh.plan(request_for(1, opening=True, style=(("b", 1.0),), guidance=2.0))
        assert len(fresh.snapshot().style) == 2
        fresh.plan(request_for(2, guidance=2.0))
        fresh.restore(before)
        assert len(fresh.snapshot().style) == 1
        assert fresh.plan(request_for(1, opening=True)) == plain


class TestStream:
    """What the model is fed."""

    @pytest.fixture
    def spy(self, exported: dict[int, Path]) -> SpySession:
        return SpySession(exported[1])

    def test_a_window_is_tick_chord_notes_end(self, spy: SpySession) -> None:
        generator = NeuralGenerator(spy, spy.contract)
        plan = generator.plan(request_for(opening=True))
        kinds = [v.KINDS[row[0] - 1] for row in spy.rows]
        assert kinds == ["TICK", "CHORD", *["NOTE"] * len(plan.notes), "END"]

    def test_accompanying_hides_what_it_played_itself(self, spy: SpySession) -> None:
        NeuralGenerator(spy, spy.contract).plan(request_for(parts=ACCOMPANIMENT, opening=True))
        (chord,) = spy.rows_of("CHORD")
        assert chord["root"] == chord["quality"] == 0
        notes = spy.rows_of("NOTE")
        assert notes
        assert all(note["pitch"] == 0 and note["part"] and note["pulse"] and note["duration"] for note in notes)

    def test_leading_shows_it(self, spy: SpySession) -> None:
        NeuralGenerator(spy, spy.contract).plan(request_for(opening=True))
        assert all(chord["root"] and chord["quality"] for chord in spy.rows_of("CHORD"))
        assert all(note["pitch"] for note in spy.rows_of("NOTE"))

    def test_a_model_may_want_to_see_it(self, spy: SpySession) -> None:
        contract = replace(spy.contract, decoding={"hide_history": False, "chords": "drawn"})
        NeuralGenerator(spy, contract).plan(request_for(parts=ACCOMPANIMENT, opening=True))
        assert all(note["pitch"] for note in spy.rows_of("NOTE"))

    def test_a_models_boldness_is_a_factor_on_the_temperature(self, spy: SpySession) -> None:
        bold = replace(spy.contract, decoding={**spy.contract.decoding, "boldness": 0.5})
        plans = [
            NeuralGenerator(spy, contract).plan(request_for(opening=True, sampling=Sampling(temperature)))
            for contract, temperature in ((spy.contract, 0.4), (bold, 0.8), (spy.contract, 0.8))
        ]
        assert plans[0] == plans[1] != plans[2]

    def test_a_chord_graph_plans_the_chord(self, tmp_path: Path) -> None:
        """Its chord is the plan's, the notes are given it, and a plan that is taken back takes it with it."""
        spy = SpySession(export_model_of(tiny_lstm(1), tmp_path, "tiny", chords=tiny_chords()))
        generator = NeuralGenerator(spy, spy.contract)
        for pitch in (60, 64, 67):
            generator.observe(On(S // 2, pitch, 80, 0))
        before = generator.snapshot()
        chord = generator.plan(request_for(parts=ACCOMPANIMENT)).chord
        assert chord is not None
        assert chord.root is not None
        assert spy.given[-1][5:] == [1 + chord.root, 1 + QUALITIES.index(chord.quality)]
        generator.restore(before)
        assert same(generator.snapshot(), before)
        assert generator.plan(request_for(parts=ACCOMPANIMENT)).chord == chord

    def test_heads_are_given_what_is_known_and_no_more(self, spy: SpySession) -> None:
        """Columns are root, part, pulse, pitch, duration, then the window's chord."""
        plan = NeuralGenerator(spy, spy.contract).plan(request_for(opening=True))
        assert plan.chord is not None
        assert spy.given[0] == [0] * 7
        after_chord = spy.given[1 if plan.chord.root is None else 2 :]
        chord = after_chord[0][5:]
        assert all(chord)
        assert all(given[0] == 0 and given[5:] == chord for given in after_chord)
        # Kind, part, pulse, pitch, duration, velocity: what is known of the note grows field by field.
        first = [[bool(klass) for klass in given[1:5]] for given in after_chord[1:6]]
        assert first == [[column < known for column in range(4)] for known in range(5)]

    def test_untrained_parts_are_left_out_of_the_stream(self, spy: SpySession) -> None:
        plan = NeuralGenerator(spy, spy.contract).plan(request_for(parts=frozenset({Part.DRUMS}), opening=True))
        assert (plan.chord, plan.notes) == (None, ())
        assert spy.rows_of("TICK")[0]["parts"] == parts_class(frozenset())
        assert len(spy.rows) == 2


class TestTastes:
    """Models of one idea, made by a large bias."""

    def biased(self, exported: dict[int, Path], place: Path, kind: str) -> NeuralGenerator:
        model = copy_of(exported[2], place)
        edit_weights(model, "heads", "logits_kind_bias", lambda bias: bias.__setitem__(v.KIND[kind], 1e4))
        return open_neural(model)

    @pytest.mark.parametrize("parts", [TRIO, ACCOMPANIMENT, frozenset({Part.LEAD})])
    def test_one_that_never_stops_is_stopped(self, exported: dict[int, Path], tmp_path: Path, parts: frozenset[Part]) -> None:
        generator = self.biased(exported, tmp_path, "NOTE")
        request = request_for(parts=parts, sampling=Sampling(temperature=2.0, top_p=1.0, min_p=0.0))
        plan = generator.plan(request)
        assert len(plan.notes) > 2
        assert_lawful(plan, request, parts)

    def test_one_that_wants_to_be_silent_still_opens_an_answer(self, exported: dict[int, Path], tmp_path: Path) -> None:
        generator = self.biased(exported, tmp_path, "END")
        assert generator.plan(request_for(1)).notes == ()
        (note,) = generator.plan(request_for(2, opening=True)).notes
        assert (note.part, note.onset) == (Part.LEAD, 0)

    def test_no_chord_is_a_chord_that_can_be_planned(self, exported: dict[int, Path], tmp_path: Path) -> None:
        model = copy_of(exported[1], tmp_path)
        edit_weights(model, "heads", "logits_root_bias", lambda bias: bias.__setitem__(v.NO_ROOT, 1e4))
        plan = open_neural(model).plan(request_for(opening=True))
        assert plan.chord is not None
        assert plan.chord.root is None


class TestFailure:
    """The context is as before, and the generator goes on."""

    def poisoned(self, exported: dict[int, Path], place: Path, field: str, klass: int) -> NeuralGenerator:
        """A model that answers NaN after one class of one field, and after nothing else."""
        model = copy_of(exported[2], place)
        row = sum(other.size for other in v.FIELDS[: v.COLUMN[field]]) + klass
        edit_weights(model, "step", "event_table", lambda table: table[row].fill(np.nan))
        return open_neural(model)

    def test_an_event_that_breaks_the_model(self, exported: dict[int, Path], tmp_path: Path) -> None:
        generator = self.poisoned(exported, tmp_path, "pitch", 1 + 66)
        generator.observe(On(0, 60, 64))
        before = generator.snapshot()
        with pytest.raises(ModelError, match="not finite"):
            generator.observe(On(S, 66, 64))
        assert same(generator.snapshot(), before)
        generator.observe(On(S, 67, 64))

    @pytest.mark.parametrize("kind", ["TICK", "CHORD", "NOTE", "END"])
    def test_a_plan_that_breaks_the_model_anywhere(self, exported: dict[int, Path], tmp_path: Path, kind: str) -> None:
        generator = self.poisoned(exported, tmp_path, "kind", v.KIND[kind])
        generator.observe(On(0, 60, 64))
        before = generator.snapshot()
        with pytest.raises(ModelError, match="not finite"):
            generator.plan(request_for(opening=True, style=(("a", 1.0),)))
        assert same(generator.snapshot(), before)

    def test_heads_that_break(self, exported: dict[int, Path], tmp_path: Path) -> None:
        model = copy_of(exported[2], tmp_path)
        offset = v.SIZE["root"]  # the second column that heads are given is the part
        edit_weights(model, "heads", "known_table", lambda table: table[offset + 1 + Part.LEAD].fill(np.inf))
        generator = open_neural(model)
        before = generator.snapshot()
        with pytest.raises(ModelError, match="not finite"):
            generator.plan(request_for(opening=True))
        assert same(generator.snapshot(), before)

    def test_heads_without_an_answer(self, exported: dict[int, Path]) -> None:
        class Mute(StepSession):
            def heads(self, hidden: FloatArray, given: IntArray) -> dict[str, FloatArray]:
                return {head: np.full_like(logits, -np.inf) for head, logits in super().heads(hidden, given).items()}

        contract = load_contract(exported[1])
        generator = NeuralGenerator(Mute(contract), contract)
        before = generator.snapshot()
        with pytest.raises(ModelError, match="nothing can be drawn for the root"):
            generator.plan(request_for())
        assert same(generator.snapshot(), before)

    @pytest.mark.parametrize("event", [On(S, 128, 64), On(S, 60, 300), Off(S, -2)])
    def test_an_illegal_event(self, fresh: NeuralGenerator, event: PlayerEvent) -> None:
        before = fresh.snapshot()
        with pytest.raises(InputError):
            fresh.observe(event)
        assert same(fresh.snapshot(), before)

    def test_an_illegal_window(self, fresh: NeuralGenerator) -> None:
        before = fresh.snapshot()
        with pytest.raises(InputError, match="window of 13 pulses"):
            fresh.plan(request_for(hop=13, style=(("a", 1.0),)))
        assert same(fresh.snapshot(), before)

    def test_a_foreign_snapshot(self, fresh: NeuralGenerator) -> None:
        with pytest.raises(InputError, match="not dict"):
            fresh.restore({})


def test_a_plan_needs_neither_torch_nor_onnx(exported: dict[int, Path]) -> None:
    program = """
import sys
for name in ("torch", "onnx", "models", "export"):
    sys.modules[name] = None
from livegen.core.events import Part, Tick
from livegen.core.plans import PlanRequest
from livegen.generators.neural import open_neural
tick = Tick(0, 0, 4, 120.0, 12, 24, frozenset({Part.LEAD}))
assert open_neural(sys.argv[1]).plan(PlanRequest(1, 0, tick, opening=True)).notes
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported[1])], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
