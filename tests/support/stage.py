"""An engine on a manual clock: a test plays, says when time passes, and looks at what went out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from livegen.core.effects import Answered, Ask, Discard, Effect, Observe, Overdue, Send, Stopgap
from livegen.core.engine import LATE_NS, Engine, Incoming
from livegen.core.events import PULSES_PER_BEAT, Note, Part, PlayerEvent
from livegen.core.ledger import Ledger
from livegen.core.midi import Control, Message, NoteOff, NoteOn
from livegen.core.parameters import Settings, build_registry
from livegen.core.plans import Plan, PlanRequest
from livegen.devices.clock import ManualClock
from livegen.generators.band import Band
from livegen.runtime.midi_files import Performance

BEAT = PULSES_PER_BEAT
BEAT_NS = 500_000_000
"""A beat at 120 beats a minute, the default tempo."""

LEAD, CHORDS, BASS = 0, 1, 2
"""The agent's channels."""

PLAYER = 5
"""A channel that the agent does not use."""


def settings_with(**changes: object) -> Settings:
    """The default settings with changes; a double underscore stands for the slash in a name."""
    settings, notices = build_registry().defaults().with_changes(named(changes))
    assert not notices
    return settings


def named(changes: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("__", "/"): value for name, value in changes.items()}


def plan_for(request: PlanRequest, notes: Iterable[Note] = ()) -> Plan:
    return Plan(request.plan_id, request.window, request.tick.hop, None, tuple(notes))


def lead(onset: int, pitch: int, duration: int = 6, velocity: int = 80) -> Note:
    return Note(Part.LEAD, onset, pitch, duration, velocity)


def performance(*notes: tuple[float, int, float], **fields: object) -> Performance:
    """A player's notes as (begin in beats, pitch, length in beats)."""
    moments: list[tuple[Fraction, Message]] = []
    for begin, pitch, length in notes:
        moments.append((Fraction(begin) * BEAT, NoteOn(PLAYER, pitch, 80)))
        moments.append((Fraction(begin + length) * BEAT, NoteOff(PLAYER, pitch)))
    return Performance(tuple(sorted(moments, key=lambda moment: (moment[0], isinstance(moment[1], NoteOn)))), **fields)


