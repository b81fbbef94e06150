"""Finding a port by pattern, whatever numbers the system gave it today."""

from __future__ import annotations

import pytest

from livegen.core.errors import DeviceError
from livegen.devices.ports import match_port

ALSA = ["Midi Through:Midi Through Port-0 14:0", "Keystation 49:Keystation 49 MIDI 1 24:0", "USB [2]:Port 28:0"]
JACK = ["synth:midi out", "synth-01:midi out", "a2j:Keystation (capture)"]


@pytest.mark.parametrize(
    ("pattern", "names", "found"),
    [
        ("keystation", ALSA, ALSA[1]),
        ("KEY*midi 1", ALSA, ALSA[1]),
        ("Keystation 49:Keystation 49 MIDI 1 20:0", ALSA, ALSA[1]),
        (ALSA[2], ALSA, ALSA[2]),
        ("synth:midi out", JACK[1:], JACK[1]),
        ("synth-02:midi out", JACK[:1], JACK[0]),
        ("synth-01:midi out", JACK, JACK[1]),
        ("*midi out", JACK, JACK[0]),
    ],
)
def test_patterns_find_ports(pattern: str, names: list[str], found: str) -> None:
    """Parts, globs, full names with last week's numbers; an equal name before a similar one."""
    assert match_port(pattern, names, "input") == found


def test_no_match_names_what_exists() -> None:
    """The error lists the ports, or says that there are none."""
    with pytest.raises(DeviceError, match="no MIDI output port matches 'xy'; existing ports: 'synth:midi out', 'synth-01"):
        match_port("xy", JACK, "output")
    with pytest.raises(DeviceError, match="existing ports: none"):
        match_port("x", [], "input")
