"""The transport: a straight line that a tempo change bends but never breaks."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, tempi, times_ns

from livegen.core.errors import InputError
from livegen.core.transport import Transport, grid_at_or_after

S = 1_000_000_000
transports = st.builds(Transport.starting, times_ns, tempi, st.integers(1, 12))
pulses = st.integers(-10_000, 1_000_000)
tempo_changes = st.lists(st.tuples(st.integers(0, 5 * S), tempi), max_size=20)


def bent(transport: Transport, changes: list[tuple[int, float]]) -> tuple[Transport, int]:
    """The transport after tempo changes, each so many ns after the one before, and the time of the last."""
    now_ns = transport.anchor_ns
    for after_ns, tempo_bpm in changes:
        now_ns += after_ns
        transport = transport.with_tempo(tempo_bpm, now_ns)
    return transport, now_ns


@law
@given(transports, tempo_changes, pulses)
def test_position_and_time_are_inverse(transport: Transport, changes: list[tuple[int, float]], pulse: int) -> None:
    """To half a nanosecond, and exactly for whole pulses, however often the tempo moved."""
    transport, _ = bent(transport, changes)
    time_ns = transport.ns_at(pulse)
    assert transport.whole_pulse_at(time_ns) == pulse
    assert transport.whole_pulse_at(time_ns - 1) == pulse - 1
    assert abs(transport.exact_pulse_at(time_ns) - pulse) * transport.ns_per_pulse <= Fraction(1, 2)


@law
@given(transports, tempo_changes, st.fractions(-10_000, 1_000_000), times_ns)
def test_positions_and_times_lie_on_one_exact_line(
    transport: Transport, changes: list[tuple[int, float]], pulse: Fraction, time_ns: int
) -> None:
    transport, _ = bent(transport, changes)
    assert transport.ns_at(pulse) == transport.anchor_ns + round((pulse - transport.anchor_pulse) * transport.ns_per_pulse)
    exact = transport.anchor_pulse + (time_ns - transport.anchor_ns) / transport.ns_per_pulse
    assert transport.exact_pulse_at(time_ns) == exact
    assert transport.pulse_at(time_ns) == float(exact)
    assert transport.beats(time_ns) == float(time_ns / (transport.ns_per_pulse * 24))


@law
@given(transports, times_ns)
def test_the_last_pulse_that_has_come_has_come(transport: Transport, time_ns: int) -> None:
    pulse = transport.whole_pulse_at(time_ns)
    assert transport.ns_at(pulse) <= time_ns < transport.ns_at(pulse + 1)
    assert transport.phase(time_ns) == pulse % 24


@law
@given(transports, tempo_changes, st.integers(0, 5 * S), tempi)
def test_a_tempo_change_moves_no_position(
    transport: Transport, changes: list[tuple[int, float]], after_ns: int, tempo_bpm: float
) -> None:
    """Not by anything: a fader that is moved for hours adds no error."""
    transport, now_ns = bent(transport, changes)
    now_ns += after_ns
    assert transport.with_tempo(tempo_bpm, now_ns).exact_pulse_at(now_ns) == transport.exact_pulse_at(now_ns)


@law
@given(transports, tempo_changes, st.lists(st.integers(0, S), max_size=10))
def test_the_position_never_goes_back(transport: Transport, changes: list[tuple[int, float]], steps: list[int]) -> None:
    transport, now_ns = bent(transport, changes)
    position = transport.exact_pulse_at(now_ns)
    for index, step_ns in enumerate(steps):
        now_ns += step_ns
        assert transport.exact_pulse_at(now_ns) >= position
        transport = transport.with_tempo(300 if index % 2 else 20, now_ns)
        assert transport.exact_pulse_at(now_ns) >= position
        position = transport.exact_pulse_at(now_ns)


def test_the_position_stays_a_small_fraction() -> None:
    """The last of many changes of tempo costs no more than the first."""
    transport = Transport.starting(0, 120)
    for change in range(5_000):
        transport = transport.with_tempo(20 + change * 0.056, change * 1_234_567)
    assert transport.anchor_pulse.denominator <= 2_500_000_000_000


@law
@given(transports, tempi)
def test_tempo_is_beats_a_minute(transport: Transport, tempo_bpm: float) -> None:
    transport = transport.with_tempo(tempo_bpm, transport.anchor_ns)
    minute_ns = 60 * S
    assert transport.beats(minute_ns) == pytest.approx(tempo_bpm)
    assert transport.ns_of_beats(tempo_bpm) == pytest.approx(minute_ns, abs=1)


def test_bars_are_counted_from_pulse_0() -> None:
    transport = Transport.starting(7 * S, 120, 3)
    assert [transport.half_beat(pulse) for pulse in range(0, 84, 12)] == [0, 1, 2, 3, 4, 5, 0]
    assert transport.half_beat(11) == 0
    assert transport.half_beat(-12) == 5
    assert transport.with_metre(2).half_beat(48) == 0


@law
@given(transports, st.integers(1, 12), times_ns)
def test_another_metre_moves_bar_lines_only(transport: Transport, beats_per_bar: int, time_ns: int) -> None:
    other = transport.with_metre(beats_per_bar)
    assert other.exact_pulse_at(time_ns) == transport.exact_pulse_at(time_ns)
    assert all(0 <= other.half_beat(pulse) < 2 * beats_per_bar for pulse in range(0, 400, 7))


def test_the_first_note_of_a_beat_has_phase_0() -> None:
    """Also where the beat's time is rounded down: at 70 beats a minute no beat falls on a whole nanosecond."""
    transport = Transport.starting(0, 70)
    assert [transport.phase(transport.ns_at(24 * beat + 5)) for beat in range(20)] == [5] * 20
    assert [transport.phase(transport.ns_at(24 * beat) - 1) for beat in range(20)] == [23] * 20


@pytest.mark.parametrize("tempo_bpm", [19.9, 300.1, 0, -120, float("nan"), float("inf")])
def test_an_impossible_tempo_is_refused(tempo_bpm: float) -> None:
    with pytest.raises(InputError, match="tempo"):
        Transport.starting(0, tempo_bpm)
    with pytest.raises(InputError, match="tempo"):
        Transport.starting(0, 120).with_tempo(tempo_bpm, S)


@pytest.mark.parametrize("beats_per_bar", [0, 13, -4])
def test_an_impossible_metre_is_refused(beats_per_bar: int) -> None:
    with pytest.raises(InputError, match="bar"):
        Transport.starting(0, 120, beats_per_bar)
    with pytest.raises(InputError, match="bar"):
        Transport.starting(0, 120).with_metre(beats_per_bar)


@law
@given(st.floats(-1e6, 1e6) | pulses, st.sampled_from([12, 24]))
def test_the_grid_is_never_behind_and_less_than_a_step_ahead(pulse: float, grid: int) -> None:
    point = grid_at_or_after(pulse, grid)
    assert point % grid == 0
    assert point - grid < pulse <= point
