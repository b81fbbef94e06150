"""The MIDI clock that livegen sends, at the port that receives it."""

from __future__ import annotations

from livegen.core.errors import LivegenError
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import CLOCK
from livegen.runtime.benches.figures import Outcome, Samples, Setup, interval_errors, percentiles_ms, tick_lateness
from livegen.runtime.benches.players import midi_system
from livegen.runtime.benches.rig import TEMPO_BPM, Rig

PERIOD_NS = 60e9 / TEMPO_BPM / PULSES_PER_BEAT
WARM_UP_S = 1.0


def measure_clock(setup: Setup) -> Outcome:
    """Ticks at 120 beats a minute beside an accompaniment, in memory and, where there are any, on the system's ports.

    `late_ms` is from the time at which a tick was due to its arrival, `jitter_ms` by how much an interval between two is not
    what it should be.

    Raises:
        LivegenError: the daemon did not start.
    """
    figures: dict[str, object] = {}
    late: dict[str, list[int]] = {}
    jitter: dict[str, list[int]] = {}
    for system in dict.fromkeys((None, midi_system(setup.backend))):
        with Rig(setup, {"mode": "accompany", "clock/send": True}, system) as rig:
            setup.progress(f"clock out ({rig.ports})")
            times = _ticks(rig, setup.seconds)
            late[rig.ports], jitter[rig.ports] = tick_lateness(times, rig.transport), interval_errors(times, PERIOD_NS)
            figures[rig.ports] = {
                "late_ms": percentiles_ms(late[rig.ports]),
                "jitter_ms": percentiles_ms(jitter[rig.ports]),
            }
    drawn = (
        Samples("clock-late", "How late a clock tick arrives", late),
        Samples("clock-jitter", "How far an interval between ticks is off", jitter),
    )
    return Outcome({"clock_out": figures}, drawn)


def _ticks(rig: Rig, seconds: float) -> list[int]:
    """When each tick came."""
    rig.play_scale(WARM_UP_S)
    rig.heard()
    times: list[int] = []
    while seconds > 0:
        # Read now and then: a cable holds only some hundred messages.
        rig.play_scale(min(seconds, 1.0))
        times.extend(time_ns for data, time_ns in rig.heard() if data[0] == CLOCK)
        seconds -= 1.0
    if len(times) < 2:
        raise LivegenError("no clock has come; give --seconds more")
    return times
