"""What has been heard, as pitch classes by age and by place in the form: all that a chord is chosen from.

The features are of the player's notes and of the agent's own last chord; nothing of the future is in them. The stage and the
training compute them by this one code. Pitch classes stand on an axis of their own, so that a network can look at them from
every root alike.

Positions are in pulses, as the transport counts them. What is played between two windows is placed by the later one's tempo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol

FADING_BEATS: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
"""Time constants with which a heard note fades."""

LAST_NOTES = 3
"""How many of the latest notes stand apart."""

LAGS_BARS: tuple[int, ...] = (1, 2, 4, 8, 16)
"""How far back the memory of the form looks: what was played there, where we are now, and in the beat after it."""

MEMORY_BEATS = 256
"""Beats that are remembered one by one."""

HELD_BEATS = 8
"""How long a chord has been held is told apart up to here."""

LATELY_BEATS: tuple[int, ...] = (2, 4, 8)
"""So many of the last beats are compared with all before them in search of a change of key."""

CHANNELS = len(FADING_BEATS) + LAST_NOTES + 1 + 2 * len(LAGS_BARS) + len(LATELY_BEATS) + 2
"""Rows of `Features.heard`: fading counts, last notes, keys down, memory of the form, what was heard before in the key of now,
the agent's last chord and its root."""

OWN_CHANNELS = (CHANNELS - 2, CHANNELS - 1)
"""The two rows that are of the agent."""

MAX_BEATS_PER_BAR = 12
AGES: tuple[tuple[int, int], ...] = ((1, 4), (2, 5), (2, 6), (3, 6))
"""Pairs of `FADING_BEATS` whose likeness is told: where lately is unlike before, the key has changed."""

PLACES = 3 + len(AGES) + len(LATELY_BEATS) + 2 * len(LAGS_BARS) + 2 * MAX_BEATS_PER_BAR + 1 + HELD_BEATS + 1
"""Length of `Features.place`: amounts heard, likeness of lately to before, how likely the key is kept, likeness of the form at
each lag and whether it was in another key, beat in the bar, beats in a bar, lookahead in beats, how long the chord has been
held (one-hot, 0 for "no chord yet")."""

FREE_TEMPO_BPM = 120.0
"""In playing without a beat, half a second counts as one."""

