"""Measuring how long an output takes, by notes that come back: to be connected, the output leads into an input.

Three verbs, as the engine's: `receive` takes in what came back, `tick` says what to send now, `next_deadline_ns` when to come
back. One note is on its way at a time, each with a pitch of its own, so that none is taken for another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livegen.core.engine import MOST_ADVANCE_NS
from livegen.core.errors import DeviceError
from livegen.core.midi import Message, NoteOff, NoteOn

CHANNEL = 15
"""MIDI channel of the test notes, 0..15: the last, which the agent does not use unless told to."""

VELOCITY = 1
"""The softest there is."""

_LOWEST, _PITCHES = 24, 96
_LISTEN_NS = 300_000_000
"""Before the first note nothing may be heard for so long."""
_LOST_NS = 1_000_000_000
"""A note that is not back by then is lost."""
_REST_NS = 15_000_000
"""Between a note's return and the next note there is this and up to as much again."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, less their whole part, fill 0..1 evenly: a driver works in periods, and all phases of them must be met."""
_MOST_LOST = 0.1
"""Share of the notes that may be lost."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to do: measure `count` notes once the first has come back, for which to wait `patience_ns`.

    Delays whose middle eight tenths differ by more than `most_spread_ns` are no measurement.
    """

    count: int
    patience_ns: int
    most_spread_ns: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a calibration: the median delay, the range of the middle eight tenths, and the notes sent and lost."""

    delay_ns: int
    spread_ns: int
    sent: int
    lost: int


class Calibration:
    """Sends test notes and times their return. Single-threaded.

    A test note ends as soon as it has begun, so that none can be left sounding. Its return is known by its pitch alone: on its
    way it may change its channel and velocity, as in a DAW.

    Args:
        trial: what to do.
        now_ns: when it begins.
    """

    def __init__(self, trial: Trial, now_ns: int) -> None:
        self._trial = trial
        self._give_up_ns = now_ns + _LISTEN_NS + trial.patience_ns
        self._next_ns = now_ns + _LISTEN_NS
        """When the next note is sent; while one is on its way, when it counts as lost."""
        self._notes = 0
        self._sent_ns: int | None = None
        """When the note that is on its way was sent."""
        self._found = False
        """Whether any has come back."""
        self._delays_ns: list[int] = []
        self._lost = 0
        self._disturbance: str | None = None

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to do but to ask for the result."""
        return self._disturbance is not None or len(self._delays_ns) + self._lost == self._trial.count

    def receive(self, message: Message, time_ns: int) -> None:
        """Take in what has arrived, with the driver's time."""
        if not isinstance(message, NoteOn) or self.finished:
            return
        if self._sent_ns is None or message.pitch != self._pitch:
            self._disturbance = self._what_disturbs(message)
            return
        # The first may have waited for its cable.
        if self._found:
            self._delays_ns.append(time_ns - self._sent_ns)
        self._found, self._sent_ns = True, None
        self._next_ns = time_ns + round(_REST_NS * (1 + self._notes * _GOLDEN % 1))

    def tick(self, now_ns: int) -> list[Message]:
        """What is to be sent now."""
        if self.finished or now_ns < self._next_ns:
            return []
        if self._sent_ns is not None:
            self._lose(now_ns)
        if self.finished:
            return []
        self._notes += 1
        self._sent_ns, self._next_ns = now_ns, now_ns + _LOST_NS
        return [NoteOn(CHANNEL, self._pitch, VELOCITY), NoteOff(CHANNEL, self._pitch)]

    def next_deadline_ns(self) -> int:
        """When `tick` has something to do although nothing arrives."""
        return self._next_ns

    def result(self) -> Measured:
        """What was measured, once it has finished.

        Raises:
            DeviceError: it is no measurement; the text says why and what to do.
        """
        if self._disturbance is not None:
            raise DeviceError(self._disturbance)
        most_ms = self._trial.most_spread_ns / 1e6
        low, middle, high = (round(float(delay)) for delay in np.percentile(self._delays_ns, (10, 50, 90)))
        if high - low > self._trial.most_spread_ns:
            raise DeviceError(
                f"the delays differ too much, {low / 1e6:.1f} to {high / 1e6:.1f} ms where {most_ms:g} ms may lie between: "
                "close what keeps this machine busy, use a cable instead of a wireless link, or allow more with --spread"
            )
        if middle > MOST_ADVANCE_NS:
            most_ms = MOST_ADVANCE_NS / 1e6
            raise DeviceError(f"the delay is {middle / 1e6:.0f} ms, and no more than {most_ms:g} ms can be made up for")
        return Measured(middle, high - low, self._trial.count, self._lost)

    def _lose(self, now_ns: int) -> None:
        """The note that is on its way will not come back."""
        self._sent_ns = None
        if self._found:
            self._lost += 1
            if self._lost > _MOST_LOST * self._trial.count:
                self._disturbance = f"{self._lost} test notes were lost: check the connection, and try again"
        elif now_ns >= self._give_up_ns:
            waited_s = self._trial.patience_ns / 1e9
            self._disturbance = f"no test note came back within {waited_s:g} s: connect the two, and try again"

    @property
    def _pitch(self) -> int:
        return _LOWEST + self._notes % _PITCHES

    def _what_disturbs(self, note: NoteOn) -> str:
        before = {_LOWEST + number % _PITCHES for number in range(max(1, self._notes - _PITCHES // 2), self._notes + 1)}
        if note.pitch in before:
            return "a test note came back twice, or a second late: leave one way from the output to the input, and try again"
        return (
            f"something else plays: note {note.pitch} arrived on channel {note.channel + 1}: stop it, or take it off the "
            "input, and try again"
        )
