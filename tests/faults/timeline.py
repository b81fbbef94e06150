"""Virtual time: what happens around a performer, in order, while its owner thread believes that it waits."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from queue import Empty
from typing import Any

from livegen.devices.clock import ManualClock
from livegen.runtime import inbox

SECOND = 1_000_000_000
MILLISECOND = 1_000_000

Call = Callable[[], object]


class Timeline:
    """What is going to happen, by time; its clock reads the time of what happens now, as a driver's thread would."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns
        self._heap: list[tuple[int, int, Call]] = []
        self._order = count()

    def now_ns(self) -> int:
        """The time of what happens now."""
        return self._now_ns

    def at(self, time_ns: int, call: Call) -> None:
        """Let something happen."""
        heapq.heappush(self._heap, (time_ns, next(self._order), call))

    def after(self, delay_ns: int, call: Call) -> None:
        """Let something happen so much later than what happens now."""
        self.at(self._now_ns + delay_ns, call)

    def step(self, until_ns: int) -> bool:
        """Let the next thing happen, if it is not after `until_ns`; whether there was one."""
        if not self._heap or self._heap[0][0] > until_ns:
            return False
        time_ns, _, call = heapq.heappop(self._heap)
        self._now_ns = max(self._now_ns, time_ns)
        call()
        return True

    def run(self, until_ns: int) -> None:
        """Let everything happen up to a time."""
        while self.step(until_ns):
            pass
        self._now_ns = max(self._now_ns, until_ns)


class Inbox(inbox.Inbox):
    """The performer's inbox: waiting on it lets the world go on.

    Args:
        timeline: what happens meanwhile.
        clock: the performer's.
        oversleeps: how much later than it should the owner wakes, in ns; asked at each wait.
    """

    def __init__(self, timeline: Timeline, clock: ManualClock, oversleeps: Callable[[], int]) -> None:
        super().__init__()
        self._timeline = timeline
        self._clock = clock
        self._oversleeps = oversleeps
        self._items: deque[Any] = deque()
        self.longest = 0
        """The most items that ever waited."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Enqueue."""
        self._items.append(item)
        self.longest = max(self.longest, len(self._items))

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._items

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The first item that comes within `timeout` seconds of virtual time.

        Raises:
            Empty: none came.
        """
        until_ns = self._clock.now_ns() + round((timeout or 0.0) * 1e9)
        while not self._items and self._timeline.step(until_ns):
            pass
        came_ns = self._timeline.now_ns() if self._items else until_ns
        woken_ns = max(self._clock.now_ns(), came_ns) + self._oversleeps()
        self._timeline.run(woken_ns)
        self._clock.set(woken_ns)
        if not self._items:
            raise Empty
        return self._items.popleft()
