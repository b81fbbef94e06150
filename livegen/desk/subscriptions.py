"""Who wants to hear about changes, and what is due to whom and when: time to live, paced state dumps, echoes at 40 Hz.

It knows names, not values: the endpoint puts in the value at the moment of sending, so that the last value always arrives.
Not thread-safe: it belongs to the endpoint. Nothing blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from livegen.desk.limits import HostLimits

Address = tuple[str, int]
"""A UDP peer: host and port, as the socket gives them."""

MAX_SUBSCRIBERS = 64
ECHO_INTERVAL_NS = 25_000_000
"""The least time between two echoes of the same parameter: 40 Hz."""
DUMP_INTERVAL_NS = 10_000_000
DUMP_BATCH = 8
"""Messages of a state dump that one subscriber gets in one `DUMP_INTERVAL_NS`."""
DUMP_MESSAGE_BYTES = 96
"""What a message of a dump costs its host's allowance: more than any parameter's message has."""
MAX_DUE = 128
"""Packets in one call of `due`; the rest follows `BREATH_NS` later, so that a round never holds up the socket for long."""
BREATH_NS = 2_000_000


@dataclass(slots=True)
class _Subscriber:
    expires_ns: int
    dump: list[str]
    dump_due_ns: int


@dataclass(slots=True)
class _Echo:
    due_ns: int
    origin: Address | None


class Subscriptions:
    """The subscribers and what they have yet to hear.

    Args:
        limits: allowances that state dumps are counted against.
    """

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._subscribers: dict[Address, _Subscriber] = {}
        self._echoes: dict[str, _Echo] = {}
        self._echoed_ns: dict[str, int] = {}
        self._resume_ns = 0

    def __len__(self) -> int:
        return len(self._subscribers)

    def add(self, address: Address, ttl_ns: int, names: tuple[str, ...], now_ns: int) -> bool:
        """Subscribe, or renew until `ttl_ns` from now; a new subscriber gets a dump of `names`, a renewing one has its state.

        Returns:
            False if `MAX_SUBSCRIBERS` others are subscribed.
        """
        self._expire(now_ns)
        known = self._subscribers.get(address)
        if known is not None:
            known.expires_ns = now_ns + ttl_ns
            return True
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            return False
        self._subscribers[address] = _Subscriber(now_ns + ttl_ns, list(reversed(names)), now_ns)
        return True

    def remove(self, address: Address) -> None:
        """Unsubscribe; somebody who is not subscribed may do so too."""
        self._subscribers.pop(address, None)

    def changed(self, name: str, origin: Address | None, now_ns: int) -> None:
        """Schedule an echo of a parameter to everybody but `origin`, who set it; None if nobody on this socket did."""
        if not self._subscribers:
            return
        waiting = self._echoes.get(name)
        if waiting is None:
            free_ns = self._echoed_ns.get(name, now_ns - ECHO_INTERVAL_NS) + ECHO_INTERVAL_NS
            self._echoes[name] = _Echo(max(now_ns, free_ns), origin)
        else:
            waiting.origin = origin  # whoever set it last knows the value that will be sent, everybody else does not

    def due(self, now_ns: int) -> list[tuple[str, tuple[Address, ...]]]:
        """Take what is to be sent now: names of parameters, and to whom."""
        self._expire(now_ns)
        if now_ns < self._resume_ns:
            return []
        sends = []
        room = MAX_DUE
        for name in [name for name, echo in self._echoes.items() if echo.due_ns <= now_ns]:
            origin = self._echoes[name].origin
            hearers = tuple(address for address in self._subscribers if address != origin)
            if len(hearers) > room:
                self._resume_ns = now_ns + BREATH_NS
                break
            room -= len(hearers)
            del self._echoes[name]
            self._echoed_ns[name] = now_ns
            sends.append((name, hearers))
        for address, subscriber in self._subscribers.items():
            if subscriber.dump and subscriber.dump_due_ns <= now_ns:
                batch = self._dump_batch(address[0], subscriber, min(DUMP_BATCH, room), now_ns)
                room -= len(batch)
                sends += [(name, (address,)) for name in batch]
        if room == 0:
            self._resume_ns = now_ns + BREATH_NS
        return sends

    def next_deadline_ns(self) -> int | None:
        """When `due` will have something, or a subscription ends; None if nothing waits."""
        sending = [echo.due_ns for echo in self._echoes.values()]
        sending += [subscriber.dump_due_ns for subscriber in self._subscribers.values() if subscriber.dump]
        times = [max(self._resume_ns, min(sending))] if sending else []
        times += [subscriber.expires_ns for subscriber in self._subscribers.values()]
        return min(times, default=None)

    def _dump_batch(self, host: str, subscriber: _Subscriber, room: int, now_ns: int) -> list[str]:
        batch: list[str] = []
        while subscriber.dump and len(batch) < room and self._limits.allows_reply(host, DUMP_MESSAGE_BYTES, now_ns):
            batch.append(subscriber.dump.pop())
        if room:
            subscriber.dump_due_ns = now_ns + DUMP_INTERVAL_NS
        return batch

    def _expire(self, now_ns: int) -> None:
        for address in [address for address, one in self._subscribers.items() if one.expires_ns <= now_ns]:
            del self._subscribers[address]
        if not self._subscribers:
            self._echoes.clear()
