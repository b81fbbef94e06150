"""The whole performer in virtual time among faults: no rule is broken, and whoever breaks one is found out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from faults.simulate import failure, main
from faults.world import Parts, simulate
from support.logged import beginning_of, log_of, replay_of

from livegen.core.effects import Ask, CountIn, Effect, Observe, Panic, Send
from livegen.core.engine import Engine
from livegen.core.events import Off
from livegen.core.ledger import Owner
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff
from livegen.core.parameters import Settings
from livegen.core.session_log import UNPLAYABLE, Entry, LoggedEngine, Received
from livegen.runtime.outlet import Outlet

ROOT = Path(__file__).parents[2]

MINUTES = 100.0
"""What is wrong is found out within so many."""


class EndsTooFew(Engine):
    """Now and then forgets to say that a note ends."""

    offs = 0

    def tick(self, now_ns: int) -> list[Effect]:
        effects = []
        for effect in super().tick(now_ns):
            self.offs += isinstance(effect, Send) and isinstance(effect.message, NoteOff)
            if self.offs < 25:
                effects.append(effect)
            else:
                self.offs = 0
        return effects


class LosesEnds(Outlet):
    """Now and then drops a note-off on its way to the port, and takes it for sent."""

    offs = 0

    def send(self, message: Message) -> bool:
        self.offs += isinstance(message, NoteOff)
        if isinstance(message, NoteOff) and self.offs % 25 == 0:
            self._record.remove(Owner.GENERATED, message.channel, message.pitch)
            return True
        return super().send(message)


class LeavesPedals(Outlet):
    """Never lifts a pedal."""

    def send(self, message: Message) -> bool:
        match message:
            case Control(_, control, value) if control == SUSTAIN and value < 64:
                return True
        return super().send(message)


class PlaysAfterPanic(Engine):
    """Stops what sounds, and keeps what is planned."""

    def receive(self, incoming: Any, now_ns: int) -> None:
        planned = list(self._score.schedule._heap)
        super().receive(incoming, now_ns)
        if isinstance(incoming, Panic):
            self._score.schedule._heap = planned


class ForgetsReleases(Engine):
    """Now and then does not tell the generators that a key came up."""

    offs = 0

    def tick(self, now_ns: int) -> list[Effect]:
        effects = []
        for effect in super().tick(now_ns):
            self.offs += isinstance(effect, Observe) and isinstance(effect.event, Off)
            if self.offs < 25:
                effects.append(effect)
            else:
                self.offs = 0
        return effects


class SendsEarly(Engine):
    """Is a millisecond ahead of its time."""

    def tick(self, now_ns: int) -> list[Effect]:
        return super().tick(now_ns + 1_000_000)


class GoesBack(Engine):
    """Counts in from where it has been."""

    def receive(self, incoming: Any, now_ns: int) -> None:
        super().receive(incoming, now_ns)
        if isinstance(incoming, CountIn):
            self.transport = replace(self.transport, anchor_pulse=self.transport.anchor_pulse - Fraction(10 * 96))


class WaitsForEver(Engine):
    """Forgets nothing that it has asked for."""

    def tick(self, now_ns: int) -> list[Effect]:
        effects = super().tick(now_ns)
        self._score.planner._overdue.update(-effect.request.plan_id for effect in effects if isinstance(effect, Ask))
        return effects


class NeverSleeps(Engine):
    """Has always something to do."""

    def next_deadline_ns(self) -> int | None:
        at_ns = super().next_deadline_ns()
        return None if at_ns is None else at_ns - 50_000_000


class CountsDown(Engine):
    """Takes back what it has counted."""

    def receive(self, incoming: Any, now_ns: int) -> None:
        super().receive(incoming, now_ns)
        if isinstance(incoming, Panic):
            self.counters["messages_in"] = 0


@pytest.mark.parametrize("seed", range(1, 13))
def test_an_hour_among_faults_breaks_no_rule(seed: int) -> None:
    """Five minutes each; `python -m tests.faults.simulate` goes on for as long as one likes."""
    outcome = simulate(seed)
    assert not outcome.broken, failure(outcome)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (Parts(engine=EndsTooFew), "begins what sounds already|sounds for|sounding|holds nothing"),
        (Parts(outlet=LosesEnds), "begins twice|which the engine has ended"),
        (Parts(outlet=LeavesPedals), "and was lifted|pedals are down"),
        (Parts(engine=PlaysAfterPanic), "begins after a panic"),
        (Parts(engine=ForgetsReleases), "the context holds"),
        (Parts(engine=SendsEarly), "ns early"),
        (Parts(engine=GoesBack), "goes back"),
        (Parts(engine=WaitsForEver), "plans are waited for"),
        (Parts(engine=NeverSleeps), "wants to be woken"),
        (Parts(engine=CountsDown), "the counter messages_in falls"),
    ],
    ids=lambda value: value.engine.__name__ + value.outlet.__name__ if isinstance(value, Parts) else "",
)
def test_what_is_wrong_is_found_out(wrong: Parts, rule: str) -> None:
    played, seed = 0.0, 0
    while played < MINUTES:
        outcome = simulate(seed := seed + 1, parts=wrong)
        played += outcome.minutes
        if outcome.broken:
            assert any(text in outcome.broken for text in rule.split("|")), outcome.broken
            return
    pytest.fail(f"not found out in {played:.0f} minutes")


@pytest.mark.parametrize("seed", [2, 4])
def test_whatever_happened_comes_out_again_from_the_log(seed: int) -> None:
    """Also plans for which a log has no words."""
    log: list[Entry] = []

    class Logged(LoggedEngine):
        def __init__(self, settings: Settings, now_ns: int, *, seed: int, channels: object) -> None:
            super().__init__(beginning_of(settings, now_ns, seed), log.append)

    outcome = simulate(seed, 2.0, Parts(engine=Logged))
    assert not outcome.broken, failure(outcome)
    replay = replay_of(log_of(log))
    assert replay.difference is None
    assert replay.ended
    assert replay.counts["lines"] == len(log)
    assert any(isinstance(entry, Received) and entry.incoming is UNPLAYABLE for entry in log)


def test_the_same_seed_is_the_same_performance() -> None:
    first, again, other = simulate(3, 1.0), simulate(3, 1.0), simulate(4, 1.0)
    assert first == again
    assert first.digest != other.digest


def test_it_is_the_same_in_another_process() -> None:
    """Nothing depends on what a process hashes its words with."""
    command = (sys.executable, "-m", "tests.faults.simulate", "--seed", "3", "--minutes", "0.5")
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"{simulate(3, 0.5).digest:08x}" in printed


def test_a_failure_says_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Parts(engine=SendsEarly)
    assert main(["--seed", "5", "--minutes", "3"], wrong) == 1
    printed = capsys.readouterr().out
    assert "again: python -m tests.faults.simulate --seed 5 --minutes 3" in printed
    assert "Send(due_ns=" in printed
    assert main(["--seed", "5", "--minutes", "3"], wrong) == 1
    assert capsys.readouterr().out == printed
