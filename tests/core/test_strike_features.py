"""What the beat network hears of strikes: the same music sounds the same, and what repeats shows where it repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, pitches, velocities

from livegen.core.strike_features import FEATURES, LAGS_S, LOOKED_BACK, Floats, StrikeFeatures, Struck, looked_back

MS = 1_000_000
PLAIN = 40
WHETHER, ACCENTED, ALIKE = (slice(begin, begin + len(LAGS_S)) for begin in range(PLAIN, PLAIN + 96, len(LAGS_S)))
LENGTHS, STILL_HELD, SILENT, OLDEST = slice(136, 140), 140, 141, 142
LONGER, UNTIL_NOW = slice(143, 175), slice(175, None)

Notes = list[tuple[int, int, int]]
"""Time in ms, pitch, velocity; 0 where the note ends."""


def heard(notes: Notes, together_ms: int = 60) -> tuple[StrikeFeatures, list[Struck]]:
    """After these notes, and the strikes that were over by them."""
    features, over, began = StrikeFeatures(), [], None
    for at_ms, pitch, velocity in notes:
        if not velocity:
            features.release(at_ms * MS, pitch)
            continue
        begins = began is None or at_ms - began > together_ms
        began = at_ms if begins or began is None else began
        if (struck := features.receive(at_ms * MS, pitch, velocity, begins=begins)) is not None:
            over.append(struck)
    return features, over


def nearest(lag_s: float) -> int:
    """Which of the lags that is."""
    return int(np.argmin(np.abs(LAGS_S - lag_s)))


def test_a_strike_is_told_by_its_notes() -> None:
    features, over = heard([(1000, 60, 80), (1020, 64, 90), (1040, 67, 70)])
    assert over == []
    strike = features.strike()
    assert (strike.low, strike.top, strike.size, strike.loud) == (60, 67, 3, 90)
    assert strike.time_s == pytest.approx(1.02)
    assert list(np.flatnonzero(strike.classes)) == [0, 4, 7]


def test_a_lower_bigger_or_louder_strike_is_accented() -> None:
    plain = [(at, 60, 80) for at in (0, 500, 1000)]
    assert heard([*plain, (1500, 60, 80)])[0].strike().accent == 0
    assert heard([*plain, (1500, 48, 80)])[0].strike().accent > 0
    assert heard([*plain, (1500, 60, 80), (1510, 64, 80)])[0].strike().accent > 0
    assert heard([*plain, (1500, 60, 120)])[0].strike().accent > 0


def test_a_resonator_answers_where_strikes_come_again() -> None:
    row = heard([(at, 60, 80) for at in (0, 1000)])[0].features()
    assert row[WHETHER][nearest(1.0)] > 0.9
    assert row[WHETHER][nearest(0.5)] < 0.01
    assert row[ALIKE][nearest(1.0)] > 0.9
    other = heard([(0, 60, 80), (1000, 61, 80)])[0].features()
    assert other[WHETHER][nearest(1.0)] > 0.9
    assert other[ALIKE].max() == 0


def test_an_accent_is_heard_again_after_the_time_since_it() -> None:
    row = heard([(0, 60, 80), (400, 36, 80), (1000, 60, 80)])[0].features()
    assert row[ACCENTED][nearest(0.6)] > 0.5
    assert row[ACCENTED][nearest(1.0)] < 0.1


def test_a_long_note_is_heard_again_after_the_time_since_it_began() -> None:
    """A low one that lasts below short ones, a beat after the last."""
    notes = [(0, 40, 80), (0, 60, 80), (80, 60, 0), (250, 62, 80), (330, 62, 0), (500, 64, 80), (580, 64, 0), (980, 40, 0)]
    row = heard([*notes, (1000, 60, 80)])[0].features()
    assert row[LONGER][nearest(1.0)] > 2
    assert row[LONGER][nearest(0.5)] < 0.5
    assert row[UNTIL_NOW][nearest(1.0)] > 0.8
    assert row[UNTIL_NOW][nearest(0.5)] < 0.1
    assert row[STILL_HELD] == 0
    assert row[SILENT] == pytest.approx(0.02)


def test_what_sounds_still_is_told_from_what_has_ended() -> None:
    held = [(0, 40, 80), (250, 62, 80)]
    sounding, ended = (heard([*held, *ends, (500, 64, 80)])[0].features() for ends in ([], [(300, 62, 0), (310, 40, 0)]))
    assert sounding[STILL_HELD] > ended[STILL_HELD] == 0
    assert sounding[SILENT] == 0
    assert ended[SILENT] == pytest.approx(0.19)
    assert sounding[OLDEST] > ended[OLDEST]
    assert sounding[LENGTHS][0] > ended[LENGTHS][0]


def test_a_strike_is_held_until_the_last_of_its_notes_has_ended() -> None:
    chord = [(0, 60, 80), (0, 64, 80)]
    one, both = (heard([*chord, *ends, (500, 67, 80)])[0].features() for ends in ([(100, 60, 0)], [(100, 60, 0), (200, 64, 0)]))
    assert (one[STILL_HELD], both[STILL_HELD]) == (0.25, 0)
    assert both[SILENT] == pytest.approx(0.3)


def test_a_note_that_joins_a_strike_whose_first_has_ended_holds_it() -> None:
    row = heard([(0, 60, 80), (20, 60, 0), (40, 64, 80), (500, 67, 80)])[0].features()
    assert row[STILL_HELD] == 0.25


def test_when_all_keys_are_up_nothing_is_held() -> None:
    notes = [(0, 40, 80), (250, 62, 80)]
    one, other = heard(notes)[0], heard([*notes, (400, 40, 0), (400, 62, 0)])[0]
    one.release_all(400 * MS)
    for features in (one, other):
        features.receive(500 * MS, 64, 80, begins=True)
    assert one.features() == pytest.approx(other.features())


def test_a_key_that_is_struck_again_ends_the_note_before() -> None:
    ends = [(400, 60, 0)]
    told, untold = (heard([(0, 60, 80), *more, (400, 60, 80), (800, 67, 80)])[0].features() for more in (ends, []))
    assert told == pytest.approx(untold)


def test_the_end_of_a_note_that_nobody_began_changes_nothing() -> None:
    notes = [(0, 60, 80), (400, 62, 80), (800, 64, 80)]
    assert heard([*notes, (810, 90, 0)])[0].features() == pytest.approx(heard(notes)[0].features())


@law
@given(
    notes=st.lists(st.tuples(st.integers(0, 900), pitches, st.one_of(velocities, st.just(0))), min_size=1, max_size=40),
    up=st.integers(-6, 6),
)
def test_music_in_another_key_or_later_has_the_same_rhythm(notes: Notes, up: int) -> None:
    at_ms, line = 0, [(0, 60, 80)]
    for gap_ms, pitch, velocity in notes:
        at_ms += gap_ms
        line.append((at_ms, 40 + pitch % 40, velocity))
    one = heard(line)[0].features()
    other = heard([(at + 5000, pitch + up, velocity) for at, pitch, velocity in line])[0].features()
    assert one.shape == (FEATURES,)
    assert np.isfinite(one).all()
    heights = [17, 18]
    assert np.delete(other, heights) == pytest.approx(np.delete(one, heights), abs=1e-6)


def test_many_strikes_at_once_say_what_one_after_the_other_says() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.integers(70, 400, LOOKED_BACK + 20))
    rows: list[Floats] = []
    features, strikes = StrikeFeatures(), list[Struck]()
    for at, pitch in zip(times, rng.integers(40, 80, len(times)), strict=True):
        if rng.random() < 0.7:
            features.release(int(at - rng.integers(50)) * MS, int(rng.integers(40, 80)))
        if (over := features.receive(int(at) * MS, int(pitch), 80, begins=True)) is not None:
            strikes.append(over)
        rows.append(features.features()[PLAIN:])
    strikes.append(features.strike())
    assert looked_back(strikes, len(strikes)) == pytest.approx(np.array(rows))
