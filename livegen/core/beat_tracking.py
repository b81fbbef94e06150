"""Tempo and beat from what a player plays: where the next beat will be, and how sure that is.

A beat is a pattern of strikes on a grid of pulses, one of a few that the corpora know, and passes at a tempo that drifts from
beat to beat. What is not known, the tempo, the place in the beat and the pattern, is kept as one probability over a grid of
all three (a bar-pointer model; Whiteley, Cemgil and Godsill, 2006; the grid after Krebs, Böck and Widmer, 2015), which notes
sharpen where they come and silences where none come. Beside it runs an explanation without any beat: the more often that one
foresees the notes better, the less there is a beat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core.beat_statistics import FIRST, PATTERN_PULSES, PATTERNS, TRANSITIONS
from livegen.core.events import PULSES_PER_BEAT

Floats = npt.NDArray[np.float64]

_FRAME_NS = 10_000_000
_PERIODS = np.unique(np.round(np.geomspace(25, 150, 54)).astype(np.int64))
"""Frames a beat: 240 to 40 beats a minute."""
_TEMPO_BPM, _TEMPO_SPREAD = 105.0, 0.4
_DRIFT = 0.035
_JUMP = 0.002
_SPREAD_NS = 33_000_000
_CLUSTER_NS = 60_000_000
_STRAY = 0.3
"""Strikes a second that fall on no place of the grid."""
_LEAD = 2.0
"""Pulses before the beat at which its pattern begins to count, since strikes may be early."""
_GAP_NS = 6_000_000_000
_FREE_SPREAD = 0.6
_EVIDENCE_KEPT = 0.95
_CHORD_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class BeatLine:
    """Where the beat is believed to be.

    Attributes:
        beat_ns: time of a beat, the next after the last note.
        period_ns: from a beat to the next.
        confidence: 0..1.
        is_beat: whether there is a beat at all; if not, tempo and beat are guesses.
    """

    beat_ns: int
    period_ns: float
    confidence: float
    is_beat: bool

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute."""
        return 60e9 / self.period_ns

    def next_beat_ns(self, after_ns: int) -> int:
        """The first beat later than a time."""
        count = math.floor((after_ns - self.beat_ns) / self.period_ns)
        beat_ns = self.beat_ns + round(count * self.period_ns)
        while beat_ns <= after_ns:
            count += 1
            beat_ns = self.beat_ns + round(count * self.period_ns)
        return beat_ns


