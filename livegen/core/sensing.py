"""Active sensing: a keyboard that says that it is there, and then falls silent, has gone."""

from __future__ import annotations

from livegen.core.midi import ACTIVE_SENSING, Message, Realtime

SILENCE_NS = 330_000_000
"""A sender speaks at least every 300 ms; the standard allows its clock and ours ten per cent."""


class ActiveSensing:
    """Watches over one input. Single-threaded; owned by the engine. A keyboard that never sends FE is not watched."""

    def __init__(self) -> None:
        self._heard_ns: int | None = None
        """When anything last came in; None while no FE has been seen."""

    def heard(self, message: Message, now_ns: int) -> None:
        """Something has come in: whatever it is, somebody is there."""
        if self._heard_ns is not None or message == Realtime(ACTIVE_SENSING):
            self._heard_ns = now_ns

    def gone(self, now_ns: int) -> bool:
        """Whether there has been silence for too long; it is said once, until FE comes again."""
        if self._heard_ns is None or now_ns < self._heard_ns + SILENCE_NS:
            return False
        self._heard_ns = None
        return True

    def resume(self, now_ns: int) -> None:
        """We were not awake: what came meanwhile is not known yet."""
        if self._heard_ns is not None:
            self._heard_ns = now_ns

    def stop(self) -> None:
        """Watch no more, until FE comes again."""
        self._heard_ns = None

    def next_deadline_ns(self) -> int | None:
        """When `gone` may become true; None while nobody is watched."""
        return None if self._heard_ns is None else self._heard_ns + SILENCE_NS
