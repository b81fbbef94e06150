"""What only the in-memory cable promises: it crosses processes, fills up without blocking, and notices a dead end."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable

import pytest
from support.rigs import WAIT_S, Ears

from livegen.core.errors import DeviceError
from livegen.devices.clock import ManualClock
from livegen.devices.memory import PLAYER_OUT, MemoryBackend, memory_cable

NOTE = b"\x90\x3c\x40"


def _echo(backend: MemoryBackend, notes: int) -> None:
    """The child: play back `notes` messages, then die without closing anything."""
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    output = backend.open_output(None)
    backend.open_input(None, lambda data, _: heard.put(data), lambda _: None)
    for _ in range(notes):
        output.send(heard.get(timeout=WAIT_S))


def _fill(send: Callable[[bytes], None]) -> None:
    for _ in range(100_000):
        send(NOTE)


@pytest.mark.processes
def test_cable_crosses_into_a_spawned_process() -> None:
    """The daemon's end works in a spawned process; the player gets the answers in order, then notices the end."""
    backend, peer = memory_cable()
    notes = [bytes((0x90, pitch, 1)) for pitch in range(100)]
    child = multiprocessing.get_context("spawn").Process(target=_echo, args=(backend, len(notes)))
    child.start()
    backend.close()
    for note in notes:
        peer.send(note)
    answers = [peer.receive(30.0) for _ in notes]
    assert [answer[0] for answer in answers if answer] == notes
    child.join(10.0)
    assert child.exitcode == 0
    child.close()
    with pytest.raises(DeviceError, match="gone"):
        peer.receive(WAIT_S)
    with pytest.raises(DeviceError, match="gone"):
        peer.send(NOTE)
    assert [data for data, _ in peer.arrived()] == notes
    peer.close()


def test_a_cable_that_nobody_reads_refuses_and_does_not_block() -> None:
    """Both ways: thousands of messages fit, then DeviceError, counted; reading makes room again."""
    backend, peer = memory_cable()
    output = backend.open_output(None)
    with pytest.raises(DeviceError, match="full"):
        _fill(output.send)
    assert output.counts.passed > 2000
    assert output.counts.failed == 1
    assert output.alive
    with pytest.raises(DeviceError, match="full"):
        _fill(peer.send)
    assert len(peer.arrived()) == output.counts.passed
    output.send(NOTE)
    assert peer.receive(WAIT_S) is not None
    backend.close()
    peer.close()


def test_messages_carry_the_senders_time() -> None:
    """What arrives says when the daemon sent it."""
    clock = ManualClock(100)
    backend, peer = memory_cable(clock)
    output = backend.open_output(None)
    output.send(NOTE)
    clock.advance(50)
    output.send(NOTE)
    assert peer.arrived() == ((NOTE, 100), (NOTE, 150))
    assert peer.receive(0.0) is None
    backend.close()
    peer.close()


def test_an_unplugged_player_is_reported_once() -> None:
    """The input says that its player has gone, and the port list is empty afterwards."""
    backend, peer = memory_cable()
    ears = Ears()
    port = backend.open_input("player", ears.on_message, ears.on_error)
    peer.send(NOTE)
    peer.close()
    assert ears.next()[0] == NOTE
    assert isinstance(ears.errors.get(timeout=WAIT_S), DeviceError)
    assert not port.alive
    assert backend.list_inputs() == backend.list_outputs() == ()
    with pytest.raises(DeviceError, match="existing ports: none"):
        backend.open_input(PLAYER_OUT, ears.on_message, ears.on_error)
    backend.close()


def test_one_port_of_each_kind() -> None:
    """A second input or output is refused while the first is open, and everything once the backend is closed."""
    backend, peer = memory_cable()
    ears = Ears()
    backend.open_input(None, ears.on_message, ears.on_error)
    output = backend.open_output(None)
    with pytest.raises(DeviceError, match="open input"):
        backend.open_input(None, ears.on_message, ears.on_error)
    with pytest.raises(DeviceError, match="open output"):
        backend.open_output(None)
    output.close()
    backend.open_output(None)
    backend.close()
    with pytest.raises(DeviceError, match="closed"):
        backend.open_output(None)
    peer.close()


def test_a_callback_may_close_its_port() -> None:
    """Closing from the delivering thread does not wait for itself."""
    backend, peer = memory_cable()
    closed: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def close_at_once(data: bytes, time_ns: int) -> None:
        port.close()
        closed.put(item=True)

    port = backend.open_input(None, close_at_once, lambda _: None)
    peer.send(NOTE)
    assert closed.get(timeout=WAIT_S)
    backend.close()
    peer.close()
