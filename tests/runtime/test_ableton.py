"""What the performer hears of a Link session, and what the session hears of the musician."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Pipe
from types import SimpleNamespace

import pytest
from support.stage import settings_with

from livegen.core.effects import SessionBeat
from livegen.core.errors import DeviceError
from livegen.core.parameters import Settings
from livegen.devices.ableton_link import LinkSession
from livegen.devices.clock import ManualClock
from livegen.runtime.ableton import REMIND_NS, SAME_NS, AbletonSpec, Member, ableton_main, is_news
from livegen.runtime.messages import StartFailed, State
from livegen.runtime.shared import SharedState

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


class TestMember:
    """What the musician changes, the session hears; here a record of what it is told."""

    def obeyed(self, *changes: Settings) -> SimpleNamespace:
        session = SimpleNamespace(tempo=97.003, quantum=4.0, beat=0.0, num_peers=1)
        member = Member(LinkSession(session, ManualClock()), settings_with(clock__source="link", tempo__bpm=120))
        ours, theirs = Pipe()
        with ours:
            with theirs:
                for settings in changes:
                    theirs.send(State(settings))
            with pytest.raises((EOFError, OSError)):
                asyncio.run(member.serve(ours, lambda: None))
        return session

    def test_a_tempo_and_a_bar_that_the_musician_sets_are_the_sessions(self) -> None:
        session = self.obeyed(settings_with(clock__source="link", tempo__bpm=104, beats_per_bar=3))
        assert (session.tempo, session.quantum) == (104, 3.0)

    def test_what_the_musician_leaves_alone_stays(self) -> None:
        session = self.obeyed(settings_with(clock__source="link", tempo__bpm=120, temperature=0.3))
        assert (session.tempo, session.quantum) == (97.003, 4.0)

    def test_who_leaves_changes_nobodys_tempo(self) -> None:
        """The performer keeps the session's tempo, rounded, and says so to everybody."""
        session = self.obeyed(settings_with(clock__source="internal", tempo__bpm=97))
        assert session.tempo == 97.003


class TestProcess:
    @pytest.fixture
    def shared(self) -> Iterator[SharedState]:
        block = SharedState.create()
        yield block
        block.close()

    def test_it_is_not_taken_for_hung_while_it_joins(self, shared: SharedState, monkeypatch: pytest.MonkeyPatch) -> None:
        beats = []

        async def join(*_: object) -> LinkSession:
            beats.append(shared.last_beat_ns("ableton"))
            raise DeviceError("no session today")

        monkeypatch.setattr(LinkSession, "join", join)
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        ours, theirs = Pipe()
        with ours, theirs:
            ableton_main(AbletonSpec((), tuple(settings_with().items()), "", shared.name), theirs)
            assert ours.recv() == StartFailed("no session today")
        assert beats == [0]