_AMOUNTS = (1, 3, 5)
_TURNS = (np.arange(12) - np.arange(12)[:, np.newaxis]) % 12
"""Row k is where each pitch class came from, if all were moved up by k."""
_IN_KEY = 0.05
_KEY_KEPT = 0.9
"""How likely the key is what it was, before lately is looked at."""
_UNHEARD = 0.15
"""How many notes each pitch class is given that has not been heard."""
_SHARE_FLOOR = 0.3
_EARLY_PULSES = 2
"""A note that is played so little ahead of the beat belongs to the beat."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """What a chord is chosen from.

    Attributes:
        heard: by channel and pitch class, 0..1, float32 [CHANNELS, 12].
        place: the rest, float32 [PLACES].
    """

    heard: Floats
    place: Floats


def _no_counts() -> npt.NDArray[np.float64]:
    return np.zeros((len(FADING_BEATS), 12))


def _no_beats() -> npt.NDArray[np.uint8]:
    return np.zeros((MEMORY_BEATS, 12), dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class HarmonicMemory:
    """What has been heard, as a value: nobody writes to its arrays, so keeping one is a snapshot.

    Attributes:
        waiting: (time in ns, pitch class) of note-ons that no window has placed yet.
        down: MIDI pitches that sound now, in the order in which they were struck.
        last: the latest pitch classes, newest first.
        counts: fading counts at pulse `at`, [taus, 12].
        at: where `counts` and `beats` end, in pulses; None before the first window.
        beats: note-ons by beat (modulo `MEMORY_BEATS`) and pitch class.
        chord: the agent's chord of the last window.
        chord_from: the pulse since which it holds.
    """

    waiting: tuple[tuple[int, int], ...] = ()
    down: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    counts: npt.NDArray[np.float64] = field(default_factory=_no_counts)
    at: float | None = None
    beats: npt.NDArray[np.uint8] = field(default_factory=_no_beats)
    chord: ChordSymbol = NO_CHORD
    chord_from: int = 0

    @property
    def silent(self) -> bool:
        """Whether nothing has been heard at all."""
        return not self.last

    def struck(self, pitch: int, time_ns: int) -> HarmonicMemory:
        """After a note-on of MIDI pitch `pitch`."""
        pitch_class = pitch % 12
        return replace(
            self,
            waiting=(*self.waiting[-MEMORY_BEATS:], (time_ns, pitch_class)),
            down=(*(other for other in self.down if other != pitch), pitch),
            last=(pitch_class, *self.last[: LAST_NOTES - 1]),
        )

    def released(self, pitch: int) -> HarmonicMemory:
        """After a note-off; of a pitch that is not down, it changes nothing."""
        return replace(self, down=tuple(other for other in self.down if other != pitch))

    def planned(self, chord: ChordSymbol, window: int) -> HarmonicMemory:
        """After the agent has chosen a chord for the window that begins at pulse `window`."""
        return self if chord == self.chord else replace(self, chord=chord, chord_from=window)

    def placed(self, tick: Tick, window: int) -> HarmonicMemory:
        """With all notes in their places, as the window at pulse `window` is planned.

        Raises:
            InputError: the tempo is no tempo.
        """
        tempo = FREE_TEMPO_BPM if tick.tempo_bpm is None else tick.tempo_bpm
        if not 0 < tempo < math.inf:
            raise InputError(f"{tempo} is not a tempo")
        pulses_per_ns = tempo * PULSES_PER_BEAT / 60e9
        now = float(window - tick.lookahead)
        counts, beats, at = self.counts, self.beats.copy(), now if self.at is None else min(self.at, now)
        if self.at is not None:
            _forget(beats, _beat(self.at), _beat(now))
            counts = counts * _fade(now - at)
        for time_ns, pitch_class in self.waiting:
            age = max(0.0, (tick.time_ns - time_ns) * pulses_per_ns)
            added = np.zeros((1, 12))
            added[0, pitch_class] = 1.0
            counts = counts + _fade(age) * added
            if age < (MEMORY_BEATS - 1) * PULSES_PER_BEAT:
                row = beats[_beat(now - age) % MEMORY_BEATS]
                row[pitch_class] = min(255, int(row[pitch_class]) + 1)
        return replace(self, waiting=(), counts=counts, at=now, beats=beats)

    def features(self, tick: Tick, window: int) -> Features:
        """What the chord of the window at pulse `window` is chosen from; `placed` must have been called for it."""
        bar = tick.beats_per_bar or 4
        heard, place = np.zeros((CHANNELS, 12), dtype=np.float32), np.zeros(PLACES, dtype=np.float32)
        amounts = self.counts.sum(axis=1, keepdims=True)
        heard[: len(FADING_BEATS)] = self.counts / (amounts + _SHARE_FLOOR)
        row = len(FADING_BEATS)
        for index, pitch_class in enumerate(self.last):
            heard[row + index, pitch_class] = 1.0
        row += LAST_NOTES
        for pitch in self.down:
            heard[row, pitch % 12] = 1.0
        row += 1
        place[:3] = np.log1p(amounts[list(_AMOUNTS), 0])
        lengths = np.linalg.norm(self.counts, axis=1) + 1e-9
        place[3 : 3 + len(AGES)] = [
            self.counts[lately] @ self.counts[before] / lengths[lately] / lengths[before] for lately, before in AGES
        ]
        place_at = 3 + len(AGES)
        memory = row + 2 * len(LAGS_BARS)
        newest = _beat(self.at if self.at is not None else window)
        for index, beats in enumerate(LATELY_BEATS):
            lately = self.beats[(newest - np.arange(beats)) % MEMORY_BEATS].sum(axis=0)
            kept, before = _in_key_of(lately, np.maximum(self.counts[-1] - lately, 0.0))
            heard[memory + index], place[place_at + index] = before, kept
        place_at += len(LATELY_BEATS)
        lags = len(LAGS_BARS)
        likeness, moved = place[place_at : place_at + lags], place[place_at + lags : place_at + 2 * lags]
        self._remember(heard[row : row + 2 * lags], likeness, moved, window, bar)
        place_at += 2 * lags
        if tick.half_beat is not None:
            place[place_at + min(MAX_BEATS_PER_BAR - 1, tick.half_beat // 2)] = 1.0
        if tick.beats_per_bar is not None:
            place[place_at + MAX_BEATS_PER_BAR + min(MAX_BEATS_PER_BAR, tick.beats_per_bar) - 1] = 1.0
        place[place_at + 2 * MAX_BEATS_PER_BAR] = tick.lookahead / PULSES_PER_BEAT
        own_chord(heard, place, self.chord, (window - self.chord_from) // PULSES_PER_BEAT)
        return Features(heard, place)

    def _remember(self, rows: Floats, likeness: Floats, moved: Floats, window: int, beats_per_bar: int) -> None:
        """Fill in what was played one bar ago, two, four [2 * lags, 12]; how alike the way there was, and if moved [lags].

        What comes back in another key is remembered in the key of now.
        """
        now = _beat(window)
        newest = _beat(self.at if self.at is not None else window)
        for index, bars in enumerate(LAGS_BARS):
            then = now - bars * beats_per_bar
            if now - then >= MEMORY_BEATS:
                continue
            reach = min(2 * beats_per_bar, MEMORY_BEATS - (now - then))
            steps = np.arange(1, reach + 1)
            alike = _alike(self.beats[(now - steps) % MEMORY_BEATS], self.beats[(then - steps) % MEMORY_BEATS], beats_per_bar)
            up = int(np.argmax(alike))
            likeness[index], moved[index] = alike[up], float(up != 0)
            for step in (0, 1):
                # What lies after the planning has not been heard: with a lag of a beat it may.
                if then + step < newest:
                    rows[2 * index + step] = np.roll(self.beats[(then + step) % MEMORY_BEATS] > 0, up)


def _alike(lately: npt.NDArray[np.uint8], once: npt.NDArray[np.uint8], beats_per_bar: int) -> npt.NDArray[np.float64]:
    """How alike two stretches are, [beats, 12] each, the latest beat first, with the older moved up by 0..11 semitones: [12].

    0 for nothing in common, 1 for the same notes. The latest bar weighs twice. Staying in the key
    wins unless another is plainer.
    """
    weights = np.where(np.arange(len(lately)) < beats_per_bar, 1.0, 0.5)[:, np.newaxis]
    moved = once[:, _TURNS].transpose(1, 0, 2)  # [12 semitones, beats, 12]
    common = (np.minimum(lately, moved) * weights).sum(axis=(1, 2))
    union = (np.maximum(lately, moved) * weights).sum(axis=(1, 2))
    alike: npt.NDArray[np.float64] = common / np.maximum(union, 0.5)
    alike[0] += _IN_KEY
    return np.minimum(alike, 1.0)


def _in_key_of(lately: npt.NDArray[np.uint64], before: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """How likely the key is still the same, and the shares of what was heard before, moved to where it likely is by now.

    By Bayes' rule over the twelve transpositions: how well the notes of lately fit those of before, so moved.
    """
    shares = (before + _UNHEARD) / (before.sum() + 12 * _UNHEARD)
    fits: npt.NDArray[np.float64] = np.log(shares)[_TURNS] @ lately  # [12 semitones up]
    fits[0] += math.log(_KEY_KEPT / (1 - _KEY_KEPT) * 11)
    likely = np.exp(fits - fits.max())
    likely /= likely.sum()
    return float(likely[0]), likely @ (before / (before.sum() + _SHARE_FLOOR))[_TURNS]


def own_chord(heard: Floats, place: Floats, chord: ChordSymbol, held_beats: int) -> None:
    """Write the agent's own chord into features [CHANNELS, 12] and [PLACES] in which it is blank."""
    held = 0
    if chord.root is not None:
        heard[OWN_CHANNELS[0], list(chord.pitch_classes)] = 1.0
        heard[OWN_CHANNELS[1], chord.root] = 1.0
        held = min(HELD_BEATS, max(1, held_beats))
    place[PLACES - HELD_BEATS - 1 + held] = 1.0


def _beat(pulse: float) -> int:
    """The beat that a note at `pulse` belongs to."""
    return math.floor((pulse + _EARLY_PULSES) / PULSES_PER_BEAT)


def _fade(pulses: float) -> npt.NDArray[np.float64]:
    """What is left of a count after so long, [taus, 1]."""
    faded: npt.NDArray[np.float64] = np.exp(-pulses / PULSES_PER_BEAT / np.array(FADING_BEATS))[:, np.newaxis]
    return faded


def _forget(beats: npt.NDArray[np.uint8], before: int, now: int) -> None:
    """Make room for the beats after `before` up to `now`, where the memory still holds what was there a round ago."""
    for beat in range(max(before + 1, now - MEMORY_BEATS + 1), now + 1):
        beats[beat % MEMORY_BEATS] = 0
