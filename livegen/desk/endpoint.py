"""The OSC protocol without a socket: packets go in, replies and commands come out.

`receive` and `tick` return what is to be done and do nothing themselves; `next_deadline_ns` says when to tick. One thread owns an
endpoint; nothing blocks, and no packet can make it raise, wait, or send much more than it received.

    /livegen/<parameter>             what is its value? answered on the same address
    /livegen/<parameter> value       change it; a bundle of changes is all or nothing
    /livegen/panic                   silence, at once
    /livegen/ping token              -> /livegen/pong token version uptime_s
    /livegen/health [prefix]         -> /livegen/health name value name value ...
    /livegen/subscribe [ttl_s]       -> /livegen/subscribed ttl_s, then every value, then changes as others make them
    /livegen/unsubscribe
                                     -> /livegen/error code address text, for what was refused or clamped
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from livegen.core.errors import InputError
from livegen.core.parameters import Notice, ParameterError, Settings, Value
from livegen.desk.limits import HostLimits, TokenBucket
from livegen.desk.osc_codec import Argument, Message, PacketError, decode, encode
from livegen.desk.subscriptions import Address, Subscriptions

PREFIX = "/livegen/"
MAX_REPLY_BYTES = 1200
"""A reply fits one network frame, wherever it goes."""
MAX_TEXT = 160
MAX_TOKEN = 64
MIN_TTL_S, DEFAULT_TTL_S, MAX_TTL_S = 1.0, 60.0, 300.0
COMMANDS_PER_S = 200.0
COMMAND_BURST = 50.0

_ANSWERS = frozenset({f"{PREFIX}error", f"{PREFIX}pong", f"{PREFIX}subscribed"})
"""What we say ourselves. It is never answered, or two daemons given each other's address would talk for ever."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Send `packet` to `address`."""

    address: Address
    packet: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Apply `values` to the performer's settings, in their order and all at once; they are checked and clamped."""

    values: tuple[tuple[str, Value], ...]
    sender: Address


@dataclass(frozen=True, slots=True)
class Panic:
    """Silence everything at once."""

    sender: Address


Command = Change | Panic
Outcome = Reply | Change | Panic


class _RefusedError(InputError):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Endpoint:
    """One OSC name space over one `Settings` snapshot.

    Changes are applied to the snapshot as they arrive, so that a question after a change sees it, and also come out as commands
    for the performer, at most `COMMANDS_PER_S`: of a flood the last values count. What the performer or another surface changed
    comes back through `update_settings`.

    Args:
        settings: the values to begin with, and with them the registry.
        version: said in a pong.
        started_ns: monotonic time, from which uptime counts.
    """

    def __init__(self, settings: Settings, *, version: str, started_ns: int) -> None:
        self._settings = settings
        self._version = version
        self._started_ns = started_ns
        self._limits = HostLimits(started_ns)
        self._commands = TokenBucket(COMMANDS_PER_S, COMMAND_BURST, started_ns)
        self._subscriptions = Subscriptions(self._limits)
        self._held: dict[str, Value] = {}
        self._held_sender: Address | None = None
        self._held_panic: Address | None = None
        self._held_due_ns: int | None = None
        self._counts: Counter[str] = Counter()
        self._health: Mapping[str, Argument] = {}
        self._verbs: dict[str, Callable[[tuple[Argument, ...], Address, int], list[Outcome]]] = {
            f"{PREFIX}ping": self._ping,
            f"{PREFIX}panic": self._panic,
            f"{PREFIX}health": self._tell_health,
            f"{PREFIX}subscribe": self._subscribe,
            f"{PREFIX}unsubscribe": self._unsubscribe,
        }
        self._names = _addresses(settings)

    @property
    def settings(self) -> Settings:
        """The snapshot that questions are answered from."""
        return self._settings

    def update_settings(self, settings: Settings, now_ns: int) -> None:
        """Take over what was changed elsewhere; subscribers hear of the difference at the next tick.

        Settings of another registry (another model's styles) replace the addresses too.
        """
        if settings.registry is not self._settings.registry:
            self._names = _addresses(settings)
            self._settings = settings
            for name in self._names.values():
                self._subscriptions.changed(name, None, now_ns)
        else:
            self._adopt(settings, frozenset(), None, now_ns)

    def update_health(self, health: Mapping[str, Argument]) -> None:
        """Take over the latest readings of the other parts of the daemon."""
        self._health = dict(health)

    def count(self, event: str) -> None:
        """Count something that happened to this endpoint's packets outside it, such as a send that failed."""
        self._counts[event] += 1

    def health(self) -> dict[str, Argument]:
        """The latest readings together with this endpoint's own counts, which are named "osc/..."."""
        own = {f"osc/{event}": count for event, count in sorted(self._counts.items())}
        return {**self._health, **own, "osc/subscribers": len(self._subscriptions)}

    def receive(self, packet: bytes, sender: Address, now_ns: int) -> list[Outcome]:
        """Take one packet.

        A bundle with anything illegal in it changes nothing; a panic in it counts all the same.

        Args:
            packet: the UDP payload, anything at all.
            sender: where it came from and where answers go.
            now_ns: monotonic time.

        Returns:
            Commands to post and replies to send. Echoes to subscribers come from the next `tick`, which is due at once.
        """
        self._counts["packets"] += 1
        try:
            messages = decode(packet)
        except PacketError as error:
            return self._refuse(error.reason, "", str(error), sender, now_ns)
        outcomes: list[Outcome] = []
        changes: list[tuple[str, object]] = []
        questions: list[str] = []
        legal = True
        for message in messages:
            if message.address in _ANSWERS:
                self._counts["refused/answer"] += 1
                continue
            try:
                if message.address in self._verbs:
                    outcomes += self._verbs[message.address](message.arguments, sender, now_ns)
                else:
                    self._sort(message, changes, questions)
            except _RefusedError as error:
                legal = False
                outcomes += self._refuse(error.code, message.address, str(error), sender, now_ns)
        if legal and changes:
            outcomes += self._change(changes, sender, now_ns)
        for name in questions:
            outcomes += self._reply(sender, now_ns, PREFIX + name, self._settings[name])
        return outcomes

    def tick(self, now_ns: int) -> list[Outcome]:
        """What is due: commands that were held back in a flood, echoes and state dumps."""
        outcomes: list[Outcome] = []
        if self._held_due_ns is not None and self._held_due_ns <= now_ns:
            outcomes += self._release(now_ns)
        for name, addresses in self._subscriptions.due(now_ns):
            if name in self._names.values():
                packet = encode(PREFIX + name, self._settings[name])
                outcomes += [Reply(address, packet) for address in addresses]
                self._counts["echoes"] += len(addresses)
        return outcomes

    def next_deadline_ns(self) -> int | None:
        """When `tick` is due; None while nothing waits."""
        deadlines = (self._held_due_ns, self._subscriptions.next_deadline_ns())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)
