"""A tempo that is tapped: a line through the last taps, which may leave beats out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from livegen.core.midi import Control, Message, NoteOff, NoteOn

MOST_TAPS = 8
"""The line goes through so many of the last taps: more are steadier, fewer follow sooner."""

BOUNCE_NS = 200_000_000
"""Sooner after the last, a tap is the same one again: no tempo is faster, and keys bounce."""

LONGEST_NS = 3_000_000_000
"""Between two taps of one series; the slowest tempo's beat."""

_OFF = 0.2
"""A tap further than this from its beat, as a share of the beat, means another tempo."""
_MOST_BEATS = 4
"""Beats from one tap to the next, at most."""


@dataclass(frozen=True, slots=True)
class BeatLine:
    """A beat was at `time_ns`, monotonic, and one comes every `ns_per_beat`; which beat it is, nobody says."""

    time_ns: int
    ns_per_beat: float

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute."""
        return 60e9 / self.ns_per_beat


class Tapping:
    """What has been tapped lately. Single-threaded; owned by the conductor."""

    def __init__(self) -> None:
        self._taps: deque[tuple[int, int]] = deque(maxlen=MOST_TAPS)
        """Number of the beat, and when it was tapped."""
        self._line: BeatLine | None = None

    @property
    def line(self) -> BeatLine | None:
        """Through the taps; None before the second. It stays when the tapping ends."""
        return self._line

    def receive(self, now_ns: int) -> None:
        """A tap at `now_ns`, which is not before the last."""
        if not self._taps:
            self._taps.append((0, now_ns))
            return
        last, last_ns = self._taps[-1]
        gap_ns = now_ns - last_ns
        if gap_ns < BOUNCE_NS:
            return
        beats = self._beats_of(gap_ns)
        if beats is None:
            # Another tempo begins: this tap and, if it is near enough, the last are its first.
            self._taps.clear()
            if gap_ns <= LONGEST_NS:
                self._taps.append((last, last_ns))
            beats = 1
        self._taps.append((last + beats, now_ns))
        if len(self._taps) > 1:
            self._line = _through(self._taps)

    def _beats_of(self, gap_ns: int) -> int | None:
        """How many beats after the last tap this one is; None if it does not belong to the same tempo."""
        if self._line is None or len(self._taps) < 2:
            return 1 if gap_ns <= LONGEST_NS else None
        beats = round(gap_ns / self._line.ns_per_beat)
        if not 1 <= beats <= _MOST_BEATS or abs(gap_ns / self._line.ns_per_beat - beats) > _OFF:
            return None
        return beats


class TapKeys:
    """Which keys and controllers are down and have tapped: neither that nor their release is music. Owned by the engine.

    What was down before it was chosen to tap is music still, until it comes up.
    """

    def __init__(self) -> None:
        self._down: set[tuple[str, int, int]] = set()
        """Kind, channel and number."""

    def receive(self, message: Message, note: int | None, control: int | None) -> Literal["tap", "release"] | None:
        """Whether a message taps, or belongs to a tap; None for music.

        Args:
            message: of the player.
            note: the key that taps now, None while none does.
            control: the controller that taps now, as it gets to 64; None while none does.
        """
        match message:
            case NoteOn(channel, pitch):
                key, is_down, may_tap = ("note", channel, pitch), True, pitch == note
            case NoteOff(channel, pitch):
                key, is_down, may_tap = ("note", channel, pitch), False, False
            case Control(channel, number, value):
                key, is_down, may_tap = ("control", channel, number), value >= 64, number == control
            case _:
                return None
        if key not in self._down:
            if not (is_down and may_tap):
                return None
            self._down.add(key)
            return "tap"
        if not is_down:
            self._down.discard(key)
        return "release"


def _through(taps: deque[tuple[int, int]]) -> BeatLine:
    """The least-squares line through taps, as seen from the last of them."""
    first, first_ns = taps[0]
    beats = np.array([beat - first for beat, _ in taps], dtype=np.float64)
    times = np.array([time_ns - first_ns for _, time_ns in taps], dtype=np.float64)
    slope, origin = np.polyfit(beats, times, 1)
    return BeatLine(first_ns + round(float(origin + slope * beats[-1])), float(slope))
