"""Which windows to plan, when to ask, and which plans still count."""

from __future__ import annotations

from collections.abc import Iterator

from livegen.core.director import HALF_BEAT, PLANNING_NS, Stint
from livegen.core.events import PULSES_PER_BEAT, Tick
from livegen.core.parameters import Settings
from livegen.core.plans import Plan, PlanRequest, Sampling, check_form, check_plan
from livegen.core.transport import Transport, grid_at_or_after

RESERVE_NS = 4_000_000
"""A plan should be there this long before it would be overdue."""

OVERDUE_NS = 8_000_000
"""The commit horizon: a plan that is not there this long before its window is replaced by the fallback's."""


class Planner:
    """Fills a stint window by window. Single-threaded; owned by the score.

    Every request has its own generation number, rising; a plan whose number is not open any more is stale. Times are those at
    which notes must be sent: the transport that is passed in runs ahead of what is heard by `advance_ns`.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.plans_take_ns = 0
        """How long nearly every plan takes from its request, as the shell has measured it; 0 while nobody knows."""
        self.advance_ns = 0
        """So much before it is to be heard everything must be sent."""
        self._next_id = 1
        self._next_window: int | None = None
        self._open: dict[int, PlanRequest] = {}
        self._overdue: set[int] = set()
        self._filled: dict[int, PlanRequest] = {}
        """Windows that another than the generator has filled, by number, until they end."""
        self._planned: dict[int, int] = {}
        """Window of every plan that was accepted and has not begun, by number: what a yield takes back."""

    def reset(self) -> int | None:
        """Forget the stint; the number of the first plan that is thrown away with it, None if none is."""
        thrown = [*self._planned, *self._open]
        self._next_window = None
        self._open.clear()
        self._overdue.clear()
        self._filled.clear()
        self._planned.clear()
        return min(thrown, default=None)

    def requests(self, stint: Stint, settings: Settings, transport: Transport, now_ns: int) -> Iterator[PlanRequest]:
        """The windows that must be asked for now."""
        while (due_ns := self._next_request_ns(stint, settings, transport)) is not None and now_ns >= due_ns:
            window = self._window(stint)
            soonest = transport.pulse_at(now_ns + OVERDUE_NS)
            if window < soonest:
                # The clock has jumped past this window: go on with the next that can still be made.
                self._next_window = grid_at_or_after(soonest, HALF_BEAT)
                continue
            yield self._request(window, stint, settings, transport, now_ns)

    def _window(self, stint: Stint) -> int:
        return stint.start if self._next_window is None else self._next_window

    def _request(self, window: int, stint: Stint, settings: Settings, transport: Transport, now_ns: int) -> PlanRequest:
        hop = min(settings.hop_pulses, PULSES_PER_BEAT - window % PULSES_PER_BEAT)
        # What the generator has heard by now lies this far before the window as both are heard.
        lookahead = max(0, round(window - transport.pulse_at(now_ns - self.advance_ns)))
        place, tempo_bpm = transport.half_beat(window), float(transport.tempo_bpm)
        tick = Tick(now_ns, place, transport.beats_per_bar, tempo_bpm, lookahead, hop, stint.parts)
        request = PlanRequest(
            plan_id=self._next_id,
            window=window,
            tick=tick,
            sampling=Sampling(settings.temperature, settings.top_p, settings.min_p, settings.density),
            style=tuple(zip(settings.registry.styles, settings.style_weights, strict=True)),
            guidance=settings.guidance,
            opening=window == stint.start and stint.phrase_end_ns is not None,
            seed=self.seed,
            register=settings.register,
        )
        self._next_id += 1
        self._next_window = window + hop
        self._open[request.plan_id] = request
        return request

    def accept(self, plan: Plan) -> bool:
        """Whether the plan still counts; it is closed by this, so the same number never counts twice.

        Raises:
            InputError: it cannot be played, or is not for the window that was asked for. The request stays open.
        """
        check_form(plan)
        request = self._open.get(plan.plan_id)
        if request is None:
            return False
        check_plan(plan, request)
        del self._open[plan.plan_id]
        self._overdue.discard(plan.plan_id)
        self._planned[plan.plan_id] = plan.window
        return True

    def fill(self, plan: Plan) -> bool:
        """As `accept`, for a plan that another than the generator has made: the generator's may still come.

        Raises:
            InputError: as `accept`.
        """
        request = self._open.get(plan.plan_id)
        if request is None or not self.accept(plan):
            return False
        self._filled[plan.plan_id] = request
        return True

    def replaces(self, plan: Plan, pulse: int) -> bool:
        """Whether this is the generator's plan for a window that another has filled and that lasts at `pulse`; it is so once.

        Raises:
            InputError: it cannot be played; a better one may still come.
        """
        request = self._filled.get(plan.plan_id)
        if request is None or request.window + request.tick.hop <= pulse:
            return False
        check_plan(plan, request)
        del self._filled[plan.plan_id]
        return True

    def give_up(self, plan_id: int) -> PlanRequest | None:
        """The generator will not make this plan: the request, if it is open and not overdue yet, which it is from now on."""
        if plan_id not in self._open or plan_id in self._overdue:
            return None
        self._overdue.add(plan_id)
        return self._open[plan_id]

    def abandon(self, plan_id: int) -> PlanRequest | None:
        """Nobody makes this plan: it is closed; the request, if it was open."""
        self._overdue.discard(plan_id)
        return self._open.pop(plan_id, None)

    def overdue(self, transport: Transport, now_ns: int) -> Iterator[PlanRequest]:
        """Open requests whose window is about to begin; each is given once."""
        for plan_id, request in self._open.items():
            if plan_id not in self._overdue and now_ns >= transport.ns_at(request.window) - OVERDUE_NS:
                self._overdue.add(plan_id)
                yield request

    def open_requests(self) -> list[PlanRequest]:
        """Asked for and neither answered nor reported overdue; all count as overdue from now on."""
        waiting = [request for plan_id, request in self._open.items() if plan_id not in self._overdue]
        self._overdue.update(self._open)
        return waiting

    def begun(self, pulse: int) -> None:
        """Windows up to `pulse` have begun and are not taken back any more; what has ended is not replaced."""
        self._planned = {plan_id: window for plan_id, window in self._planned.items() if window > pulse}
        self._filled = {
            plan_id: request for plan_id, request in self._filled.items() if request.window + request.tick.hop > pulse
        }

    def next_deadline_ns(self, stint: Stint | None, settings: Settings, transport: Transport) -> int | None:
        """When a request or an overdue plan is next."""
        due = [
            transport.ns_at(request.window) - OVERDUE_NS
            for plan_id, request in self._open.items()
            if plan_id not in self._overdue
        ]
        if stint is not None and (request_ns := self._next_request_ns(stint, settings, transport)) is not None:
            due.append(request_ns)
        return min(due, default=None)

    def _next_request_ns(self, stint: Stint, settings: Settings, transport: Transport) -> int | None:
        window = self._window(stint)
        if stint.end is not None and window >= stint.end:
            return None
        return transport.ns_at(window) - self.ahead_ns(settings, transport)

    def ahead_ns(self, settings: Settings, transport: Transport) -> int:
        """How long before its window a plan is asked for: as the player wishes, but as long as plans take, within bounds."""
        least, most = settings.lookahead_beats, max(settings.lookahead_beats, settings.most_lookahead_beats)
        needed_ns = self.plans_take_ns + OVERDUE_NS + RESERVE_NS
        bounded_ns = min(max(needed_ns, transport.ns_of_beats(least)), transport.ns_of_beats(most))
        return max(PLANNING_NS, bounded_ns)
