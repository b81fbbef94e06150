"""Who is connected to a performer: a control surface and a brain; neither behaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from livegen.core.effects import Ask, CountIn, Panic, SessionBeat, Tap
from livegen.core.events import Note, Part
from livegen.core.harmony import QUALITIES, ChordSymbol
from livegen.core.parameters import CLOCK_SOURCES, Parameter, Registry
from livegen.core.plans import Plan, PlanRequest
from livegen.runtime.link import Arrived, LinkDown, LinkUp
from livegen.runtime.messages import Change, Failed, GeneratorReady, TakeTimings

from .timeline import MILLISECOND, SECOND, Inbox, Timeline

KEPT = {"echo/guard": False}
"""A guess at what the player means, which the context would show; it has tests of its own."""


class Surface:
    """A control surface whose knobs turn by themselves."""

    def __init__(self, timeline: Timeline, inbox: Inbox, registry: Registry, random: Random, every_s: float) -> None:
        self._timeline = timeline
        self._inbox = inbox
        self._registry = registry
        self._random = random
        self._every_s = every_s

    def begin(self) -> None:
        """Wait for the next turn of a knob."""
        self._timeline.after(round(self._random.expovariate(1 / self._every_s) * SECOND) + 1, self._turn)

    def say(self, message: Any) -> None:
        """A message of the desk arrives."""
        self._inbox.put(Arrived("desk", message, self._timeline.now_ns()))

    def _turn(self) -> None:
        random = self._random
        kind = random.choices(("change", "mode", "source", "panic", "tap", "count", "timings"), (10, 4, 2, 4, 2, 2, 1))[0]
        match kind:
            case "change":
                chosen = random.choices(
                    [row for row in self._registry.parameters if row.name not in KEPT], k=random.randrange(1, 4)
                )
                self.say(Change(tuple((parameter.name, self._value(parameter)) for parameter in chosen)))
                # These cost the most to simulate, and are no fault that must last.
                self._timeline.after(5 * SECOND, lambda: self.say(Change((("clock/send", False), ("click", False)))))
            case "mode":
                self.say(Change((("mode", random.choice(("respond", "accompany", "harmonize", "listen"))),)))
                self.say(Change(tuple((f"part/{part.label}", True) for part in Part)))
            case "source":
                self.say(Change((("clock/source", random.choice(CLOCK_SOURCES)),)))
            case "panic":
                self.say(Panic())
            case "tap":
                for beat in range(random.randrange(1, 6)):
                    self._timeline.after(round(beat * random.uniform(0.3, 0.6) * SECOND), lambda: self.say(Tap()))
            case "count":
                self.say(CountIn())
            case _:
                self._inbox.put(Arrived("supervisor", TakeTimings(), self._timeline.now_ns()))
        self.begin()

    def _value(self, parameter: Parameter) -> Any:
        """A legal value, or now and then one of another kind."""
        random = self._random
        if random.random() < 0.1:
            return random.choice((math.nan, math.inf, -1e300, 10**40, "", "loud", None, b"\0", True, -7, 1e9))
        match parameter.kind:
            case "choice":
                return random.choice(parameter.choices)
            case "bool":
                return random.random() < 0.5
            case "int":
                return random.randint(int(parameter.low), int(parameter.high))
            case _:
                return random.uniform(parameter.low, parameter.high)


class Network:
    """An Ableton Link session, in bouts: others come and go, change the tempo, are elsewhere in the bar, and fall silent."""

    def __init__(self, timeline: Timeline, inbox: Inbox, random: Random, every_s: float) -> None:
        self._timeline = timeline
        self._inbox = inbox
        self._random = random
        self._every_s = every_s
        self._left = 0
        self._session = SessionBeat(0.0, 0, 120.0, 0)

    def begin(self) -> None:
        """Wait for the next bout."""
        self._timeline.after(round(self._random.expovariate(1 / self._every_s) * SECOND) + 1, self._bout)

    def _bout(self) -> None:
        self._left = self._random.randrange(2, 60)
        self._session = SessionBeat(self._random.uniform(-8, 1000), self._timeline.now_ns(), 120.0, self._random.randrange(3))
        self._say()

    def _say(self) -> None:
        random, now_ns, said = self._random, self._timeline.now_ns(), self._session
        found = replace(said, beat=said.beat + (now_ns - said.time_ns) * said.tempo_bpm / 60e9, time_ns=now_ns)
        match random.randrange(20):
            case 0:
                found = replace(found, tempo_bpm=random.uniform(20, 999))
            case 1:
                found = replace(found, beat=found.beat + random.choice((-1.0, 0.3, 2.0, 1e6)))
            case 2:
                found = replace(found, peers=random.randrange(4))
        self._session = found
        self._inbox.put(Arrived("ableton", found, now_ns))
        self._left -= 1
        if self._left:
            self._timeline.after(random.choice((20, 500, 500, 3000)) * MILLISECOND, self._say)
        else:
            self.begin()


class BrainLink:
    """The performer's link to a brain that is in time, late, silent, wrong, or dead."""

    role = "brain"
    pid = 1

    def __init__(self, timeline: Timeline, inbox: Inbox, random: Random, life_s: float) -> None:
        self._timeline = timeline
        self._inbox = inbox
        self._random = random
        self._life_s = life_s
        self._alive = True

    def call(self) -> None:
        """The brain calls, is ready a little later, and dies some day; then another calls."""
        self._inbox.put(LinkUp(self))
        self._timeline.after(self._random.randrange(SECOND // 2), lambda: self._say(GeneratorReady("simulated")))
        self._timeline.after(round(self._random.expovariate(1 / self._life_s) * SECOND) + 1, self._die)

    def close(self) -> None:
        """Hang up."""
        self._alive = False

    def _die(self) -> None:
        if not self._alive:
            return
        self._alive = False
        self._inbox.put(LinkDown(self))
        after = BrainLink(self._timeline, self._inbox, self._random, self._life_s)
        self._timeline.after(self._random.randrange(5 * SECOND), after.call)

    def _say(self, message: Any) -> None:
        if self._alive:
            self._inbox.put(Arrived("brain", message, self._timeline.now_ns()))

    def post(self, message: Any) -> bool:
        """What the performer says; False where its queue is full."""
        if not isinstance(message, Ask):
            return True
        random, request = self._random, message.request
        if random.random() < 0.02:
            return False
        kind = random.choices(("plan", "wrong", "failed", "nothing", "twice"), (80, 6, 4, 6, 4))[0]
        lengths_ms = random.choices(((1, 20), (20, 80), (80, 400), (400, 4000)), (70, 15, 10, 5))[0]
        delay_ns = round(random.uniform(*lengths_ms) * MILLISECOND)
        answers: list[Plan | Failed] = []
        match kind:
            case "plan" | "twice":
                answers = [random_plan(request, random)] * (1 + (kind == "twice"))
            case "wrong":
                answers = [wrong_plan(request, random)]
            case "failed":
                answers = [Failed(random.choice((request.plan_id, request.plan_id, None, 0)), "simulated")]
        for answer in answers:
            self._timeline.at(self._timeline.now_ns() + delay_ns, lambda answer=answer: self._say(answer))
        return True


def random_plan(request: PlanRequest, random: Random) -> Plan:
    """Notes that can be played, if not listened to."""
    tick = request.tick
    notes = [
        Note(
            part,
            random.randrange(tick.hop),
            random.randrange(24, 100),
            random.choice((1, 3, 6, 12, 24, 96, 400)),
            random.randrange(1, 128),
        )
        for part in sorted(tick.parts)
        for _ in range(random.choice((0, 1, 2, 4)))
    ]
    chord = (
        ChordSymbol(random.randrange(12), random.choice(QUALITIES)) if request.wants_chord and random.random() < 0.9 else None
    )
    notes.sort(key=lambda note: (note.part, note.onset, note.pitch))
    return Plan(request.plan_id, request.window, tick.hop, chord, tuple(notes))


def wrong_plan(request: PlanRequest, random: Random) -> Plan:
    """One that no sound generator makes."""
    plan, note = random_plan(request, random), Note(min(request.tick.parts), 0, 60, 12, 80)
    strange: Any = random.choice((math.nan, math.inf, 60.5, None, "60", 10**30, -1))
    changes: list[Callable[[], dict[str, Any]]] = [
        lambda: {"notes": (*plan.notes, replace(note, **{random.choice(("pitch", "velocity", "onset", "part")): strange}))},
        lambda: {"notes": (*plan.notes, replace(note, duration=random.choice((0, -5, math.nan, math.inf, None))))},
        lambda: {"notes": (*plan.notes, replace(note, onset=request.tick.hop))},
        lambda: {"notes": (*plan.notes, replace(note, part=random.choice((*Part, 7))))},
        lambda: {"notes": tuple(replace(note, pitch=pitch) for pitch in range(128) for _ in range(9))},
        lambda: {"notes": (*plan.notes, strange)},
        lambda: {"notes": strange},
        lambda: {"chord": strange if strange is not None else "Cmaj"},
        lambda: {"window": plan.window + 24},
        lambda: {"hop": plan.hop + 12},
        lambda: {"plan_id": random.choice((plan.plan_id + 1000, plan.plan_id - 1, -1))},
    ]
    return replace(plan, **random.choice(changes)())
