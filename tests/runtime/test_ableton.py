"""What the performer hears of a Link session, and what the session hears of the musician."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livegen.core.effects import SessionBeat
from livegen.runtime.ableton import REMIND_NS, SAME_NS, is_news

TOLD = SessionBeat(beat=8.0, time_ns=10_000_000_000, tempo_bpm=120.0, peers=1)


def later(by_ns: int, off_ns: int = 0) -> SessionBeat:
    """The same session, at 2 beats a second, with a beat that is off."""
    return replace(TOLD, time_ns=TOLD.time_ns + by_ns, beat=TOLD.beat + (by_ns + off_ns) * 2e-9)


def test_a_beat_that_goes_on_as_it_was_is_no_news() -> None:
    assert not is_news(TOLD, later(100_000_000, off_ns=SAME_NS // 2))


@pytest.mark.parametrize(
    "found",
    [
        later(REMIND_NS),
        later(100_000_000, off_ns=2 * SAME_NS),
        later(100_000_000, off_ns=-2 * SAME_NS),
        replace(later(1_000_000), tempo_bpm=121.0),
        replace(later(1_000_000), peers=0),
    ],
)
def test_any_change_is_and_a_reminder_from_time_to_time(found: SessionBeat) -> None:
    assert is_news(TOLD, found)
