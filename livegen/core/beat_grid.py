"""The states of the beat tracker, and what is known of them before a note is heard.

A state is a tempo and a frame of the beat, [states], the frames of one tempo after those of another; with a pattern of strikes,
[patterns, states]. The beat of a state begins `LEAD_PULSES` early, since strikes may be early.
"""

from __future__ import annotations

import copy
import math
from functools import cache

import numpy as np
import numpy.typing as npt

from livegen.core import beat_statistics as fitted
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.strikes import FRAME_NS, TOGETHER

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

PERIODS: Places = np.unique(np.round(np.geomspace(12.5, 75, 42)).astype(np.int64))
"""Frames a beat, ascending: 250 to 40 beats a minute."""
STRIDE = int(PERIODS[0])
"""A step of more frames could pass two beats."""
LEAD_PULSES = 2.0
NEAR = 0.08
"""Periods whose logarithms differ by less agree."""
_ON_NONE = 0.02
"""How much a strike on no place of the beat is looked for, where one that is exactly on a place counts 1."""
_NEVER = 1e-300
"""Instead of 0, to divide by."""
_LOOSER, _LIVELIER = 1.25, 1.7
"""For trackers, strikes are off and the tempo changes by so many times what is fitted: the fit knows no network, and beside one
beats of validation pieces are met more often so."""


class Layout:
    """Where the states are.

    Attributes:
        starts: first state of each tempo, [tempi].
        tempo: index of each state's tempo, [states].
        period: of its beat in frames, [states].
        frame: of its beat, [states].
        pulse: the same in pulses from the beat on, [states].
        until: periods until the next beat, 0..1, [states].
        kind: of the place that it is nearest to, [states].
        by_tempo: how much each of `TEMPI_BPM` says of a tempo, [tempi, 5].
    """

    def __init__(self) -> None:
        self.starts: Places = np.concatenate([[0], np.cumsum(PERIODS)[:-1]])
        self.tempo: Places = np.repeat(np.arange(len(PERIODS)), PERIODS)
        self.period: Places = np.repeat(PERIODS, PERIODS)
        self.frame: Places = np.arange(len(self.tempo)) - self.starts[self.tempo]
        self.pulse: Floats = self.frame / self.period * PULSES_PER_BEAT - LEAD_PULSES
        self.until: Floats = (-self.pulse / PULSES_PER_BEAT) % 1.0
        half = PULSES_PER_BEAT / 2
        off = np.abs((self.pulse - np.array(fitted.PLACES)[:, np.newaxis] + half) % PULSES_PER_BEAT - half)
        self.kind: Places = np.array(fitted.KINDS)[np.argmin(off, axis=0)]
        at, knots = np.log(60e9 / FRAME_NS / PERIODS), np.log(np.array(fitted.TEMPI_BPM))
        self.by_tempo: Floats = np.array([np.interp(at, knots, row) for row in np.eye(len(knots))]).T

    def seconds_off(self) -> Floats:
        """Of each state from each place of its beat, and of the next one, [2, places, states]."""
        places = np.array(fitted.PLACES)[:, np.newaxis] + PULSES_PER_BEAT * np.arange(2)[:, np.newaxis, np.newaxis]
        off: Floats = (self.pulse - places) / PULSES_PER_BEAT * self.period * FRAME_NS / 1e9
        return off

    def beside(self) -> Places:
        """The states from `TOGETHER` frames before to so many after, in the same beat, which wraps around, [7, states]."""
        frames = (self.frame + np.arange(-TOGETHER, TOGETHER + 1)[:, np.newaxis]) % self.period
        beside: Places = self.starts[self.tempo] + frames
        return beside


