"""The performance that the demo plays: Beethoven's melody of 1824 on Schiller's ode, entered by us, phrase by phrase."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import Message, NoteOff, NoteOn

TEMPO_BPM = 126.0
BEATS_PER_BAR = 4

_FIRST = "E4 1  E4 1  F4 1  G4 1   G4 1  F4 1  E4 1  D4 1   C4 1  C4 1  D4 1  E4 1   E4 1.5  D4 .5  D4 2"
_SECOND = "E4 1  E4 1  F4 1  G4 1   G4 1  F4 1  E4 1  D4 1   C4 1  C4 1  D4 1  E4 1   D4 1.5  C4 .5  C4 2"
_THIRD = "D4 1  D4 1  E4 1  C4 1   D4 1  E4 .5  F4 .5  E4 1  C4 1   D4 1  E4 .5  F4 .5  E4 1  D4 1   C4 1  D4 1  G3 2"

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DETACHED = 0.9
"""Share of its length that a note is held, so that the repeated notes speak."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of the demo: the mode, the player's messages by pulse from the scene's begin, and its length in beats.

    `phrase_end` is the pulse of the player's last release.
    """

    mode: str
    messages: tuple[tuple[Fraction, Message], ...]
    phrase_end: Fraction
    beats: int


def scenes() -> tuple[Scene, ...]:
    """Two phrases that are answered, then one that is accompanied."""
    return (_scene("respond", _FIRST, 24), _scene("respond", _SECOND, 24), _scene("accompany", _THIRD, 20))


def _scene(mode: str, line: str, beats: int) -> Scene:
    messages: list[tuple[Fraction, Message]] = []
    words = line.split()
    onset = Fraction(0)
    end = Fraction(0)
    for name, length in zip(words[::2], words[1::2], strict=True):
        pitch = 12 * (int(name[1]) + 1) + _STEPS[name[0]]
        pulses = Fraction(length) * PULSES_PER_BEAT
        on_the_bar = onset % (BEATS_PER_BAR * PULSES_PER_BEAT) == 0
        end = onset + pulses * Fraction(_DETACHED)
        messages += [(onset, NoteOn(0, pitch, 88 if on_the_bar else 74)), (end, NoteOff(0, pitch))]
        onset += pulses
    return Scene(mode, tuple(messages), end, beats)
