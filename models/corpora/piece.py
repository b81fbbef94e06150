"""A piece of music as training sees it: one player's line, the parts around it, the chords, on a beat grid.

All positions and lengths are pulses, 24 to the beat, from pulse 0. In compound metres (6/8, 9/8, 12/8) the beat is the dotted
quarter; in simple metres it is the written beat (quarter, or half in 2/2). Bar lines fall at `bar_offset + k * beats_per_bar *
24`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol


@dataclass(frozen=True, slots=True, order=True)
class PieceNote:
    """A note: `onset` and `duration` in pulses, `velocity` 1..127 or None where the source has no dynamics."""

    onset: int
    pitch: int
    duration: int
    velocity: int | None = None


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord that holds from pulse `start` to pulse `end` (exclusive)."""

    start: int
    end: int
    symbol: ChordSymbol


@dataclass(frozen=True, slots=True)
class Piece:
    """One work, or one movement of it.

    Attributes:
        corpus: folder name, such as "irish".
        work: the group that must not be split between training and held-out.
        style: one of `models.corpora.registry.STYLES`.
        tempo_bpm: beats a minute.
        beats_per_bar: 1..12.
        bar_offset: pulse of the first downbeat, 0 <= bar_offset < beats_per_bar * 24.
        melody: what the player plays, sorted; monophonic or nearly so.
        parts: the agent's parts, each sorted; a part that the source lacks is missing.
        chords: spans in order, not overlapping; gaps mean that nothing is known there.
        phrases: pulses at which a phrase of the melody begins, ascending.
        key: tonic triad of the key, "maj" or "min", written or estimated; None if nobody has looked.
    """

    corpus: str
    work: str
    style: str
    tempo_bpm: float
    beats_per_bar: int
    bar_offset: int
    melody: tuple[PieceNote, ...]
    parts: Mapping[Part, tuple[PieceNote, ...]] = field(default_factory=dict)
    chords: tuple[ChordSpan, ...] = ()
    phrases: tuple[int, ...] = ()
    key: ChordSymbol | None = None

    @property
    def pitched(self) -> tuple[PieceNote, ...]:
        """The notes of the melody and of all parts but the drums."""
        return (*self.melody, *(note for part, notes in self.parts.items() if part is not Part.DRUMS for note in notes))
