"""What the player is doing: held keys, the pedal, and where a phrase begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.events import Off, On, PlayerEvent
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff, NoteOn
from livegen.core.transport import Transport

SILENCING = frozenset({120, *range(123, 128)})
"""Controls that end all notes of their channel: all sound off, all notes off, and the four changes of mode, which imply it."""

RESET_CONTROLLERS = 121
"""Lifts the pedal, among other things."""

LONG = 1.5
"""A last note of this many times the mean length of the phrase's notes ends it."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was played since the last silence: from the first note-on to the last release, in monotonic ns.

    `ends_long`: the last note was held clearly longer than the notes before it, as the last note of a phrase is.
    """

    start_ns: int
    end_ns: int
    notes: int
    ends_long: bool = False


class Listener:
    """Follows the player's MIDI. Single-threaded; owned by the engine.

    A key that is struck again while down counts once: MIDI cannot tell two presses of one key apart.
    """

    def __init__(self) -> None:
        self._down: dict[tuple[int, int], bool] = {}
        """Sounding (channel, pitch): True while the key is down, False while only the pedal holds it."""
        self._pedal: set[int] = set()
        self._phrase_start_ns: int | None = None
        self._notes = 0
        self._last_ns = 0
        self._pressed_ns: dict[tuple[int, int], int] = {}
        """When each key that is down was struck."""
        self._releases = 0
        self._held_ns = 0
        """How long the keys that came up in this phrase were held, together."""
        self._last_held_ns = 0
        """How long the last of them was held."""

    @property
    def keys_down(self) -> int:
        """Number of keys that are pressed now."""
        return sum(self._down.values())

    @property
    def last_activity_ns(self) -> int:
        """When a key last moved."""
        return self._last_ns

    @property
    def phrase(self) -> Phrase | None:
        """The phrase so far, None in silence that was already answered; it has ended once no key is down."""
        if self._phrase_start_ns is None:
            return None
        before, before_ns = self._releases - 1, self._held_ns - self._last_held_ns
        ends_long = before > 0 and self._last_held_ns * before >= LONG * before_ns
        return Phrase(self._phrase_start_ns, self._last_ns, self._notes, ends_long)

    def close_phrase(self) -> None:
        """The phrase has been dealt with; the next note begins a new one."""
        self._phrase_start_ns = None
        self._notes = 0
        self._releases = self._held_ns = self._last_held_ns = 0

    def receive(self, message: Message, now_ns: int, transport: Transport) -> list[PlayerEvent]:
        """Take one message in; what it means for the context: note-ons at once, note-offs when key and pedal are up."""
        match message:
            case NoteOn(channel, pitch, velocity):
                return self._press(channel, pitch, velocity, now_ns, transport)
            case NoteOff(channel, pitch):
                return self._release(channel, pitch, now_ns, transport)
            case Control(channel, control, value) if control == SUSTAIN:
                return self._pedals(channel, value >= 64, now_ns, transport)
            case Control(channel, control) if control == RESET_CONTROLLERS:
                return self._pedals(channel, False, now_ns, transport)
            case Control(channel, control) if control in SILENCING:
                self._pedal.discard(channel)
                return self._drop([key for key in self._down if key[0] == channel], now_ns, transport)
        return []

    def release_all(self, now_ns: int, transport: Transport) -> list[PlayerEvent]:
        """The keyboard is gone: everything that it held has ended."""
        self._pedal.clear()
        return self._drop(list(self._down), now_ns, transport)

    def _press(self, channel: int, pitch: int, velocity: int, now_ns: int, transport: Transport) -> list[PlayerEvent]:
        events = self._drop([(channel, pitch)], now_ns, transport) if (channel, pitch) in self._down else []
        self._down[channel, pitch] = True
        self._pressed_ns[channel, pitch] = now_ns
        if self._phrase_start_ns is None:
            self._phrase_start_ns = now_ns
        self._notes += 1
        self._last_ns = now_ns
        return [*events, On(now_ns, pitch, velocity, transport.phase(now_ns))]

    def _release(self, channel: int, pitch: int, now_ns: int, transport: Transport) -> list[PlayerEvent]:
        if not self._down.get((channel, pitch)):
            return []
        self._let_go((channel, pitch), now_ns)
        if channel in self._pedal:
            self._down[channel, pitch] = False
            return []
        return self._drop([(channel, pitch)], now_ns, transport)

    def _pedals(self, channel: int, down: bool, now_ns: int, transport: Transport) -> list[PlayerEvent]:
        if down:
            self._pedal.add(channel)
            return []
        self._pedal.discard(channel)
        held = [key for key, pressed in self._down.items() if key[0] == channel and not pressed]
        return self._drop(held, now_ns, transport)

    def _drop(self, keys: list[tuple[int, int]], now_ns: int, transport: Transport) -> list[PlayerEvent]:
        for key in keys:
            if self._down.pop(key, False):
                self._let_go(key, now_ns)
        phase = transport.phase(now_ns) if keys else 0
        return [Off(now_ns, pitch, phase) for _, pitch in keys]

    def _let_go(self, key: tuple[int, int], now_ns: int) -> None:
        """A key has come up."""
        self._last_ns = now_ns
        if (pressed_ns := self._pressed_ns.pop(key, None)) is not None:
            self._releases += 1
            self._last_held_ns = now_ns - pressed_ns
            self._held_ns += self._last_held_ns
