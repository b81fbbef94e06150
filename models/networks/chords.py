"""The chord chooser: a small network that hears from every root alike, and the songs that it learns from.

For each of the twelve roots it is shown what was heard (`livegen.core.harmonic_memory`) as seen from that root, so what it
learns in one key it knows in all. Its classes are 12 roots x 12 qualities, the root first.

Shapes: N beats, C channels, P places, Q qualities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from livegen.core.events import PULSES_PER_BEAT, Part, Tick
from livegen.core.harmonic_memory import CHANNELS, HELD_BEATS, PLACES, HarmonicMemory
from livegen.core.harmony import QUALITIES, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote

CLASSES = 12 * len(QUALITIES)
_NS_PER_PULSE = 500_000_000 // PULSES_PER_BEAT
_HARMONY = frozenset({Part.CHORDS, Part.BASS})


def chord_class(symbol: ChordSymbol) -> int:
    """0..143; -1 for "no chord"."""
    return -1 if symbol.root is None else symbol.root * len(QUALITIES) + QUALITIES.index(symbol.quality)


def chord_of_class(klass: int) -> ChordSymbol:
    """The chord of a class 0..143."""
    return ChordSymbol(klass // len(QUALITIES), QUALITIES[klass % len(QUALITIES)])


def chord_tones() -> npt.NDArray[np.float32]:
    """Which pitch classes are in each chord, [144, 12]."""
    table = np.zeros((CLASSES, 12), dtype=np.float32)
    for klass in range(CLASSES):
        table[klass, list(chord_of_class(klass).pitch_classes)] = 1.0
    return table


class _Member(nn.Module):
    """Three layers, the same for each root."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(CHANNELS * 12 + PLACES, width)
        self.second = nn.Linear(width, width)
        self.out = nn.Linear(width, len(QUALITIES))
        self.drop = nn.Dropout(dropout)

    def forward(self, seen: Tensor) -> Tensor:
        """What is seen from each root [N, 12, C * 12 + P] -> logits [N, 12, Q]."""
        x = self.drop(functional.gelu(self.first(seen)))
        x = self.drop(functional.gelu(self.second(x)))
        logits: Tensor = self.out(x)
        return logits


class ChordNet(nn.Module):
    """Several choosers that were taught apart from each other, whose logits are averaged."""

    turns: Tensor

    def __init__(self, width: int = 256, dropout: float = 0.2, members: int = 1) -> None:
        super().__init__()
        self.width = width
        self.members = nn.ModuleList(_Member(width, dropout) for _ in range(members))
        turns = (torch.arange(12).unsqueeze(1) + torch.arange(12)) % 12
        self.register_buffer("turns", turns, persistent=False)  # [12 roots, 12]

    @classmethod
    def of(cls, nets: Sequence[ChordNet]) -> ChordNet:
        """All members of networks of the same width."""
        joined = cls(nets[0].width, members=0)
        joined.members.extend(member for net in nets for member in net.members)
        return joined

    def forward(self, heard: Tensor, place: Tensor) -> Tensor:
        """Heard [N, C, 12], place [N, P] -> logits [N, 144]."""
        seen = heard[:, :, self.turns].transpose(1, 2).flatten(2)  # [N, 12 roots, C * 12]
        seen = torch.cat([seen, place.unsqueeze(1).expand(-1, 12, -1)], dim=-1)
        return torch.stack([member(seen) for member in self.members]).mean(dim=0).flatten(1)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one song teaches, beat by beat; the agent's own chord is blank in the features.

    Attributes:
        heard: float32 [N, C, 12].
        place: float32 [N, P].
        hits: how many melody notes begin in the beat, by pitch class, float32 [N, 12].
        chords: class of the written chord, -1 where none is known, int64 [N].
        adapting: whether the key has changed lately, bool [N].
        beats_per_bar: of the song.
    """

    heard: npt.NDArray[np.float32]
    place: npt.NDArray[np.float32]
    hits: npt.NDArray[np.float32]
    chords: npt.NDArray[np.int64]
    adapting: npt.NDArray[np.bool_]
    beats_per_bar: int


def lesson(
    piece: Piece,
    lookahead: int = 6,
    first: int | None = None,
    player: Sequence[PieceNote] | None = None,
    bars_known: bool = True,
) -> Lesson:
    """Go through a song as the stage would hear it.

    Args:
        piece: melody and chords.
        lookahead: pulses between planning and the beat.
        first: pulse to begin at, on a beat; the piece's first beat if None.
        player: what is heard in place of the melody, such as the same with wrong notes.
        bars_known: whether the place in the bar is told.
    """
    start = piece.bar_offset % PULSES_PER_BEAT if first is None else first
    heard_notes = piece.melody if player is None else player
    messages = sorted(
        [(note.onset, 1, note.pitch) for note in heard_notes if note.onset >= start]
        + [(note.onset + note.duration, 0, note.pitch) for note in heard_notes if note.onset >= start]
    )
    end = max((note.onset for note in piece.melody), default=start) + 1
    windows = range(start, max(end, start + 1), PULSES_PER_BEAT)
    size = len(windows)
    out = Lesson(
        np.zeros((size, CHANNELS, 12), dtype=np.float32), np.zeros((size, PLACES), dtype=np.float32),
        np.zeros((size, 12), dtype=np.float32), np.full(size, -1), np.zeros(size, dtype=np.bool_), piece.beats_per_bar,
    )  # fmt: skip
    for note in piece.melody:
        if note.onset >= start:
            out.hits[(note.onset - start) // PULSES_PER_BEAT, note.pitch % 12] += 1
    _fill_chords(out.chords, piece.chords, start)
    memory, at = HarmonicMemory(), 0
    for index, window in enumerate(windows):
        now = window - lookahead
        while at < len(messages) and messages[at][0] < now:
            pulse, is_on, pitch = messages[at]
            memory = memory.struck(pitch, pulse * _NS_PER_PULSE) if is_on else memory.released(pitch)
            at += 1
        half_beat = (window - piece.bar_offset) % (piece.beats_per_bar * PULSES_PER_BEAT) // 12 if bars_known else None
        tick = Tick(now * _NS_PER_PULSE, half_beat, piece.beats_per_bar, 120.0, lookahead, PULSES_PER_BEAT, _HARMONY)
        memory = memory.placed(tick, window)
        features = memory.features(tick, window)
        out.heard[index], out.place[index] = features.heard, features.place
        out.place[index, -HELD_BEATS - 1 :] = 0.0  # the agent's past is written in when it is known
    return out


def _fill_chords(chords: npt.NDArray[np.int64], spans: Sequence[ChordSpan], start: int) -> None:
    """The chord at the middle of each beat."""
    for span in spans:
        first = -(-(span.start - start - PULSES_PER_BEAT // 2) // PULSES_PER_BEAT)
        last = -(-(span.end - start - PULSES_PER_BEAT // 2) // PULSES_PER_BEAT)
        chords[max(0, first) : max(0, last)] = chord_class(span.symbol)
