"""Ableton Link: a tempo, a beat and a bar that programs on one network share.

The library behind it, aalink, is under the GPL: it comes with the extra `link` and is imported only where a session is wanted.
It needs a running asyncio loop, and network threads of its own, so it lives in a process that does nothing else.
"""

from __future__ import annotations

import asyncio
import warnings
from importlib.util import find_spec
from typing import Any, Final

from livegen.core.effects import SessionBeat
from livegen.core.errors import DeviceError
from livegen.devices.clock import Clock

SETTLE_S: Final = 0.5
"""Who is enabled sooner after it was made imposes its tempo on the session that it joins."""

_READINGS: Final = 3


def missing() -> str | None:
    """Why there can be no session on this machine, and what to do; None if there can."""
    if find_spec("aalink") is None:
        return "Ableton Link needs a library that is not installed: pip install 'livegen[link]'"
    return None


class LinkSession:
    """Our membership in the session; made by `join`. One thread, that of the loop, calls everything; nothing blocks."""

    def __init__(self, link: Any, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    @classmethod
    async def join(cls, tempo_bpm: float, beats_per_bar: int, clock: Clock) -> LinkSession:
        """Take part in what session there is, at its tempo; alone, at ours. Takes `SETTLE_S`.

        Raises:
            DeviceError: the library is not installed.
        """
        if (reason := missing()) is not None:
            raise DeviceError(reason)
        import aalink  # noqa: PLC0415 - under the GPL, and absent from most installations

        with warnings.catch_warnings():
            # Newer versions take the running loop, older ones are told.
            warnings.simplefilter("ignore", DeprecationWarning)
            link = aalink.Link(tempo_bpm, asyncio.get_running_loop())
        link.quantum = float(beats_per_bar)
        await asyncio.sleep(SETTLE_S)
        link.enabled = True
        return cls(link, clock)

    def propose(self, tempo_bpm: float) -> None:
        """Let everybody in the session play at this tempo."""
        self._link.tempo = tempo_bpm

    def count_in_bars_of(self, beats_per_bar: int) -> None:
        """Bar lines are this far apart from now on; others may count otherwise."""
        self._link.quantum = float(beats_per_bar)

    def beat(self) -> SessionBeat:
        """Where the beat is now; of a few readings that which took least, since the time is read beside the beat."""
        found = min((self._reading() for _ in range(_READINGS)), key=lambda reading: reading[0])
        _, time_ns, beat = found
        return SessionBeat(beat, time_ns, float(self._link.tempo), int(self._link.num_peers))

    def leave(self) -> None:
        """Go; the others play on."""
        self._link.enabled = False

    def _reading(self) -> tuple[int, int, float]:
        before_ns = self._clock.now_ns()
        beat = float(self._link.beat)
        took_ns = self._clock.now_ns() - before_ns
        return took_ns, before_ns + took_ns // 2, beat
