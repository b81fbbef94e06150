"""The planner: which windows are asked for, when, and which answers still count."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, tempi
from support.stage import BEAT, BEAT_NS, lead, plan_for, settings_with

from livegen.core.director import PLANNING_NS, Stint
from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from livegen.core.parameters import Settings
from livegen.core.planner import OVERDUE_NS, Planner
from livegen.core.plans import MOST_NOTES, PlanRequest, Sampling
from livegen.core.transport import Transport

LEAD_ONLY = frozenset({Part.LEAD})
FOREVER = Stint(24, None, LEAD_ONLY)
TRANSPORT = Transport.starting(0, 120)
DEFAULTS = settings_with()


def asked(
    planner: Planner, stint: Stint, until_ns: int, settings: Settings = DEFAULTS, transport: Transport = TRANSPORT
) -> list[tuple[int, PlanRequest]]:
    """Requests with the times at which they were made, awake at every deadline; overdue plans are given up."""
    requests = [(0, request) for request in planner.requests(stint, settings, transport, 0)]
    while (now_ns := planner.next_deadline_ns(stint, settings, transport)) is not None and now_ns <= until_ns:
        list(planner.overdue(transport, now_ns))
        requests += [(now_ns, request) for request in planner.requests(stint, settings, transport, now_ns)]
    return requests


def unpickled(**fields: object) -> ChordSymbol:
    """A chord as another process may send it: nothing has looked at it."""
    chord = ChordSymbol(0)
    for name, value in fields.items():
        object.__setattr__(chord, name, value)
    return chord


class TestWindows:
    @law
    @given(
        tempo_bpm=tempi,
        start=st.integers(0, 20).map(lambda half_beats: half_beats * 12),
        beats=st.integers(1, 12),
        lookahead=st.floats(0.1, 2),
        hop=st.sampled_from(["half", "beat"]),
    )
    def test_they_follow_each_other_without_gaps_aligned_to_beats(
        self, *, tempo_bpm: float, start: int, beats: int, lookahead: float, hop: str
    ) -> None:
        """A stint that begins on a half beat has one window of half a beat, then whole ones; numbers rise one by one."""
        transport = Transport.starting(0, tempo_bpm)
        settings = settings_with(lookahead=lookahead, hop=hop)
        stint = Stint(start, start - start % BEAT + beats * BEAT, LEAD_ONLY)
        made = asked(Planner(0), stint, transport.ns_at(stint.end or 0), settings, transport)
        # What lies too near to be made in time at the very beginning is left out.
        place = made[0][1].window if made else stint.end
        assert place == start or transport.ns_at(start) < OVERDUE_NS
        for number, (_, request) in enumerate(made, start=1):
            assert request.plan_id == number
            assert request.window == place
            assert request.tick.half_beat == transport.half_beat(request.window)
            assert request.window // BEAT == (request.window + request.tick.hop - 1) // BEAT, "no window crosses a beat"
            place += request.tick.hop
        assert place == stint.end
        if hop == "beat":
            assert [request.tick.hop for _, request in made[1:]] == [24] * (len(made) - 1)

    @law
    @given(tempo_bpm=tempi, lookahead=st.floats(0.1, 2), beats=st.integers(2, 8))
    def test_none_is_asked_for_before_its_lookahead(self, tempo_bpm: float, lookahead: float, beats: int) -> None:
        """That is how far ahead, and never less than a plan needs; the tick says it in pulses."""
        transport = Transport.starting(0, tempo_bpm)
        settings = settings_with(lookahead=lookahead)
        ahead_ns = max(PLANNING_NS, transport.ns_of_beats(lookahead))
        stint = Stint(3 * BEAT, (3 + beats) * BEAT, LEAD_ONLY)
        for now_ns, request in asked(Planner(0), stint, transport.ns_at((3 + beats) * BEAT), settings, transport):
            assert now_ns == transport.ns_at(request.window) - ahead_ns
            assert request.tick.time_ns == now_ns
            assert request.tick.lookahead == pytest.approx(ahead_ns / float(transport.ns_per_pulse), abs=0.51)

    def test_only_the_first_of_an_answer_is_its_opening(self) -> None:
        answer = Stint(12, 72, LEAD_ONLY, phrase_end_ns=0)
        assert [request.opening for _, request in asked(Planner(0), answer, 10 * BEAT_NS)] == [True, False, False]
        other = Stint(12, 72, LEAD_ONLY)
        assert not any(request.opening for _, request in asked(Planner(0), other, 10 * BEAT_NS))

    def test_a_request_says_what_the_settings_say(self) -> None:
        settings = settings_with(temperature=0.5, top_p=0.7, min_p=0.1, density=-0.5, register=12, guidance=2)
        ((_, request), *_) = asked(Planner(5), Stint(24, 48, LEAD_ONLY), BEAT_NS, settings)
        assert (request.sampling, request.register) == (Sampling(0.5, 0.7, 0.1, -0.5), 12.0)
        assert request.guidance == 2.0
        assert (request.seed, request.tick.parts, request.tick.tempo_bpm) == (5, LEAD_ONLY, 120.0)

    def test_a_clock_that_jumps_leaves_out_what_it_jumped_over(self) -> None:
        """After a laptop's sleep the music goes on at the next half beat, without a burst."""
        planner = Planner(0)
        asked(planner, FOREVER, 2 * BEAT_NS)
        now_ns = 100 * BEAT_NS + 10_000_000
        assert list(planner.requests(FOREVER, DEFAULTS, TRANSPORT, now_ns)) == []
        due_ns = planner.next_deadline_ns(FOREVER, DEFAULTS, TRANSPORT)
        assert due_ns is not None
        assert due_ns > now_ns
        (request,) = planner.requests(FOREVER, DEFAULTS, TRANSPORT, due_ns)
        assert (request.window, request.tick.hop) == (100 * BEAT + 12, 12)


