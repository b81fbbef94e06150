"""Beats and nanoseconds: an immutable line through one anchor, so that no error ever adds up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT

_NS_PER_MINUTE = 60_000_000_000
MIN_BPM, MAX_BPM = 20.0, 300.0


@dataclass(frozen=True, slots=True)
class Transport:
    """Where the music stands at any time.

    Attributes:
        anchor_pulse: an exact position in pulses, 24 to the beat.
        anchor_ns: the monotonic time of that position.
        tempo_bpm: beats a minute, 20..300.
        beats_per_bar: 1..12; bar lines fall at multiples from pulse 0.
    """

    anchor_pulse: Fraction = Fraction(0)
    anchor_ns: int = 0
    tempo_bpm: Fraction = Fraction(120)
    beats_per_bar: int = 4

    @classmethod
    def starting(cls, now_ns: int, tempo_bpm: float, beats_per_bar: int = 4) -> Transport:
        """Pulse 0 at `now_ns`.

        Raises:
            InputError: tempo or metre out of range.
        """
        return cls(Fraction(0), now_ns, _exact_tempo(tempo_bpm), _checked_metre(beats_per_bar))

    @property
    def ns_per_pulse(self) -> Fraction:
        """Length of a pulse, exact."""
        return _NS_PER_MINUTE / (self.tempo_bpm * PULSES_PER_BEAT)

    def ns_at(self, pulse: int | Fraction) -> int:
        """The time of a position, rounded to the nanosecond."""
        # (pulse - anchor_pulse) * ns_per_pulse as one quotient: fractions take several times as long, and this is asked often.
        anchor, tempo = self.anchor_pulse, self.tempo_bpm
        pulses = pulse.numerator * anchor.denominator - anchor.numerator * pulse.denominator
        per_minute = pulse.denominator * anchor.denominator * tempo.numerator * PULSES_PER_BEAT
        return self.anchor_ns + _rounded(pulses * tempo.denominator * _NS_PER_MINUTE, per_minute)

    def exact_pulse_at(self, time_ns: int) -> Fraction:
        """The position at a time, exact."""
        return Fraction(*self._quotient_at(time_ns))

    def pulse_at(self, time_ns: int) -> float:
        """The position at a time."""
        pulses, parts = self._quotient_at(time_ns)
        return pulses / parts

    def whole_pulse_at(self, time_ns: int) -> int:
        """The last whole pulse whose time has come: the inverse of `ns_at`, its rounding included."""
        pulses, parts = self._quotient_at(time_ns)
        pulse = pulses // parts
        return pulse + (self.ns_at(pulse + 1) <= time_ns)

    def _quotient_at(self, time_ns: int) -> tuple[int, int]:
        """The exact position at a time, `anchor_pulse + (time_ns - anchor_ns) / ns_per_pulse`, as dividend and divisor."""
        anchor, tempo = self.anchor_pulse, self.tempo_bpm
        parts = tempo.denominator * _NS_PER_MINUTE
        pulses = (time_ns - self.anchor_ns) * tempo.numerator * PULSES_PER_BEAT
        return anchor.numerator * parts + pulses * anchor.denominator, anchor.denominator * parts

    def with_tempo(self, tempo_bpm: float, now_ns: int) -> Transport:
        """The same position at `now_ns`, another tempo from there on.

        Raises:
            InputError: tempo out of range.
        """
        # Tempi are thousandths, so every position is a multiple of 1/2.5e12: exact, and small however often the tempo moves.
        return Transport(self.exact_pulse_at(now_ns), now_ns, _exact_tempo(tempo_bpm), self.beats_per_bar)

    def moved(self, pulse: int, now_ns: int) -> Transport:
        """Another position at `now_ns`, the same tempo from there on."""
        return Transport(Fraction(pulse), now_ns, self.tempo_bpm, self.beats_per_bar)

    def earlier(self, by_ns: int) -> Transport:
        """The same music so much sooner: the times at which it must leave, if it takes `by_ns` to be heard."""
        return Transport(self.anchor_pulse, self.anchor_ns - by_ns, self.tempo_bpm, self.beats_per_bar)

    def with_metre(self, beats_per_bar: int) -> Transport:
        """The same line with other bar lines.

        Raises:
            InputError: metre out of range.
        """
        return Transport(self.anchor_pulse, self.anchor_ns, self.tempo_bpm, _checked_metre(beats_per_bar))

    def phase(self, time_ns: int) -> int:
        """Whole pulses since the last beat, 0..23."""
        return self.whole_pulse_at(time_ns) % PULSES_PER_BEAT

    def half_beat(self, pulse: int) -> int:
        """Half beats since the last bar line, 0 at the downbeat."""
        return pulse % (self.beats_per_bar * PULSES_PER_BEAT) // (PULSES_PER_BEAT // 2)

    def beats(self, duration_ns: int) -> float:
        """A length of time in beats."""
        return duration_ns * self.tempo_bpm.numerator / (_NS_PER_MINUTE * self.tempo_bpm.denominator)

    def ns_of_beats(self, beats: float) -> int:
        """A number of beats as a length of time."""
        ns_per_pulse = _NS_PER_MINUTE * self.tempo_bpm.denominator / (self.tempo_bpm.numerator * PULSES_PER_BEAT)
        return round(ns_per_pulse * PULSES_PER_BEAT * beats)


def _rounded(dividend: int, divisor: int) -> int:
    """A quotient to the nearest whole number, halves to the even one, as `round`; the divisor is positive."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2))


def _exact_tempo(tempo_bpm: float) -> Fraction:
    if not MIN_BPM <= tempo_bpm <= MAX_BPM:
        raise InputError(f"a tempo of {tempo_bpm} bpm is not in {MIN_BPM:g}..{MAX_BPM:g}")
    return Fraction(round(tempo_bpm * 1000), 1000)


def _checked_metre(beats_per_bar: int) -> int:
    if not 1 <= beats_per_bar <= 12:
        raise InputError(f"a bar of {beats_per_bar} beats is not in 1..12")
    return beats_per_bar


def grid_at_or_after(pulse: float, grid: int) -> int:
    """The first multiple of `grid` at or after `pulse`."""
    return -int(-pulse // grid) * grid
