"""How far ahead windows must be planned: the smallest time that nearly all plans of late would have fitted."""

from __future__ import annotations

from collections import deque

import numpy as np

REMEMBERED = 2048
"""Plans that are looked at: a quarter of an hour of accompaniment."""

FITTED = 0.999
"""The share of them that must fit."""


class RoundTrips:
    """Measures the time from a request to its plan. Single-threaded; owned by the planner.

    Attributes:
        fitting_ns: the time in which `FITTED` of the latest plans came, the longest of few; 0 before the first.
    """

    def __init__(self) -> None:
        self.fitting_ns = 0
        self._asked_ns: dict[int, int] = {}
        self._taken_ns: deque[int] = deque(maxlen=REMEMBERED)

    def asked(self, plan_id: int, now_ns: int) -> None:
        """A plan is asked for."""
        self._asked_ns[plan_id] = now_ns
        if len(self._asked_ns) > REMEMBERED:
            # Of a generator that is gone: what never comes says nothing about how long it takes.
            del self._asked_ns[next(iter(self._asked_ns))]

    def answered(self, plan_id: int, now_ns: int) -> None:
        """The plan is there, wanted or not; once counts, and what was not asked for counts nothing."""
        asked_ns = self._asked_ns.pop(plan_id, None)
        if asked_ns is not None:
            self._taken_ns.append(now_ns - asked_ns)
            self.fitting_ns = int(np.quantile(np.array(self._taken_ns), FITTED, method="higher"))
