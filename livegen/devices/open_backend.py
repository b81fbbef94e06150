"""Open the MIDI system that a configuration names."""

from __future__ import annotations

from livegen.devices.clock import Clock
from livegen.devices.ports import Backend
from livegen.devices.rtmidi_ports import RtMidiBackend


def open_backend(name: str, clock: Clock, client_name: str = "livegen") -> Backend | None:
    """The backend of that name ("auto": the first that works; "none": None). Opens no port.

    Raises:
        DeviceError: the MIDI system is not there.
    """
    if name == "none":
        return None
    return RtMidiBackend(name, clock, client_name)
