"""The beat that people tap to a piece, and how fast they play it, which the page does not always say.

What is written is how a piece is counted. A scherzo counted at 400 beats a minute is tapped once a bar, and an adagio at 30 in
its halves. And where a source has no tempo, its file has that of the program that wrote it: the one for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import Piece

TAPPED_BPM = (55.0, 215.0)
"""Beats slower or faster than these are hardly ever tapped; listeners choose another level of the metre."""
_UNTOLD_BPM, _UNTOLD_SPREAD = 92.0, 0.35
"""Median of the tempi that are written, and standard deviation of their logarithm: pieces without one are played like those."""
_WITHOUT_TEMPI = frozenset({"irish", "leadsheets"})
"""Corpora in which no tune has a tempo of its own."""
_PROGRAM_BPM = {"mutopia": 60.0, "mutopia-scores": 60.0, "lieder": 120.0, "polish": 120.0, "chopin": 120.0, "quartets": 120.0}
"""Quarters a minute where a corpus's program was not told any."""
_BEAT_QUARTERS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Of written beats, in quarters."""


@dataclass(frozen=True, slots=True)
class Tactus:
    """A beat: its length in pulses of the piece, how many come a minute, and whether its beats begin with the piece's bars."""

    pulses: float
    tempo_bpm: float
    with_bars: bool = False


def written(piece: Piece) -> Tactus:
    """As the page has it."""
    return Tactus(PULSES_PER_BEAT, piece.tempo_bpm)


def tapped(piece: Piece, rng: np.random.Generator, spread: float = 0.0) -> Tactus:
    """As it is tapped; faster than `TAPPED_BPM` only where bars have no beats that could be taken together.

    Args:
        piece: what is played.
        rng: draws the tempo where none is written.
        spread: of the logarithm of written tempi; 0 is just as written.
    """
    if not has_tempo(piece):
        tempo = 0.0
        while not TAPPED_BPM[0] <= tempo <= TAPPED_BPM[1]:
            tempo = float(np.exp(rng.normal(np.log(_UNTOLD_BPM), _UNTOLD_SPREAD)))
        return Tactus(PULSES_PER_BEAT, tempo)
    tempo, pulses, bar = piece.tempo_bpm * float(np.exp(rng.normal() * spread)), float(PULSES_PER_BEAT), piece.beats_per_bar
    while tempo > TAPPED_BPM[1] and (together := _together(bar)):
        tempo, pulses, bar = tempo / together, pulses * together, bar // together
    if tempo < TAPPED_BPM[0] and _in_thirds(piece):
        tempo, pulses = tempo * 3, pulses / 3
    while tempo < TAPPED_BPM[0]:
        tempo, pulses = tempo * 2, pulses / 2
    return Tactus(pulses, tempo, pulses > PULSES_PER_BEAT)


def has_tempo(piece: Piece) -> bool:
    """Whether somebody has written down how fast the piece is; a tempo that is just the program's own counts as none."""
    program = _PROGRAM_BPM.get(piece.corpus, 0.0)
    return piece.corpus not in _WITHOUT_TEMPI and not any(
        np.isclose(piece.tempo_bpm * quarters, program, rtol=1e-4) for quarters in _BEAT_QUARTERS
    )


def _together(beats: int) -> int:
    """How many beats of a bar are one in which they are tapped if they are too fast; 0 if none are."""
    return 2 if beats % 4 == 0 or beats == 2 else 3 if beats % 3 == 0 else 0


def _in_thirds(piece: Piece) -> bool:
    """Whether beats are divided by three rather than by two."""
    places = np.array([note.onset - piece.bar_offset for note in piece.pitched]) % PULSES_PER_BEAT
    return int(np.isin(places, (8, 16)).sum()) > int((places == 12).sum())
