"""A whole performer in virtual time, among people and ports that fail, all of it from one seed.

The performer is the real one: its loop, its engine, its way out and its housekeeping. What it knows of threads, processes and
clocks is replaced while it is made: its inbox lets the world go on while it waits, its links lead to `people`, its ports to
`players`. Watching it costs nothing of its own time.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from livegen.core.effects import Effect
from livegen.core.engine import Engine
from livegen.core.errors import ModelError
from livegen.core.ledger import Ledger
from livegen.core.parameters import build_registry
from livegen.core.plans import Plan, PlanRequest
from livegen.devices.clock import ManualClock
from livegen.generators.markov import MarkovGenerator
from livegen.runtime import health, outlet, performer, recorder
from livegen.runtime.config import Config
from livegen.runtime.delays import Delays
from livegen.runtime.messages import Stop
from livegen.runtime.outlet import Outlet
from livegen.runtime.performer import Performer, PerformerSpec
from livegen.runtime.shared import SharedName

from .invariants import Invariants
from .people import KEPT, BrainLink, Network, Surface, random_plan
from .players import Player, Sequencer
from .ports import DELAYS_MS, System, troubles
from .timeline import MILLISECOND, SECOND, Inbox, Timeline

WORLD_MINUTES = 5.0
"""One world is played so long: what breaks can be found in a few seconds."""

_START_NS = 1_000_000_000_000
_HEALTHY_NS = 4 * SECOND
"""Before the end everything works, so that the end can be asked for silence."""
_SAMPLES = 64
"""The read-out's percentiles are of so few here: they take much time, and nobody reads them."""
_WAIT_NS = 20_000
"""Of a wait for the moment at which a message is due."""
_STYLES = ("calm", "wild")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a performer is made of: with something wrong in it, a rule must be broken."""

    engine: type[Engine] = Engine
    outlet: type[Outlet] = Outlet


RIGHT = Parts()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a world.

    Attributes:
        seed: of the world.
        asked: minutes that were asked for.
        minutes: that were played.
        digest: of all that was done and sent.
        counts: what happened, and how often.
        broken: which rule was broken, and how; empty if none was.
        events: the last before that.
    """

    seed: int
    asked: float
    minutes: float
    digest: int
    counts: dict[str, int]
    broken: str = ""
    events: tuple[str, ...] = ()


def simulate(seed: int, minutes: float = WORLD_MINUTES, parts: Parts = RIGHT) -> Outcome:
    """Play one world to its end, or until a rule is broken."""
    world = _World(seed, minutes, parts)
    broken, events = "", ()
    try:
        world.run()
    except Exception as error:  # noqa: BLE001 - whatever ends a performer is what is looked for
        broken = f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}"
        events = tuple(world.rules.events())
    return Outcome(seed, minutes, world.played_ns / 60e9, world.rules.digest, world.counts(), broken, events)


class _World:
    def __init__(self, seed: int, minutes: float, parts: Parts) -> None:
        self._random = partial(_random_for, seed)
        self._climate = climate = self._random("climate")
        self._timeline = Timeline(_START_NS)
        self._clock = ManualClock(_START_NS)
        self._sleeps = self._random("sleeps")
        self._sleepy = climate.choice((0.0, 1.0, 5.0))
        self._healthy = False
        self._inbox = Inbox(self._timeline, self._clock, self._oversleep)
        self.rules = Invariants()
        burst_bytes = climate.choice((1 << 16, 1024, 256))
        self._system = System(self._timeline, self._clock, self._random("system"), self.rules, burst_bytes)
        self.rules.synth = self._system.synth
        self._registry = build_registry(_STYLES)
        self._end_ns = _START_NS + round(minutes * 60e9)
        with _stand_ins(self._clock, self.rules, parts, self._fallback()):
            self._performer = Performer(self._spec(seed), SimpleNamespace())
        self._performer.inbox = self._inbox
        self._parts = parts

    def _spec(self, seed: int) -> PerformerSpec:
        config = Config(backend="none", input="keys", output="synth", seed=seed)
        return PerformerSpec(
            config,
            _STYLES,
            tuple(KEPT.items()),
            address="",
            shared=SharedName(""),
            backend=self._system,
            restarted=self._climate.random() < 0.5,
            delays=Delays(DELAYS_MS),
        )

    def _fallback(self) -> Callable[[], Any]:
        """Now and then the real one, which takes most of the time."""
        if self._climate.random() < 0.15:
            return MarkovGenerator
        return partial(_Fallback, self._random("fallback"), self._climate.choice((0.0, 0.0, 0.2)))

    def run(self) -> None:
        """Play to the end, and close.

        Raises:
            Exception: a rule was broken, or the performer died.
        """
        timeline, climate, inbox = self._timeline, self._climate, self._inbox
        player = Player(
            timeline,
            self._system,
            self._random("player"),
            rest_s=climate.choice((0.5, 2.0, 8.0)),
            senses=climate.random() < 0.5,
        )
        network = Network(timeline, inbox, self._random("network"), every_s=climate.choice((60.0, 300.0)))
        sequencer = Sequencer(timeline, self._system, self._random("sequencer"), every_s=climate.choice((60.0, 300.0)))
        surface = Surface(timeline, inbox, self._registry, self._random("surface"), every_s=climate.choice((2.0, 8.0, 30.0)))
        brain = BrainLink(timeline, inbox, self._random("brain"), life_s=climate.choice((5.0, 60.0, 600.0)))
        trouble = troubles(self._system, timeline, self._random("trouble"), every_s=climate.choice((3.0, 20.0, 120.0)))
        for begin in (player.begin, sequencer.begin, network.begin, surface.begin, trouble):
            begin()
        timeline.after(climate.randrange(20) * SECOND, brain.call)
        timeline.after(SECOND, self._count)
        timeline.at(self._end_ns - _HEALTHY_NS, self._heal)
        self._play()

    def _play(self) -> None:
        """Let the performer play among those who have begun, until the end; then all must be still."""
        self._timeline.at(self._end_ns, lambda: self._inbox.put(Stop()))
        with _stand_ins(self._clock, self.rules, self._parts, self._fallback()):
            self._performer.start()
            self._performer.run()
            self._performer.close()
        self._system.settle()
        self.rules.ended()

    @property
    def played_ns(self) -> int:
        """How long has been played."""
        return self._clock.now_ns() - _START_NS

    def counts(self) -> dict[str, int]:
        """What happened, and how often."""
        counters = self._performer._engine.counters + self._performer._counters
        return {**self.rules.counts, **self._system.faults, **counters, "inbox longest": self._inbox.longest}

    def _heal(self) -> None:
        self._healthy = True
        self._system.heal()

    def _count(self) -> None:
        """What the read-out says."""
        counters = self._performer._engine.counters + self._performer._counters
        self.rules.counted({**counters, "sends_failed": self._performer._outlet.failed})
        self._timeline.after(SECOND, self._count)

    def _oversleep(self) -> int:
        """The owner wakes late: as a rule by little, now and then by far, rarely by seconds."""
        random = self._sleeps
        if random.random() >= 0.002 * self._sleepy or self._healthy:
            return random.randrange(20_000, 200_000)
        return (
            random.choices((random.randrange(60), random.randrange(600), random.randrange(5000)), (80, 15, 5))[0] * MILLISECOND
        )


