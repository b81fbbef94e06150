"""Real Ableton Link sessions between members on this machine: one tempo, one bar, and nobody's tempo is hijacked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from livegen.core.effects import SessionBeat
from livegen.core.errors import DeviceError
from livegen.devices import ableton_link
from livegen.devices.ableton_link import LinkSession
from livegen.devices.clock import MonotonicClock

CLOCK = MonotonicClock()
LIMIT_NS = 15_000_000_000
BARS = 4


async def until(condition: Callable[[], bool], limit_ns: int = LIMIT_NS) -> bool:
    """Whether it came true in time."""
    end_ns = CLOCK.now_ns() + limit_ns
    while not condition() and CLOCK.now_ns() < end_ns:
        await asyncio.sleep(0.01)
    return condition()


async def together(tempo_bpm: float, other_bpm: float) -> tuple[LinkSession, LinkSession]:
    """A member that was there, and one who comes."""
    first = await LinkSession.join(tempo_bpm, BARS, CLOCK)
    second = await LinkSession.join(other_bpm, BARS, CLOCK)
    if not await until(lambda: bool(first.beat().peers and second.beat().peers)):
        pytest.skip("this machine's network lets no Link members find each other")
    return first, second


def apart(one: SessionBeat, other: SessionBeat) -> float:
    """Beats between two members' places in the bar, at one time."""
    beat = other.beat - (other.time_ns - one.time_ns) * other.tempo_bpm / 60e9
    return abs((beat - one.beat + BARS / 2) % BARS - BARS / 2)


def test_who_comes_takes_the_tempo_and_the_bar_of_who_was_there() -> None:
    async def session() -> None:
        first, second = await together(97.0, 140.0)
        assert await until(lambda: second.beat().tempo_bpm == pytest.approx(97.0, abs=0.01))
        assert first.beat().tempo_bpm == pytest.approx(97.0, abs=0.01)
        assert await until(lambda: apart(first.beat(), second.beat()) < 0.02)
        second.leave()
        assert await until(lambda: first.beat().peers == 0)
        first.leave()

    asyncio.run(session())


def test_a_tempo_that_one_proposes_is_everybodys() -> None:
    async def session() -> None:
        first, second = await together(97.0, 97.0)
        second.propose(111.5)
        assert await until(lambda: first.beat().tempo_bpm == pytest.approx(111.5, abs=0.01))
        first.leave()
        second.leave()

    asyncio.run(session())


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ableton_link, "find_spec", lambda _: None)
    with pytest.raises(DeviceError, match=r"pip install 'livegen\[link\]'"):
        asyncio.run(LinkSession.join(120.0, BARS, CLOCK))
