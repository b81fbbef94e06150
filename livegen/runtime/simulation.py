"""Virtual time: the daemon's own engine and generator under a manual clock, and a recorded player. Deterministic for a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from livegen.core.effects import Answered, Ask, Discard, Effect, Observe, Overdue, Send, Stopgap
from livegen.core.engine import CHANNELS, Engine
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Message, NoteOff, NoteOn
from livegen.core.parameters import Settings, Value
from livegen.core.plans import Plan
from livegen.devices.clock import ManualClock
from livegen.generators.band import Band
from livegen.runtime.midi_files import Performance

TAIL_BEATS = 8
"""How long the agent may go on after the player's last message."""

Progress = Callable[[float], None]
"""Is given the share of the performance that is done, 0..1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: where the phrase ended and the first note began, in beats, and the delay between them."""

    phrase_end_beat: float
    start_beat: float
    delay_beats: float
    delay_ms: float


@dataclass(slots=True)
class Session:
    """What came of a simulation.

    Attributes:
        tracks: the agent's messages by part, with positions in pulses, to a thousandth.
        plans: every plan that was made, in order.
        answers: in order.
        counters: the engine's.
    """

    tracks: dict[Part, list[tuple[Fraction, Message]]] = field(default_factory=lambda: defaultdict(list))
    plans: list[Plan] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def notes(self) -> dict[str, int]:
        """Number of notes by part."""
        return {
            part.label: sum(isinstance(message, NoteOn) for _, message in self.tracks[part]) for part in sorted(self.tracks)
        }


class Simulation:
    """One player's performance played to the agent in virtual time.

    Args:
        performance: the player.
        settings: parameters; tempo and metre are taken from the performance, and nothing is played through.
        band: the agent; its context is forgotten first.
        seed: the agent's random numbers.
    """

    def __init__(self, performance: Performance, settings: Settings, band: Band, seed: int = 0) -> None:
        band.reset()
        # Played through, the player's notes would be taken for the agent's; they have a track of their own. Nothing comes back.
        changes: dict[str, Value] = {"tempo/bpm": performance.tempi[0][1], "beats_per_bar": performance.beats_per_bar}
        changes |= {"thru": False, "echo/guard": False}
        self._clock = ManualClock()
        self._band = band
        self._performance = performance
        self._engine = Engine(settings.with_changes(changes)[0], self._clock.now_ns(), seed=seed)
        self._parts = {channel: part for part, channel in CHANNELS.items()}
        self._session = Session()

    def run(self, progress: Progress = lambda _: None) -> Session:
        """Play to the end and `TAIL_BEATS` beyond, then release everything.

        Raises:
            ModelError: the generator failed.
        """
        incoming = self._incoming()
        end = self._performance.end
        for index, (pulse, item) in enumerate(incoming):
            self._advance_to(pulse)
            self._receive(item)
            if index % 64 == 0:
                progress(float(pulse / end) if end else 1.0)
        self._advance_to(end + TAIL_BEATS * PULSES_PER_BEAT)
        self._perform(self._engine.close(self._clock.now_ns()))
        self._session.counters = dict(self._engine.counters)
        progress(1.0)
        return self._session

    def _incoming(self) -> list[tuple[Fraction, Message | Value]]:
        """Tempo changes and messages by position, the tempo first where both fall together."""
        tempi: list[tuple[Fraction, Message | Value]] = list(self._performance.tempi[1:])
        return sorted([*tempi, *self._performance.messages], key=lambda item: item[0])

    def _receive(self, item: Message | Value) -> None:
        now_ns = self._clock.now_ns()
        if isinstance(item, float | int | str):
            self._engine.receive(self._engine.settings.with_changes({"tempo/bpm": item})[0], now_ns)
        else:
            self._engine.receive(item, now_ns)
        self._perform(self._engine.tick(now_ns))

    def _advance_to(self, pulse: Fraction) -> None:
        """Let the agent act until the player's next moment; what is due at that very moment comes first."""
        until_ns = max(self._clock.now_ns(), self._engine.transport.ns_at(pulse))
        while (deadline_ns := self._engine.next_deadline_ns()) is not None and deadline_ns <= until_ns:
            self._clock.set(max(deadline_ns, self._clock.now_ns()))
            self._perform(self._engine.tick(self._clock.now_ns()))
        self._clock.set(until_ns)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(due_ns, message):
                    if (part := self._parts.get(getattr(message, "channel", -1))) is not None and _is_note(message):
                        self._session.tracks[part].append((self._position(due_ns), message))
                case Observe(event):
                    self._band.observe(event)
                case Ask(request) | Overdue(request):
                    plan = self._band.plan(request)
                    self._session.plans.append(plan)
                    self._engine.receive(plan if isinstance(effect, Ask) else Stopgap(plan), self._clock.now_ns())
                    self._perform(self._engine.tick(self._clock.now_ns()))
                case Discard(plan_id):
                    self._band.discard(plan_id)
                case Answered(phrase_end_ns, due_ns):
                    self._answered(phrase_end_ns, due_ns)

    def _position(self, time_ns: int) -> Fraction:
        """Where that is in pulses, to a thousandth: times are whole nanoseconds, but what is due on a pulse stands on it."""
        return Fraction(round(self._engine.transport.exact_pulse_at(time_ns) * 1000), 1000)

    def _answered(self, phrase_end_ns: int, due_ns: int) -> None:
        transport = self._engine.transport
        end, start = (transport.pulse_at(time_ns) / PULSES_PER_BEAT for time_ns in (phrase_end_ns, due_ns))
        self._session.answers.append(
            Answer(round(end, 4), round(start, 4), round(start - end, 4), round((due_ns - phrase_end_ns) / 1e6, 3))
        )


def _is_note(message: Message) -> bool:
    return isinstance(message, NoteOn | NoteOff)
