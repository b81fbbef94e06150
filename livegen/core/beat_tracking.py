"""Tempo and beat from what a player plays: where the next beat will be, and how sure that is.

A beat is a pattern of strikes on a grid of pulses, one of a few, and passes at a tempo that drifts from beat to beat. What is not
known, the tempo, the place in the beat and the pattern, is kept as one probability over a grid of all three (a bar-pointer
model; Whiteley, Cemgil and Godsill, 2006; the grid after Krebs, Böck and Widmer, 2015). Notes sharpen it where they come, and
silences where none come. So it moves from strike to strike, never frame by frame.

Beside it runs an explanation without any beat: the more often that one foresees the notes better, the less there is a beat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from livegen.core import beat_statistics as fitted
from livegen.core.events import PULSES_PER_BEAT

Floats = npt.NDArray[np.float64]

FORGOTTEN_NS = 6_000_000_000
"""After so long without a note there is no beat, and the next note begins anew."""

_FRAME_NS = 20_000_000
_PERIODS = np.unique(np.round(np.geomspace(12.5, 75, 42)).astype(np.int64))
"""Frames a beat: 240 to 40 beats a minute."""
_CHORD_NS = 70_000_000
"""Notes as near as this to the first one are a strike together."""
_LEAD_PULSES = 2.0
"""So long before the beat its pattern begins to count, since strikes may be early."""
_LOW_SEMITONES, _LEAP_SEMITONES, _LOUDER = 4, 5, 1.06
_LEARNING = 0.15
"""Of what is usual in a strike."""
_FREE_SPREAD = 0.6
"""Of the logarithm of the times between strikes where there is no beat."""
_EVIDENCE_KEPT = 0.95
_NEAR = 0.08
"""Periods whose logarithms differ by less agree."""
_AGREE_NS = 50_000_000
"""So do beats that are as near as this."""
_BINS = 48
_SURE = 0.5

LOW, BIG, LEAP, LOUD = range(4)
"""Marks of a strike: lower than usual, of more notes, far from the last one's top note, louder."""


