"""What the desk asks of the performer, and how often it may.

A flood of packets must not become a flood of commands: of changes that come too fast only the last values are passed on, and a
panic is passed on promptly but not a thousand times. A tap counts now or never. Nothing blocks; a gate is not thread-safe and
belongs to its endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from livegen.core.parameters import Value
from livegen.desk.limits import TokenBucket
from livegen.desk.subscriptions import Address

CHANGES_PER_S = 200.0
CHANGE_BURST = 50.0
PANICS_PER_S = 10.0
PANIC_BURST = 5.0
TAPS_PER_S = 10.0
TAP_BURST = 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """Apply `values` to the performer's settings, in their order and all at once; they are checked and clamped."""

    values: tuple[tuple[str, Value], ...]
    sender: Address


@dataclass(frozen=True, slots=True)
class Panic:
    """Silence everything at once."""

    sender: Address


@dataclass(frozen=True, slots=True)
class Tap:
    """A beat is now."""

    sender: Address


@dataclass(frozen=True, slots=True)
class CountIn:
    """Count a bar in."""

    sender: Address


Command = Change | Panic | Tap | CountIn


class CommandGate:
    """Passes commands on at once, or holds them back and merges them while there are too many.

    Args:
        now_ns: monotonic time.
    """

    def __init__(self, now_ns: int) -> None:
        self._changes = TokenBucket(CHANGES_PER_S, CHANGE_BURST, now_ns)
        self._panics = TokenBucket(PANICS_PER_S, PANIC_BURST, now_ns)
        self._taps = TokenBucket(TAPS_PER_S, TAP_BURST, now_ns)
        self._values: dict[str, Value] = {}
        self._change_sender: Address = ("", 0)
        self._change_due_ns: int | None = None
        self._panic_sender: Address = ("", 0)
        self._panic_due_ns: int | None = None

    def change(self, values: tuple[tuple[str, Value], ...], sender: Address, now_ns: int) -> list[Command]:
        """Offer a change; what is held back comes out of `tick` merged with what follows, as if sent by the last sender."""
        if self._change_due_ns is None:
            if self._changes.take(1.0, now_ns):
                return [Change(values, sender)]
            self._change_due_ns = self._changes.ready_ns(1.0, now_ns)
        for name, value in values:
            # to the end, since a later `style` must clear an earlier `style/<name>` and not the other way round
            self._values.pop(name, None)
            self._values[name] = value
        self._change_sender = sender
        return []

    def panic(self, sender: Address, now_ns: int) -> list[Command]:
        """Offer a panic; of many that are held back one comes out of `tick`."""
        if self._panic_due_ns is None:
            if self._panics.take(1.0, now_ns):
                return [Panic(sender)]
            self._panic_due_ns = self._panics.ready_ns(1.0, now_ns)
        self._panic_sender = sender
        return []

    def tap(self, sender: Address, now_ns: int) -> list[Command]:
        """Offer a tap; held back it would be another beat, so it is dropped where there are too many."""
        return [Tap(sender)] if self._taps.take(1.0, now_ns) else []

    def count_in(self, sender: Address, now_ns: int) -> list[Command]:
        """Offer a count; as a tap it is for now or for never."""
        return [CountIn(sender)] if self._taps.take(1.0, now_ns) else []

    def tick(self, now_ns: int) -> list[Command]:
        """What was held back and is due."""
        commands: list[Command] = []
        if self._panic_due_ns is not None and self._panic_due_ns <= now_ns:
            self._panics.take(1.0, now_ns)
            commands.append(Panic(self._panic_sender))
            self._panic_due_ns = None
        if self._change_due_ns is not None and self._change_due_ns <= now_ns:
            self._changes.take(1.0, now_ns)
            commands.append(Change(tuple(self._values.items()), self._change_sender))
            self._values, self._change_due_ns = {}, None
        return commands

    def next_deadline_ns(self) -> int | None:
        """When `tick` will have something; None while nothing is held back."""
        return min((due for due in (self._change_due_ns, self._panic_due_ns) if due is not None), default=None)
