"""The OSC protocol without a socket: packets go in, replies and commands come out.

`receive` and `tick` return what is to be done and do nothing themselves; `next_deadline_ns` says when to tick. One thread owns
an endpoint; nothing blocks, and no packet can make it raise, wait, or send at more than a bounded rate.

    /livegen/<parameter>             what is its value? answered on the same address
    /livegen/<parameter> value       change it; a bundle of changes is all or nothing
    /livegen/panic                   silence, at once
    /livegen/tap                     a beat is now, while taps give it
    /livegen/count_in                a bar of clicks, then the music
    /livegen/ping token              -> /livegen/pong token version uptime_s
    /livegen/health [prefix]         -> /livegen/health name value name value ...
    /livegen/subscribe [ttl_s]       -> /livegen/subscribed ttl_s, then every value, then changes as others make them
    /livegen/unsubscribe
                                     -> /livegen/error code address text, for what was refused or clamped
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from livegen.core.errors import InputError
from livegen.core.parameters import ParameterError, Settings
from livegen.desk.commands import Command, CommandGate
from livegen.desk.limits import HostLimits
from livegen.desk.mirror import Mirror
from livegen.desk.osc_codec import Argument, Message, PacketError, decode, encode
from livegen.desk.subscriptions import Address, Subscriptions

PREFIX = "/livegen/"
PANIC = f"{PREFIX}panic"
MAX_REPLY_BYTES = 1200
"""A reply fits one network frame, wherever it goes."""
MAX_TEXT = 160
MAX_TOKEN = 64
MIN_TTL_S, DEFAULT_TTL_S, MAX_TTL_S = 1.0, 60.0, 300.0

_ANSWERS = frozenset({f"{PREFIX}error", f"{PREFIX}pong", f"{PREFIX}subscribed"})
"""What we say ourselves. It is never answered, or two daemons given each other's address would talk for ever."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Send `packet` to `address`."""

    address: Address
    packet: bytes


Outcome = Reply | Command


