"""Accompaniment from chord symbols: a few idiomatic patterns, one chosen for each work.

A pattern says at which places of a bar the chord and the bass are struck. What it leaves out is added where a chord changes, so
that every change is heard.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.harmony import ChordSymbol, close_voicing, nearest_pitch
from models.corpora.piece import ChordSpan, PieceNote

_BEAT = PULSES_PER_BEAT
_HALF = PULSES_PER_BEAT // 2
_THIRD = PULSES_PER_BEAT // 3

BASS_CENTRE = 40
BASS_LOW, BASS_HIGH = 31, 52

Hits = tuple[tuple[int, int], ...]
"""(pulse in the bar, duration in pulses) of each stroke."""


BassLine = Callable[[ChordSymbol, ChordSymbol, int, int], list[int]]
"""(chord, chord that follows, how many notes, pitch before) -> pitches."""


def _roots(symbol: ChordSymbol, _follower: ChordSymbol, count: int, previous: int) -> list[int]:
    """The root again and again, near where the bass was."""
    return [_bass_pitch(symbol.pitch_classes[0], (previous + BASS_CENTRE) // 2)] * count


def _root_fifth(symbol: ChordSymbol, _follower: ChordSymbol, count: int, previous: int) -> list[int]:
    """Root and fifth in turn, the root near where the bass was, the fifth below it if that is in reach."""
    root = _bass_pitch(symbol.pitch_classes[0], (previous + BASS_CENTRE) // 2)
    fifth = _bass_pitch(symbol.pitch_classes[2], root - 3)
    return [root if index % 2 == 0 else fifth for index in range(count)]


def _walk(symbol: ChordSymbol, follower: ChordSymbol, count: int, previous: int) -> list[int]:
    """A walking line: the root first, then chord tones in one direction, last a step next to the root that follows."""
    tones = symbol.pitch_classes
    line = [_bass_pitch(tones[0], (previous + BASS_CENTRE) // 2)]
    target = _bass_pitch(follower.root if follower.root is not None else tones[0], line[0])
    rising = target > line[0] or (target == line[0] and line[0] <= BASS_CENTRE)
    while len(line) < count:
        steps = range(1, 13) if rising else range(-1, -13, -1)
        line.append(next(line[-1] + step for step in steps if (line[-1] + step) % 12 in tones))
        if not BASS_LOW + 3 <= line[-1] <= BASS_HIGH - 3:
            rising = line[-1] < BASS_CENTRE
    if count >= 3 and follower != symbol:
        target = _bass_pitch(follower.root if follower.root is not None else tones[0], line[-2])
        line[-1] = target + (1 if line[-2] > target else -1)
    return line


def _bass_pitch(pitch_class: int, near: int) -> int:
    pitch = nearest_pitch(pitch_class, near)
    while pitch < BASS_LOW:
        pitch += 12
    while pitch > BASS_HIGH:
        pitch -= 12
    return pitch


@dataclass(frozen=True, slots=True)
class Pattern:
    """Strokes of the chord and of the bass in one bar, and the pitches that the bass takes."""

    name: str
    chords: Hits
    bass: Hits
    line: BassLine = _root_fifth


def _beats(*beats: int, duration: int = _BEAT) -> Hits:
    return tuple((beat * _BEAT, duration) for beat in beats)


_FOUR = (
    Pattern("stride", _beats(1, 3, duration=_HALF), _beats(0, 2, duration=18)),
    Pattern("holds", _beats(0, 2, duration=2 * _BEAT), _beats(0, duration=4 * _BEAT), line=_roots),
    Pattern("four to the bar", _beats(0, 1, 2, 3, duration=_HALF), _beats(0, 1, 2, 3, duration=22), line=_walk),
    Pattern("charleston", ((0, 30), (36, 12)), _beats(0, 1, 2, 3, duration=22), line=_walk),
    Pattern("block", _beats(0, duration=4 * _BEAT), _beats(0, 2, duration=2 * _BEAT)),
)
_THREE = (
    Pattern("waltz", _beats(1, 2, duration=_HALF), _beats(0, duration=2 * _BEAT)),
    Pattern("jazz waltz", ((0, 30), (36, 12)), _beats(0, 1, 2, duration=22), line=_walk),
    Pattern("holds", _beats(0, duration=3 * _BEAT), _beats(0, duration=3 * _BEAT), line=_roots),
)
_TWO = (
    Pattern("stride", ((_HALF, 8), (_BEAT + _HALF, 8)), _beats(0, 1, duration=_HALF)),
    Pattern("holds", _beats(0, duration=2 * _BEAT), _beats(0, duration=2 * _BEAT), line=_roots),
    Pattern("block", _beats(0, 1, duration=20), _beats(0, 1, duration=20)),
)
_COMPOUND = (
    Pattern(
        "lilt",
        tuple((beat * _BEAT + third * _THIRD, 6) for beat in (0, 1) for third in (1, 2)),
        _beats(0, 1, duration=_THIRD),
    ),
    Pattern("rocking", tuple((beat * _BEAT + 2 * _THIRD, _THIRD) for beat in (0, 1)), _beats(0, 1, duration=2 * _THIRD)),
    Pattern("holds", _beats(0, duration=2 * _BEAT), _beats(0, duration=2 * _BEAT), line=_roots),
)


def patterns_for(beats_per_bar: int, *, compound: bool = False) -> tuple[Pattern, ...]:
    """The patterns that suit a metre; in metres without their own, chord and bass on each beat, or held for the bar."""
    table = {(2, False): _TWO, (2, True): _COMPOUND, (3, False): _THREE, (4, False): _FOUR}
    whole = beats_per_bar * _BEAT
    each = _beats(*range(beats_per_bar), duration=20)
    general = (Pattern("block", each, each), Pattern("holds", ((0, whole),), ((0, whole),), line=_roots))
    return table.get((beats_per_bar, compound), general)


def render(
    spans: Sequence[ChordSpan], beats_per_bar: int, bar_offset: int, key: str, *, compound: bool = False
) -> dict[Part, tuple[PieceNote, ...]]:
    """CHORDS and BASS for these chords, in a pattern, a register and velocities that depend on `key` alone.

    Args:
        spans: in order, not overlapping; where there is none, or no chord, nothing is played.
        beats_per_bar: 1..12.
        bar_offset: pulse of the first downbeat.
        key: names the work.
        compound: whether a beat divides into three.
    """
    dice = random.Random(hashlib.sha256(key.encode()).digest())
    pattern = dice.choice(patterns_for(beats_per_bar, compound=compound))
    bar = beats_per_bar * _BEAT
    centre = dice.randrange(55, 63)
    chords: list[PieceNote] = []
    bass: list[PieceNote] = []
    for index, span in enumerate(spans):
        if span.symbol.root is None:
            continue
        for onset, duration in _strokes(pattern.chords, span, bar, bar_offset):
            velocity = _velocity(66, onset - bar_offset, bar, dice)
            chords += [PieceNote(onset, pitch, duration, velocity) for pitch in close_voicing(span.symbol, centre)]
        strokes = _strokes(pattern.bass, span, bar, bar_offset)
        follower = spans[index + 1].symbol if index + 1 < len(spans) else span.symbol
        pitches = pattern.line(span.symbol, follower, len(strokes), bass[-1].pitch if bass else BASS_CENTRE)
        for (onset, duration), pitch in zip(strokes, pitches, strict=True):
            bass.append(PieceNote(onset, pitch, duration, _velocity(76, onset - bar_offset, bar, dice)))
    return {Part.CHORDS: tuple(chords), Part.BASS: tuple(bass)}


def _strokes(hits: Hits, span: ChordSpan, bar: int, bar_offset: int) -> list[tuple[int, int]]:
    """(onset, duration) of the strokes inside a span, cut at its end.

    If the pattern rests where the chord begins and the whole chord would pass unheard, it is struck at once.
    """
    first_bar = (span.start - bar_offset) // bar
    last_bar = (span.end - bar_offset) // bar
    strokes = []
    for number in range(first_bar, last_bar + 1):
        line = bar_offset + number * bar
        for place, duration in hits:
            onset = line + place
            if span.start <= onset < span.end:
                strokes.append((onset, min(duration, span.end - onset)))
    if not strokes or strokes[0][0] - span.start > bar // 2:
        first = strokes[0][0] if strokes else span.end
        strokes.insert(0, (span.start, min(first, span.end) - span.start))
    return strokes


def _velocity(level: int, place: int, bar: int, dice: random.Random) -> int:
    """`level` with accents: the downbeat most, the middle of an even bar less, off the beat softer."""
    place %= bar
    if place == 0:
        accent = 10
    elif place % _BEAT:
        accent = -6
    elif bar % (2 * _BEAT) == 0 and place == bar // 2:
        accent = 4
    else:
        accent = -2
    return level + accent + dice.randint(-4, 4)
