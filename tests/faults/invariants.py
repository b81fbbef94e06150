"""What must hold at every moment of a performance, whatever fails: watched at the engine, at the wire and at the synth."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Protocol
from zlib import crc32

from livegen.core.click import BEAT, DOWNBEAT
from livegen.core.effects import CountIn, Effect, InputLost, Observe, Panic, Send
from livegen.core.engine import LONGEST_PULSES, Engine
from livegen.core.events import On, PlayerEvent
from livegen.core.ledger import Owner
from livegen.core.listener import RESET_CONTROLLERS
from livegen.core.midi import SUSTAIN, Control, NoteOff, NoteOn
from livegen.core.sensing import SILENCE_NS

from .keyboard import Key, Keyboard
from .timeline import MILLISECOND, SECOND

MOST_SCHEDULED = 3000
MOST_OPEN = 64
MOST_EFFECTS = 1500
"""Effects of one tick, besides one for each pulse that has gone by since the last: a clock is sent late rather than never."""

LOOK_NS = SECOND // 4
MENDED_NS = 2 * SECOND
"""So long after its end, or after the port is back, nothing sounds on; what the owner oversleeps does not count."""

_SLACK_PULSES = 24
_CLICK_NS = SECOND
_EVENTS = 80


class RuleError(AssertionError):
    """A rule was broken."""


class Listening(Protocol):
    """A synth."""

    sounding: dict[Key, int]
    pedals: set[int]


class _Silence:
    """A synth that hears nothing."""

    def __init__(self) -> None:
        self.sounding: dict[Key, int] = {}
        self.pedals: set[int] = set()


class Invariants:
    """Is told what goes in and out, and raises `RuleError` when a rule is.

    Attributes:
        synth: who listens at the port.
        digest: of all effects and of all that went over the wire: the same run has the same.
        counts: how much of what there was.
    """

    def __init__(self) -> None:
        self.synth: Listening = _Silence()
        self.digest = 0
        self.counts: Counter[str] = Counter()
        self._last: deque[tuple[int, str, object]] = deque(maxlen=_EVENTS)
        self._keyboard = Keyboard()
        self._heard: Counter[int] = Counter()
        """By pitch: notes of the player that the generators have heard begin and not end."""
        self._sounding: dict[Key, tuple[int, float | None]] = {}
        """By the engine: when it began, and at what pulse if it was scheduled."""
        self._ended_ns: dict[Key, int] = {}
        """When the engine has last ended it."""
        self._lifted_ns: dict[int, int] = {}
        """By channel: when the engine has lifted the pedal, where that was its last word on it."""
        self._quiet = False
        """There was a panic, and nobody has asked for music since."""
        self._counted_in = False
        """A count was asked for since the last panic."""
        self._pulse = 0.0
        self._tick_ns = 0
        self._back_ns = 0
        """How far before the last tick something was received, or the transport was bent: so far a position may go back."""
        self._deadline_is_new = False
        self._looked_ns = 0
        self._wire: dict[Key, bool] = {}
        """Whether the last message began a note, where all since the opening went out."""
        self._is_there = True
        self._takes_since_ns = 0
        self._counters: Mapping[str, int] = {}
        self._there_ns = 0
        """When the keyboard said last that it was there."""
        self._losses = 0

    def events(self) -> list[str]:
        """The last that happened, for whoever must find out why a rule was broken."""
        return [f"{time_ns / 1e9:14.6f} s  {what:8} {shown}" for time_ns, what, shown in self._last]

    # --- the engine ---

    def received(self, incoming: Any, now_ns: int, engine: Engine) -> None:
        """Before the engine takes something in."""
        self._last.append((now_ns, "receive", incoming))
        self.counts["received"] += 1
        self._deadline_is_new = False
        self._back_ns = max(self._back_ns, self._tick_ns - now_ns)
        match incoming:
            case NoteOn():
                self._quiet = False
                self._keyboard.receive(incoming, engine.settings)
            case NoteOff() | Control():
                self._keyboard.receive(incoming, engine.settings)
            case InputLost():
                self._keyboard.gone()
            case Panic():
                self._keyboard.gone()
                self._quiet, self._counted_in = True, False
            case CountIn():
                self._counted_in = True

    def ticked(self, effects: list[Effect], now_ns: int, engine: Engine) -> None:
        """After a tick."""
        if engine.counters["sensing_losses"] != self._losses:
            self._losses = engine.counters["sensing_losses"]
            self._keyboard.gone()
            silent_ns = now_ns - self._there_ns
            self._rule(silent_ns >= SILENCE_NS, "a keyboard is taken for gone that spoke {} ns ago", silent_ns)
        if len(effects) > MOST_EFFECTS:
            pulses = engine.transport.beats(max(0, now_ns - self._tick_ns)) * 24
            self._rule(len(effects) <= MOST_EFFECTS + 4 * pulses, "a tick has {} effects", len(effects))
        for effect in effects:
            self._last.append((now_ns, "effect", effect))
            if isinstance(effect, Send):
                self._sends(effect, now_ns, engine)
            elif isinstance(effect, Observe):
                self._heard_of(effect.event)
            else:
                self._mark(now_ns, type(effect).__name__.encode())
        self._position(now_ns, engine)
        self._tick_ns = now_ns
        self._deadline_is_new = True
        if now_ns >= self._looked_ns + LOOK_NS:
            self._look(now_ns, engine)

    def deadline(self, at_ns: int | None) -> None:
        """What the engine says when it is asked when to come back."""
        if at_ns is not None and self._deadline_is_new:
            self._rule(at_ns > self._tick_ns, "after a tick the engine wants to be woken {} ns ago", self._tick_ns - at_ns)

    def moved(self) -> None:
        """The output's delay is another: what is due may be past."""
        self._deadline_is_new = False

    def closed(self, effects: list[Effect], now_ns: int, engine: Engine) -> None:
        """After the engine's end."""
        self._keyboard.gone()
        for effect in effects:
            if isinstance(effect, Send):
                self._sends(effect, now_ns, engine)
            elif isinstance(effect, Observe):
                self._heard_of(effect.event)
        self._rule(not self._sounding, "after its end the engine has left {} sounding", sorted(self._sounding))
        self._context()

    def _sends(self, send: Send, now_ns: int, engine: Engine) -> None:
        self.counts["sends"] += 1
        self._rule(send.due_ns <= now_ns, "{} was sent {} ns early", send, send.due_ns - now_ns)
        match send.message:
            case NoteOn(channel, pitch):
                key = (channel, pitch)
                self.counts["notes"] += 1
                self._rule(key not in self._sounding, "{} begins what sounds already", send)
                self._rule(not self._quiet or self._may_click(send, engine), "{} begins after a panic", send)
                # A key of the player's on a note of the agent's: when he lets go, it has its planned end still.
                planned = send.part is not None or engine._score.schedule.sounds(channel, pitch)
                self._sounding[key] = (now_ns, engine.transport.pulse_at(now_ns) if planned else None)
                self._ended_ns.pop(key, None)
            case NoteOff(channel, pitch):
                key = (channel, pitch)
                self._rule(key in self._sounding, "{} ends what does not sound", send)
                self._sounding.pop(key, None)
                self._ended_ns[key] = now_ns
            case Control(channel, control, value) if control == SUSTAIN and value >= 64:
                self._lifted_ns.pop(channel, None)
            case Control(channel, control) if control in {SUSTAIN, RESET_CONTROLLERS}:
                self._lifted_ns[channel] = now_ns

    def _may_click(self, send: Send, engine: Engine) -> bool:
        """A click is asked for by its parameter, and by a count."""
        is_click = isinstance(send.message, NoteOn) and send.part is None and send.message.pitch in {BEAT, DOWNBEAT}
        return is_click and (engine.settings.click or self._counted_in)

    def _heard_of(self, event: PlayerEvent) -> None:
        self.counts["observed"] += 1
        self._heard[event.pitch] += 1 if isinstance(event, On) else -1
        self._rule(self._heard[event.pitch] >= 0, "the generators hear pitch {} end that did not sound", event.pitch)
        self._mark(event.time_ns, bytes((isinstance(event, On), event.pitch)))

    def _position(self, now_ns: int, engine: Engine) -> None:
        """Beats do not go back, but by what was sent ahead, or came late."""
        pulse = engine.transport.pulse_at(now_ns)
        back = engine.advance_ns + max(0, self._back_ns)
        if pulse < self._pulse:
            least = self._pulse - back / 1e9 * 300 / 60 * 24 - 1e-6
            self._rule(pulse >= least, "the performance goes back from pulse {} to {}", self._pulse, pulse)
        self._pulse, self._back_ns = pulse, 0

    def _look(self, now_ns: int, engine: Engine) -> None:
        """What need not be looked at after each tick."""
        if now_ns - self._looked_ns > LOOK_NS + 100 * MILLISECOND:
            # Nobody has sent anything meanwhile, also of what waited for its turn at the port.
            self._takes_since_ns = now_ns
        self._looked_ns = now_ns
        self._context()
        self._lengths(now_ns, engine)
        if self._is_there:
            self._heard_at_the_synth(now_ns)
        self._queues(engine)

    def _context(self) -> None:
        keyboard = self._keyboard
        wanted = Counter(pitch for _, pitch in (*keyboard.pressed, *keyboard.held))
        if +self._heard != wanted:
            off = {pitch: (self._heard[pitch], wanted[pitch]) for pitch in {*wanted, *+self._heard}}
            off = {pitch: pair for pitch, pair in off.items() if pair[0] != pair[1]}
            self._rule(False, "the context holds what the player does not, pitch: (context, player) {}", off)

    def _lengths(self, now_ns: int, engine: Engine) -> None:
        played = set(engine.ledger.sounding(Owner.THRU))
        self._rule(played <= self._keyboard.pressed, "passed through and not held: {}", played - self._keyboard.pressed)
        pulse = engine.transport.pulse_at(now_ns + engine.advance_ns)
        silent = not self._keyboard.pressed and not self._keyboard.held
        for key, (began_ns, began) in self._sounding.items():
            if key in played:
                continue
            if began is not None:
                length = pulse - began
                self._rule(length <= LONGEST_PULSES + _SLACK_PULSES, "{} sounds for {} pulses", key, length)
            elif silent:
                is_click = key[1] in {BEAT, DOWNBEAT} and now_ns - began_ns < _CLICK_NS
                self._rule(is_click, "{} sounds, and the player holds nothing", key)

    def _heard_at_the_synth(self, now_ns: int) -> None:
        for key, began_ns in self.synth.sounding.items():
            if key in self._sounding:
                continue
            since_ns = max(began_ns, self._ended_ns.get(key, 0), self._takes_since_ns)
            self._rule(now_ns - since_ns <= MENDED_NS, "the synth plays {}, which the engine has ended", key)
        for channel in self.synth.pedals & self._lifted_ns.keys():
            since_ns = max(self._lifted_ns[channel], self._takes_since_ns)
            self._rule(now_ns - since_ns <= MENDED_NS, "the pedal of channel {} is down, and was lifted", channel)

    def _queues(self, engine: Engine) -> None:
        # The sizes are nobody's business but ours: there is no other way to see that they are bounded.
        score = engine._score
        planner = score.planner
        scheduled = len(score.schedule._heap)
        waiting = max(map(len, (planner._open, planner._overdue, planner._filled, planner._planned)))
        self._rule(scheduled <= MOST_SCHEDULED, "{} entries are scheduled", scheduled)
        self._rule(waiting <= MOST_OPEN, "{} plans are waited for", waiting)

    # --- the wire ---

    def sent(self, data: bytes, now_ns: int) -> None:
        """The port has taken a message."""
        self._last.append((now_ns, "wire", data.hex(" ")))
        self._mark(now_ns, data)
        kind, key = data[0] & 0xF0, (data[0] & 0x0F, data[1] if len(data) > 1 else 0)
        if kind not in {0x80, 0x90}:
            return
        is_on = kind == 0x90 and data[2] > 0
        # An end may be said again by whoever is not sure that it has arrived; a note that begins twice may need two ends.
        self._rule(not (is_on and self._wire.get(key)), "{} begins twice", data.hex(" "))
        self._wire[key] = is_on

    def refused(self, data: bytes, now_ns: int) -> None:
        """The port has not taken a message."""
        self._last.append((now_ns, "refused", data.hex(" ")))
        self._takes_since_ns = now_ns
        if data[0] & 0xE0 == 0x80:
            self._wire.pop((data[0] & 0x0F, data[1]), None)

    def takes_again(self, now_ns: int) -> None:
        """The port takes messages again."""
        self._takes_since_ns = now_ns

    def gone(self) -> None:
        """The port has gone: nothing can be ended until it is opened again."""
        self._is_there = False

    def opened(self, now_ns: int) -> None:
        """The port has been opened; what was sent before may not have gone out."""
        self._last.append((now_ns, "opened", ""))
        self._is_there = True
        self._takes_since_ns = now_ns
        self._wire.clear()

    # --- the keyboard ---

    def spoke(self, now_ns: int) -> None:
        """The keyboard has said that it is there, and the driver has told us."""
        self._there_ns = now_ns

    # --- the performer ---

    def counted(self, counters: Mapping[str, int]) -> None:
        """The read-out's counters."""
        for name, value in self._counters.items():
            left = counters.get(name, 0)
            self._rule(left >= value, "the counter {} falls from {} to {}", name, value, left)
        self._counters = dict(counters)

    def ended(self) -> None:
        """All is over, and the port was there to the end."""
        self._rule(not self.synth.sounding, "at the end the synth plays {}", sorted(self.synth.sounding))
        self._rule(not self.synth.pedals, "at the end pedals are down on channels {}", sorted(self.synth.pedals))

    def _mark(self, time_ns: int, data: bytes) -> None:
        self.digest = crc32(data, crc32(time_ns.to_bytes(8, "little"), self.digest))

    def _rule(self, holds: bool, text: str, *shown: object) -> None:
        if not holds:
            raise RuleError(text.format(*shown))