class _RefusedError(InputError):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Endpoint:
    """One OSC name space over one `Settings` snapshot.

    Changes are applied to the snapshot as they arrive, so that a question after a change sees it, and also come out as commands
    for the performer, at a bounded rate: of a flood the last values count. What the performer or another surface changed comes
    back through `update_settings`.

    Args:
        settings: the values to begin with, and with them the registry.
        version: said in a pong.
        started_ns: monotonic time, from which uptime counts.
    """

    def __init__(self, settings: Settings, *, version: str, started_ns: int) -> None:
        self._mirror = Mirror(settings)
        self._version = version
        self._started_ns = started_ns
        self._limits = HostLimits(started_ns)
        self._gate = CommandGate(started_ns)
        self._subscriptions = Subscriptions(self._limits)
        self._counts: Counter[str] = Counter()
        self._health: Mapping[str, Argument] = {}
        self._verbs: dict[str, Callable[[tuple[Argument, ...], Address, int], list[Outcome]]] = {
            f"{PREFIX}tap": self._tap,
            f"{PREFIX}count_in": self._count_in,
            f"{PREFIX}ping": self._ping,
            f"{PREFIX}health": self._tell_health,
            f"{PREFIX}subscribe": self._subscribe,
            f"{PREFIX}unsubscribe": self._unsubscribe,
        }
        self._names = _addresses(settings)

    @property
    def settings(self) -> Settings:
        """The snapshot that questions are answered from."""
        return self._mirror.settings

    def update_settings(self, settings: Settings, now_ns: int) -> None:
        """Take over the performer's settings; subscribers hear of the difference at the next tick.

        To be called after each change that the performer has applied, whoever asked for it. A value that was set here a moment
        ago stands until the performer has had time to know it.

        Settings of another registry (another model's styles) replace the addresses too.
        """
        changed = self._mirror.follow(settings, now_ns)
        self._names = _addresses(settings)
        self._announce(changed, now_ns)

    def update_health(self, health: Mapping[str, Argument]) -> None:
        """Take over the latest readings of the other parts of the daemon, names and values.

        Raises:
            InputError: OSC has no form for one of them; the readings before stay.
        """
        for name, value in health.items():
            encode(f"{PREFIX}health", name, value)  # here, so that the program's mistake never surfaces as a packet's
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
        verbs: set[str] = set()
        legal = True
        for message in messages:
            if message.address in _ANSWERS or message.address in verbs:
                self._counts["refused/answer" if message.address in _ANSWERS else "refused/repeated"] += 1
                continue
            try:
                if message.address == PANIC:
                    outcomes += self._panic(message.arguments, sender, now_ns)
                elif message.address in self._verbs:
                    verbs.add(message.address)  # once in a packet: 64 health reports in one would take milliseconds
                    outcomes += self._verbs[message.address](message.arguments, sender, now_ns)
                elif message.arguments:
                    changes.append(self._as_change(message))
                else:
                    questions.append(self._name(message.address))
            except _RefusedError as error:
                legal = False
                outcomes += self._refuse(error.code, message.address, str(error), sender, now_ns)
        if legal and changes:
            outcomes += self._change(changes, sender, now_ns)
        for name in questions:
            outcomes += self._reply(sender, now_ns, PREFIX + name, self.settings[name])
        return outcomes

    def tick(self, now_ns: int) -> list[Outcome]:
        """What is due: commands that were held back in a flood, echoes and state dumps."""
        self._announce(self._mirror.tick(now_ns), now_ns)
        outcomes: list[Outcome] = [*self._gate.tick(now_ns)]
        for name, addresses in self._subscriptions.due(now_ns):
            if name in self.settings.registry:  # another model's styles may have come in between
                packet = encode(PREFIX + name, self.settings[name])
                outcomes += [Reply(address, packet) for address in addresses]
                self._counts["echoes"] += len(addresses)
        return outcomes

    def next_deadline_ns(self) -> int | None:
        """When `tick` is due; None while nothing waits."""
        parts = (self._gate, self._mirror, self._subscriptions)
        return min((due for part in parts if (due := part.next_deadline_ns()) is not None), default=None)

    def _name(self, address: str) -> str:
        try:
            return self._names[address]
        except KeyError:
            raise _RefusedError("unknown", "there is no such address") from None

    def _as_change(self, message: Message) -> tuple[str, object]:
        name = self._name(message.address)
        if len(message.arguments) != 1:
            raise _RefusedError("type", f"one value is wanted, not {len(message.arguments)}")
        return name, message.arguments[0]

    def _change(self, changes: list[tuple[str, object]], sender: Address, now_ns: int) -> list[Outcome]:
        try:
            checked, notices, changed = self._mirror.change(changes, now_ns)
        except ParameterError as error:
            return self._refuse(error.reason, PREFIX + error.name, str(error), sender, now_ns)
        asked = {name for name, _ in checked}
        self._announce([name for name in changed if name not in asked], now_ns)
        self._announce([name for name in changed if name in asked], now_ns, origin=sender)
        self._counts["changes"] += 1
        outcomes: list[Outcome] = [*self._gate.change(checked, sender, now_ns)]
        for notice in notices:
            self._counts["clamped"] += 1
            outcomes += self._error("clamped", PREFIX + notice.name, notice.text, sender, now_ns)
        return outcomes

    def _announce(self, names: Iterable[str], now_ns: int, origin: Address | None = None) -> None:
        """Schedule echoes. What only follows from a change (a macro's weights) has no origin: its sender hears it too."""
        for name in names:
            self._subscriptions.changed(name, origin, now_ns)

    def _ping(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Outcome]:
        token = arguments[0] if arguments else ""
        if len(arguments) > 1 or (isinstance(token, str) and len(token) > MAX_TOKEN):
            raise _RefusedError("type", f"a ping has one token of at most {MAX_TOKEN} characters")
        uptime_s = (now_ns - self._started_ns) / 1e9
        return self._reply(sender, now_ns, f"{PREFIX}pong", token, self._version, uptime_s)

    def _panic(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Command]:
        if _let_go(arguments):
            return []
        self._counts["panics"] += 1
        return self._gate.panic(sender, now_ns)

    def _tap(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Outcome]:
        return [] if _let_go(arguments) else [*self._gate.tap(sender, now_ns)]

    def _count_in(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Outcome]:
        return [] if _let_go(arguments) else [*self._gate.count_in(sender, now_ns)]

    def _tell_health(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Outcome]:
        prefix = arguments[0] if arguments else ""
        if len(arguments) > 1 or not isinstance(prefix, str):
            raise _RefusedError("type", "health takes the beginning of a name, or nothing")
        readings = [pair for pair in self.health().items() if pair[0].startswith(prefix)]
        return self._reply(sender, now_ns, f"{PREFIX}health", *_fitting(readings))

    def _subscribe(self, arguments: tuple[Argument, ...], sender: Address, now_ns: int) -> list[Outcome]:
        asked_s = arguments[0] if arguments else DEFAULT_TTL_S
        if len(arguments) > 1 or isinstance(asked_s, bool | str) or math.isnan(asked_s):
            raise _RefusedError("type", "subscribe takes a time to live in seconds, or nothing")
        ttl_s = float(min(max(asked_s, MIN_TTL_S), MAX_TTL_S))
        if not self._subscriptions.add(sender, int(ttl_s * 1e9), tuple(self._names.values()), now_ns):
            raise _RefusedError("full", "too many subscribers; try again later")
        return self._reply(sender, now_ns, f"{PREFIX}subscribed", ttl_s)

    def _unsubscribe(self, _arguments: tuple[Argument, ...], sender: Address, _now_ns: int) -> list[Outcome]:
        self._subscriptions.remove(sender)
        return []

    def _refuse(self, code: str, address: str, text: str, sender: Address, now_ns: int) -> list[Outcome]:
        self._counts[f"refused/{code}"] += 1
        return self._error(code, address, text, sender, now_ns)

    def _error(self, code: str, address: str, text: str, sender: Address, now_ns: int) -> list[Outcome]:
        if not self._limits.allows_error(sender[0], now_ns):
            self._counts["limited"] += 1
            return []
        self._counts["errors"] += 1
        return [Reply(sender, encode(f"{PREFIX}error", code, address, text[:MAX_TEXT]))]

    def _reply(self, sender: Address, now_ns: int, address: str, *arguments: Argument) -> list[Outcome]:
        packet = encode(address, *arguments)
        if not self._limits.allows_reply(sender[0], len(packet), now_ns):
            self._counts["limited"] += 1
            return []
        self._counts["replies"] += 1
        return [Reply(sender, packet)]


def _addresses(settings: Settings) -> dict[str, str]:
    """The exact address of each parameter, and its name."""
    return {PREFIX + parameter.name: parameter.name for parameter in settings.registry}


def _let_go(arguments: tuple[Argument, ...]) -> bool:
    """Whether a button is released: those that send 1 when pressed and 0 when released act once."""
    return bool(arguments) and not arguments[0]


def _fitting(readings: list[tuple[str, Argument]]) -> list[Argument]:
    """Names and values that fit a reply; if some are left out, "more" and their number come last."""
    arguments: list[Argument] = []
    size = len(PREFIX) + 32
    for index, (name, value) in enumerate(readings):
        # a name and a value at their widest, with padding, and two type tags
        size += len(name) + 4 + (len(value.encode()) + 4 if isinstance(value, str) else 8) + 2
        if size > MAX_REPLY_BYTES:
            return [*arguments, "more", len(readings) - index]
        arguments += [name, value]
    return arguments
