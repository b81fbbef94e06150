"""The drummer: keeps the bar, lies in the window, says the same for the same request."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core import vocabulary as v
from livegen.core.events import Part, Tick
from livegen.core.plans import PlanRequest, Sampling
from livegen.generators.drums import FOOT_HAT, HAT, KICK, RIDE, SNARE, STICK, drum_notes

DRUMS = frozenset({Part.DRUMS})
JAZZ = (("pop", 0.2), ("jazz", 0.8))


def request_for(
    half_beat: int | None = 0, beats_per_bar: int | None = 4, hop: int = 24, style: tuple[tuple[str, float], ...] = ()
) -> PlanRequest:
    return PlanRequest(1, 0, Tick(0, half_beat, beats_per_bar, 120.0, 6, hop, DRUMS), style=style)


def bar_of(
    beats_per_bar: int, style: tuple[tuple[str, float], ...] = (), hop: int = 24, density: float = 0.0
) -> list[tuple[int, int]]:
    """One bar window by window, as (pulse, pitch)."""
    return [
        (12 * half_beat + note.onset, note.pitch)
        for half_beat in range(0, 2 * beats_per_bar, hop // 12)
        for note in drum_notes(replace(request_for(half_beat, beats_per_bar, hop, style), sampling=Sampling(density=density)))
    ]


@law
@given(
    place=st.integers(1, 12).flatmap(lambda beats: st.tuples(st.just(beats), st.integers(0, 2 * beats - 1))),
    hop=st.sampled_from(v.HOPS),
    style=st.sampled_from([(), JAZZ, (("jazz", 0.0),)]),
    seed=st.integers(0, 2**40),
    plan_id=st.integers(0, 10**6),
    density=st.floats(-1, 1),
)
def test_every_hit_lies_in_its_window_and_in_order(
    *, place: tuple[int, int], hop: int, style: tuple[tuple[str, float], ...], seed: int, plan_id: int, density: float
) -> None:
    beats_per_bar, half_beat = place
    request = request_for(half_beat, beats_per_bar, hop, style)
    request = replace(request, seed=seed, plan_id=plan_id, sampling=Sampling(density=density))
    notes = drum_notes(request)
    assert all(note.part == Part.DRUMS and 0 <= note.onset < hop and 1 <= note.velocity <= 127 for note in notes)
    order = [(note.onset, note.pitch) for note in notes]
    assert order == sorted(set(order))
    assert drum_notes(request) == notes, "the same request has the same hits"


def test_four_four_is_kick_and_back_beat_over_eighths() -> None:
    bar = bar_of(4)
    assert [pulse for pulse, pitch in bar if pitch == HAT] == list(range(0, 96, 12))
    assert [pulse for pulse, pitch in bar if pitch == KICK] == [0, 48]
    assert [pulse for pulse, pitch in bar if pitch == SNARE] == [24, 72]


def test_three_four_has_one_kick_and_soft_sticks() -> None:
    bar = bar_of(3)
    assert [pulse for pulse, pitch in bar if pitch == KICK] == [0]
    assert [pulse for pulse, pitch in bar if pitch == STICK] == [24, 48]
    assert not [pulse for pulse, pitch in bar if pitch == SNARE]


def test_jazz_rides_and_closes_the_hi_hat_on_two_and_four() -> None:
    bar = bar_of(4, JAZZ)
    assert [pulse for pulse, pitch in bar if pitch == RIDE] == [0, 24, 40, 48, 72, 88]
    assert [pulse for pulse, pitch in bar if pitch == FOOT_HAT] == [24, 72]


@pytest.mark.parametrize("style", [(), JAZZ])
@pytest.mark.parametrize("beats_per_bar", [1, 2, 3, 4, 5, 7, 12])
def test_half_windows_make_the_same_bar_as_whole_ones(beats_per_bar: int, style: tuple[tuple[str, float], ...]) -> None:
    assert bar_of(beats_per_bar, style, 12) == bar_of(beats_per_bar, style, 24)


def test_a_window_that_begins_off_the_beat_crosses_the_bar_line_in_time() -> None:
    for last_half_beat, beats_per_bar in [(7, 4), (5, 3)]:
        hits = [(note.onset, note.pitch) for note in drum_notes(request_for(last_half_beat, beats_per_bar))]
        assert hits == [(0, HAT), (12, KICK), (12, HAT)]


def test_a_heavier_style_wins() -> None:
    assert RIDE not in {note.pitch for note in drum_notes(request_for(style=(("jazz", 0.4), ("pop", 0.6))))}


def test_free_playing_has_no_drums() -> None:
    """There is nothing to keep time to."""
    assert drum_notes(request_for(half_beat=None)) == ()
    assert drum_notes(request_for(beats_per_bar=None)) == ()


def test_loudness_varies_with_seed_and_window_a_little() -> None:
    request = request_for()
    loud = {tuple(note.velocity for note in drum_notes(replace(request, plan_id=plan_id))) for plan_id in range(20)}
    assert len(loud) > 10
    kicks = {velocities[0] for velocities in loud}
    assert max(kicks) - min(kicks) <= 12
    assert drum_notes(replace(request, seed=1)) != drum_notes(replace(request, seed=2))


class TestDensity:
    @pytest.mark.parametrize("style", [(), JAZZ])
    @pytest.mark.parametrize("beats_per_bar", [3, 4])
    def test_each_step_keeps_what_the_one_below_plays(self, beats_per_bar: int, style: tuple[tuple[str, float], ...]) -> None:
        bars = [set(bar_of(beats_per_bar, style, density=step / 10)) for step in range(-10, 11)]
        assert all(sparse <= dense for sparse, dense in pairwise(bars))
        assert len({len(bar) for bar in bars}) >= 5
        assert bars[0] < bars[10] < bars[-1]

    def test_at_its_sparsest_the_bar_is_kept(self) -> None:
        assert bar_of(4, density=-1.0) == [(0, KICK)]
        assert [pitch for _, pitch in bar_of(4, JAZZ, density=-1.0)] == [FOOT_HAT, FOOT_HAT]
        assert {pitch for _, pitch in bar_of(4, density=-0.8)} == {KICK, SNARE}

    def test_at_its_densest_there_are_sixteenths(self) -> None:
        assert [pulse for pulse, pitch in bar_of(4, density=1.0) if pitch == HAT] == list(range(0, 96, 6))
