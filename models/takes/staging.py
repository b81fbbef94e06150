"""How a piece is put on the stage: windows, tempo and its changes, the player's timing and touch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from models.takes.slips import Slips, draw_slips

LOOKAHEADS = (0, 6, 12, 18, 24, 36, 48)
_LOOKAHEAD_SHARES = (0.15, 0.33, 0.19, 0.1, 0.17, 0.03, 0.03)

FREE_SHARE = 0.23
"""Of the takes, played without a beat: their windows are shorter at usual tempi, so that of the windows it is three tenths."""

FREE_TEMPO_BPM = 120.0
"""In playing without a beat, half a second counts as one."""

_LOWEST_BPM, _HIGHEST_BPM = 20.0, 300.0
_NS_PER_MINUTE = 60e9
_FAR = 1_000_000
_ROUNDING = 1e-6
"""Pulses by which a time that was rounded to a nanosecond may come too early."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ramp:
    """A change of tempo: from share `start` of the piece to share `end` it comes to be `factor` times as fast."""

    start: float
    end: float
    factor: float


@dataclass(frozen=True, slots=True)
class Staging:
    """How a piece is put on the stage.

    Attributes:
        hop: window length in pulses.
        lookahead: pulses between planning and the window's begin.
        tempo: factor on the piece's tempo.
        ramp: how the tempo changes, or None.
        jitter_ns: standard deviation of the player's timing.
        drag_ns: by how much the player is late throughout; negative where early.
        free: without a beat: a window is half a second or a quarter, wherever the music stands, and beat fields are not given.
        touch: mean MIDI velocity of the player where the source gives none; None leaves it open.
        slips: what goes wrong in the player's line.
    """

    hop: int = PULSES_PER_BEAT
    lookahead: int = 6
    tempo: float = 1.0
    ramp: Ramp | None = None
    jitter_ns: float = 0.0
    drag_ns: float = 0.0
    free: bool = False
    touch: int | None = None
    slips: Slips = field(default_factory=Slips)


def draw_staging(rng: np.random.Generator) -> Staging:
    """A staging as varied as the stage: tempo within 15 %, a quarter without a beat, a fifth with a change of tempo."""
    jitter_ns = float(rng.choice((0.0, 8e6, 20e6)))
    return Staging(
        hop=24 if rng.random() < 0.8 else 12,
        lookahead=int(rng.choice(LOOKAHEADS, p=_LOOKAHEAD_SHARES)),
        tempo=float(np.exp(rng.uniform(-0.15, 0.15))),
        ramp=draw_ramp(rng) if rng.random() < 0.2 else None,
        jitter_ns=jitter_ns,
        drag_ns=float(rng.normal(0.0, 8e6)) if jitter_ns else 0.0,
        free=bool(rng.random() < FREE_SHARE),
        touch=int(rng.integers(48, 100)) if rng.random() < 0.5 else None,
        slips=draw_slips(rng),
    )


def draw_ramp(rng: np.random.Generator) -> Ramp:
    """A change by up to a quarter either way, at once or over half of the piece at the most."""
    start = rng.uniform(0.1, 0.8)
    return Ramp(start, start + float(rng.choice((0.0, 0.1, 0.5))), float(np.exp(rng.uniform(-0.22, 0.22))))


class Clock:
    """Pulses and nanoseconds, by a tempo that may change at beats.

    Args:
        tempo_bpm: beats a minute at the begin; held within what the stage allows.
        ramp: how it changes, or None.
        length: of the piece, in pulses.
    """

    def __init__(self, tempo_bpm: float, ramp: Ramp | None = None, length: int = 0) -> None:
        pulses = np.array([0.0])
        tempi = np.array([tempo_bpm])
        if ramp is not None:
            pulses = np.arange(0.0, length + 1, PULSES_PER_BEAT)
            reach = max(PULSES_PER_BEAT, (ramp.end - ramp.start) * length)
            tempi = tempo_bpm * ramp.factor ** np.clip((pulses - ramp.start * length) / reach, 0.0, 1.0)
        self._tempi = np.clip(tempi, _LOWEST_BPM, _HIGHEST_BPM)
        self._pulses = np.append(pulses, pulses[-1] + _FAR)
        spans = np.diff(self._pulses) * _NS_PER_MINUTE / (PULSES_PER_BEAT * self._tempi)
        self._ns = np.concatenate([[0.0], np.cumsum(spans)])

    def ns_at(self, pulses: npt.ArrayLike) -> Floats:
        """Times of positions, to a whole nanosecond; 0 for what lies before the begin."""
        return np.rint(np.interp(pulses, self._pulses, self._ns))

    def pulse_at(self, ns: npt.ArrayLike) -> Floats:
        """Positions at times, both from 0."""
        return np.interp(ns, self._ns, self._pulses)

    def phase_at(self, ns: npt.ArrayLike, grid: int) -> Ints:
        """Whole pulses since the last beat, 0..23, with beats at `grid` and every 24 pulses."""
        whole: Ints = np.floor(self.pulse_at(ns) + _ROUNDING).astype(np.int64)
        return (whole - grid) % PULSES_PER_BEAT

    def tempo_at(self, pulses: npt.ArrayLike) -> Floats:
        """Beats a minute at positions."""
        segment = np.searchsorted(self._pulses, pulses, side="right") - 1
        tempi: Floats = self._tempi[np.clip(segment, 0, len(self._tempi) - 1)]
        return tempi
