"""MIDI ports of the operating system through python-rtmidi, with its traps fenced in.

What python-rtmidi 1.5.8 does, as measured: it holds the GIL while it opens, sends, closes and deletes, so no thread of ours can
end a call that hangs; therefore each such call is made only when the server is known to live (`jack_watch`). Deleting an output
of a dead JACK server takes 1000 ms, and deleting any client after libjack has cleaned up a dead server is a use after free;
such clients are abandoned instead. It frees callbacks that still wait for the GIL, and libjack cancels a client's thread
wherever it is, so clients are opened and deleted only between two cycles (`driver_ports`). On JACK the ports are listed by
`jack_watch`'s client, since each client costs time: 43 ms to open, and seconds for the server to bury when we are killed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from livegen.core.errors import DeviceError, InputError
from livegen.devices import jack_watch
from livegen.devices.clock import Clock, MonotonicClock
from livegen.devices.delivery import Delivery
from livegen.devices.driver_ports import (
    DRIVER_ERRORS,
    DriverInput,
    DriverOutput,
    Life,
    ListingClients,
    at_rest,
    dispose,
    listen,
)
from livegen.devices.jack_watch import JackWatch
from livegen.devices.ports import INPUT_NAME, OUTPUT_NAME, OnError, OnMessage, match_port

_API_ATTRIBUTES: Final = {
    "alsa": "API_LINUX_ALSA",
    "coremidi": "API_MACOSX_CORE",
    "winmm": "API_WINDOWS_MM",
    "jack": "API_UNIX_JACK",
}
"""Our names for the MIDI systems, in the order in which `auto` tries them."""

_REMEDIES: Final = {
    "alsa": "ALSA's sequencer is missing (/dev/snd/seq): load it with `sudo modprobe snd-seq`, or start JACK",
    "coremidi": "CoreMIDI does not answer: restart the Mac's MIDI server with `killall MIDIServer`",
    "winmm": "Windows MIDI does not answer: check that the Windows Audio service runs",
    "jack": "no JACK server is running: start one, for example `jackd -S -d alsa`",
}

_LOOPBACKS: Final = "*loopback (a)*"
"""Windows MIDI Services' own loopback: both of our ports use end A, so that other programs meet us at end B."""

_ALSA_SEQUENCER: Final = Path("/dev/snd/seq")


@dataclass(frozen=True, slots=True)
class ApiStatus:
    """One MIDI system on this machine, for `livegen doctor`.

    Attributes:
        name: "alsa", "jack", "coremidi" or "winmm".
        usable: whether a client could be opened now.
        detail: the ports that it shows, or what to do about its absence.
    """

    name: str
    usable: bool
    detail: str


