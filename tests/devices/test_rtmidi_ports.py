"""The system's MIDI: what is said when it is missing, Windows' lack of virtual ports, and a JACK server that dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import jack
from support.rigs import Ears

from livegen.core.errors import DeviceError, InputError
from livegen.devices import rtmidi_ports
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.devices.rtmidi_ports import RtMidiBackend, available_apis

TESTS = Path(__file__).parents[1]


def _backend(api: str | None = None) -> RtMidiBackend:
    return RtMidiBackend(api, MonotonicClock())


def test_without_python_rtmidi_the_memory_ports_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only asking for a system port fails, and says what to install."""
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(DeviceError, match="pip install python-rtmidi"):
        _backend().list_inputs()
    with pytest.raises(DeviceError, match="pip install python-rtmidi"):
        available_apis()
    backend, peer = memory_cable()
    backend.open_output(None).send(b"\xf8")
    assert peer.arrived()[0][0] == b"\xf8"
    backend.close()
    peer.close()


def test_an_unknown_system_is_refused() -> None:
    """The error names those that exist."""
    with pytest.raises(InputError, match="auto, alsa, coremidi, winmm, jack"):
        _backend("oss")


def test_no_midi_system_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without ALSA's sequencer and without a JACK server, `auto` names a remedy for both, and doctor reports both."""
    monkeypatch.setattr(rtmidi_ports, "_ALSA_SEQUENCER", tmp_path / "seq")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-no-such-server")
    backend = _backend()
    with pytest.raises(DeviceError, match=r"modprobe snd-seq.*livegen-no-such-server.*jackd -S -d alsa"):
        backend.open_output(None)
    statuses = {status.name: status for status in available_apis()}
    assert not statuses["alsa"].usable
    assert "modprobe" in statuses["alsa"].detail
    assert not statuses["jack"].usable
    backend.close()


@pytest.mark.jack
def test_doctor_sees_a_running_server(jack_server: jack.JackServer) -> None:
    """A usable system is reported with its ports, and probing leaves no client."""
    clients = jack_server.clients()
    status = next(status for status in available_apis() if status.name == "jack")
    assert status.usable
    assert status.detail == "0 inputs, 0 outputs"
    assert jack_server.clients() == clients


class _FakeClient:
    """As much of python-rtmidi's MidiIn and MidiOut as opening a port needs, on a Windows machine."""

    ports: tuple[str, ...] = ()

    def __init__(self, rtapi: int, name: str) -> None:
        self.opened: tuple[int, str] | None = None
        self.is_deleted = False

    def get_ports(self) -> list[str]:
        return list(self.ports)

    def open_port(self, index: int, name: str) -> None:
        self.opened = (index, name)

    def ignore_types(self, *args: bool) -> None: ...
    def set_callback(self, callback: Any) -> None: ...
    def cancel_callback(self) -> None: ...

    def send_message(self, data: bytes) -> None:
        raise RuntimeError("unplugged")

    def delete(self) -> None:
        self.is_deleted = True


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> type[_FakeClient]:
    fake = SimpleNamespace(
        API_LINUX_ALSA=2, API_MACOSX_CORE=1, API_WINDOWS_MM=4, API_UNIX_JACK=3,
        get_compiled_api=lambda: [4], MidiIn=_FakeClient, MidiOut=_FakeClient,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "rtmidi", fake)
    return _FakeClient


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        (("Digital Piano", "livegen in 1", "livegen out 2"), ("livegen in 1", "livegen out 2")),
        (("Default App Loopback (A)", "Default App Loopback (B)"), ("Default App Loopback (A)", "Default App Loopback (A)")),
    ],
)
def test_windows_uses_a_loopback_port(
    windows: type[_FakeClient], monkeypatch: pytest.MonkeyPatch, ports: tuple[str, ...], found: tuple[str, str]
) -> None:
    """Where there are no virtual ports, a loopback port of our name or Windows' own stands in, and the name says so."""
    monkeypatch.setattr(windows, "ports", ports)
    backend, ears = _backend(), Ears()
    inward, outward = backend.open_input(None, ears.on_message, ears.on_error), backend.open_output(None)
    assert (backend.name, inward.name, outward.name) == ("winmm", *found)
    with pytest.raises(DeviceError, match="refuses to send: unplugged"):
        outward.send(b"\xf8")
    assert outward.counts.failed == 1
    inward.close()
    outward.close()
    backend.close()


def test_windows_without_a_loopback_says_how_to_get_one(windows: type[_FakeClient], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error explains that virtual ports do not exist there, and names the remedy and the ports."""
    monkeypatch.setattr(windows, "ports", ("Digital Piano",))
    backend = _backend()
    with pytest.raises(DeviceError, match=r"no virtual MIDI ports.*loopMIDI.*'Digital Piano'"):
        backend.open_output(None)
    backend.close()


def test_a_system_that_was_not_compiled_in_is_named(windows: type[_FakeClient]) -> None:
    """Asking for JACK on Windows says what there is."""
    with pytest.raises(DeviceError, match="built without jack; it has winmm"):
        _backend("jack").list_outputs()


@pytest.mark.jack
@pytest.mark.parametrize("ending", ["kill", "stop", "freeze"])
def test_a_dead_jack_server_stops_nothing(ending: str) -> None:
    """Ten thousand sends after the server died or froze: refused, no other thread waits 100 ms, ports close and reopen.

    In a process of its own, because libjack's state is one for the process, and because plain python-rtmidi hangs it here.
    """
    if not jack.installed():
        pytest.skip(jack.MISSING)
    _run_apart("jack_death.py", ending)


@pytest.mark.jack
def test_ports_open_and_close_beside_a_flood() -> None:
    """Thirty times while messages arrive: no crash, none lost, none delivered after closing, no other thread waits 100 ms.

    In a process of its own, because plain python-rtmidi spoils its heap here.
    """
    if not jack.installed():
        pytest.skip(jack.MISSING)
    _run_apart("jack_churn.py")


def _run_apart(script: str, *arguments: str) -> None:
    """Run one of tests/support, which says that it survived."""
    command = [sys.executable, "-X", "faulthandler", str(TESTS / "support" / script), *arguments]
    paths = {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    done = subprocess.run(command, env={**os.environ, **paths}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "survived"