class TestAnswers:
    def test_a_plan_counts_once(self) -> None:
        planner = Planner(0)
        ((_, request), *_) = asked(planner, FOREVER, BEAT_NS)
        assert planner.accept(plan_for(request))
        assert not planner.accept(plan_for(request))

    def test_a_number_that_was_never_given_is_stale(self) -> None:
        planner = Planner(0)
        ((_, request), *_) = asked(planner, FOREVER, BEAT_NS)
        assert not planner.accept(plan_for(replace(request, plan_id=99)))
        with pytest.raises(InputError, match="which is no window"):
            planner.accept(plan_for(replace(request, plan_id=[99])))

    def test_after_a_reset_old_numbers_are_stale_and_new_ones_higher(self) -> None:
        planner = Planner(0)
        before = [request for _, request in asked(planner, FOREVER, 2 * BEAT_NS)]
        planner.reset()
        after = [request for _, request in asked(planner, FOREVER, 2 * BEAT_NS)]
        assert not any(planner.accept(plan_for(request)) for request in before)
        assert min(request.plan_id for request in after) > max(request.plan_id for request in before)

    @pytest.mark.parametrize(
        "fault",
        [
            {"window": 48},
            {"hop": 12},
            {"notes": (lead(24, 60),)},
            {"notes": (lead(-1, 60),)},
            {"notes": (lead(0, 60), lead(0, 128))},
            {"notes": (lead(0, -1),)},
            {"notes": (lead(0, 60, duration=0),)},
            {"notes": (lead(0, 60, velocity=0),)},
            {"notes": (lead(0, 60, velocity=128),)},
            {"notes": (lead(0, 60.5),)},
            {"notes": (lead(math.nan, 60),)},
            {"notes": (lead(0, 60, duration=math.inf),)},
            {"notes": (lead(0, "C4"),)},
            {"notes": (lead(0, True),)},
            {"notes": (lead(0, 60, duration=1 << 80),)},
            {"notes": (replace(lead(0, 60), part=7),)},
            {"notes": (lead(0, 60), None)},
            {"notes": None},
            {"notes": (lead(0, 60),) * (MOST_NOTES + 1)},
            {"chord": "C"},
            {"chord": unpickled(root=2.5)},
            {"chord": unpickled(root=12)},
            {"chord": unpickled(quality="loud")},
            {"window": 24.0},
        ],
    )
    def test_a_plan_that_cannot_be_played_is_refused_and_the_request_stays_open(self, fault: dict[str, object]) -> None:
        planner = Planner(0)
        ((_, request), *_) = asked(planner, FOREVER, BEAT_NS)
        with pytest.raises(InputError, match=f"plan {request.plan_id}"):
            planner.accept(replace(plan_for(request), **fault))
        assert planner.accept(plan_for(request))

    @law
    @given(st.sets(st.integers(0, 9)), st.integers(0, 10 * BEAT))
    def test_a_reset_names_the_first_plan_that_will_not_be_played(self, answered: set[int], position: int) -> None:
        """The open ones, and of the answered ones those whose windows have not begun."""
        planner = Planner(0)
        requests = [request for _, request in asked(planner, Stint(0, 10 * BEAT, LEAD_ONLY), 10 * BEAT_NS)]
        for index in answered & set(range(len(requests))):
            assert planner.accept(plan_for(requests[index]))
        planner.begun(position)
        thrown = [
            request.plan_id for index, request in enumerate(requests) if index not in answered or request.window > position
        ]
        assert planner.reset() == min(thrown, default=None)
        assert planner.reset() is None

    def test_a_window_that_another_has_filled_is_kept_for_the_first_plan_that_can_be_played(self) -> None:
        planner = Planner(0)
        ((_, request), *_) = asked(planner, FOREVER, BEAT_NS)
        assert planner.fill(plan_for(request))
        with pytest.raises(InputError):
            planner.replaces(replace(plan_for(request), notes=None), 0)  # type: ignore[arg-type]
        assert planner.replaces(plan_for(request), 0)
        assert not planner.replaces(plan_for(request), 0)


