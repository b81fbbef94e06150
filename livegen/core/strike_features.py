"""What the beat network hears of a strike: when it came, what its notes are, and what was struck some time before.

The last is a row of resonators: for each of many lags, whether there was a strike so long ago, how accented it was, how much
of the same it was, how long it was held, and whether it was held until now. A beat shows there as a lag at which strikes come
again, whatever came between; and long notes are on the beat more often than short ones, which the strikes alone don't tell
where several voices play.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LOOKED_BACK = 72
"""Strikes."""
LAGS_S: Floats = np.geomspace(0.17, 2.6, 32)
_PLAIN, _HOLDING = 40, 7
STRUCK_BEFORE, HELD_BEFORE = 3, 2
"""Rows of `LAGS_S`: of what was struck, and of how long it was held."""
FEATURES = _PLAIN + STRUCK_BEFORE * len(LAGS_S) + _HOLDING + HELD_BEFORE * len(LAGS_S)

# How far off a strike may be: two are off, and the longer the lag the more does the tempo change in it.
_WIDTHS_S = 0.03 + 0.03 * LAGS_S
_GAP_S = (0.03, 3.0)
"""Shorter and longer times between strikes count as these."""
_USUAL_GAP_LOG = -0.9
_LATELY_S = 2.0
_LOW_SEMITONES = 4
_LOUDEST = 2.0
"""As loud as usual so many times over is as loud as it gets."""
_LEARNING = 0.15
"""Of what is usual, from strike to strike."""
_LENGTHS = 4
"""Strikes of which the lengths are told one by one."""
_STILL_HELD = 8
"""Strikes of which it is told how many are held."""
_USUAL_OF = 16
"""Strikes whose mean length is what is usual."""
_LONGEST = 3.0
"""As long as usual so many times over is as long as it gets."""
_UNTIL_NOW_S = 0.08
"""What ended so little before a strike was held until it."""


class Holding:
    """How long a strike's notes are held.

    Attributes:
        until_s: when the last of them ended, in seconds as onsets are; infinite while one sounds.
    """

    def __init__(self) -> None:
        self.until_s = math.inf
        self._sounding = 0

    def begin(self) -> None:
        """Another of its notes sounds."""
        self._sounding += 1
        self.until_s = math.inf

    def end(self, time_s: float) -> None:
        """One of its notes has ended."""
        self._sounding -= 1
        if not self._sounding:
            self.until_s = time_s


@dataclass(frozen=True, slots=True)
class Struck:
    """One strike.

    Attributes:
        time_s: mean of its notes.
        low, top, size, loud: its lowest and highest MIDI pitch, how many notes it has, and the greatest velocity.
        classes: 1 where a pitch class is struck, [12].
        accent: by low pitch, many notes and loudness, all against what is usual, 0..3.
        plain: what it says by itself and beside the last few, [40].
        holding: how long it is held. That goes on: of a later strike it may say what lies before that one, and no more.
    """

    time_s: float
    low: float
    top: float
    size: float
    loud: float
    classes: Floats
    accent: float
    plain: Floats
    holding: Holding


class StrikeFeatures:
    """Hears one player's strikes. Single-threaded."""

    def __init__(self) -> None:
        self._notes: list[tuple[int, int, int]] = []
        """Onset in ns, pitch and velocity of those of the strike that is on."""
        self._holding = Holding()
        """How long they are held."""
        self._sounding: dict[int, Holding] = {}
        """By pitch."""
        self._before: list[Struck] = []
        self._usual: tuple[float, float, float, float] | None = None
        """Lowest and highest pitch, size, loudness."""
        self._heard_s = np.full(12, -np.inf)
        """When each pitch class was struck last."""

    def receive(self, onset_ns: int, pitch: int, velocity: int, *, begins: bool) -> Struck | None:
        """Take in a note-on of MIDI pitch 0..127 and velocity 1..127.

        It begins another strike or is of the one that is on; the first one begins one.

        Returns:
            The strike that is over by it, if one is.
        """
        over = self._finish() if begins and self._notes else None
        # A key that is struck again was let go, whether or not anybody said so.
        self.release(onset_ns, pitch)
        self._notes.append((onset_ns, pitch, velocity))
        self._holding.begin()
        self._sounding[pitch] = self._holding
        return over

    def release(self, time_ns: int, pitch: int) -> None:
        """Take in a note-off of a MIDI pitch; one that does not sound changes nothing."""
        if (holding := self._sounding.pop(pitch, None)) is not None:
            holding.end(time_ns / 1e9)

    def release_all(self, time_ns: int) -> None:
        """All that sounds has ended."""
        for pitch in tuple(self._sounding):
            self.release(time_ns, pitch)

    def strike(self) -> Struck:
        """The strike that is on, as far as its notes have come; there has been a note."""
        onsets_ns, pitches, velocities = zip(*self._notes, strict=True)
        time_s = sum(onsets_ns) / len(onsets_ns) / 1e9
        low, top, size, loud = float(min(pitches)), float(max(pitches)), float(len(pitches)), float(max(velocities))
        usual_low, usual_top, usual_size, usual_loud = self._usual or (low, top, size, loud)
        lower, higher, bigger, louder = (
            low - usual_low,
            top - usual_top,
            size - usual_size,
            min(loud / usual_loud, _LOUDEST) - 1,
        )
        classes = np.zeros(12)
        classes[[pitch % 12 for pitch in pitches]] = 1.0
        plain = np.zeros(_PLAIN)
        plain[:4] = [_gap(time_s - strike.time_s) for strike in reversed(self._before[-4:])] + [_gap(math.inf)] * (
            4 - len(self._before)
        )
        plain[4:6] = [plain[0] - strike.plain[0] for strike in reversed(self._before[-2:])] + [0.0] * (2 - len(self._before))
        plain[6:11] = lower / 8, bigger, louder * 3, higher / 8, self._newness(classes, time_s)
        if self._before:
            last = self._before[-1]
            leap, low_leap = (top - last.top) / 6, (low - last.low) / 8
            plain[11:15] = leap, abs(leap), low_leap, abs(low_leap)
            plain[19:21] = float(classes @ last.classes) / classes.sum(), top == last.top
            plain[25:28] = last.plain[[6, 7, 9]]
        plain[15:19] = min(size, 6.0) / 3 - 0.5, (top - low) / 24 - 0.5, (low - 55) / 15, (top - 68) / 12
        plain[21:25] = (max(onsets_ns) - min(onsets_ns)) / 5e7, lower < -_LOW_SEMITONES, bigger > 0.5, 1.0
        plain[28:] = np.roll(classes, -int(low) % 12)
        accent = min(max(-lower / 6, 0.0), 2.0) + min(max(bigger, 0.0), 2.0) / 2 + min(max(louder * 3, 0.0), 1.0)
        return Struck(time_s, low, top, size, loud, classes, min(accent, 3.0), plain, self._holding)

    def features(self) -> Floats:
        """All that is heard of the strike that is on, as far as its notes have come, [FEATURES]."""
        strike = self.strike()
        return np.concatenate([strike.plain, looked_back([*self._before, strike], 1)[0]])

    def _finish(self) -> Struck:
        struck = self.strike()
        now = (struck.low, struck.top, struck.size, struck.loud)
        usual = self._usual or now
        low, top, size, loud = (old + _LEARNING * (new - old) for old, new in zip(usual, now, strict=True))
        self._usual = (low, top, size, loud)
        self._heard_s[struck.classes > 0] = struck.time_s
        self._before = [*self._before[-LOOKED_BACK + 1 :], struck]
        self._notes, self._holding = [], Holding()
        return struck

    def _newness(self, classes: Floats, time_s: float) -> float:
        """How long its newest pitch class had not been struck, -1..1."""
        return float(np.minimum(time_s - self._heard_s[classes > 0], _LATELY_S).max()) - 1


