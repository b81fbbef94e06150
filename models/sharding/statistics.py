"""What shards hold, counted by corpus from their arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Part
from models.sharding.arrays import LINES
from models.sharding.collection import Shard, Shards

LINE_NAMES = ("melody", *(part.label for part in Part))
TEMPO_BINS = (0, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 160, 180, 1000)
"""Bounds of the classes of tempi, in beats a minute."""

KEY_NAMES = (
    *("C", "Cm", "Db", "C#m", "D", "Dm", "Eb", "Ebm", "E", "Em", "F", "Fm"),
    *("F#", "F#m", "G", "Gm", "Ab", "G#m", "A", "Am", "Bb", "Bbm", "B", "Bm"),
)
"""Major and minor on each step of the chromatic scale."""


@dataclass(slots=True)
class Statistics:
    """Of one corpus.

    Attributes:
        pieces: how many.
        works: how many names of works.
        hours: playing time at the pieces' own tempi.
        notes: by line (`LINE_NAMES`).
        with_velocity: of all notes, how many have one.
        with_line: pieces that have notes in a line.
        chord_share: share of the time in which a chord is known.
        styles, keys, metres, tempi: pieces by style, key name, beats in a bar, class of tempo (its number).
        left_out: reasons, with their counts.
    """

    pieces: int = 0
    works: int = 0
    hours: float = 0.0
    notes: Counter[str] = field(default_factory=Counter)
    with_velocity: int = 0
    with_line: Counter[str] = field(default_factory=Counter)
    chord_share: float = 0.0
    styles: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    metres: Counter[int] = field(default_factory=Counter)
    tempi: Counter[int] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def all_notes(self) -> int:
        """Notes of all lines."""
        return self.notes.total()


def statistics_of(shards: Shards) -> dict[str, Statistics]:
    """By corpus, in the order of the shards, without the near-duplicates."""
    result = {}
    for name, shard in shards.shards.items():
        entry, twins = shards.manifest["corpora"][name], shards.manifest["twins"].get(name, {})
        kept = [index for index in range(len(shard)) if str(index) not in twins]
        result[name] = _count(shard, kept)
        reasons = (reason for _, reason in entry["left_out"])
        result[name].left_out = Counter(_kind(reason) for reason in (*reasons, *twins.values()))
    return result


def total(parts: Iterable[Statistics]) -> Statistics:
    """Of all corpora together; `chord_share` weighs them by hours."""
    whole = Statistics()
    known = 0.0
    for one in parts:
        whole.pieces += one.pieces
        whole.works += one.works
        whole.hours += one.hours
        whole.with_velocity += one.with_velocity
        known += one.chord_share * one.hours
        for name in ("notes", "with_line", "styles", "keys", "metres", "tempi", "left_out"):
            getattr(whole, name).update(getattr(one, name))
    whole.chord_share = known / whole.hours if whole.hours else 0.0
    return whole


def _kind(reason: str) -> str:
    """A reason without what names the case."""
    return reason.split(":", maxsplit=1)[0]


def _count(shard: Shard, indices: Sequence[int]) -> Statistics:
    counted = Statistics(pieces=len(indices))
    arrays: Any = shard.arrays
    ends = np.asarray(arrays["onset"]).astype(np.int64) + arrays["duration"]
    starts = np.concatenate([[0], arrays["line_end"]])
    spans = np.concatenate([[0], arrays["chord_end"]])
    known = 0.0
    for index in indices:
        lines = starts[LINES * index : LINES * (index + 1) + 1]
        for name, length in zip(LINE_NAMES, np.diff(lines).tolist(), strict=True):
            counted.notes[name] += length
            counted.with_line[name] += length > 0
        whole = slice(int(lines[0]), int(lines[-1]))
        counted.with_velocity += int(np.count_nonzero(arrays["velocity"][whole]))
        tempo = float(arrays["tempo_bpm"][index])
        hours_a_pulse = 1.0 / (PULSES_PER_BEAT * tempo * 60.0)
        counted.hours += int(ends[whole].max(initial=0)) * hours_a_pulse
        chords = slice(int(spans[index]), int(spans[index + 1]))
        sounding = arrays["chord_root"][chords] >= 0
        known += float(((arrays["chord_stop"][chords] - arrays["chord_start"][chords]) * sounding).sum()) * hours_a_pulse
        counted.styles[shard.label(index)[2]] += 1
        counted.metres[int(arrays["beats_per_bar"][index])] += 1
        counted.tempi[int(np.digitize(tempo, TEMPO_BINS[1:-1]))] += 1
        root = int(arrays["key_root"][index])
        if root >= 0:
            counted.keys[KEY_NAMES[2 * root + (int(arrays["key_quality"][index]) != 0)]] += 1
    counted.works = len({shard.label(index)[:2] for index in indices})
    counted.chord_share = known / counted.hours if counted.hours else 0.0
    return counted