class _Fallback:
    """A generator that plays anything, and sometimes nothing or what cannot be played."""

    name = "simulated"
    notice = None

    def __init__(self, random: Random, fails: float) -> None:
        self._random = random
        self._fails = fails

    def observe(self, event: object) -> None:
        """It does not listen."""

    def plan(self, request: PlanRequest) -> Plan:
        """Fill a window."""
        if self._random.random() < self._fails:
            if self._random.random() < 0.5:
                raise ModelError("simulated")
            return replace(random_plan(request, self._random), window=request.window + 1)
        return random_plan(request, self._random)

    def snapshot(self) -> object:
        """There is nothing to remember."""
        return None

    def restore(self, state: object) -> None:
        """There is nothing to remember."""

    def reset(self) -> None:
        """There is nothing to forget."""


class _Nobody:
    """A link to somebody who only listens, or the hub, where nobody calls but who is simulated; or shared memory of our own."""

    role, pid, dropped, alive = "supervisor", 0, 0, True

    def __init__(self, *_: object) -> None:
        self.ledger = Ledger()

    attach = classmethod(lambda cls, _: cls())

    def post(self, _: object) -> bool:
        """Taken, and forgotten."""
        return True

    def start(self) -> None:
        """Nothing runs."""

    def beat(self, *_: object) -> None:
        """Nobody looks."""

    def restarts(self, _: str) -> int:
        """Nobody was."""
        return 0

    def close(self) -> None:
        """Nothing was open."""


def _watched(base: type[Engine], rules: Invariants) -> type[Engine]:
    """An engine that is watched as it is used."""

    class Watched(base):  # type: ignore[misc,valid-type]
        def receive(self, incoming: Any, now_ns: int) -> None:
            rules.received(incoming, now_ns, self)
            super().receive(incoming, now_ns)

        def tick(self, now_ns: int) -> list[Effect]:
            effects: list[Effect] = super().tick(now_ns)
            rules.ticked(effects, now_ns, self)
            return effects

        def next_deadline_ns(self) -> int | None:
            at_ns: int | None = super().next_deadline_ns()
            rules.deadline(at_ns)
            return at_ns

        def send_earlier(self, by_ns: int) -> None:
            super().send_earlier(by_ns)
            rules.moved()

        def close(self, now_ns: int) -> list[Effect]:
            effects: list[Effect] = super().close(now_ns)
            rules.closed(effects, now_ns, self)
            return effects

    return Watched


@contextmanager
def _stand_ins(clock: ManualClock, rules: Invariants, parts: Parts, fallback: Callable[[], Any]) -> Iterator[None]:
    """In place of what the performer knows of threads, processes, clocks and the interpreter."""
    names = {
        "MonotonicClock": lambda: clock,
        "Link": _Nobody,
        "Hub": _Nobody,
        "SharedState": _Nobody,
        "Outlet": parts.outlet,
        "MarkovGenerator": fallback,
        "gc": SimpleNamespace(collect=lambda: 0, freeze=lambda: None),
        "sys": SimpleNamespace(setswitchinterval=lambda _: None),
        "time": SimpleNamespace(sleep=lambda _: clock.advance(_WAIT_NS)),
    }
    asleep = SimpleNamespace(sleep=lambda seconds: clock.advance(round(seconds * 1e9)))
    with (
        patch.multiple(performer, **names),
        patch.object(health, "SAMPLES", _SAMPLES),
        patch.object(outlet, "time", asleep),
        patch.object(recorder, "Engine", _watched(parts.engine, rules)),
    ):
        yield


def _random_for(seed: int, name: str) -> Random:
    """Everybody has random numbers of their own, so that a change to one does not change all."""
    return Random(f"{seed} {name}")