class Knowledge:
    """The fitted numbers, spread over the states.

    Args:
        looser: how many times as far off strikes are as fitted.
        livelier: how many times as much the tempo changes as fitted.

    Attributes:
        rate: strikes a frame, [patterns, states].
        charge: 1 over the chance of no strike since the beat began, [patterns, states].
        whole: chance of no strike in a whole beat, [patterns, tempi].
        places: which place each state is on, and in the last row none, as shares of 1, [13, states].
        spread: how likely a further note of a strike is, from `TOGETHER` frames before it to so many after, [7, states].
        drift: how likely the tempo, by row, becomes another, [tempi, tempi].
        follow: how likely a pattern, by row, has another after it, with the growth of the tempo, [tempi, patterns, patterns].
        growth: of the mass, logarithm a beat, [tempi].
        first: mass at the first strike, [patterns, states].
        near: which tempi agree, 0 or 1, [tempi, tempi].
    """

    def __init__(self, looser: float = 1.0, livelier: float = 1.0) -> None:
        self.layout = layout = Layout()
        self._spread_ns, self._drifting = fitted.SPREAD_NS * looser, fitted.DRIFT * livelier
        liking = layout.by_tempo @ fitted.PATTERN_BY_TEMPO
        follow = _shares(fitted.TRANSITIONS + liking[:, np.newaxis, :])
        self.growth: Floats = layout.by_tempo @ fitted.GROWTH
        self.follow: Floats = follow * np.exp(self.growth)[:, np.newaxis, np.newaxis]
        bump = np.exp(-0.5 * (layout.seconds_off() * 1e9 / self._spread_ns) ** 2)
        self._places(bump, follow)
        tempi = _shares(layout.by_tempo @ fitted.TEMPO)
        self._tempi(tempi)
        kinds = np.exp(np.array(fitted.FIRST_PLACE))[layout.kind]
        first = _shares(fitted.FIRST_PATTERN + liking)[layout.tempo].T * (tempi[layout.tempo] * kinds) * self.rate
        self.first: Floats = first / first.sum()

    def _places(self, bump: Floats, follow: Floats) -> None:
        layout = self.layout
        density = bump * (FRAME_NS / self._spread_ns / math.sqrt(2 * math.pi))
        strike = -np.log1p(-fitted.STRIKES)
        next_strike = -np.log1p(-np.einsum("tkl,lp->tkp", follow, fitted.STRIKES))[layout.tempo]
        at = strike[:, :, np.newaxis] * density[0] + next_strike.transpose(1, 2, 0) * density[1]
        stray = fitted.STRAY * FRAME_NS / 1e9
        self.rate: Floats = at.sum(axis=1) + stray
        on = np.concatenate([bump.max(axis=0), np.full((1, bump.shape[2]), _ON_NONE)])
        self.places: Floats = on / on.sum(axis=0)
        further = np.array(fitted.CHORDS)[list(fitted.KINDS)][:, np.newaxis]
        near = (bump.max(axis=0) * further).max(axis=0) + fitted.CHORD_FLOOR
        self.spread: Floats = (near**fitted.CHORD_WEIGHT)[layout.beside()]
        summed = np.concatenate([np.zeros((len(strike), 1)), np.cumsum(self.rate, axis=1)], axis=1)
        before = summed[:, layout.starts]
        self.charge: Floats = np.exp(summed[:, :-1] - before[:, layout.tempo])
        self.whole: Floats = np.exp(before - summed[:, layout.starts + PERIODS])

    def _tempi(self, tempi: Floats) -> None:
        logs = np.log(PERIODS)
        apart = logs[:, np.newaxis] - logs
        self.near: Floats = (np.abs(apart) < NEAR).astype(np.float64)
        drift = np.exp(-0.5 * (apart / self._drifting) ** 2)
        self.drift: Floats = drift / drift.sum(axis=1, keepdims=True) + fitted.JUMP * tempi
        for octave in (-math.log(2), math.log(2)):
            other = np.exp(-0.5 * ((apart - octave) / self._drifting) ** 2)
            self.drift += fitted.OCTAVE * other / np.maximum(other.sum(axis=1, keepdims=True), 1.0)

    def between(self, tempi_bpm: tuple[float, float]) -> Knowledge:
        """The same where the tempo is known to be between two, or as near to them as a state can be."""
        lowest, highest = tempi_bpm
        tempi = 60e9 / FRAME_NS / PERIODS
        outside = np.maximum(lowest / tempi, tempi / highest)
        possible = outside <= max(1.0, float(outside.min()))
        known = copy.copy(self)
        drift = self.drift * possible
        known.drift = drift * (self.drift.sum(axis=1, keepdims=True) / np.maximum(drift.sum(axis=1, keepdims=True), _NEVER))
        first = self.first * possible[self.layout.tempo]
        known.first = first / first.sum()
        return known

    def passed(self, mass: Floats, frames: int, *, charged: bool) -> Floats:
        """Mass, [patterns, states], after some frames without a strike; where they aren't `charged`, none could have come."""
        while frames > 0:
            count = min(frames, STRIDE)
            mass = self._stepped(mass, count, charged=charged)
            frames -= count
        return mass

    def _stepped(self, mass: Floats, count: int, *, charged: bool) -> Floats:
        """After at most `STRIDE` frames, in which each state passes at most one beat."""
        starts = self.layout.starts[:, np.newaxis]
        weighed = mass * self.charge if charged else mass
        leaving = weighed[:, starts + PERIODS[:, np.newaxis] - count + np.arange(count)]
        if charged:
            leaving = leaving * self.whole[:, :, np.newaxis]
        entering = (self.drift.T @ leaving).transpose(1, 0, 2)
        entering = np.matmul(self.follow.transpose(0, 2, 1), entering)
        moved = np.empty_like(mass)
        moved[:, count:] = weighed[:, :-count]
        moved[:, starts + np.arange(count)] = entering.transpose(1, 0, 2)
        return moved / self.charge if charged else moved


def _shares(logs: Floats) -> Floats:
    """Logarithms as shares of 1 along the last axis."""
    likings = np.exp(logs - logs.max(axis=-1, keepdims=True))
    shares: Floats = likings / likings.sum(axis=-1, keepdims=True)
    return shares


@cache
def knowledge() -> Knowledge:
    """The one that all trackers share; nothing writes to it."""
    return Knowledge(_LOOSER, _LIVELIER)
