"""Following a MIDI clock: 24 ticks a beat that come late, twice or not at all, from a sender whose tempo may jump.

A tick says no more than "a pulse is now". Which pulse, and when it really was, is a question of what is likelier: that the tick
is late, that some before it were lost, that it is the last one again, or that the tempo has changed. So several explanations of
all ticks so far are kept side by side, each with a Kalman filter of its own for time and period, and each tick is explained by
each of them in every way (multiple hypothesis tracking; Reid, 1979). The likeliest is believed, and gives way when later ticks
speak for another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT

DROPOUT_NS = 500_000_000
"""After so long without a tick the clock is gone, and the tempo is kept."""

_STEADY_TICKS = 24
"""So long after a break the jitter may be learned from the ticks."""
_KEPT = 24
"""Explanations kept side by side."""
_STEPS = np.array([1.0, 2.0, 3.0, 4.0])
"""How far a tick may be from the last that came."""
_STEP_LOG = np.log([0.975, 0.02, 0.0008, 0.0001])
_DOUBLED_LOG, _BREAK_LOG = math.log(0.004), math.log(0.0005)
_DOUBLED_WITHIN = 0.2
"""Of a period: a tick that comes twice comes at once."""
_BREAK_SPREAD = 0.6
"""Of the new period around the old one, as a share of it."""
_WANDER = 1e-4
"""Of the period from tick to tick, as a share of it: tempi drift."""
_JITTER_NS = (250_000.0, 3_000_000.0, 6_000_000.0)
"""Spread of the ticks around their places: least, at first, most."""
_LEARNING = 0.03
_FIRST_PERIODS_NS = np.array([10e6, 20e6, 40e6])
_SAME = 0.003
"""Explanations that say the same of this tick, with periods as near as this, are one, if they are as sure of it."""
_SAME_DOUBT = 1.5
_HOPELESS = 30.0
"""Nats behind the best."""
_LOG_2PI = math.log(2 * math.pi)
_SLOWEST_NS, _FASTEST_NS = (60e9 / bpm / PULSES_PER_BEAT for bpm in (15, 400))

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClockLine:
    """Where a clock stands: tick number `tick` was at `time_ns`, and one comes every `ns_per_tick`."""

    tick: int
    time_ns: int
    ns_per_tick: float

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute."""
        return 60e9 / (self.ns_per_tick * PULSES_PER_BEAT)

    def tick_at(self, time_ns: int) -> float:
        """The tick, with its fraction, at a time."""
        return self.tick + (time_ns - self.time_ns) / self.ns_per_tick

    def ns_at(self, tick: float) -> int:
        """The time of a tick."""
        return self.time_ns + round((tick - self.tick) * self.ns_per_tick)


_TICK, _TIME, _PERIOD, _VAR, _COV, _PERIOD_VAR, _LOG, _AGE = range(8)
"""Rows of an explanation: last tick, its time, period, their variances and covariance, log-likelihood, ticks since a break."""