class Wire:
    """What the synthesizer hears; fails as soon as the law is broken that every note-on has one note-off."""

    def __init__(self) -> None:
        self.sounding: set[tuple[int, int]] = set()
        self.pedals: set[int] = set()

    def hear(self, message: Message) -> None:
        match message:
            case NoteOn(channel, pitch):
                assert (channel, pitch) not in self.sounding, f"{message} while it sounds"
                self.sounding.add((channel, pitch))
            case NoteOff(channel, pitch):
                assert (channel, pitch) in self.sounding, f"{message}, which does not sound"
                self.sounding.remove((channel, pitch))
            case Control(channel, 64, value) if value >= 64:
                self.pedals.add(channel)
            case Control(channel, 64 | 121):
                self.pedals.discard(channel)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message and when it went out."""

    time_ns: int
    due_ns: int
    message: Message
    part: Part | None


class Stage:
    """Carries out the engine's effects and checks at every step what must hold at any time.

    Args:
        settings: to begin with.
        band: answers requests at once; without one they are kept in `asked`, for the test to answer with `plan_for`.
        advance_ns: how long before it is to be heard the engine must send.
    """

    def __init__(self, settings: Settings | None = None, band: Band | None = None, seed: int = 0, advance_ns: int = 0) -> None:
        self.clock = ManualClock()
        self.ledger = Ledger()
        self.engine = Engine(settings or settings_with(), 0, self.ledger, seed)
        self.engine.send_earlier(advance_ns)
        self.wire = Wire()
        self.sent: list[Sent] = []
        self.asked: list[PlanRequest] = []
        self.overdue: list[PlanRequest] = []
        self.observed: list[PlayerEvent] = []
        self.discarded: list[int] = []
        self.answers: list[Answered] = []
        self._band = band

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    @property
    def pulse(self) -> float:
        return self.engine.transport.pulse_at(self.now_ns)

    def receive(self, incoming: Incoming) -> list[Sent]:
        """Give the engine something and let it act; what it sent in that moment."""
        self.engine.receive(incoming, self.now_ns)
        return self.tick()

    def tick(self) -> list[Sent]:
        before = len(self.sent)
        self._perform(self.engine.tick(self.now_ns))
        deadline_ns = self.engine.next_deadline_ns()
        assert deadline_ns is None or deadline_ns > self.now_ns, "nothing that is due may be left undone"
        assert self.wire.sounding == set(self.ledger.sounding())
        return self.sent[before:]

    def press(self, pitch: int, channel: int = PLAYER, velocity: int = 80) -> list[Sent]:
        return self.receive(NoteOn(channel, pitch, velocity))

    def release(self, pitch: int, channel: int = PLAYER) -> list[Sent]:
        return self.receive(NoteOff(channel, pitch))

    def play(self, pitch: int, beats: float) -> None:
        """Strike a key, hold it for so many beats, and let it go."""
        self.press(pitch)
        self.advance(beats)
        self.release(pitch)

    def change(self, **changes: object) -> list[Sent]:
        return self.receive(self.engine.settings.with_changes(named(changes))[0])

    def answer(self, *notes: Note) -> list[Sent]:
        """Answer the oldest open request with these notes."""
        return self.receive(plan_for(self.asked.pop(0), notes))

    def advance(self, beats: float) -> list[Sent]:
        """Let so many beats pass at the tempo that holds now, awake at every deadline."""
        return self.advance_to_ns(self.now_ns + self.engine.transport.ns_of_beats(beats))

    def advance_to_ns(self, until_ns: int) -> list[Sent]:
        before = len(self.sent)
        while (deadline_ns := self.engine.next_deadline_ns()) is not None and deadline_ns <= until_ns:
            self.clock.set(deadline_ns)
            self.tick()
        self.clock.set(until_ns)
        return self.sent[before:]

    def sleep(self, delta_ns: int) -> list[Sent]:
        """Let time pass without being awake, then wake once."""
        self.clock.advance(delta_ns)
        return self.tick()

    def close(self) -> list[Sent]:
        before = len(self.sent)
        self._perform(self.engine.close(self.now_ns))
        assert self.wire.sounding == set(self.ledger.sounding()) == set()
        return self.sent[before:]

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(due_ns, message, part):
                    assert due_ns <= self.now_ns, "nothing goes out before its time"
                    if part is not None and isinstance(message, NoteOn):
                        assert self.now_ns - due_ns <= LATE_NS, "a late note-on is dropped"
                    self.wire.hear(message)
                    self.sent.append(Sent(self.now_ns, due_ns, message, part))
                case Observe(event):
                    self.observed.append(event)
                    if self._band is not None:
                        self._band.observe(event)
                case Ask(request) if self._band is not None:
                    self.receive(self._band.plan(request))
                case Overdue(request) if self._band is not None:
                    self.receive(Stopgap(self._band.plan(request)))
                case Ask(request):
                    self.asked.append(request)
                case Overdue(request):
                    self.overdue.append(request)
                case Discard(plan_id):
                    self.discarded.append(plan_id)
                    if self._band is not None:
                        self._band.discard(plan_id)
                case Answered():
                    self.answers.append(effect)


def messages(sent: Iterable[Sent]) -> list[Message]:
    return [item.message for item in sent]


def note_ons(sent: Iterable[Sent]) -> list[NoteOn]:
    return [item.message for item in sent if isinstance(item.message, NoteOn)]


def note_offs(sent: Iterable[Sent]) -> list[NoteOff]:
    return [item.message for item in sent if isinstance(item.message, NoteOff)]
