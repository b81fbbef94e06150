"""Notes below each note of the player, from the chord that holds: looked up, since there is no time to think."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from livegen.core.harmony import NO_CHORD, ChordSymbol

MOST_VOICES = 4

_NEAREST = 3
"""Semitones between two voices at the least: closer together they rub."""
_LOWEST = 36
"""No voice is added below this pitch."""


class Harmonizer:
    """Which added notes sound for which of the player's. Single-threaded; owned by the engine.

    What is added to a note stays until that note ends, whatever the chord does meanwhile.
    """

    def __init__(self) -> None:
        self._added: dict[int, tuple[int, ...]] = {}
        """By the player's pitch."""
        self._held: Counter[int] = Counter()
        """For how many of the player's notes each added pitch sounds."""

    def struck(self, pitch: int, chord: ChordSymbol, voices: int) -> tuple[int, ...]:
        """The player strikes `pitch` 0..127: the pitches that begin with it, highest first."""
        added = harmonies(chord, voices)[pitch]
        self._added[pitch] = added
        beginning = tuple(other for other in added if not self._held[other])
        self._held.update(added)
        return beginning

    def ended(self, pitch: int) -> tuple[int, ...]:
        """The player's note has ended: the pitches that end with it."""
        added = self._added.pop(pitch, ())
        for other in added:
            self._held[other] -= 1
        return tuple(other for other in added if not self._held[other])

    def clear(self) -> None:
        """Forget everything; whoever calls releases what sounds."""
        self._added.clear()
        self._held.clear()


@lru_cache(maxsize=256)
def harmonies(chord: ChordSymbol, voices: int) -> tuple[tuple[int, ...], ...]:
    """What is added to each pitch 0..127: the chord's tones below it, each near the last; an octave where there is no chord."""
    if chord == NO_CHORD:
        return tuple((pitch - 12,) if pitch - 12 >= _LOWEST else () for pitch in range(128))
    return tuple(_below(pitch, chord.pitch_classes, voices) for pitch in range(128))


def _below(pitch: int, tones: tuple[int, ...], voices: int) -> tuple[int, ...]:
    added: list[int] = []
    above = pitch
    for candidate in range(pitch - _NEAREST, _LOWEST - 1, -1):
        if len(added) == voices:
            break
        if candidate % 12 in tones and above - candidate >= _NEAREST and candidate % 12 != pitch % 12:
            added.append(candidate)
            above = candidate
    return tuple(added)
