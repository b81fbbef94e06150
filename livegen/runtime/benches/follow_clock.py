"""Whether the accompaniment stays on the beat of a MIDI clock that comes in through real ports."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from livegen.core.errors import DeviceError, LivegenError
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import CLOCK, START, STOP, NoteOff, NoteOn, Realtime, encode, parse
from livegen.devices.clock import MonotonicClock
from livegen.devices.ports import INPUT_NAME
from livegen.devices.rtmidi_ports import RtMidiBackend
from livegen.runtime.benches.figures import Outcome, Samples, Setup, grid_distances, percentiles_ms
from livegen.runtime.benches.loads import beside
from livegen.runtime.benches.players import midi_system
from livegen.runtime.benches.rig import CHANNEL, Rig
from livegen.runtime.priority import go_first

MINUTES = 5.0
TEMPI_BPM = (100.0, 126.0, 88.0, 140.0)
"""Of the sender, one after the other, each for as long; it jumps from one to the next."""

_HELD_PULSES = 18
_END_S = 30.0


def needs_ports(setup: Setup) -> str:
    """The MIDI system that the measurement uses.

    Raises:
        DeviceError: there is none; the text says what to do.
    """
    system = midi_system(setup.backend)
    if system is None:
        raise DeviceError(
            "follow-clock measures through real MIDI ports, and there are none: start a JACK server, "
            "for example `jackd --sync -d dummy -r 48000 -p 64`"
        )
    return system


def measure_follow_clock(setup: Setup) -> Outcome:
    """How far each note of the accompaniment is, at the port where it arrives, from the sender's nearest pulse as it was sent.

    A process of its own sends start, ticks at four tempi, and a quarter note on each beat for livegen to accompany. Half a
    pulse (9 ms at the fastest) is the farthest that a note can be from a pulse: what is off by more is taken for near another.

    Raises:
        DeviceError: there are no real MIDI ports.
        LivegenError: the daemon or the sender did not start, or nothing was played.
    """
    system = needs_ports(setup)
    minutes = MINUTES if setup.minutes is None else setup.minutes
    ours, theirs = multiprocessing.Pipe()
    with Rig(setup, {"mode": "accompany", "clock/source": "midi"}, system) as rig, ours:
        setup.progress(f"following a clock, {minutes:g} minutes ({rig.ports})")
        with beside(_send_clock, system, minutes * 60, theirs):
            theirs.close()
            heard = []
            until_ns = rig.clock.now_ns() + round((minutes * 60 + _END_S) * 1e9)
            while not ours.poll():
                if rig.clock.now_ns() > until_ns:
                    raise LivegenError("the sender of the clock did not come to its end: is the machine too busy?")
                rig.watch(0.1)
                heard.extend(rig.heard())
            try:
                pulses: list[int] = ours.recv()
            except EOFError:
                raise DeviceError("the sender of the clock failed; what it said is above") from None
        heard.extend(rig.heard())
    struck = [time_ns for data, time_ns in heard if isinstance(parse(data), NoteOn)]
    distances = on_the_grid(struck, pulses)
    if not distances:
        raise LivegenError("the daemon played nothing in this time; give --minutes more")
    magnitudes = [abs(distance) for distance in distances]
    figures = {
        "ports": rig.ports,
        "minutes": minutes,
        "tempi_bpm": list(TEMPI_BPM),
        "distance_ms": percentiles_ms(magnitudes),
        "median_ms": round(sorted(distances)[len(distances) // 2] / 1e6, 4),
    }
    drawn = Samples("follow-clock", "How far a note is from the sender's pulse", {"accompaniment": distances})
    return Outcome({"follow_clock": figures}, (drawn,))


def on_the_grid(struck_ns: Sequence[int], pulses_ns: Sequence[int]) -> list[int]:
    """Distance of each note to the nearest pulse in ns, positive when late; notes outside the pulses are left out."""
    if not pulses_ns:
        return []
    return grid_distances([time_ns for time_ns in struck_ns if pulses_ns[0] <= time_ns <= pulses_ns[-1]], pulses_ns)


def sender_pulses(seconds: float, tempi_bpm: Sequence[float]) -> Iterator[int]:
    """When each pulse is due, in ns from the first; every tempo lasts equally long, to the pulse."""
    at_ns = 0.0
    for tempo_bpm in tempi_bpm:
        period_ns = 60e9 / tempo_bpm / PULSES_PER_BEAT
        for _ in range(round(seconds * 1e9 / len(tempi_bpm) / period_ns)):
            yield round(at_ns)
            at_ns += period_ns


def _send_clock(system: str, seconds: float, control: Connection) -> None:
    """Entry of the sender's process: plays, then tells when it sent each pulse."""
    go_first()
    clock = MonotonicClock()
    backend = RtMidiBackend(system, clock, "livegen sender")
    output = backend.open_output(INPUT_NAME)
    output.send(encode(Realtime(START)))
    begin_ns = clock.now_ns() + 10_000_000
    sent = []
    for index, at_ns in enumerate(sender_pulses(seconds, TEMPI_BPM)):
        time.sleep(max(0, begin_ns + at_ns - clock.now_ns()) / 1e9)
        sent.append(clock.now_ns())
        output.send(encode(Realtime(CLOCK)))
        beat, place = divmod(index, PULSES_PER_BEAT)
        pitch = 60 + (0, 4, 7, 5)[beat % 4]
        if place == 0:
            output.send(encode(NoteOn(CHANNEL, pitch, 80)))
        elif place == _HELD_PULSES:
            output.send(encode(NoteOff(CHANNEL, pitch)))
    output.send(encode(Realtime(STOP)))
    output.close()
    backend.close()
    control.send(sent)
