"""Who keeps time goes first."""

from __future__ import annotations

import os
from contextlib import suppress

REALTIME = 5
"""Real-time priority, 1..99: above all that is not real time, below the threads of a JACK server."""

NICENESS = -10
"""Priority where there is no real time to be had, -20 (first) to 19."""


def go_first() -> None:
    """Ask the system to let this thread, and those that it will start, run before others.

    Most systems allow it to root or to members of the audio group only; without leave nothing changes. A scheduler that is fair
    to all lets who wakes beside busy processes wait for the end of a time slice, whatever its niceness; hence real time.
    """
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME))
            return
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICENESS)
