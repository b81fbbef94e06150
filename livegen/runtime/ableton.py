"""Ableton Link: the session in a process of its own, which runs only while `clock/source` is `link`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from livegen.core.effects import SessionBeat
from livegen.core.errors import DeviceError
from livegen.core.parameters import Settings, Value, build_registry
from livegen.devices.ableton_link import LinkSession
from livegen.devices.clock import MonotonicClock
from livegen.runtime.link import call, supervised
from livegen.runtime.messages import StartFailed, State
from livegen.runtime.shared import SharedName, SharedState

LOOK_S = 0.02
"""How often the session is looked at: a tempo that somebody changes is followed so soon."""

REMIND_NS = 500_000_000
"""The performer hears of the beat at least so often, and of every change at once."""

SAME_NS = 200_000
"""A beat that is found less far from where it was foreseen has not moved: so far readings scatter."""


@dataclass(frozen=True, slots=True)
class AbletonSpec:
    """What a session is started with: the model's styles, first values, where to call, the shared block."""

    styles: tuple[str, ...]
    settings: tuple[tuple[str, Value], ...]
    address: str
    shared: SharedName


def ableton_main(spec: AbletonSpec, control: Connection) -> None:
    """Entry of the session's process; returns when the supervisor has gone. SIGTERM ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings, _ = build_registry(spec.styles).defaults().with_changes(spec.settings)
    shared = SharedState.attach(spec.shared)
    clock = MonotonicClock()

    def beat() -> None:
        shared.beat("ableton", clock.now_ns())

    async def take_part(settings: Settings) -> None:
        # No beat before: who has beaten counts as hung after a second, and joining may take longer on a slow machine.
        session = await LinkSession.join(settings.tempo_bpm, settings.beats_per_bar, clock)
        member = Member(session, settings)
        while supervised():
            try:
                await member.serve(call(spec.address, "ableton", beat), beat)
            except (DeviceError, EOFError, OSError):
                # The performer has died; its successor will call for the same beat.
                continue
        session.leave()

    try:
        asyncio.run(take_part(settings))
    except DeviceError as error:
        control.send(StartFailed(str(error)))
    shared.close()


class Member:
    """Between the session and the performer: the beat one way, the musician's tempo and bar the other.

    Args:
        session: that is taken part in.
        settings: those at which it was joined.
    """

    def __init__(self, session: LinkSession, settings: Settings) -> None:
        self._session = session
        self._settings = settings
        self._told: SessionBeat | None = None

    async def serve(self, link: Connection, beat: Callable[[], None]) -> None:
        """Serve one performer until it goes.

        Raises:
            EOFError, OSError: the performer has gone.
        """
        self._told = None
        while True:
            beat()
            while link.poll(0):
                match link.recv():
                    case State(settings):
                        self._obey(settings)
            found = self._session.beat()
            if self._told is None or is_news(self._told, found):
                self._told = found
                link.send(found)
            await asyncio.sleep(LOOK_S)

    def _obey(self, settings: Settings) -> None:
        """What the musician has changed, and only that: the session's tempo may be another's."""
        before, self._settings = self._settings, settings
        if settings.clock_source != "link":
            # We are leaving, and the tempo that we keep is the session's, rounded: nobody else's concern.
            return
        if settings.tempo_bpm != before.tempo_bpm:
            self._session.propose(settings.tempo_bpm)
        if settings.beats_per_bar != before.beats_per_bar:
            self._session.count_in_bars_of(settings.beats_per_bar)


def is_news(told: SessionBeat, found: SessionBeat) -> bool:
    """Whether the performer must hear of a beat, after what it was told last."""
    if found.time_ns - told.time_ns >= REMIND_NS or (found.tempo_bpm, found.peers) != (told.tempo_bpm, told.peers):
        return True
    ns_per_beat = 60e9 / found.tempo_bpm
    foreseen = told.beat + (found.time_ns - told.time_ns) / ns_per_beat
    return abs(found.beat - foreseen) * ns_per_beat > SAME_NS
