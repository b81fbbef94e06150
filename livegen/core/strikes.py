"""Notes that sound together as one strike, and what marks it out against those before."""

from __future__ import annotations

FRAME_NS = 20_000_000
"""Strikes are placed on frames as long as this."""
TOGETHER = 3
"""Frames: notes no further than this after the first one are of the same strike."""

LOW, BIG, LEAP, LOUD, NEW = range(5)
"""Marks: lower than usual, of more notes, its top far from the last one's, louder, a pitch class not heard lately."""
MARKS = 5

_LOW_SEMITONES, _LEAP_SEMITONES, _LOUDER = 4, 5, 1.06
_LATELY_NS = 1_500_000_000
_LEARNING = 0.15
"""Of what is usual, from strike to strike."""


class Strikes:
    """Groups one player's notes. Single-threaded.

    Attributes:
        time_ns: frame of the strike that is on, from the first one on; 0 before.
        spread: how many further notes it has, by the frames that they are late, [TOGETHER + 1].
    """

    def __init__(self) -> None:
        self.time_ns = 0
        self.spread = [0] * (TOGETHER + 1)
        self._pitches: list[int] = []
        self._loud = 0
        self._top: int | None = None
        self._usual: tuple[float, float, float] | None = None
        self._heard_ns: dict[int, int] = {}

    def begins(self, onset_ns: int) -> bool:
        """Whether a note at this time would begin another strike."""
        return not self._pitches or round((onset_ns - self.time_ns) / FRAME_NS) > TOGETHER

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> int | None:
        """Take in a note whose time is not before the last one's.

        Returns:
            Frames since the last strike if the note begins another, 0 for the first; None if it is of the one that is on.
        """
        frames = round((onset_ns - self.time_ns) / FRAME_NS) if self._pitches else 0
        if not self.begins(onset_ns):
            self.spread[frames] += 1
            self._pitches.append(pitch)
            self._loud = max(self._loud, velocity)
            return None
        if self._pitches:
            self._finish()
        self.time_ns = self.time_ns + frames * FRAME_NS if self._pitches else onset_ns
        self.spread = [0] * (TOGETHER + 1)
        self._pitches, self._loud = [pitch], velocity
        return frames

    def marks(self) -> list[int]:
        """Those of the strike that is on, as far as its notes have come; the first has none."""
        if self._usual is None or self._top is None:
            return []
        low, count, loud = self._usual
        found = {
            LOW: min(self._pitches) < low - _LOW_SEMITONES,
            BIG: len(self._pitches) > count + 0.5,
            LEAP: abs(max(self._pitches) - self._top) >= _LEAP_SEMITONES,
            LOUD: self._loud > loud * _LOUDER + 0.5,
            NEW: any(self.time_ns - self._heard_ns.get(pitch % 12, -_LATELY_NS) > _LATELY_NS for pitch in self._pitches),
        }
        return [mark for mark, has in found.items() if has]

    def _finish(self) -> None:
        low, count, loud = now = (float(min(self._pitches)), float(len(self._pitches)), float(self._loud))
        if self._usual is not None:
            was_low, was_count, was_loud = self._usual
            now = (
                was_low + _LEARNING * (low - was_low),
                was_count + _LEARNING * (count - was_count),
                was_loud + _LEARNING * (loud - was_loud),
            )
        self._usual = now
        self._top = max(self._pitches)
        for pitch in self._pitches:
            self._heard_ns[pitch % 12] = self.time_ns
