"""Open the MIDI system that a configuration names."""

from __future__ import annotations

from livegen.devices.clock import Clock
from livegen.devices.ports import INPUT_NAME, OUTPUT_NAME, Backend
from livegen.devices.rtmidi_ports import RtMidiBackend


def open_backend(
    name: str, clock: Clock, client_name: str = "livegen", own_names: tuple[str, str] = (INPUT_NAME, OUTPUT_NAME)
) -> Backend | None:
    """The backend of that name ("auto": the first that works; "none": None). Opens no port.

    `own_names` are those of our virtual input and output.

    Raises:
        DeviceError: the MIDI system is not there.
    """
    if name == "none":
        return None
    return RtMidiBackend(name, clock, client_name, own_names)
