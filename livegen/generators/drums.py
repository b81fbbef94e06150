"""Drum patterns: plain time-keeping by metre and style, with a little variation. General MIDI pitches.

Each hit has a rank: the density from which on it is played. What keeps the bar comes first, what fills it up last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Note, Part
from livegen.core.plans import PlanRequest

KICK, SNARE, STICK, HAT, FOOT_HAT, RIDE = 36, 38, 37, 42, 44, 51
HIT_PULSES = 3
_HALF, _QUARTER = PULSES_PER_BEAT // 2, PULSES_PER_BEAT // 4
_SWING = 16
"""Pulses to the second of a swung pair."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """A hit of a pattern: `onset` in pulses from the window's begin, `rank` -1..1; above 0 it is not in the plain pattern."""

    onset: int
    pitch: int
    velocity: int
    rank: float = -1.0


def drum_notes(request: PlanRequest) -> tuple[Note, ...]:
    """The drums of one window; deterministic for the request's seed and number.

    Without a beat (free playing) there is nothing to keep time to, and the drums rest.
    """
    tick = request.tick
    if tick.half_beat is None or tick.beats_per_bar is None:
        return ()
    rng = np.random.Generator(np.random.PCG64([request.seed, request.plan_id, 1]))
    style = max(request.style, key=lambda item: item[1], default=("", 0.0))
    swung = style[0] == "jazz" and style[1] > 0
    hits: list[_Hit] = []
    for index in range(tick.hop // _HALF):
        beat, half = divmod((tick.half_beat + index) % (2 * tick.beats_per_bar), 2)
        onset, on_beat = index * _HALF, half == 0
        hits += _jazz(beat, onset, on_beat) if swung else _straight(beat, tick.beats_per_bar, onset, on_beat)
    return tuple(
        sorted(
            (
                Note(Part.DRUMS, hit.onset, hit.pitch, HIT_PULSES, int(np.clip(hit.velocity + rng.integers(-6, 7), 1, 127)))
                for hit in hits
                if hit.rank <= request.sampling.density
            ),
            key=lambda note: (note.onset, note.pitch),
        )
    )


def _straight(beat: int, beats_per_bar: int, onset: int, on_beat: bool) -> list[_Hit]:
    """Eighths on the hi-hat, sixteenths where it is dense; kick on the downbeat and the middle, snare on the back beats.

    In three there are soft sticks instead.
    """
    hats = [
        _Hit(onset, HAT, 62 if on_beat else 46, -0.6 if on_beat else -0.3),
        _Hit(onset + _QUARTER, HAT, 36, 0.7 if on_beat else 0.3),
    ]
    if not on_beat:
        return hats
    if beats_per_bar % 2:
        return [*hats, _Hit(onset, KICK, 84) if beat == 0 else _Hit(onset, STICK, 52, -0.8)]
    if beat % 2:
        return [*hats, _Hit(onset, SNARE, 76, -0.9)]
    return [*hats, _Hit(onset, KICK, 88) if beat == 0 else _Hit(onset, KICK, 74, -0.8)]


def _jazz(beat: int, onset: int, on_beat: bool) -> list[_Hit]:
    """The ride's "ding, ding-a": every beat, a swung skip after each second; the foot closes the hi-hat on two and four.

    Where it is dense, every beat has its skip, and the stick answers.
    """
    if not on_beat:
        skip = _Hit(onset + _SWING - _HALF, RIDE, 44, -0.3 if beat % 2 else 0.3)
        return [skip, _Hit(skip.onset, STICK, 34, 0.7)] if beat % 2 else [skip]
    hits = [_Hit(onset, RIDE, 66 if beat % 2 else 58, -0.8 if beat % 2 else -0.6)]
    return [*hits, _Hit(onset, FOOT_HAT, 50)] if beat % 2 else hits
