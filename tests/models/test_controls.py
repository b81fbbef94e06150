"""Knobs: rank correlation with known answers, and generators that obey a knob, defy it or don't know it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.events import PULSES_PER_BEAT, Note, PlayerEvent
from livegen.core.harmony import NO_CHORD
from livegen.core.parameters import Parameter, Registry, Settings, build_registry
from livegen.core.plans import Plan, PlanRequest
from models.corpora.piece import Piece, PieceNote
from models.questions.controls import plots, tables
from models.scoring import controls
from models.scoring.continuation import BARS, Task, tasks
from models.scoring.controls import KNOBS, VALUES, Knob, drawn_entropy, spearman, swept

SETTINGS = build_registry().defaults()
numbers = st.lists(st.floats(-100, 100), min_size=3, max_size=20)


class Dice:
    """Plays a note whose pitch is drawn from a range as wide as the temperature asks for."""

    name = "dice"
    notice: str | None = None

    def observe(self, event: PlayerEvent) -> None:
        pass

    def plan(self, request: PlanRequest) -> Plan:
        rng = np.random.default_rng([request.seed, request.plan_id])
        pitch = 60 + int(rng.integers(1 + round(20 * request.sampling.temperature)))
        (part,) = request.tick.parts
        return Plan(request.plan_id, request.window, request.tick.hop, NO_CHORD, (Note(part, 0, pitch, 24, 64),))

    def snapshot(self) -> object:
        return None

    def restore(self, state: object) -> None:
        pass

    def reset(self) -> None:
        pass


@pytest.fixture
def songs() -> list[Task]:
    melody = tuple(PieceNote(24 * beat, 60 + beat % 7, 24) for beat in range(8 * BARS))
    piece = Piece("irish", "w", "folk", 120.0, 4, 0, melody)
    return tasks([piece, replace(piece, work="another")])


class TestSpearman:
    @given(numbers)
    def test_what_rises_with_it_has_one_and_what_falls_minus_one(self, values: list[float]) -> None:
        apart = sorted(set(values))
        if len(apart) >= 3:
            assert spearman(apart, [math.atan(value) * 5 - 2 for value in range(len(apart))]) == pytest.approx(1)
            assert spearman(apart, [-value for value in range(len(apart))]) == pytest.approx(-1)

    @given(numbers, st.randoms())
    def test_it_lies_between_and_is_the_same_both_ways(self, values: list[float], dice: object) -> None:
        other = list(values)
        dice.shuffle(other)  # type: ignore[attr-defined]
        assert -1 - 1e-9 <= spearman(values, other) <= 1 + 1e-9
        assert spearman(values, other) == pytest.approx(spearman(other, values))

    def test_ties_share_their_rank(self) -> None:
        """By hand: ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3."""
        assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))

    def test_what_never_moves_has_none(self) -> None:
        assert spearman([1, 2, 3], [5, 5, 5]) == 0

    def test_what_is_not_known_is_left_out(self) -> None:
        assert spearman([1, 2, 3, 4], [1, math.nan, 3, 4]) == pytest.approx(1)
        assert math.isnan(spearman([1, 2, 3], [1, math.nan, 3]))


class TestSweep:
    def sweep(self, knob: Knob, songs: list[Task], settings: Settings = SETTINGS) -> dict:
        return swept(knob, songs, Dice, lambda task: settings, seed=1, progress=lambda done, name: None)

    def test_temperature_moves_what_is_drawn(self, songs: list[Task]) -> None:
        found = self.sweep(KNOBS[0], songs)
        assert found["values"] == pytest.approx(np.linspace(*controls.TEMPERATURES, VALUES))
        assert found["spearman"] == pytest.approx([1, 1, 1])
        assert found["of_means"] == pytest.approx(1)
        assert found["means"][0][0] < found["means"][-1][0]

    def test_a_knob_that_moves_nothing_is_found_out(self, songs: list[Task]) -> None:
        idle = Knob("top_p", "lead", "nothing", lambda task, generator, settings, seed: 1.0)
        assert self.sweep(idle, songs)["spearman"] == [0, 0, 0]

    def test_a_knob_that_goes_the_wrong_way_is_found_out(self, songs: list[Task]) -> None:
        contrary = Knob("min_p", "lead", "less", lambda task, generator, settings, seed: -settings.min_p)
        assert self.sweep(contrary, songs)["of_means"] == pytest.approx(-1)

    def test_a_knob_that_is_not_there_is_passed_over(self, songs: list[Task]) -> None:
        missing = Knob("warmth", "lead", "warmth", lambda task, generator, settings, seed: 1.0)
        assert self.sweep(missing, songs) == {}
        assert self.sweep(KNOBS[0], []) == {}

    def test_a_knob_is_tried_over_all_its_range(self) -> None:
        row = Parameter("warmth", "float", 0.0, -1, 1, "", (), "Plays warmly.")
        registry = Registry((row,), ())
        assert Knob("warmth", "lead", "", lambda *_: 0.0).values(registry)[:: VALUES - 1] == [-1, 1]


class TestMeasures:
    def test_a_certain_window_has_no_entropy(self, songs: list[Task]) -> None:
        cold = SETTINGS.with_changes({"temperature": 0.0})[0]
        assert drawn_entropy(songs[0], Dice(), cold, 1) == 0

    def test_entropy_is_that_of_the_draws(self, songs: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
        """21 pitches, all as likely: log2(21), less what few draws hide."""
        monkeypatch.setattr(controls, "DRAWS", 2000)
        entropy = drawn_entropy(songs[0], Dice(), SETTINGS.with_changes({"temperature": 1.0})[0], 1)
        assert entropy == pytest.approx(math.log2(21), abs=0.02)

    @pytest.mark.parametrize(("parameter", "expected"), [("density", 2.0), ("register", 70.0)])
    def test_notes_a_second_and_mean_pitch(self, songs: list[Task], parameter: str, expected: float) -> None:
        """A quarter a beat at 120 bpm; pitches 60 to 80 evenly."""
        knob = next(knob for knob in KNOBS if (knob.parameter, knob.role) == (parameter, "lead"))
        value = knob.measure(songs[0], Dice(), SETTINGS.with_changes({"temperature": 1.0})[0], 1)
        assert value == pytest.approx(expected, abs=0 if parameter == "density" else 4)
        assert songs[0].half == BARS * 4 * PULSES_PER_BEAT


SWEPT = {
    "moves": "mean pitch", "values": [0.0, 1.0], "means": [[60.0, 59.0, 61.0], [72.0, 71.0, 73.0]],
    "spearman": [0.95, 0.9, 1.0], "of_means": 1.0,
}  # fmt: skip


class TestShown:
    def found(self, change: Callable[[dict], dict] = dict) -> dict:
        return {"works": 2, "wanted": 0.9, "systems": {"edge": {KNOBS[3].name: change(SWEPT), KNOBS[1].name: {}}}}

    def test_the_table_says_what_is_reached(self) -> None:
        (table,) = tables(self.found())
        assert table.rows[0] == ("edge: register, lead", "mean pitch", "0.95 [0.90, 1.00]", "1.00", "60.00 to 72.00", "yes")
        assert table.rows[1][1] == "no such knob"
        (table,) = tables(self.found(lambda swept: {**swept, "spearman": [0.85, 0.8, 0.9]}))
        assert table.rows[0][-1] == "no"

    def test_every_knob_that_there_is_has_a_plot(self) -> None:
        assert [plot.name for plot in plots(self.found())] == ["knob-register-lead"]
        assert tables({}) == plots({}) == []
