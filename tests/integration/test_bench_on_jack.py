"""The parts of the bench on real ports: each for a moment, to see that it measures what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.jack import JackServer

from livegen.core.errors import DeviceError
from livegen.devices.clock import MonotonicClock
from livegen.devices.rtmidi_ports import RtMidiBackend
from livegen.runtime.benches.clock import measure_clock
from livegen.runtime.benches.delivery import measure_delivery
from livegen.runtime.benches.figures import Setup
from livegen.runtime.benches.follow_clock import TEMPI_BPM, measure_follow_clock
from livegen.runtime.benches.players import midi_system
from livegen.runtime.benches.relay import measure_relay
from livegen.runtime.benches.schedule import measure_schedule

pytestmark = [pytest.mark.jack, pytest.mark.processes]

SETUP = Setup(model="markov", provider="cpu", backend="jack", seconds=1.0, minutes=0.04)


@pytest.fixture(autouse=True)
def nothing_stays(jack_server: JackServer) -> Iterator[None]:
    clients = jack_server.clients()
    yield
    assert jack_server.clients() == clients


def test_the_clock_is_measured_in_memory_and_on_the_ports() -> None:
    measured = measure_clock(SETUP).figures["clock_out"]
    assert isinstance(measured, dict)
    assert list(measured) == ["memory", "jack"]
    for figures in measured.values():
        # 48 ticks a second
        assert 40 <= figures["late_ms"]["count"] <= 56
        assert figures["jitter_ms"]["count"] == figures["late_ms"]["count"] - 1


def test_notes_go_through_livegen_and_through_the_relay_by_turns() -> None:
    outcome = measure_relay(SETUP)
    relay = outcome.figures["relay"]
    assert isinstance(relay, dict)
    assert relay["ports"] == "jack"
    assert relay["lost"] == 0
    assert relay["livegen_ms"]["count"] == relay["bare_ms"]["count"] > 5
    (drawn,) = outcome.samples
    assert min(min(times) for times in drawn.series.values()) > 0


def test_the_schedule_is_measured_idle_and_loaded() -> None:
    figures = measure_schedule(SETUP).figures
    assert figures["schedule_ports"] == "jack"
    for name in ("schedule_error_ms", "schedule_error_loaded_ms"):
        measured = figures[name]
        assert isinstance(measured, dict)
        assert measured["count"] > 5
        assert measured["p50"] > 0


def test_a_set_has_four_parts_and_nearly_all_of_it_arrives() -> None:
    delivery = measure_delivery(SETUP).figures["delivery"]
    assert isinstance(delivery, dict)
    assert set(delivery["notes"]) == {"lead", "chords", "bass", "drums"}
    assert 0 <= delivery["on_time"] <= 1
    assert delivery["agent_late_ms"]["count"] > 5
    assert delivery["thru_late_ms"]["count"] + delivery["lost"] >= 4


def test_the_accompaniment_is_compared_with_what_the_sender_sent() -> None:
    outcome = measure_follow_clock(Setup(model="markov", provider="cpu", backend="jack", seconds=1.0, minutes=0.1))
    followed = outcome.figures["follow_clock"]
    assert isinstance(followed, dict)
    assert followed["tempi_bpm"] == list(TEMPI_BPM)
    assert followed["distance_ms"]["count"] > 10
    # No note can be farther from a pulse than half of the longest one.
    assert followed["distance_ms"]["max"] < 60e3 / min(TEMPI_BPM) / 24


def test_beside_a_livegen_that_runs_nothing_is_measured() -> None:
    backend = RtMidiBackend("jack", MonotonicClock())
    output = backend.open_output(None)
    try:
        with pytest.raises(DeviceError, match="livegen out' belongs to a livegen that runs already: stop it"):
            midi_system("auto")
    finally:
        output.close()
        backend.close()


def test_memory_does_where_no_ports_are_wanted() -> None:
    assert midi_system("none") is None
