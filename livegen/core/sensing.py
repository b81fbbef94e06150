"""Active sensing: a keyboard that says that it is there, and then falls silent, has gone."""

from __future__ import annotations

from livegen.core.midi import ACTIVE_SENSING, Message, Realtime

SILENCE_NS = 300_000_000
"""A sender speaks at least so often."""

GRACE_NS = 30_000_000
"""What the standard allows its clock and ours, ten per cent. It begins when the silence is looked at: if we were late
ourselves, what has come meanwhile is heard before the grace is over."""

LATE_NS = 1_000_000
"""Who comes later than this to the end of the grace was kept from coming, and begins another."""


class ActiveSensing:
    """Watches over one input. Single-threaded; owned by the engine. A keyboard that never sends FE is not watched."""

    def __init__(self) -> None:
        self._heard_ns: int | None = None
        """When anything last came in; None while no FE has been seen."""
        self._looked_ns: int | None = None
        """When the silence was first found too long; None while it is not."""

    def heard(self, message: Message, now_ns: int) -> None:
        """Something has come in: whatever it is, somebody is there."""
        if self._heard_ns is not None or message == Realtime(ACTIVE_SENSING):
            self._heard_ns, self._looked_ns = now_ns, None

    def gone(self, now_ns: int) -> bool:
        """Whether there has been silence for too long; it is said once, until FE comes again."""
        if self._heard_ns is None or now_ns < self._heard_ns + SILENCE_NS:
            return False
        if self._looked_ns is None or now_ns > self._looked_ns + GRACE_NS + LATE_NS:
            self._looked_ns = now_ns
        if now_ns < self._looked_ns + GRACE_NS:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Watch no more, until FE comes again."""
        self._heard_ns = self._looked_ns = None

    def next_deadline_ns(self) -> int | None:
        """When `gone` is to be asked; None while nobody is watched."""
        if self._heard_ns is None:
            return None
        return self._heard_ns + SILENCE_NS if self._looked_ns is None else self._looked_ns + GRACE_NS
