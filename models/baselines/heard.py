"""What a rule remembers of the player, and the triads that it may answer with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT, Off, On, PlayerEvent, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol

REMEMBERED = 512
"""Notes that are kept one by one."""

TRIADS: tuple[ChordSymbol, ...] = tuple(ChordSymbol(root, quality) for quality in ("maj", "min") for root in range(12))


def tones(chords: tuple[ChordSymbol, ...]) -> npt.NDArray[np.float64]:
    """Which pitch classes each chord has, 0 or 1, [chords, 12]."""
    table = np.zeros((len(chords), 12))
    for row, chord in zip(table, chords, strict=True):
        row[list(chord.pitch_classes)] = 1.0
    return table


_TRIAD_TONES = tones(TRIADS)


def best_triad(worth: npt.NDArray[np.float64], previous: ChordSymbol = NO_CHORD, hold: float = 0.0) -> ChordSymbol:
    """The triad whose pitch classes are worth most together, [12]; the previous one is worth `hold` more."""
    scores = _TRIAD_TONES @ worth
    if previous in TRIADS:
        scores[TRIADS.index(previous)] += hold
    return TRIADS[int(np.argmax(scores))]


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything that a rule may use, as a value.

    Attributes:
        counts: note-ons by pitch class.
        down: pitches that sound, in the order in which they were struck.
        waiting: note-ons (time in ns, pitch) since the last window.
        notes: older note-ons (pulse, pitch), oldest first, at most `REMEMBERED`.
        chord: the rule's own chord of the last window.
    """

    counts: tuple[int, ...] = (0,) * 12
    down: tuple[int, ...] = ()
    waiting: tuple[tuple[int, int], ...] = ()
    notes: tuple[tuple[float, int], ...] = field(default=(), repr=False)
    chord: ChordSymbol = NO_CHORD

    @property
    def last(self) -> int | None:
        """The latest note-on's pitch class."""
        latest = self.waiting or self.notes
        return latest[-1][1] % 12 if latest else None

    def after(self, event: PlayerEvent) -> Heard:
        """What is known when that has happened."""
        match event:
            case On(time_ns, pitch):
                counts = list(self.counts)
                counts[pitch % 12] += 1
                return replace(
                    self,
                    counts=tuple(counts),
                    down=(*(other for other in self.down if other != pitch), pitch),
                    waiting=(*self.waiting[1 - REMEMBERED :], (time_ns, pitch)),
                )
            case Off(_, pitch):
                return replace(self, down=tuple(other for other in self.down if other != pitch))

    def placed(self, tick: Tick, window: int) -> Heard:
        """With every note at its pulse, as the window at pulse `window` is planned."""
        pulses_per_ns = (tick.tempo_bpm or 120.0) * PULSES_PER_BEAT / 60e9
        now = window - tick.lookahead
        new = ((now - (tick.time_ns - time_ns) * pulses_per_ns, pitch) for time_ns, pitch in self.waiting)
        return replace(self, waiting=(), notes=(*self.notes, *new)[-REMEMBERED:])
