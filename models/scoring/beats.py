"""How well beats are found while one listens: those that a tracker announces, or music has that follows, against the played."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from livegen.core.beat_tracking import FoundBeat
from livegen.core.conductor import Conductor
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import NoteOff, NoteOn
from livegen.core.transport import Transport
from models.performances import Performance, Played

TOLERANCE_NS = 70_000_000
TEMPO_TOLERANCE = 0.1
LEARNING_BEATS = 8
"""Beats that aren't scored."""
_APART = 0.4
"""Of a period: a beat announced sooner after the last one is the same, moved."""

_MUSIC_BPM = 120.0
"""Of music before it has found a tempo."""

Times = npt.NDArray[np.int64]


class Tracker(Protocol):
    """What can be scored."""

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
        """Take in a note-on."""

    def release(self, time_ns: int, pitch: int) -> None:
        """Take in a note-off."""

    def line(self, now_ns: int) -> FoundBeat | None:
        """What is believed."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A beat when it was foretold for, or shown to be just past, with the period and the belief of that moment."""

    time_ns: int
    period_ns: float
    confidence: float
    is_beat: bool


Tell = Callable[[Performance, int], Sequence[Announced]]
"""The beats that are found of a performance until some time in ns, ascending."""


def hear(tracker: Tracker, ended: Iterable[Played], note: Played) -> None:
    """Play a note to a tracker after those have ended that `Performance.with_ends` gives with it."""
    for each in ended:
        tracker.release(each.end_ns, each.pitch)
    tracker.receive(note.onset_ns, note.pitch, note.velocity)


def announced(tracker: Tracker, performance: Performance, end_ns: int) -> list[Announced]:
    """The beats that a tracker tells until some time: each as the notes before it had it.

    A note that comes early may show that a beat, foretold for a little later, is just past: that beat is told with the note.
    """
    found: list[Announced] = []

    def tell(time_ns: int, line: FoundBeat) -> None:
        found.append(Announced(time_ns, line.period_ns, line.confidence, line.is_beat))

    times = [note.onset_ns for note in performance.notes]
    for (ended, note), until_ns in zip(performance.with_ends(), [*times[1:], end_ns], strict=True):
        hear(tracker, ended, note)
        now_ns = note.onset_ns
        line = tracker.line(now_ns)
        if line is not None and found:
            past_ns = line.next_beat_ns(now_ns) - line.period_ns
            if past_ns - found[-1].time_ns > _APART * line.period_ns:
                tell(now_ns, line)
        while now_ns < until_ns:
            line = tracker.line(now_ns)
            if line is None:
                break
            now_ns = line.next_beat_ns(now_ns)
            if now_ns <= until_ns and (not found or now_ns - found[-1].time_ns > _APART * line.period_ns):
                tell(now_ns, line)
    return found


def announced_without_ends(tracker: Tracker, performance: Performance, end_ns: int) -> list[Announced]:
    """The beats that a tracker tells that never hears when a note ends."""
    return announced(tracker, performance.without_ends(), end_ns)


def followed(performance: Performance, end_ns: int) -> list[Announced]:
    """The beats that music has which follows the notes, until some time: what is heard on stage. At first there are none."""
    conductor, channel = Conductor(), 0
    begin_ns = performance.notes[0].onset_ns
    transport = conductor.select("follow", Transport.starting(begin_ns, _MUSIC_BPM), _MUSIC_BPM, begin_ns)
    found: list[Announced] = []
    beat = 0
    times = [note.onset_ns for note in performance.notes]
    for (ended, note), until_ns in zip(performance.with_ends(), [*times[1:], end_ns], strict=True):
        for each in ended:
            conductor.released(NoteOff(channel, each.pitch), each.end_ns)
        transport = conductor.heard(NoteOn(channel, note.pitch, note.velocity), transport, note.onset_ns)
        now_ns = note.onset_ns
        while now_ns < until_ns:
            steered_ns = conductor.next_deadline_ns()
            now_ns = until_ns if steered_ns is None else max(now_ns, min(until_ns, steered_ns))
            while (time_ns := transport.ns_at(beat * PULSES_PER_BEAT)) <= now_ns:
                beat += 1
                if conductor.has_beat:
                    period_ns = 60e9 / conductor.tempo_bpm(transport)
                    locked = conductor.state(time_ns) == "locked"
                    found.append(Announced(time_ns, period_ns, conductor.confidence(time_ns), locked))
            transport = conductor.update(transport, now_ns)
    return found


