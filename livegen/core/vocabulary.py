"""The one vocabulary: fields, their classes, and which event uses which field, as data.

Every event is one row of `len(FIELDS)` small integers; class 0 of a field means "absent or unknown". Training, export and the
stage share this table, and its hash stands in every model file, so that a model never meets a vocabulary it was not trained on.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from dataclasses import dataclass

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmony import QUALITIES

VERSION = 1

KINDS: tuple[str, ...] = ("ON", "OFF", "TICK", "CHORD", "NOTE", "END")

DT_EDGES: tuple[int, ...] = (
    *range(8),
    *range(8, 16, 2),
    *range(16, 32, 4),
    *range(32, 64, 8),
    *range(64, 128, 16),
    *range(128, 256, 32),
    *range(256, 513, 64),
)
"""Lower edges of the classes of time since the last event, in units of 10 ms."""

DURATIONS: tuple[int, ...] = (
    *range(1, 11),
    *range(12, 25, 2),
    28, 32, 36, 42, 48, 54, 60, 66, 72, 84, 96, 120, 144, 168, 192,
)  # fmt: skip
"""Durations that a note of the agent can have, in pulses."""

VELOCITY_STEP = 8
"""Width of a velocity class; 1..127 fall into 16 classes."""

TEMPO_LOW_BPM = 20.0
TEMPO_CLASSES = 32
TEMPO_CLASSES_PER_OCTAVE = 8

LOOKAHEAD_STEP = 6
"""Width of a lookahead class in pulses: a quarter of a beat."""

HOPS: tuple[int, ...] = (PULSES_PER_BEAT // 2, PULSES_PER_BEAT)
"""Lengths that a planning window can have, in pulses."""

MAX_BEATS_PER_BAR = 12


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a row: `size` counts its classes, the absent class 0 included."""

    name: str
    size: int


FIELDS: tuple[Field, ...] = (
    Field("kind", 1 + len(KINDS)),
    Field("dt", 1 + len(DT_EDGES)),
    Field("pitch", 1 + 128),
    Field("velocity", 1 + 128 // VELOCITY_STEP),
    Field("pulse", 1 + PULSES_PER_BEAT),
    Field("duration", 1 + len(DURATIONS)),
    Field("part", 1 + 4),
    Field("root", 1 + 13),
    Field("quality", 1 + len(QUALITIES)),
    Field("half_beat", 1 + 2 * MAX_BEATS_PER_BAR),
    Field("meter", 1 + MAX_BEATS_PER_BAR),
    Field("tempo", 1 + TEMPO_CLASSES),
    Field("lookahead", 1 + 9),
    Field("hop", 1 + len(HOPS)),
    Field("parts", 1 + 16),
)

COLUMN: dict[str, int] = {field.name: index for index, field in enumerate(FIELDS)}
"""Column number of each field in a row."""

SIZE: dict[str, int] = {field.name: field.size for field in FIELDS}
"""Number of classes of each field."""

GRAMMAR: dict[str, tuple[str, ...]] = {
    "ON": ("dt", "pitch", "velocity", "pulse"),
    "OFF": ("dt", "pitch", "pulse"),
    "TICK": ("dt", "half_beat", "meter", "tempo", "lookahead", "hop", "parts"),
    "CHORD": ("root", "quality"),
    "NOTE": ("part", "pulse", "pitch", "duration", "velocity"),
    "END": (),
}
"""The fields that each kind of event fills, besides `kind`, in the order in which the heads predict them."""

HEADS: tuple[str, ...] = ("kind", "root", "quality", "part", "pulse", "pitch", "duration", "velocity")
"""Fields that the model predicts for the agent's events, each given those before it."""

KIND: dict[str, int] = {name: index + 1 for index, name in enumerate(KINDS)}
"""Class of each kind in the `kind` field."""

NO_ROOT = 13
"""Class of the `root` field that means "no chord"."""


def dt_class(delta_ns: int) -> int:
    """Class 1.. of the time since the last event; negative times count as 0."""
    return bisect.bisect_right(DT_EDGES, max(0, delta_ns) // 10_000_000)


def velocity_class(velocity: int) -> int:
    """Class 1..16 of a MIDI velocity 0..127."""
    return 1 + velocity // VELOCITY_STEP


def velocity_of(klass: int) -> int:
    """The middle of a velocity class, 1..127."""
    return (max(1, klass) - 1) * VELOCITY_STEP + VELOCITY_STEP // 2


def duration_class(pulses: int) -> int:
    """Class 1.. of the duration nearest to `pulses` by ratio."""
    upper = bisect.bisect_left(DURATIONS, pulses)
    if upper == 0:
        return 1
    if upper == len(DURATIONS):
        return len(DURATIONS)
    below, above = DURATIONS[upper - 1], DURATIONS[upper]
    return upper if pulses * pulses < below * above else upper + 1


def tempo_class(tempo_bpm: float) -> int:
    """Class 1..32 of a tempo, an eighth of an octave wide, from 20 beats a minute."""
    steps = round(TEMPO_CLASSES_PER_OCTAVE * math.log2(max(tempo_bpm, TEMPO_LOW_BPM) / TEMPO_LOW_BPM))
    return 1 + min(TEMPO_CLASSES - 1, steps)


def tempo_of(klass: int) -> float:
    """The middle of a tempo class in beats a minute."""
    return TEMPO_LOW_BPM * math.pow(2.0, (max(1, klass) - 1) / TEMPO_CLASSES_PER_OCTAVE)


def _canonical() -> str:
    table = {
        "version": VERSION,
        "kinds": KINDS,
        "fields": [(field.name, field.size) for field in FIELDS],
        "grammar": GRAMMAR,
        "heads": HEADS,
        "dt_edges": DT_EDGES,
        "durations": DURATIONS,
        "velocity_step": VELOCITY_STEP,
        "tempo": (TEMPO_LOW_BPM, TEMPO_CLASSES, TEMPO_CLASSES_PER_OCTAVE),
        "lookahead_step": LOOKAHEAD_STEP,
        "hops": HOPS,
        "qualities": QUALITIES,
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":"))


HASH = hashlib.sha256(_canonical().encode()).hexdigest()[:16]
"""Fingerprint of everything above; a model file that names another one is refused."""
