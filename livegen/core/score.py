"""What the agent is going to play: the windows it asks for, who fills one whose plan is late, and the schedule of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from livegen.core.director import Stint
from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.ladder import Ladder, Rung
from livegen.core.parameters import Settings
from livegen.core.planner import Planner
from livegen.core.plans import Plan, PlanRequest
from livegen.core.schedule import NoteStart, Schedule
from livegen.core.transport import Transport, grid_at_or_after

HELD = frozenset({Part.CHORDS, Part.BASS})
"""Parts whose notes may come in late, where there is enough left of them."""


class Score:
    """From plans to the schedule. Single-threaded; owned by the engine, which plays what stands in it.

    Transports that are passed in are those of the output: they run ahead of what is heard.

    Args:
        seed: the agent's random numbers.
        channels: MIDI channel of each part.
        counters: where plans are counted by what became of them.

    Attributes:
        planner: what is asked for, and when.
        schedule: what is decided and not yet sent.
    """

    def __init__(self, seed: int, channels: Mapping[Part, int], counters: Counter[str]) -> None:
        self.planner = Planner(seed)
        self.schedule = Schedule()
        self._ladder = Ladder()
        self._channels = channels
        self._counters = counters
        self._hopeless: list[PlanRequest] = []
        """Requests that the generator will not answer, and that `overdue` has still to say."""

    @property
    def filled_by(self) -> Rung:
        """Who filled the last window."""
        return self._ladder.rung

    def take(self, plan: Plan, settings: Settings, first: int) -> None:
        """The generator's plan: it is scheduled from pulse `first` on, or counted where it does not count any more."""
        try:
            wanted = self.planner.accept(plan)
            replaces = not wanted and self.planner.replaces(plan, first)
        except InputError:
            self._counters["plans_failed"] += 1
            return
        if wanted:
            self._counters["plans"] += 1
            self._ladder.in_time(plan)
            self._add(plan, settings)
        elif replaces:
            self._counters["plans_replaced"] += 1
            self._replace(plan, settings, first)
        else:
            self._counters["plans_stale"] += 1

    def take_stopgap(self, plan: Plan, settings: Settings) -> None:
        """The fallback's plan for a window whose own is late."""
        try:
            wanted = self.planner.fill(plan)
        except InputError:
            self._counters["plans_failed"] += 1
            return
        if wanted:
            self._counters["plans_fallback"] += 1
            self._ladder.rung = "fallback"
            self._add(plan, settings)

    def do_without(self, plan_id: int, beats_per_bar: int) -> None:
        """The generator won't make this plan; said of an overdue one, nor will the fallback: what sounds ends with the bar."""
        request = self.planner.give_up(plan_id)
        if request is not None:
            self._hopeless.append(request)
        elif (request := self.planner.abandon(plan_id)) is not None:
            self._counters["windows_silent"] += 1
            self._ladder.rung = "nobody"
            bar_line = grid_at_or_after(request.window, beats_per_bar * PULSES_PER_BEAT)
            for end in self.schedule.sounding(*Part):
                self.schedule.end_early(bar_line, end)

    def lose_generator(self) -> None:
        """The generator will answer nothing that it was asked."""
        self._hopeless += self.planner.open_requests()

    def overdue(self, settings: Settings, transport: Transport, now_ns: int) -> Iterator[PlanRequest]:
        """Windows for which the fallback is wanted now: their plan has not come, and the last one does not fill them."""
        hopeless, self._hopeless = self._hopeless, []
        for request in [*hopeless, *self.planner.overdue(transport, now_ns)]:
            self._counters["plans_overdue"] += 1
            rest = self._ladder.rest(request, transport)
            if rest is not None and self.planner.fill(rest):
                self._counters["plans_repeated"] += 1
                self._add(rest, settings)
            else:
                yield request

    def break_off(self, played_until: int) -> int | None:
        """The stint ends: forget what was planned after `played_until`; the number of the first plan thrown away, if one is."""
        self._ladder.forget()
        self.schedule.drop_windows_after(played_until)
        return self.planner.reset()

    def next_deadline_ns(self, stint: Stint | None, settings: Settings, transport: Transport) -> int | None:
        """When something is to be asked for, given up or sent."""
        due = [self.planner.next_deadline_ns(stint, settings, transport)]
        if (pulse := self.schedule.next_pulse) is not None:
            due.append(transport.ns_at(pulse))
        return min((at for at in due if at is not None), default=None)

    def _add(self, plan: Plan, settings: Settings, first: int = 0) -> None:
        """Schedule what of a plan is not before pulse `first`; only the player strikes notes where those are harmonized."""
        if plan.chord is not None:
            self.schedule.harmony_at(max(plan.window, first), plan.chord)
        if settings.mode == "harmonize":
            return
        for note in plan.notes:
            start = NoteStart(note.part, self._channels[note.part], note.pitch, note.velocity, note.duration, plan.window)
            if plan.window + note.onset >= first:
                self.schedule.start_at(plan.window + note.onset, start)

    def _replace(self, plan: Plan, settings: Settings, first: int) -> None:
        """The generator's own plan has come after all: from pulse `first` on it is played.

        What of it should have been struck before and is held comes in at the next sixteenth: the plans to come count on it.
        """
        self.schedule.drop_window(plan.window, first)
        self._add(plan, settings, first)
        if settings.mode == "harmonize":
            return
        entry = grid_at_or_after(first, PULSES_PER_BEAT // 4)
        for note in plan.notes:
            missed, left = entry - plan.window - note.onset, plan.window + note.onset + note.duration - entry
            if plan.window + note.onset < first and note.part in HELD and left >= missed:
                channel = self._channels[note.part]
                if not self.schedule.sounds(channel, note.pitch):
                    start = NoteStart(note.part, channel, note.pitch, note.velocity, left, plan.window)
                    self.schedule.start_at(entry, start)
