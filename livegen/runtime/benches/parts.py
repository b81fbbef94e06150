"""The parts of `livegen bench` by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livegen.runtime.benches.clock import measure_clock
from livegen.runtime.benches.delivery import measure_delivery
from livegen.runtime.benches.figures import Outcome, Setup
from livegen.runtime.benches.follow_clock import measure_follow_clock
from livegen.runtime.benches.model import measure_model
from livegen.runtime.benches.relay import measure_relay
from livegen.runtime.benches.roundtrip import measure_roundtrip
from livegen.runtime.benches.schedule import measure_schedule


@dataclass(frozen=True, slots=True)
class BenchPart:
    """Something that can be measured: what in a few words, how, and whether it is quick enough to be measured unasked."""

    text: str
    measure: Callable[[Setup], Outcome]
    quick: bool = True


PARTS: dict[str, BenchPart] = {
    "model": BenchPart("the model's step, its notes a second, its memory", measure_model),
    "schedule": BenchPart("how late notes go out, idle and loaded", measure_schedule),
    "roundtrip": BenchPart("from MIDI out to MIDI in", measure_roundtrip),
    "clock": BenchPart("the MIDI clock that is sent", measure_clock),
    "relay": BenchPart("what livegen adds to a note on its way through", measure_relay),
    "delivery": BenchPart("the share of notes that go out on time, 10 minutes", measure_delivery, quick=False),
    "follow-clock": BenchPart("whether it stays on the beat of a MIDI clock, 5 minutes", measure_follow_clock, quick=False),
}
