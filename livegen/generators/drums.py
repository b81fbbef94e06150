"""Drum patterns: plain time-keeping by metre and style, with a little variation. General MIDI pitches."""

from __future__ import annotations

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Note, Part
from livegen.core.plans import PlanRequest

KICK, SNARE, STICK, HAT, FOOT_HAT, RIDE = 36, 38, 37, 42, 44, 51
HIT_PULSES = 3
_HALF = PULSES_PER_BEAT // 2
_SWING = 16
"""Pulses to the second of a swung pair."""


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
    hits: list[tuple[int, int, int]] = []
    for index in range(tick.hop // _HALF):
        beat, half = divmod((tick.half_beat + index) % (2 * tick.beats_per_bar), 2)
        onset, on_beat = index * _HALF, half == 0
        hits += _jazz(beat, onset, on_beat) if swung else _straight(beat, tick.beats_per_bar, onset, on_beat)
    return tuple(
        sorted(
            (
                Note(Part.DRUMS, onset, pitch, HIT_PULSES, int(np.clip(velocity + rng.integers(-6, 7), 1, 127)))
                for onset, pitch, velocity in hits
            ),
            key=lambda note: (note.onset, note.pitch),
        )
    )


def _straight(beat: int, beats_per_bar: int, onset: int, on_beat: bool) -> list[tuple[int, int, int]]:
    """Eighths on the hi-hat; kick on the downbeat and the middle, snare on the back beats (in three: soft sticks)."""
    hits = [(onset, HAT, 62 if on_beat else 46)]
    if not on_beat:
        return hits
    if beats_per_bar % 2:
        return [*hits, (onset, KICK, 84) if beat == 0 else (onset, STICK, 52)]
    return [*hits, (onset, KICK, 88 if beat == 0 else 74) if beat % 2 == 0 else (onset, SNARE, 76)]


def _jazz(beat: int, onset: int, on_beat: bool) -> list[tuple[int, int, int]]:
    """The ride's "ding, ding-a": every beat, a swung skip after each second; the foot closes the hi-hat on two and four."""
    if not on_beat:
        return [(onset + _SWING - _HALF, RIDE, 44)] if beat % 2 else []
    hits = [(onset, RIDE, 66 if beat % 2 else 58)]
    return [*hits, (onset, FOOT_HAT, 50)] if beat % 2 else hits
