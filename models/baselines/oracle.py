"""An oracle that sees the future: the chords that fit the whole melody best, for a price on every change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmony import ChordSymbol
from livegen.core.plans import PlanRequest
from models.baselines.heard import TRIADS, Heard, tones
from models.baselines.rules import Rule
from models.scoring.metrics import FRAME, Melody

CHORDS: tuple[ChordSymbol, ...] = (
    *TRIADS,
    *(ChordSymbol(root, quality) for quality in ("dom7", "min7", "maj7") for root in range(12)),
)

CHANGE = 0.5
"""A change costs so many note-ons; with less it would change at every beat, as no arranger does."""
SEVENTH = 0.4
"""What a fourth tone costs in each beat."""
HELD = 0.1
"""A frame in which the melody sounds on counts so much of a note-on."""

_FRAMES = PULSES_PER_BEAT // FRAME


class Oracle(Rule):
    """Plays by the melody as it will be. It is no opponent but a ceiling. See `Generator`.

    Args:
        melody: what the player is going to play; frame 0 is at pulse 0.
    """

    name = "oracle"

    def __init__(self, melody: Melody) -> None:
        super().__init__()
        self._chords = best_chords(melody)

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:
        beat = request.window // PULSES_PER_BEAT
        return self._chords[beat] if beat < len(self._chords) else heard.chord


def best_chords(melody: Melody) -> list[ChordSymbol]:
    """A chord for each beat: the dearest path through note-ons that fit, less changes (Viterbi)."""
    table = tones(CHORDS)
    worth = _worth(melody) @ table.T - SEVENTH * (table.sum(axis=1) - 3)
    score, came_from = worth[0] if len(worth) else np.zeros(len(CHORDS)), []
    for gain in worth[1:]:
        changed = int(np.argmax(score))
        stays = score >= score[changed] - CHANGE
        came_from.append(np.where(stays, np.arange(len(CHORDS)), changed))
        score = np.maximum(score, score[changed] - CHANGE) + gain
    path = [int(np.argmax(score))] if len(worth) else []
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return [CHORDS[index] for index in reversed(path)]


def _worth(melody: Melody) -> npt.NDArray[np.float64]:
    """What each pitch class is worth in each beat, [beats, 12]."""
    worth = np.zeros((-(-len(melody.begins) // _FRAMES), 12))
    sounding = np.flatnonzero(melody.pitch_class >= 0)
    np.add.at(worth, (sounding // _FRAMES, melody.pitch_class[sounding]), HELD)
    beginning = np.flatnonzero(melody.begins)
    np.add.at(worth, (beginning // _FRAMES, melody.pitch_class[beginning]), 1.0)
    return worth