class _Grid:
    """The states: for each tempo, the frames of a beat from `_LEAD` before it on, one tempo after the other."""

    def __init__(self) -> None:
        periods = _PERIODS
        self.tempi = len(periods)
        self.starts = np.concatenate([[0], np.cumsum(periods)[:-1]])
        self.period = np.repeat(periods, periods).astype(np.float64)
        self.tempo = np.repeat(np.arange(self.tempi), periods)
        self.frame = np.arange(len(self.period)) - self.starts[self.tempo]
        self.pulse = self.frame / self.period * PULSES_PER_BEAT - _LEAD
        self.until = (1.0 - (self.pulse / PULSES_PER_BEAT)) % 1.0
        patterns = len(PATTERNS)
        spread = _SPREAD_NS / _FRAME_NS
        hazard = -np.log1p(-PATTERNS)
        after = -np.log1p(-TRANSITIONS @ PATTERNS)
        rate = np.full((patterns, len(self.period)), _STRAY * _FRAME_NS / 1e9)
        chord = np.full(len(self.period), 0.02)
        for turn, amount in ((0.0, hazard), (float(PULSES_PER_BEAT), after)):
            for place, pulse in enumerate(PATTERN_PULSES):
                off = (self.pulse - pulse - turn) / PULSES_PER_BEAT * self.period
                bump = np.exp(-0.5 * (off / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
                rate += amount[:, place, np.newaxis] * bump
                chord += bump * (1.0 if pulse == 0 else 0.6 if pulse == 12 else 0.3)
        self.rate = rate
        self.chord = (chord / chord.max()) ** _CHORD_WEIGHT
        summed = np.concatenate([np.zeros((patterns, 1)), np.cumsum(rate, axis=1)], axis=1)
        before = summed[:, self.starts]
        passed = summed[:, :-1] - before[:, self.tempo]
        self.charge, self.discharge = np.exp(passed), np.exp(-passed)
        self.beat_charge = np.exp(-(summed[:, self.starts + periods] - before))
        steps = np.log(periods)
        drift = np.exp(-0.5 * ((steps[:, np.newaxis] - steps) / _DRIFT) ** 2)
        drift /= drift.sum(axis=1, keepdims=True)
        prior = np.exp(-0.5 * ((np.log(6000.0 / periods) - math.log(_TEMPO_BPM)) / _TEMPO_SPREAD) ** 2)
        prior /= prior.sum()
        self.drift = (1 - _JUMP) * drift + _JUMP * prior
        self.first = FIRST[:, np.newaxis] * (prior[self.tempo] / self.period)
        near = np.abs(steps[:, np.newaxis] - steps) < 0.08
        self.near = near.astype(np.float64)


_BINS = 48


class BeatTracker:
    """Hears one player's notes and says where the beat is. Single-threaded, never blocks; a note costs about 0.5 ms."""

    def __init__(self) -> None:
        self._grid = _Grid()
        self._mass: Floats | None = None
        self._origin_ns = 0
        self._at = 0
        """The frame at which the mass holds."""
        self._struck = 0
        """The frame of the last strike: notes soon after it belong to it."""
        self._last_ns = 0
        self._evidence = 0.0
        self._usual = math.log(0.35)
        self._strikes = 0
        self._line: BeatLine | None = None

    def line(self, now_ns: int) -> BeatLine | None:
        """What is believed; None before the second strike, and long after the last note."""
        if self._mass is None or self._strikes < 2 or now_ns - self._last_ns > _GAP_NS:
            return None
        if self._line is None:
            self._line = self._read()
        return self._line

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
        """Take in a note-on, whose time is not before the last."""
        self._line = None
        if self._mass is None or onset_ns - self._last_ns > _GAP_NS:
            self._begin(onset_ns)
            return
        frame = max(self._at, round((onset_ns - self._origin_ns) / _FRAME_NS))
        cluster = _CLUSTER_NS // _FRAME_NS
        if frame - self._struck <= cluster:
            self._move(frame, charged=False)
            self._mass *= self._grid.chord
            self._mass /= self._mass.sum()
        else:
            seconds = (frame - self._struck) * _FRAME_NS / 1e9
            self._move(self._struck + cluster, charged=False)
            self._move(frame, charged=True)
            self._mass *= self._grid.rate
            total = float(self._mass.sum())
            self._mass /= total
            off = (math.log(seconds) - self._usual) / _FREE_SPREAD
            free = -0.5 * off * off - math.log(seconds * _FREE_SPREAD * math.sqrt(2 * math.pi))
            self._evidence = self._evidence * _EVIDENCE_KEPT + math.log(total / (_FRAME_NS / 1e9)) - free
            self._usual += (math.log(seconds) - self._usual) * max(0.1, 1 / (self._strikes + 1))
            self._struck = frame
            self._strikes += 1
        self._last_ns = onset_ns

    def _begin(self, onset_ns: int) -> None:
        self._origin_ns = self._last_ns = onset_ns
        self._at = self._struck = 0
        self._strikes, self._evidence = 1, 0.0
        mass = self._grid.first * self._grid.rate
        self._mass = mass / mass.sum()

    def _move(self, frame: int, *, charged: bool) -> None:
        """Let time pass, without a strike; what is not `charged` can't have one."""
        longest = int(_PERIODS[0])
        while self._at < frame:
            count = min(longest, frame - self._at)
            self._mass = self._moved(count, charged=charged)
            self._at += count
        if charged:
            assert self._mass is not None

    def _moved(self, count: int, *, charged: bool) -> Floats:
        grid, mass = self._grid, self._mass
        assert mass is not None
        weighed = mass * grid.charge if charged else mass
        ends = grid.starts + _PERIODS - count
        leaving = weighed[:, ends[:, np.newaxis] + np.arange(count)]
        if charged:
            leaving = leaving * grid.beat_charge[:, :, np.newaxis]
        entering = (TRANSITIONS.T @ leaving.reshape(len(leaving), -1)).reshape(leaving.shape)
        entering = grid.drift.T @ entering
        moved = np.empty_like(weighed)
        moved[:, count:] = weighed[:, :-count]
        moved[:, grid.starts[:, np.newaxis] + np.arange(count)] = entering
        return moved * grid.discharge if charged else moved

    def _read(self) -> BeatLine:
        grid, mass = self._grid, self._mass
        assert mass is not None
        states = mass.sum(axis=0)
        tempi = np.add.reduceat(states, grid.starts)
        best = int(np.argmax(grid.near @ tempi))
        chosen = np.flatnonzero(grid.near[best, grid.tempo])
        weights, until, periods = states[chosen], grid.until[chosen], grid.period[chosen]
        bins = np.bincount((until * _BINS).astype(np.int64) % _BINS, weights, _BINS)
        width = max(1, round(50e6 / _FRAME_NS / float(_PERIODS[best]) * _BINS))
        summed = sum(np.roll(bins, shift) for shift in range(-width, width + 1))
        centre = (int(np.argmax(summed)) + 0.5) / _BINS
        off = (until - centre + 0.5) % 1.0 - 0.5
        agree = np.abs(off) * _BINS <= width + 0.5
        agreed = float(weights[agree].sum())
        period = float((weights * periods)[agree].sum()) / agreed
        phase = centre + float((weights * off)[agree].sum()) / agreed
        period_ns = period * _FRAME_NS
        beat_ns = self._origin_ns + round(self._at * _FRAME_NS + phase * period_ns)
        sure = agreed / (1 + math.exp(min(50.0, max(-50.0, -self._evidence))))
        return BeatLine(beat_ns, period_ns, sure, sure > 0.5)