def f_measure(beats_ns: Times, told_ns: Times) -> float:
    """Harmonic mean of precision and recall within `TOLERANCE_NS`; each beat is met once at most. 0 where none is told."""
    met = np.zeros(len(beats_ns), dtype=np.bool_)
    hits = 0
    for time_ns in told_ns:
        off = np.where(met, np.iinfo(np.int64).max, np.abs(beats_ns - time_ns))
        nearest = int(np.argmin(off)) if len(off) else 0
        if len(off) and off[nearest] <= TOLERANCE_NS:
            met[nearest] = True
            hits += 1
    return 2 * hits / max(1, len(beats_ns) + len(told_ns))


def score(tell: Tell, performance: Performance) -> dict[str, float]:
    """Measures of one performance after its first beats; NaN where it is too short.

    Args:
        tell: what finds them.
        performance: with beats.

    Returns:
        f: F-measure of all beats announced; tempo: share of the beats announced with the right tempo; tempo_right: 1 if more
        than half are; half, double: 1 if the tempo told is mostly that; beat: share announced as a beat and not as a guess;
        confidence: its mean.
    """
    beats = performance.beats_ns
    if len(beats) < 2 * LEARNING_BEATS:
        return dict.fromkeys(MEASURES, np.nan)
    begin_ns = int(beats[LEARNING_BEATS]) - TOLERANCE_NS
    told = [beat for beat in tell(performance, int(beats[-1]) + TOLERANCE_NS) if beat.time_ns >= begin_ns]
    found = dict.fromkeys(MEASURES, 0.0)
    if not told:
        return found
    at = np.array([beat.time_ns for beat in told])
    periods = np.interp(at, beats[:-1], np.diff(beats))
    ratios = np.array([beat.period_ns for beat in told]) / periods
    right = np.abs(np.log(ratios)) < np.log1p(TEMPO_TOLERANCE)
    middle = float(np.median(ratios))
    found["f"] = f_measure(beats[beats >= begin_ns], at)
    found["tempo"] = float(right.mean())
    found["tempo_right"] = float(right.mean() > 0.5)
    found["half"] = float(abs(np.log(middle / 2)) < 0.15)
    found["double"] = float(abs(np.log(middle * 2)) < 0.15)
    found["beat"] = float(np.mean([beat.is_beat for beat in told]))
    found["confidence"] = float(np.mean([beat.confidence for beat in told]))
    return found


MEASURES = ("f", "tempo", "tempo_right", "half", "double", "beat", "confidence")


def refusals(make: Callable[[], Tracker], performance: Performance, begin_ns: int) -> float:
    """Share of a performance without a beat, from a time on, in which a tracker says so after each note."""
    tracker, said = make(), []
    for ended, note in performance.with_ends():
        hear(tracker, ended, note)
        if note.onset_ns >= begin_ns:
            line = tracker.line(note.onset_ns)
            said.append(line is None or not line.is_beat)
    return float(np.mean(said)) if said else np.nan


class Metronome:
    """A baseline: 120 beats a minute from the first note on."""

    def __init__(self) -> None:
        self._first_ns: int | None = None

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:  # noqa: ARG002 - pitches say nothing
        """Only the first note counts."""
        if self._first_ns is None:
            self._first_ns = onset_ns

    def release(self, time_ns: int, pitch: int) -> None:
        """Ends say nothing."""

    def line(self, now_ns: int) -> FoundBeat | None:  # noqa: ARG002 - it never changes
        """Always the same beat."""
        return None if self._first_ns is None else FoundBeat(self._first_ns, 500e6, 1.0, True)
