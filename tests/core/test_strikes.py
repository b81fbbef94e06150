"""Notes become strikes, with what marks them out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, pitches, velocities

from livegen.core.strikes import BIG, FRAME_NS, LEAP, LOUD, LOW, NEW, TOGETHER, Strikes

MS = 1_000_000


def struck(*notes: tuple[int, int, int]) -> Strikes:
    """Strikes that have taken in notes: time in ms, pitch, velocity."""
    strikes = Strikes()
    for at_ms, pitch, velocity in notes:
        strikes.receive(at_ms * MS, pitch, velocity)
    return strikes


def test_the_notes_of_a_spread_chord_are_one_strike() -> None:
    strikes = Strikes()
    assert strikes.receive(1000 * MS, 60, 80) == 0
    assert [strikes.receive(at * MS, 64, 80) for at in (1005, 1030, 1060)] == [None, None, None]
    assert strikes.spread == [1, 0, 1, 1]


def test_a_note_further_away_begins_another_strike() -> None:
    strikes = struck((1000, 60, 80))
    assert strikes.begins(1100 * MS)
    assert strikes.receive(1100 * MS, 60, 80) == 5
    assert strikes.spread == [0] * (TOGETHER + 1)


def test_the_first_strike_has_no_marks() -> None:
    assert struck((0, 60, 80)).marks() == []


def test_marks_say_what_is_unlike_the_strikes_before() -> None:
    plain = [(at, 60, 80) for at in (0, 500, 1000)]
    assert struck(*plain, (1500, 60, 80)).marks() == []
    assert struck(*plain, (1500, 48, 80)).marks() == [LOW, LEAP]
    assert struck(*plain, (1500, 60, 80), (1510, 60, 80)).marks() == [BIG]
    assert struck(*plain, (1500, 60, 100)).marks() == [LOUD]
    assert struck(*plain, (1500, 62, 80)).marks() == [NEW]


@law
@given(notes=st.lists(st.tuples(st.integers(0, 2_000), pitches, velocities), min_size=1, max_size=40))
def test_no_note_is_lost_and_frames_never_run_away(notes: list[tuple[int, int, int]]) -> None:
    strikes, now_ns, begun, further = Strikes(), 0, 0, 0
    for gap_ms, pitch, velocity in notes:
        now_ns += gap_ms * MS
        begins = strikes.begins(now_ns)
        frames = strikes.receive(now_ns, pitch, velocity)
        assert begins == (frames is not None)
        begun += begins
        further = 0 if begins else further + 1
        assert sum(strikes.spread) == further
        assert not begins or abs(strikes.time_ns - now_ns) <= FRAME_NS / 2
    assert begun >= 1
