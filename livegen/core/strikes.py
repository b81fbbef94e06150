"""Notes that sound together as one strike."""

from __future__ import annotations

FRAME_NS = 20_000_000
"""Strikes are placed on frames as long as this."""
TOGETHER = 3
"""Frames: notes no further than this after the first one are of the same strike."""


class Strikes:
    """Groups one player's notes. Single-threaded.

    Attributes:
        time_ns: frame of the strike that is on, where its first note is; 0 before the first strike.
        middle: how many frames after that the mean of its notes is, rounded, 0..TOGETHER.
        spread: how many further notes it has, by the frames that they are late, [TOGETHER + 1].
    """

    def __init__(self) -> None:
        self.time_ns = 0
        self.middle = 0
        self.spread = [0] * (TOGETHER + 1)
        self._struck = False
        self._late_ns = 0
        """All its notes after the time of its frame, together."""

    def begins(self, onset_ns: int) -> bool:
        """Whether a note at this time would begin another strike."""
        return not self._struck or round((onset_ns - self.time_ns) / FRAME_NS) > TOGETHER

    def receive(self, onset_ns: int) -> int | None:
        """Take in a note whose time is not before the last one's.

        Returns:
            Frames since the last strike if the note begins another, 0 for the first; None if it is of the one that is on.
        """
        frames = round((onset_ns - self.time_ns) / FRAME_NS) if self._struck else 0
        if not self.begins(onset_ns):
            self.spread[frames] += 1
            self._late_ns += onset_ns - self.time_ns
            self.middle = round(self._late_ns / (1 + sum(self.spread)) / FRAME_NS)
            return None
        self.time_ns = self.time_ns + frames * FRAME_NS if self._struck else onset_ns
        self.spread, self.middle = [0] * (TOGETHER + 1), 0
        self._late_ns = onset_ns - self.time_ns
        self._struck = True
        return frames