class ClockIn:
    """Follows one clock. Single-threaded, never blocks; a tick costs about 0.15 ms."""

    def __init__(self) -> None:
        self._origin_ns = 0
        self._last_ns: int | None = None
        self._known: Floats = np.zeros((8, 0))
        self._jitter_ns = _JITTER_NS[1]

    @property
    def line(self) -> ClockLine | None:
        """The likeliest tick, at the mean of the explanations that say it is that one; None before the second tick."""
        if self._known.shape[1] == 0 or self._known[_AGE, 0] < 1:
            return None
        tick = self._known[_TICK, 0]
        agreed = self._known[:, (self._known[_TICK] == tick) & (self._known[_AGE] >= 1)]
        weights = np.exp(agreed[_LOG])
        time, period = (float(row @ weights / weights.sum()) for row in agreed[[_TIME, _PERIOD]])
        return ClockLine(int(tick), self._origin_ns + round(time), float(min(max(period, _FASTEST_NS), _SLOWEST_NS)))

    @property
    def last_tick(self) -> int | None:
        """Which tick the last one most likely was; None before the first."""
        return int(self._known[_TICK, 0]) if self._known.shape[1] else None

    @property
    def steady_ticks(self) -> int:
        """For how many ticks the likeliest explanation has gone without a break; 0 before the second tick."""
        return int(self._known[_AGE, 0]) if self._known.shape[1] else 0

    def alive(self, now_ns: int) -> bool:
        """Whether ticks are still coming."""
        return self._last_ns is not None and now_ns - self._last_ns < DROPOUT_NS

    def receive(self, now_ns: int) -> None:
        """Take in a tick that came at `now_ns`, which is not before the last."""
        if self._last_ns is None:
            self._begin(now_ns)
        elif not self.alive(now_ns):
            self._return(now_ns)
        else:
            self._explain(now_ns, self._last_ns)
        self._last_ns = now_ns

    def mark(self, tick: int) -> None:
        """The tick that came last has this number, whatever came before it."""
        self._known[_TICK] = tick

    def _begin(self, now_ns: int) -> None:
        self._origin_ns = now_ns
        periods = _FIRST_PERIODS_NS
        self._known = np.zeros((8, len(periods)))
        self._known[_PERIOD] = periods
        self._known[_VAR] = self._jitter_ns**2
        self._known[_PERIOD_VAR] = (_BREAK_SPREAD * periods) ** 2

    def _return(self, now_ns: int) -> None:
        """The clock was away. Where it is by now only the line can say; what it does now, only the ticks to come."""
        line = self.line
        self._begin(now_ns)
        if line is not None:
            self._known[_TICK] = max(line.tick + 1, round(line.tick_at(now_ns)))

    def _explain(self, now_ns: int, last_ns: int) -> None:
        """Every explanation meets the tick in every way; the likeliest remain."""
        now = float(now_ns - self._origin_ns)
        jitter = self._jitter_ns**2
        known = self._known
        ways = [_moved(known, step, log) for step, log in zip(_STEPS, _STEP_LOG, strict=True)]
        ways += [_moved(_broken(known), step, log) for step, log in zip(_STEPS[:2], _STEP_LOG[:2], strict=True)]
        ways.append(_moved(_broken(_moved(known, 1.0, _STEP_LOG[1])), 1.0, 0.0))
        moved = np.concatenate(ways, axis=1)
        surprise = now - moved[_TIME]
        spread = moved[_VAR] + jitter
        gain, period_gain = moved[_VAR] / spread, moved[_COV] / spread
        met = moved.copy()
        met[_TIME] += gain * surprise
        met[_PERIOD] += period_gain * surprise
        met[_VAR] = (1 - gain) * moved[_VAR]
        met[_COV] = (1 - gain) * moved[_COV]
        met[_PERIOD_VAR] -= period_gain * moved[_COV]
        met[_LOG] -= 0.5 * (surprise**2 / spread + np.log(spread) + _LOG_2PI)
        met[_LOG, (met[_PERIOD] < _FASTEST_NS) | (met[_PERIOD] > _SLOWEST_NS)] = -np.inf
        soon = (now_ns - last_ns) / known[_PERIOD]
        again = known[:, soon < _DOUBLED_WITHIN].copy()
        again[_LOG] += _DOUBLED_LOG - np.log(again[_PERIOD] * _DOUBLED_WITHIN)
        known = np.concatenate([met, again], axis=1)
        best = int(np.argmax(known[_LOG]))
        if not np.isfinite(known[_LOG, best]):
            # No clock ticks like this: what comes next may be one.
            self._begin(now_ns)
            return
        if best < met.shape[1] and met[_AGE, best] > _STEADY_TICKS:
            off = max(float(surprise[best] ** 2 - moved[_VAR, best]), 0.0)
            jitter += (off - jitter) * _LEARNING
            self._jitter_ns = min(max(math.sqrt(max(jitter, 0.0)), _JITTER_NS[0]), _JITTER_NS[2])
        self._known = _likeliest(known)


def _moved(known: Floats, step: float, log: float) -> Floats:
    """Explanations so many ticks later, before they have met the tick."""
    moved = known.copy()
    moved[_TICK] += step
    moved[_TIME] += step * known[_PERIOD]
    wander = (_WANDER * known[_PERIOD]) ** 2
    moved[_VAR] += step * (2 * known[_COV] + step * known[_PERIOD_VAR])
    moved[_COV] += step * known[_PERIOD_VAR]
    moved[_PERIOD_VAR] += step * wander
    moved[_LOG] += log
    moved[_AGE] += 1
    return moved


def _broken(known: Floats) -> Floats:
    """Explanations if the tempo has changed at their tick."""
    broken = known.copy()
    broken[_PERIOD_VAR] = (_BREAK_SPREAD * broken[_PERIOD]) ** 2
    broken[_COV] = 0.0
    broken[_LOG] += _BREAK_LOG
    broken[_AGE] = 0
    return broken


def _likeliest(known: Floats) -> Floats:
    """The best explanations, best first, relative to the best; of those that say the same, one."""
    known = known[:, np.argsort(-known[_LOG], kind="stable")[: 4 * _KEPT]]
    known = known[:, known[_LOG] > known[_LOG, 0] - _HOPELESS]
    periods, doubts = np.rint(np.log(known[_PERIOD]) / _SAME), np.rint(np.log(known[_PERIOD_VAR]) / _SAME_DOUBT)
    _, first = np.unique((known[_TICK] * 1e5 + periods) * 1e3 + doubts, return_index=True)
    best: Floats = known[:, np.sort(first)[:_KEPT]]
    best[_LOG] -= best[_LOG, 0]
    return best
