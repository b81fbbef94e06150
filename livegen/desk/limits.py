"""How much may be sent to whom: token buckets, so that a forged packet gains its sender nothing.

Not thread-safe: they belong to the endpoint that uses them. Nothing blocks.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_HOSTS = 256
REPLY_BYTES_PER_S = 64_000.0
REPLY_BURST_BYTES = 64_000.0
ERRORS_PER_S = 10.0
ERROR_BURST = 20.0
ALL_HOSTS = 8.0
"""Everybody together gets this many times what one host gets, however many addresses are forged."""


class TokenBucket:
    """Allows `burst` at once and `rate_per_s` in the long run.

    Args:
        rate_per_s: tokens that come back in a second.
        burst: tokens that it holds; it begins full.
        now_ns: monotonic time.
    """

    def __init__(self, rate_per_s: float, burst: float, now_ns: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._level = burst
        self._stamp_ns = now_ns

    def take(self, amount: float, now_ns: int) -> bool:
        """Take `amount` tokens, or none and answer False."""
        self._fill(now_ns)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def ready_ns(self, amount: float, now_ns: int) -> int:
        """The time from which `take(amount)` succeeds, not before `now_ns`; `amount` is at most the burst."""
        self._fill(now_ns)
        # one more, so that rounding never makes the caller wake a nanosecond too early and find nothing
        return now_ns + int(max(0.0, amount - self._level) / self._rate_per_s * 1e9) + 1

    def _fill(self, now_ns: int) -> None:
        self._level = min(self._burst, self._level + max(0, now_ns - self._stamp_ns) / 1e9 * self._rate_per_s)
        self._stamp_ns = max(self._stamp_ns, now_ns)


class HostLimits:
    """Replies and errors that each host, and all together, may get.

    The table is bounded: when it is full the host that was heard longest ago is forgotten. By port would be useless, as a
    sender picks its ports freely.
    """

    def __init__(self, now_ns: int) -> None:
        self._hosts: OrderedDict[str, tuple[TokenBucket, TokenBucket]] = OrderedDict()
        self._all_bytes = TokenBucket(ALL_HOSTS * REPLY_BYTES_PER_S, ALL_HOSTS * REPLY_BURST_BYTES, now_ns)
        self._all_errors = TokenBucket(ALL_HOSTS * ERRORS_PER_S, ALL_HOSTS * ERROR_BURST, now_ns)

    def allows_reply(self, host: str, size: int, now_ns: int) -> bool:
        """Whether `size` bytes of answer may go to `host` now; if so they are counted."""
        reply_bytes, _ = self._of(host, now_ns)
        return reply_bytes.take(size, now_ns) and self._all_bytes.take(size, now_ns)

    def allows_error(self, host: str, now_ns: int) -> bool:
        """Whether one error may go to `host` now; if so it is counted. Errors never use up what answers need."""
        _, errors = self._of(host, now_ns)
        return errors.take(1.0, now_ns) and self._all_errors.take(1.0, now_ns)

    def _of(self, host: str, now_ns: int) -> tuple[TokenBucket, TokenBucket]:
        buckets = self._hosts.get(host)
        if buckets is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts.popitem(last=False)
            buckets = (
                TokenBucket(REPLY_BYTES_PER_S, REPLY_BURST_BYTES, now_ns),
                TokenBucket(ERRORS_PER_S, ERROR_BURST, now_ns),
            )
            self._hosts[host] = buckets
        self._hosts.move_to_end(host)
        return buckets
