"""The way out keeps its record of what sounds true, whatever the port does."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from livegen.core.errors import DeviceError
from livegen.core.ledger import Ledger, Owner
from livegen.core.midi import Control, NoteOff, NoteOn
from livegen.devices.clock import ManualClock
from livegen.runtime import outlet as outlet_module
from livegen.runtime.outlet import DRAIN_NS, Outlet


class Port:
    """An output that can be made to refuse, to go, and to tell what it was sent."""

    name = "synth"
    alive = True
    takes: Callable[[], bool] = staticmethod(lambda: True)
    refuses = False
    max_burst_bytes = 1000

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        if self.refuses:
            raise DeviceError("busy")
        self.sent.append(data)

    @property
    def drained(self) -> bool:
        return self.takes()

    def close(self) -> None:
        self.alive = False


class System:
    """A MIDI system with one port, which may be missing."""

    def __init__(self) -> None:
        self.port = Port()
        self.names: tuple[str, ...] = ("synth",)
        self.opened = 0

    def list_outputs(self) -> tuple[str, ...]:
        return self.names

    def open_output(self, pattern: str | None) -> Port:
        self.opened += 1
        return self.port


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def record() -> Ledger:
    return Ledger()


@pytest.fixture
def outlet(system: System, record: Ledger) -> Outlet:
    opened = Outlet(system, "synth", record, ManualClock().now_ns)  # type: ignore[arg-type]
    opened.open()
    return opened


def test_a_note_is_on_record_from_its_start_to_its_end(outlet: Outlet, record: Ledger) -> None:
    assert outlet.send(NoteOn(1, 60, 80))
    assert list(record.sounding()) == [(1, 60)]
    assert outlet.send(NoteOff(1, 60))
    assert not list(record.sounding())


def test_an_end_that_the_driver_refused_is_sent_again(outlet: Outlet, system: System, record: Ledger) -> None:
    """The engine has let go of the note; only the record knows that it still sounds."""
    outlet.send(NoteOn(1, 60, 80))
    system.port.refuses = True
    assert not outlet.send(NoteOff(1, 60))
    assert outlet.failed == 1
    system.port.refuses = False
    outlet.mend(Ledger())
    assert system.port.sent[-1] == bytes([0x81, 60, 0])
    assert not list(record.sounding())


@pytest.mark.parametrize("up", [Control(1, 64, 0), Control(1, 121, 0)])
def test_a_pedal_whose_end_the_driver_refused_is_lifted_again(outlet: Outlet, system: System, up: Control) -> None:
    outlet.send(Control(1, 64, 127))
    system.port.refuses = True
    assert not outlet.send(up)
    system.port.refuses = False
    for _ in range(2):
        outlet.mend(Ledger())
    assert system.port.sent == [bytes([0xB1, 64, 127]), bytes([0xB1, 64, 0])]


def test_a_pedal_that_is_down_again_is_left_alone(outlet: Outlet, system: System) -> None:
    system.port.refuses = True
    outlet.send(Control(1, 64, 0))
    system.port.refuses = False
    outlet.send(Control(1, 64, 127))
    outlet.mend(Ledger())
    assert system.port.sent == [bytes([0xB1, 64, 127])]


def test_a_pedal_whose_end_waited_as_the_port_went_is_lifted_when_it_is_back(outlet: Outlet, system: System) -> None:
    """The synth may have lost its cable only, and still hold what it was told to."""
    outlet.send(Control(1, 64, 127))
    while not outlet.waiting:
        outlet.send(Control(2, 1, 0))
    outlet.send(Control(1, 64, 0))
    system.port.alive = False
    outlet.drop_if_gone()
    system.port = Port()
    outlet.open()
    outlet.mend(Ledger())
    assert system.port.sent == [bytes([0xB1, 64, 0])]


def test_mending_leaves_alone_what_is_wanted(outlet: Outlet, system: System) -> None:
    outlet.send(NoteOn(1, 60, 80))
    wanted = Ledger()
    wanted.add(Owner.GENERATED, 1, 60)
    outlet.mend(wanted)
    assert len(system.port.sent) == 1


def test_what_was_left_sounding_is_ended_when_the_port_is_back(outlet: Outlet, system: System, record: Ledger) -> None:
    outlet.send(NoteOn(1, 60, 80))
    system.port.alive = False
    outlet.drop_if_gone()
    assert outlet.name == ""
    system.port = Port()
    outlet.open()
    assert system.port.sent[0] == bytes([0x81, 60, 0])
    assert not list(record.sounding())


def test_what_could_not_be_ended_stays_on_record(system: System, record: Ledger) -> None:
    record.add(Owner.GENERATED, 1, 60)
    system.port.refuses = True
    with pytest.raises(DeviceError):
        Outlet(system, "synth", record, ManualClock().now_ns).open()  # type: ignore[arg-type]
    assert list(record.sounding()) == [(1, 60)]


def test_a_note_stays_on_record_until_the_system_has_taken_its_end(outlet: Outlet, system: System, record: Ledger) -> None:
    """Whoever is killed before that takes the end along."""
    system.port.takes = lambda: False
    outlet.send(NoteOn(1, 60, 80))
    outlet.send(NoteOff(1, 60))
    outlet.mend(Ledger())
    assert system.port.sent == [bytes([0x91, 60, 80]), bytes([0x81, 60, 0])]
    assert list(record.sounding()) == [(1, 60)]
    system.port.takes = lambda: True
    outlet.flush()
    assert not list(record.sounding())


def test_a_note_that_begins_anew_meanwhile_stays_on_record(outlet: Outlet, system: System, record: Ledger) -> None:
    system.port.takes = lambda: False
    for message in (NoteOn(1, 60, 80), NoteOff(1, 60), NoteOn(1, 60, 80)):
        outlet.send(message)
    system.port.takes = lambda: True
    outlet.flush()
    assert list(record.sounding()) == [(1, 60)]
    outlet.send(NoteOff(1, 60))
    assert not list(record.sounding())


def test_a_missing_port_costs_a_look_at_the_list_and_no_client(system: System, record: Ledger) -> None:
    system.names = ()
    with pytest.raises(DeviceError, match="synth"):
        Outlet(system, "synth", record, ManualClock().now_ns).open()  # type: ignore[arg-type]
    assert system.opened == 0


def test_without_midi_everything_fails_quietly_and_is_counted(record: Ledger) -> None:
    outlet = Outlet(None, None, record, ManualClock().now_ns)
    outlet.open()
    assert not outlet.send(NoteOn(1, 60, 80))
    assert outlet.failed == 1


@pytest.fixture
def closing(system: System, record: Ledger, monkeypatch: pytest.MonkeyPatch) -> tuple[Outlet, ManualClock]:
    """An outlet that waits in virtual time."""
    clock = ManualClock()
    monkeypatch.setattr(outlet_module, "time", SimpleNamespace(sleep=lambda seconds: clock.advance(round(seconds * 1e9))))
    opened = Outlet(system, "synth", record, clock.now_ns)  # type: ignore[arg-type]
    opened.open()
    return opened, clock


def test_a_system_that_takes_all_at_once_is_not_waited_for(closing: tuple[Outlet, ManualClock], system: System) -> None:
    outlet, clock = closing
    outlet.drain([NoteOff(1, 60)], doubtful=False)
    assert clock.now_ns() == 0
    assert not system.port.sent


def test_after_a_standstill_the_end_is_told_again(closing: tuple[Outlet, ManualClock], system: System) -> None:
    outlet, clock = closing
    system.port.takes = lambda: clock.now_ns() > 2_000_000_000
    outlet.drain([NoteOff(1, 60)], doubtful=False)
    assert system.port.sent == [bytes([0x81, 60, 0])]
    assert 2_000_000_000 < clock.now_ns() < 2_500_000_000


def test_where_it_is_in_doubt_the_end_is_told_again(closing: tuple[Outlet, ManualClock], system: System) -> None:
    outlet, _ = closing
    outlet.drain([NoteOff(1, 60)], doubtful=True)
    assert system.port.sent == [bytes([0x81, 60, 0])]


def test_what_has_just_ended_is_told_again_with_it(closing: tuple[Outlet, ManualClock], system: System) -> None:
    outlet, _ = closing
    outlet.send(NoteOn(2, 40, 80))
    outlet.send(NoteOff(2, 40))
    outlet.drain([NoteOff(1, 60)], doubtful=True)
    assert system.port.sent[2:] == [bytes([0x82, 40, 0]), bytes([0x81, 60, 0])]


def test_a_system_that_takes_nothing_any_more_is_given_up(closing: tuple[Outlet, ManualClock], system: System) -> None:
    outlet, clock = closing
    system.port.takes = lambda: False
    outlet.drain([NoteOff(1, 60)], doubtful=True)
    assert DRAIN_NS <= clock.now_ns() < 2 * DRAIN_NS
