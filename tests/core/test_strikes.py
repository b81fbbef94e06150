"""Notes become strikes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.strikes import FRAME_NS, TOGETHER, Strikes

MS = 1_000_000


def test_the_notes_of_a_spread_chord_are_one_strike() -> None:
    strikes = Strikes()
    assert strikes.receive(1000 * MS) == 0
    assert [strikes.receive(at * MS) for at in (1005, 1030, 1060)] == [None, None, None]
    assert strikes.spread == [1, 0, 1, 1]
    assert strikes.middle == 1


def test_a_note_further_away_begins_another_strike() -> None:
    strikes = Strikes()
    strikes.receive(1000 * MS)
    assert strikes.begins(1100 * MS)
    assert strikes.receive(1100 * MS) == 5
    assert strikes.spread == [0] * (TOGETHER + 1)
    assert strikes.middle == 0


@law
@given(gaps_ms=st.lists(st.integers(0, 2_000), min_size=1, max_size=40))
def test_no_note_is_lost_and_frames_never_run_away(gaps_ms: list[int]) -> None:
    strikes, now_ns, begun, further = Strikes(), 0, 0, 0
    for gap_ms in gaps_ms:
        now_ns += gap_ms * MS
        begins = strikes.begins(now_ns)
        frames = strikes.receive(now_ns)
        assert begins == (frames is not None)
        begun += begins
        further = 0 if begins else further + 1
        assert sum(strikes.spread) == further
        assert 0 <= strikes.middle <= TOGETHER
        assert not begins or abs(strikes.time_ns - now_ns) <= FRAME_NS / 2
    assert begun >= 1
