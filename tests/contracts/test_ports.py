"""What every MIDI backend promises, run over each of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from support.rigs import WAIT_S, Ears, JackRig, MemoryRig, Rig

from livegen.core.errors import DeviceError, InputError
from livegen.devices.clock import MonotonicClock

NOTES = [bytes((0x90 | channel, pitch, 100)) for channel in (0, 9) for pitch in range(100)]
LAST = b"\xb0\x01\x7f"
ILLEGAL = [bytes((60, 60)), bytes((0x90, 60, 200)), bytes((0x90, 60))]


@pytest.fixture(params=["memory", pytest.param("jack", marks=pytest.mark.jack)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = MemoryRig() if request.param == "memory" else JackRig(request.getfixturevalue("jack_server"))
    yield made
    made.close()


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_input_keeps_order(rig: Rig, ears: Ears) -> None:
    """Two hundred notes played at once arrive in the order in which they were played."""
    port = rig.open_input(ears)
    for note in NOTES:
        rig.play(note)
    assert [ears.next()[0] for _ in NOTES] == NOTES
    port.close()
    assert port.counts.passed == len(NOTES)


def test_output_keeps_order(rig: Rig) -> None:
    """Two hundred notes sent at once are heard in the order in which they were sent."""
    port = rig.open_output()
    for note in NOTES:
        port.send(note)
    assert [rig.heard() for _ in NOTES] == NOTES
    assert port.counts.passed == len(NOTES)
    port.close()


def test_stamps_are_monotonic_and_near(rig: Rig, ears: Ears) -> None:
    """A message is stamped after it was played, before it is read from the queue, and not earlier than the one before."""
    clock = MonotonicClock()
    port = rig.open_input(ears)
    last = 0
    for note in NOTES[:20]:
        played_ns = clock.now_ns()
        rig.play(note)
        stamped_ns = ears.next()[1]
        assert played_ns < stamped_ns < clock.now_ns()
        assert stamped_ns > last
        last = stamped_ns
    port.close()


@pytest.mark.parametrize("data", [b"\xf8", b"\xfe", b"\xf2\x01\x02", b"\xf0" + bytes(300) + b"\xf7", b"\xc0\x05"])
def test_every_kind_of_message_passes_both_ways(rig: Rig, ears: Ears, data: bytes) -> None:
    """Clock, active sensing, song position, SysEx and program changes are neither filtered nor changed."""
    inward, outward = rig.open_input(ears), rig.open_output()
    rig.play(data)
    assert ears.next()[0] == data
    outward.send(data)
    assert rig.heard() == data
    inward.close()
    outward.close()


def test_illegal_bytes_from_outside_are_refused_and_counted(rig: Rig, ears: Ears) -> None:
    """What is not MIDI never reaches the callback; it is counted, and reported once."""
    port = rig.open_input(ears)
    for data in ILLEGAL:
        rig.play(data)
    rig.play(LAST)
    assert ears.next()[0] == LAST
    assert ears.silent()
    assert isinstance(ears.errors.get(timeout=WAIT_S), InputError)
    assert ears.errors.empty()
    port.close()
    assert port.counts.refused >= 2  # a driver may itself drop the truncated one
    assert port.counts.passed == 1


def test_illegal_bytes_are_not_sent(rig: Rig) -> None:
    """Sending what is not MIDI raises, is counted, and nothing is heard of it."""
    port = rig.open_output()
    for data in [*ILLEGAL, b"", b"\xf0\x01", b"\x90\x3c\x40\x40"]:
        with pytest.raises(InputError):
            port.send(data)
    port.send(LAST)
    assert rig.heard() == LAST
    assert (port.counts.refused, port.counts.passed) == (6, 1)
    port.close()


def test_closing_twice_is_closing_once(rig: Rig, ears: Ears) -> None:
    """A second close does nothing, on ports and on the backend."""
    ports = [rig.open_input(ears), rig.open_output()]
    for port in ports:
        assert port.alive
        port.close()
        port.close()
        assert not port.alive
    rig.backend.close()
    rig.backend.close()


def test_send_after_close_raises(rig: Rig) -> None:
    """A closed output takes nothing, says so and counts it."""
    port = rig.open_output()
    port.close()
    with pytest.raises(DeviceError, match="closed"):
        port.send(LAST)
    assert port.counts.failed == 1


def test_nothing_is_delivered_after_close(rig: Rig, ears: Ears) -> None:
    """Once close has returned the callback stays quiet; a port opened later hears again."""
    rig.open_input(ears).close()
    rig.play(LAST)
    later = Ears()
    port = rig.open_input(later)
    rig.play(NOTES[0])
    heard = later.next()[0]
    while heard != NOTES[0]:  # a cable keeps what was played meanwhile
        heard = later.next()[0]
    port.close()
    assert ears.silent()


def test_a_callback_that_raises_is_survived(rig: Rig) -> None:
    """Each exception is counted, each class of exceptions is reported once, and delivery goes on."""

    class Clumsy(Ears):
        def on_message(self, data: bytes, time_ns: int) -> None:
            super().on_message(data, time_ns)
            if data[1] < 4:
                raise (KeyError if data[1] % 2 else ZeroDivisionError)("clumsy")

    ears = Clumsy()
    port = rig.open_input(ears)
    for pitch in range(10):
        rig.play(bytes((0x90, pitch, 1)))
    assert [ears.next()[0][1] for _ in range(10)] == list(range(10))
    port.close()
    assert (port.counts.failed, port.counts.passed) == (4, 6)
    reported = [type(ears.errors.get_nowait()) for _ in range(2)]
    assert reported == [ZeroDivisionError, KeyError]
    assert ears.errors.empty()


def test_an_error_report_that_raises_is_survived(rig: Rig) -> None:
    """Even a reporter that fails does not stop delivery."""

    class Broken(Ears):
        def on_error(self, error: Exception) -> None:
            super().on_error(error)
            raise error

    ears = Broken()
    port = rig.open_input(ears)
    rig.play(ILLEGAL[0])
    rig.play(LAST)
    assert ears.next()[0] == LAST
    port.close()


def test_listing_is_cheap_and_leaks_nothing(rig: Rig) -> None:
    """A thousand listings take less than a second and open no client: no descriptor and no thread more than after the first."""
    rig.backend.list_inputs(), rig.backend.list_outputs()
    descriptors, tasks = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    begin = time.perf_counter()
    for _ in range(1000):
        inputs, outputs = rig.backend.list_inputs(), rig.backend.list_outputs()
    assert time.perf_counter() - begin < 1.0
    assert rig.far_output in inputs
    assert rig.far_input in outputs
    assert (len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))) == (descriptors, tasks)


def test_virtual_ports_have_our_names(rig: Rig, ears: Ears) -> None:
    """Other programs see `livegen in` and `livegen out`."""
    inward, outward = rig.open_input(ears), rig.open_output()
    assert (inward.name, outward.name) == ("livegen in", "livegen out")
    assert {"livegen in", "livegen out"} <= set(rig.visible_names())
    inward.close()
    outward.close()


@pytest.mark.parametrize("shape", ["{}", "*{}*"])
def test_connecting_by_pattern(rig: Rig, ears: Ears, shape: str) -> None:
    """A part of the name in any case, or a glob, finds the port; messages pass both ways."""
    inward = rig.open_input(ears, shape.format(rig.far_output[-8:].upper()))
    outward = rig.open_output(shape.format(rig.far_input[-7:].upper()))
    assert (inward.name, outward.name) == (rig.far_output, rig.far_input)
    rig.play(NOTES[0])
    assert ears.next()[0] == NOTES[0]
    outward.send(NOTES[1])
    assert rig.heard() == NOTES[1]
    inward.close()
    outward.close()


def test_no_match_names_the_ports_that_exist(rig: Rig, ears: Ears) -> None:
    """The error of a pattern that matches nothing lists what there is, and leaves nothing open."""
    with pytest.raises(DeviceError, match=rig.far_output):
        rig.open_input(ears, "no such port")
    with pytest.raises(DeviceError, match=rig.far_input):
        rig.open_output("no such port")


def test_a_vanished_counterpart_is_noticed(rig: Rig, ears: Ears) -> None:
    """When the connected ports have gone, alive says so, soon, on both of ours."""
    inward, outward = rig.open_input(ears, rig.far_output), rig.open_output(rig.far_input)
    assert inward.alive
    assert outward.alive
    rig.unplug()
    soon = threading.Event()
    for _ in range(100):
        if not inward.alive and not outward.alive:
            break
        soon.wait(0.02)
    assert not inward.alive
    assert not outward.alive
    inward.close()
    outward.close()


def test_ports_reopen(rig: Rig) -> None:
    """Opening and closing again and again works and leaves no thread."""
    tasks = threading.active_count()
    for _ in range(5):
        ears = Ears()
        inward, outward = rig.open_input(ears), rig.open_output()
        rig.play(LAST)
        assert ears.next()[0] == LAST
        outward.send(LAST)
        assert rig.heard() == LAST
        inward.close()
        outward.close()
    assert threading.active_count() == tasks


def test_what_was_sent_is_taken_soon(rig: Rig) -> None:
    """Whoever closes a port can know before that the last of it is out."""
    port, until_s = rig.open_output(), time.monotonic() + WAIT_S
    port.send(LAST)
    while not port.drained:
        assert time.monotonic() < until_s
        time.sleep(0.001)
    port.close()
    assert rig.heard() == LAST


def test_pacing_hint_is_honest(rig: Rig) -> None:
    """A burst of the size that the port names arrives whole."""
    port = rig.open_output()
    notes = [bytes((0x90, index % 128, 1 + index % 127)) for index in range(port.max_burst_bytes // 3)]
    for note in notes:
        port.send(note)
    assert [rig.heard() for _ in notes] == notes
    assert port.counts.failed == 0
    port.close()