class RtMidiBackend:
    """The MIDI system of this machine. One thread owns it and opens, lists and closes; nothing is opened before the first use.

    Args:
        api: "auto", "alsa", "jack", "coremidi" or "winmm"; auto takes the first that answers, in this order: alsa, coremidi,
            winmm, jack.
        clock: stamps what arrives.
        client_name: the name that other programs see.
        own_names: of our virtual input and output.

    Raises:
        InputError: the api has no such name.
    """

    def __init__(
        self,
        api: str | None,
        clock: Clock,
        client_name: str = "livegen",
        own_names: tuple[str, str] = (INPUT_NAME, OUTPUT_NAME),
    ) -> None:
        self._wanted = api or "auto"
        if self._wanted not in {"auto", *_API_ATTRIBUTES}:
            raise InputError(f"there is no MIDI system {api!r}: choose auto, {', '.join(_API_ATTRIBUTES)}")
        self._clock = clock
        self._client_name = client_name
        self._in_name, self._out_name = own_names
        self._api: str | None = None
        self._watch: JackWatch | None = None
        self._listing: ListingClients | JackWatch | None = None

    @property
    def name(self) -> str:
        """The MIDI system in use, "auto" until the first use finds one."""
        return self._api or self._wanted

    def list_inputs(self) -> tuple[str, ...]:
        """Ports that we can listen to; about 0.02 ms after the first call, which opens what lists them (about 50 ms).

        Raises:
            DeviceError: no MIDI system answers; the text says what to install or start.
        """
        return self._started().list_inputs()

    def list_outputs(self) -> tuple[str, ...]:
        """Ports that we can play to; as `list_inputs`."""
        return self._started().list_outputs()

    def open_input(self, pattern: str | None, on_message: OnMessage, on_error: OnError) -> DriverInput:
        """See `Backend.open_input`. Blocks for 10 to 50 ms with the GIL held, and on JACK for two cycles without."""
        listing = self._started()
        delivery = Delivery(on_message, on_error, self._clock)
        client, target = self._opened("MidiIn", pattern, self._in_name, delivery)
        return DriverInput(client, target or self._in_name, delivery, Life(self._watch, listing.list_inputs, target))

    def open_output(self, pattern: str | None) -> DriverOutput:
        """See `Backend.open_output`. As `open_input`."""
        listing = self._started()
        client, target = self._opened("MidiOut", pattern, self._out_name)
        return DriverOutput(client, target or self._out_name, Life(self._watch, listing.list_outputs, target))

    def close(self) -> None:
        """Free what lists ports; idempotent; close the ports first."""
        if isinstance(self._listing, ListingClients):
            self._listing.close()
        self._listing = None
        if self._watch is not None:
            jack_watch.release(self._watch)
            self._watch = None
        self._api = None

    def _started(self) -> ListingClients | JackWatch:
        """Find the MIDI system and open what lists its ports, or open it anew when JACK has died."""
        if self._listing is not None:
            if self._watch is None or self._watch.alive:
                return self._listing
            self.close()
        apis = _compiled_apis()
        wanted = apis if self._wanted == "auto" else (self._wanted,)
        failures = []
        for api in wanted:
            if api not in apis:
                raise DeviceError(f"this python-rtmidi was built without {api}; it has {', '.join(apis) or 'no MIDI system'}")
            try:
                self._listing = self._start_api(api)
            except DeviceError as error:
                self.close()
                if self._wanted != "auto":
                    raise
                failures.append(str(error))
            else:
                return self._listing
        raise DeviceError("no MIDI system is there: " + "; ".join(failures or ["python-rtmidi was built without any"]))

    def _start_api(self, api: str) -> ListingClients | JackWatch:
        """Open what listing on one MIDI system needs."""
        self._api = api
        if api == "alsa" and not _ALSA_SEQUENCER.exists():
            raise DeviceError(_REMEDIES[api])
        if api == "jack":
            self._watch = jack_watch.acquire(f"{self._client_name} watch")
            return self._watch
        return ListingClients(lambda kind: self._new_client(kind, " list"))

    def _new_client(self, kind: str, suffix: str = "") -> Any:
        """Make a MidiIn or MidiOut.

        Raises:
            DeviceError: the MIDI system refuses one.
        """
        rtmidi = _import_rtmidi()
        api = self.name
        try:
            return getattr(rtmidi, kind)(rtapi=getattr(rtmidi, _API_ATTRIBUTES[api]), name=self._client_name + suffix)
        except DRIVER_ERRORS as error:
            raise DeviceError(f"{_REMEDIES[api]} ({error})") from error

    def _opened(
        self, kind: str, pattern: str | None, own_name: str, delivery: Delivery | None = None
    ) -> tuple[Any, str | None]:
        """A MidiOut, or a MidiIn that delivers, and the name of the port it is connected to, None for a virtual one.

        Raises:
            DeviceError: nothing matches, or the MIDI system refuses or stands still; the client is freed.
        """
        client = None
        try:
            with at_rest(self._watch):
                client = self._new_client(kind)
                if delivery is not None:
                    client.ignore_types(False, False, False)
                    listen(client, delivery)
                return client, self._open(client, pattern, own_name, "output" if delivery is None else "input")
        except DeviceError:
            if client is not None:
                dispose(client, self._watch)
            raise

    def _open(self, client: Any, pattern: str | None, own_name: str, kind: str) -> str | None:
        """Open our virtual port, or connect to one that exists, whose name is returned.

        Raises:
            DeviceError: nothing matches, or the MIDI system refuses.
        """
        try:
            if pattern is None and self._api != "winmm":
                client.open_virtual_port(own_name)
                return None
            names = client.get_ports()
            target = _loopback_port(names, own_name, kind) if pattern is None else match_port(pattern, names, kind)
            client.open_port(names.index(target), own_name)
        except DRIVER_ERRORS as error:
            raise DeviceError(f"cannot open the MIDI {kind} {pattern or own_name!r}: {error}") from error
        return target


def available_apis(client_name: str = "livegen doctor") -> tuple[ApiStatus, ...]:
    """Try every MIDI system that python-rtmidi was built with; opens and frees clients, about 0.1 s each.

    Raises:
        DeviceError: python-rtmidi cannot be imported; the text says how to install it.
    """
    return tuple(_try_api(api, client_name) for api in _compiled_apis())


def _try_api(api: str, client_name: str) -> ApiStatus:
    """Open one MIDI system, list, close."""
    backend = RtMidiBackend(api, MonotonicClock(), client_name)
    try:
        inputs, outputs = backend.list_inputs(), backend.list_outputs()
    except DeviceError as error:
        return ApiStatus(api, usable=False, detail=str(error))
    finally:
        backend.close()
    return ApiStatus(api, usable=True, detail=f"{len(inputs)} inputs, {len(outputs)} outputs")


def _compiled_apis() -> tuple[str, ...]:
    """The MIDI systems of this python-rtmidi, in our order."""
    rtmidi = _import_rtmidi()
    compiled = rtmidi.get_compiled_api()
    return tuple(api for api, attribute in _API_ATTRIBUTES.items() if getattr(rtmidi, attribute) in compiled)


def _loopback_port(names: Sequence[str], own_name: str, kind: str) -> str:
    """On Windows, which has no virtual ports: the loopback port that stands for ours.

    Raises:
        DeviceError: there is none; the text says how to make one.
    """
    for name in names:
        if own_name.casefold() in name.casefold() or fnmatch.fnmatchcase(name.casefold(), _LOOPBACKS):
            return name
    existing = ", ".join(repr(name) for name in names) or "none"
    raise DeviceError(
        f"Windows has no virtual MIDI ports: make a loopback port named {own_name!r} with loopMIDI, or install Windows MIDI "
        f"Services for its default loopback; existing {kind} ports: {existing}"
    )


def _import_rtmidi() -> Any:
    """Import python-rtmidi when a port is wanted, so that everything else works without it.

    Raises:
        DeviceError: it is not installed or does not load.
    """
    try:
        import rtmidi  # noqa: PLC0415 - the in-memory ports must work where this fails
    except ImportError as error:
        raise DeviceError(
            f"python-rtmidi cannot be imported ({error}): install it with `pip install python-rtmidi` on Python 3.11 or 3.12"
        ) from error
    return rtmidi