@dataclass(frozen=True, slots=True)
class BeatLine:
    """Where the beat is believed to be.

    Attributes:
        beat_ns: time of a beat, near the last note.
        period_ns: from a beat to the next.
        confidence: 0..1, the share of the belief that agrees on tempo and beat.
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
        while (beat_ns := self.beat_ns + round(count * self.period_ns)) <= after_ns:
            count += 1
        return beat_ns


class _Grid:
    """What is known before a note is heard: how likely each state strikes, and which follows which.

    A state is a tempo and a frame of the beat, [states], the frames of one tempo after those of another; with a pattern,
    [patterns, states].
    """

    def __init__(self) -> None:
        self.starts = np.concatenate([[0], np.cumsum(_PERIODS)[:-1]])
        self.tempo = np.repeat(np.arange(len(_PERIODS)), _PERIODS)
        self.period = np.repeat(_PERIODS, _PERIODS).astype(np.float64)
        self.frame = np.arange(len(self.tempo)) - self.starts[self.tempo]
        pulse = self.frame / self.period * PULSES_PER_BEAT - _LEAD_PULSES
        self.until = (-pulse / PULSES_PER_BEAT) % 1.0
        self._patterns()
        self._places(pulse)
        self._tempi()

    def _patterns(self) -> None:
        """Chances of patterns that follow each other, by tempo, [tempi, patterns, patterns]."""
        at = np.log(60e9 / _FRAME_NS / _PERIODS)
        knots = np.log(np.array(fitted.TEMPI_BPM))
        self.by_tempo = np.array([np.interp(at, knots, row) for row in np.eye(len(knots))]).T
        liking = self.by_tempo @ fitted.PATTERN_BY_TEMPO
        follow = np.exp(fitted.TRANSITIONS + liking[:, np.newaxis, :])
        self.follow = follow / follow.sum(axis=2, keepdims=True)
        self.growth = self.by_tempo @ fitted.GROWTH
        first = np.exp(fitted.FIRST_PATTERN + liking)
        self.first_pattern = first / first.sum(axis=1, keepdims=True)

    def _places(self, pulse: Floats) -> None:
        spread = fitted.SPREAD_NS / _FRAME_NS
        strike = -np.log1p(-fitted.STRIKES)
        later = -np.log1p(-np.einsum("tkl,lp->tkp", self.follow, fitted.STRIKES))
        shape = (len(strike), len(self.tempo))
        self.rate = np.full(shape, fitted.STRAY * _FRAME_NS / 1e9)
        marked = np.full((4, *shape), fitted.STRAY * _FRAME_NS / 1e9)
        chord, kinds = np.zeros(shape[1]), np.zeros((len(fitted.FIRST_PLACE), shape[1]))
        for turn in (0, 1):
            for index, (place, kind) in enumerate(zip(fitted.PLACES, fitted.KINDS, strict=True)):
                off = (pulse / PULSES_PER_BEAT - place / PULSES_PER_BEAT - turn) * self.period
                bump = np.exp(-0.5 * (off / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
                amount = later[self.tempo, :, index].T if turn else strike[:, index, np.newaxis]
                self.rate += amount * bump
                marked += amount * bump * np.exp(fitted.MARKS[:, kind].T[:, :, np.newaxis])
                chord = np.maximum(chord, bump * (spread * math.sqrt(2 * math.pi)) * fitted.CHORDS[kind])
                kinds[kind] = np.maximum(kinds[kind], bump)
        self.marks = marked / self.rate
        chord = (chord + fitted.CHORD_FLOOR) ** fitted.CHORD_WEIGHT
        turned = self.starts[self.tempo] + (
            self.frame + np.arange(_CHORD_NS // _FRAME_NS + 1)[:, np.newaxis]
        ) % self.period.astype(np.int64)
        self.chord = chord[turned]
        self.first_place = np.exp(np.array(fitted.FIRST_PLACE))[np.argmax(kinds, axis=0)]
        summed = np.concatenate([np.zeros((shape[0], 1)), np.cumsum(self.rate, axis=1)], axis=1)
        before = summed[:, self.starts]
        passed = summed[:, :-1] - before[:, self.tempo]
        self.charge, self.discharge = np.exp(passed), np.exp(-passed)
        self.whole = np.exp(before - summed[:, self.starts + _PERIODS])

    def _tempi(self) -> None:
        logs = np.log(_PERIODS)
        apart = logs[:, np.newaxis] - logs
        liking = np.exp(self.by_tempo @ fitted.TEMPO)
        liking /= liking.sum()

        def near(middle: float) -> Floats:
            bell: Floats = np.exp(-0.5 * ((apart - middle) / fitted.DRIFT) ** 2)
            return bell / np.maximum(bell.sum(axis=1, keepdims=True), 1.0)

        drift = near(0.0)
        drift /= drift.sum(axis=1, keepdims=True)
        self.drift = drift + fitted.OCTAVE * (near(math.log(2)) + near(-math.log(2))) + fitted.JUMP * liking
        self.first = self.first_pattern[self.tempo].T * (liking[self.tempo] * self.first_place) * self.rate
        self.near = (np.abs(apart) < _NEAR).astype(np.float64)
        self.grow = np.exp(self.growth)


@cache
def _grid() -> _Grid:
    return _Grid()


class _Strike:
    """Notes that sound together, and what they are like against those before. Owned by the tracker."""

    def __init__(self) -> None:
        self._usual: tuple[float, float, float] | None = None
        self._top: int | None = None
        self._notes: list[tuple[int, int]] = []

    def begin(self, pitch: int, velocity: int) -> None:
        """A new strike; what is usual takes in the last one."""
        if self._notes:
            now = self._now()
            usual = self._usual or now
            self._usual = tuple(was + _LEARNING * (value - was) for was, value in zip(usual, now, strict=True))  # type: ignore[assignment]
            self._top = max(note for note, _ in self._notes)
        self._notes = [(pitch, velocity)]

    def add(self, pitch: int, velocity: int) -> None:
        """A further note of it."""
        self._notes.append((pitch, velocity))

    def _now(self) -> tuple[float, float, float]:
        return min(pitch for pitch, _ in self._notes), len(self._notes), max(velocity for _, velocity in self._notes)

    def marks(self) -> list[int]:
        """Which marks it has so far; the first has none."""
        if self._usual is None or self._top is None:
            return []
        (low, count, loud), (usual_low, usual_count, usual_loud) = self._now(), self._usual
        found = (
            low < usual_low - _LOW_SEMITONES,
            count > usual_count + 0.5,
            abs(max(pitch for pitch, _ in self._notes) - self._top) >= _LEAP_SEMITONES,
            loud > usual_loud * _LOUDER + 0.5,
        )
        return [mark for mark, has in enumerate(found) if has]


class BeatTracker:
    """Hears one player's notes and says where the beat is. Single-threaded, never blocks; a note costs less than a millisecond."""

    def __init__(self) -> None:
        self._grid = _grid()
        self._mass: Floats | None = None
        """Of each pattern and state at the last strike, but for its marks, [patterns, states]; adds up to 1."""
        self._strike = _Strike()
        self._strike_ns = self._last_ns = 0
        self._usual = 0.0
        self._strikes = 0
        self._evidence = 0.0
        self._line: BeatLine | None = None

    def line(self, now_ns: int) -> BeatLine | None:
        """What is believed; None before the second strike, and long after the last note."""
        if self._strikes < 2 or now_ns - self._last_ns > FORGOTTEN_NS:
            return None
        if self._line is None:
            self._line = self._read(self._marked())
        return self._line

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
        """Take in a note-on, whose time is not before the last."""
        self._line = None
        if self._mass is None or onset_ns - self._last_ns > FORGOTTEN_NS:
            self._begin(onset_ns)
            self._strike.begin(pitch, velocity)
        elif onset_ns - self._strike_ns <= _CHORD_NS:
            self._mass *= self._grid.chord[(onset_ns - self._strike_ns) // _FRAME_NS]
            self._mass /= self._mass.sum()
            self._strike.add(pitch, velocity)
        else:
            self._struck(onset_ns)
            self._strike.begin(pitch, velocity)
        self._last_ns = onset_ns

    def _begin(self, onset_ns: int) -> None:
        self._mass = self._grid.first / self._grid.first.sum()
        self._strike = _Strike()
        self._strike_ns = onset_ns
        self._strikes, self._evidence, self._usual = 1, 0.0, math.log(0.35)

    def _struck(self, onset_ns: int) -> None:
        """Nothing came since the last strike, and now one."""
        grid = self._grid
        frames = round((onset_ns - self._strike_ns) / _FRAME_NS)
        silent = _CHORD_NS // _FRAME_NS
        mass = self._marked()
        tempi = np.add.reduceat(mass.sum(axis=0), grid.starts)
        grown = float((tempi * grid.growth / _PERIODS).sum()) * frames
        mass = self._passed(mass, silent, charged=False)
        mass = self._passed(mass, frames - silent, charged=True) * grid.rate
        total = float(mass.sum())
        self._mass = mass / total
        seconds = (onset_ns - self._strike_ns) / 1e9
        off = (math.log(seconds) - self._usual) / _FREE_SPREAD
        free = -0.5 * off * off - math.log(seconds * _FREE_SPREAD * math.sqrt(2 * math.pi))
        self._evidence = self._evidence * _EVIDENCE_KEPT + math.log(total / (_FRAME_NS / 1e9)) - grown - free
        self._usual += (math.log(seconds) - self._usual) * max(0.1, 1 / (self._strikes + 1))
        self._strikes += 1
        self._strike_ns += frames * _FRAME_NS

    def _marked(self) -> Floats:
        """The mass at the last strike with what its marks say."""
        assert self._mass is not None
        mass = self._mass
        for mark in self._strike.marks():
            mass = mass * self._grid.marks[mark]
        return mass / mass.sum()

    def _passed(self, mass: Floats, frames: int, *, charged: bool) -> Floats:
        """After some frames without a strike; where they are not `charged`, none could have come."""
        while frames > 0:
            count = min(frames, int(_PERIODS[0]))
            mass = self._stepped(mass, count, charged=charged)
            frames -= count
        return mass

    def _stepped(self, mass: Floats, count: int, *, charged: bool) -> Floats:
        """After `count` frames, no more than the shortest beat has."""
        grid = self._grid
        if charged:
            mass = mass * grid.charge
        leaving = mass[:, (grid.starts + _PERIODS - count)[:, np.newaxis] + np.arange(count)]
        if charged:
            leaving = leaving * grid.whole[:, :, np.newaxis]
        entering = grid.drift.T @ leaving
        entering = np.matmul(grid.follow.transpose(0, 2, 1), entering.transpose(1, 0, 2)) * grid.grow[:, np.newaxis, np.newaxis]
        moved = np.empty_like(mass)
        moved[:, count:] = mass[:, :-count]
        moved[:, grid.starts[:, np.newaxis] + np.arange(count)] = entering.transpose(1, 0, 2)
        return moved * grid.discharge if charged else moved

    def _read(self, mass: Floats) -> BeatLine:
        """The tempo and the beat that most of the mass agrees on."""
        grid = self._grid
        states = mass.sum(axis=0)
        shares = grid.near @ np.add.reduceat(states, grid.starts)
        best = (0.0, 1.0, 0.0)
        for tempo in np.argsort(-shares)[:12:3]:
            best = max(best, self._agreed(states, int(tempo)))
        agreed, period, phase = best
        period_ns = period * _FRAME_NS
        sure = agreed / (1 + math.exp(min(50.0, max(-50.0, -self._evidence))))
        return BeatLine(self._strike_ns + round(phase * period_ns), period_ns, sure, sure > _SURE)

    def _agreed(self, states: Floats, tempo: int) -> tuple[float, float, float]:
        """Mass that agrees around one tempo, its period in frames, and the beat, in periods from the strike."""
        grid = self._grid
        near = np.flatnonzero(grid.near[tempo])
        chosen = slice(grid.starts[near[0]], grid.starts[near[-1]] + _PERIODS[near[-1]])
        weights, until, periods = states[chosen], grid.until[chosen], grid.period[chosen]
        bins = np.bincount((until * _BINS).astype(np.int64), weights, _BINS)
        width = max(1, round(_AGREE_NS / _FRAME_NS / float(_PERIODS[tempo]) * _BINS))
        around = np.convolve(np.concatenate([bins[-width:], bins, bins[:width]]), np.ones(2 * width + 1), "valid")
        centre = (int(np.argmax(around)) + 0.5) / _BINS
        off = (until - centre + 0.5) % 1.0 - 0.5
        weights = np.where(np.abs(off) * _BINS <= width + 0.5, weights, 0.0)
        agreed = float(weights.sum())
        return agreed, float((weights * periods).sum()) / agreed, centre + float((weights * off).sum()) / agreed
