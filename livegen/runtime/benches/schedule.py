"""How late the agent's notes go out: idle, and beside all that a stage puts on the machine."""

from __future__ import annotations

from contextlib import ExitStack

from livegen.core.errors import LivegenError
from livegen.runtime.benches.figures import Outcome, Samples, Setup, percentiles_ms
from livegen.runtime.benches.loads import busy_process, full_brain, osc_flood
from livegen.runtime.benches.machine import priority, resident_mb
from livegen.runtime.benches.players import midi_system
from livegen.runtime.benches.rig import Rig

WARM_UP_S = 1.0
LOAD_S = 2.0
"""Until the loads have started."""

_TAKEN_EVERY_S = 10.0


def measure_schedule(setup: Setup) -> Outcome:
    """The accompaniment's lateness, from the time at which a note was due to when the port had taken it, by the performer.

    Raises:
        LivegenError: the daemon did not start, or played nothing.
    """
    with Rig(setup, {"mode": "accompany"}, midi_system(setup.backend)) as rig:
        setup.progress(f"schedule, idle ({rig.ports})")
        idle, idle_dropped = _condition(rig, setup.seconds, WARM_UP_S)
        pids = rig.pids()
        rss_mb = resident_mb(list(pids.values()))
        setup.progress("schedule, beside a busy process, an OSC flood and a brain at full load")
        with ExitStack() as loads:
            for load in (busy_process(), osc_flood(rig.osc), full_brain(setup.model, setup.provider)):
                loads.enter_context(load)
            loaded, loaded_dropped = _condition(rig, setup.seconds, LOAD_S)
        figures = {
            "schedule_ports": rig.ports,
            "schedule_error_ms": {**percentiles_ms(idle), "dropped": idle_dropped},
            "schedule_error_loaded_ms": {**percentiles_ms(loaded), "dropped": loaded_dropped},
            "performer_priority": priority(pids["performer"]),
            "rss_mb": rss_mb,
            "ready_s": round(rig.ready_s, 3),
        }
    return Outcome(figures, (Samples("schedule", "How late a note goes out", {"idle": idle, "loaded": loaded}),))


def _condition(rig: Rig, seconds: float, warm_up_s: float) -> tuple[list[int], int]:
    """Play a scale; how late each note of the accompaniment was, and how many were too late to be sent."""
    rig.play_scale(warm_up_s)
    rig.heard()
    rig.take_lateness()
    late_ns: list[int] = []
    dropped, left_s = 0, seconds
    while left_s > 0:
        rig.play_scale(min(left_s, _TAKEN_EVERY_S))
        left_s -= _TAKEN_EVERY_S
        rig.heard()
        late, lost = rig.take_lateness()
        late_ns.extend(late)
        dropped += lost
    if not late_ns:
        raise LivegenError("the daemon played nothing in this time; give --seconds more")
    return late_ns, dropped