class TestOverdue:
    def test_it_is_given_once_just_before_the_window(self) -> None:
        planner = Planner(0)
        stint = Stint(24, 48, LEAD_ONLY)
        (request,) = planner.requests(stint, DEFAULTS, TRANSPORT, BEAT_NS - PLANNING_NS)
        due_ns = BEAT_NS - OVERDUE_NS
        assert planner.next_deadline_ns(stint, DEFAULTS, TRANSPORT) == due_ns
        assert list(planner.overdue(TRANSPORT, due_ns - 1)) == []
        assert list(planner.overdue(TRANSPORT, due_ns)) == [request]
        assert list(planner.overdue(TRANSPORT, due_ns + BEAT_NS)) == []
        assert planner.next_deadline_ns(stint, DEFAULTS, TRANSPORT) is None

    def test_an_overdue_plan_still_counts_when_it_comes(self) -> None:
        """From the fallback or from the model, whichever is first."""
        planner = Planner(0)
        (request,) = planner.requests(Stint(24, 48, LEAD_ONLY), DEFAULTS, TRANSPORT, BEAT_NS - PLANNING_NS)
        list(planner.overdue(TRANSPORT, BEAT_NS))
        assert planner.accept(plan_for(request))
        assert not planner.accept(plan_for(request))

    def test_an_answered_plan_is_never_overdue(self) -> None:
        planner = Planner(0)
        (request,) = planner.requests(Stint(24, 48, LEAD_ONLY), DEFAULTS, TRANSPORT, BEAT_NS - PLANNING_NS)
        assert planner.accept(plan_for(request))
        assert list(planner.overdue(TRANSPORT, 2 * BEAT_NS)) == []

    def test_when_the_generator_dies_all_open_plans_are_given_once(self) -> None:
        planner = Planner(0)
        settings = settings_with(lookahead=2.0)
        requests = list(planner.requests(Stint(24, None, LEAD_ONLY), settings, TRANSPORT, 0))
        assert len(requests) > 1
        planner.accept(plan_for(requests[0]))
        assert planner.open_requests() == requests[1:]
        assert planner.open_requests() == []
        assert list(planner.overdue(TRANSPORT, 10 * BEAT_NS)) == []

    def test_a_slower_tempo_moves_the_moment(self) -> None:
        planner = Planner(0)
        stint = Stint(24, 48, LEAD_ONLY)
        list(planner.requests(stint, DEFAULTS, TRANSPORT, BEAT_NS - PLANNING_NS))
        slower = TRANSPORT.with_tempo(60, BEAT_NS - PLANNING_NS)
        assert planner.next_deadline_ns(stint, DEFAULTS, slower) == slower.ns_at(24) - OVERDUE_NS


class TestSlowPlans:
    """The lookahead grows with the time that plans take, and no further than the player allows."""

    def test_while_nobody_knows_it_is_as_the_player_wishes(self) -> None:
        assert Planner(0).ahead_ns(settings_with(lookahead=0.5), TRANSPORT) == BEAT_NS // 2

    @given(taken_ns=st.integers(0, 2 * BEAT_NS), least=st.floats(0.1, 1), most=st.floats(0.1, 1))
    def test_it_fits_within_bounds(self, taken_ns: int, least: float, most: float) -> None:
        planner = Planner(0)
        planner.plans_take_ns = taken_ns
        ahead_ns = planner.ahead_ns(settings_with(lookahead=least, lookahead__most=most), TRANSPORT)
        low, high = TRANSPORT.ns_of_beats(least), TRANSPORT.ns_of_beats(max(least, most))
        assert max(PLANNING_NS, low) <= ahead_ns <= max(PLANNING_NS, high)
        assert ahead_ns >= min(taken_ns + OVERDUE_NS, high)