def _gap(seconds: float) -> float:
    """Logarithm of a time between strikes, about 0 where it is usual."""
    return math.log(min(max(seconds, _GAP_S[0]), _GAP_S[1])) - _USUAL_GAP_LOG


def looked_back(strikes: Sequence[Struck], count: int) -> Floats:
    """What was struck before each of the last `count` strikes, and how long it was held by then.

    Returns:
        For each of `LAGS_S` whether there was a strike so long ago, 0..1, how accented it was, 0..3, and how much it had of the
        same, 0..1; what `_holding` says; and for each of `LAGS_S` how long what was struck then was held, in times of the
        mean, 0..3, and whether until now, 0..1. What is of a lag is faded by how far off it was.
        [count, 3 * 32 + 7 + 2 * 32].
    """
    times = np.array([strike.time_s for strike in strikes])
    untils = np.array([strike.holding.until_s for strike in strikes])
    accents = np.array([strike.accent for strike in strikes])
    classes = np.array([strike.classes for strike in strikes])
    at = np.arange(len(strikes) - count, len(strikes))
    earlier = at[:, np.newaxis] - np.arange(1, min(LOOKED_BACK, len(strikes)) + 1)
    known, now_s = earlier >= 0, times[at, np.newaxis]
    ago_s = np.where(known, now_s - times[earlier], np.inf)
    alike = np.einsum("rc,rbc->rb", classes[at] / classes[at].sum(axis=1, keepdims=True), classes[earlier])
    # A note that comes early may end before the mean of its strike.
    ended_s = np.where(known, np.clip(now_s - untils[earlier], 0.0, np.where(known, ago_s, 0.0)), np.inf)
    held_s = np.where(known, np.where(known, ago_s, 0.0) - np.where(known, ended_s, 0.0), 0.0)
    near = known[:, :_USUAL_OF]
    usual_s = held_s[:, :_USUAL_OF].sum(axis=1) / np.maximum(near.sum(axis=1), 1)
    longer = np.minimum(held_s / np.maximum(usual_s, _GAP_S[0])[:, np.newaxis], _LONGEST)
    until_now = np.exp(-0.5 * (ended_s / _UNTIL_NOW_S) ** 2)
    there = np.exp(-0.5 * ((ago_s[:, :, np.newaxis] - LAGS_S) / _WIDTHS_S) ** 2)
    weights = (np.ones_like(held_s), accents[earlier], alike, longer, until_now)
    rows = [(there * weight[:, :, np.newaxis]).max(axis=1) for weight in weights]
    holding = _holding(ago_s, held_s, ended_s, known & (untils[earlier] > now_s))
    return np.concatenate([*rows[:STRUCK_BEFORE], holding, *rows[STRUCK_BEFORE:]], axis=1)


def _holding(ago_s: Floats, held_s: Floats, ended_s: Floats, held: npt.NDArray[np.bool_]) -> Floats:
    """Of strikes that began, were held and ended so long ago, or are held still, [count, looked back], the last first.

    Returns:
        Lengths of the last four; a quarter of how many of the last eight are held; seconds since the end of what ended last of
        these, 0..2; how long ago the oldest began that is held; times but those seconds as `_gap`. [count, 7].
    """
    found = np.full((len(ago_s), _HOLDING), _gap(0.0))
    told = min(_LENGTHS, held_s.shape[1])
    found[:, :told] = _gaps(held_s[:, :told])
    found[:, _LENGTHS] = held[:, :_STILL_HELD].sum(axis=1) / 4
    found[:, _LENGTHS + 1] = np.minimum(ended_s[:, :_STILL_HELD].min(axis=1), _LATELY_S)
    found[:, _LENGTHS + 2] = _gaps(np.where(held, ago_s, 0.0).max(axis=1))
    return found


def _gaps(seconds: Floats) -> Floats:
    """`_gap` of many; of one, that is faster."""
    found: Floats = np.log(np.clip(seconds, *_GAP_S)) - _USUAL_GAP_LOG
    return found
