"""Releasing the notes of a performer that was killed, on a port that outlives it."""

from __future__ import annotations

from livegen.core.errors import DeviceError
from livegen.core.ledger import Ledger
from livegen.core.midi import release_all
from livegen.devices.clock import Clock
from livegen.devices.open_backend import open_backend
from livegen.devices.ports import Backend, OutputPort
from livegen.runtime.config import Config


class Rescue:
    """A second way to the synth, open before it is needed.

    JACK takes seconds to bury a killed client (ten times its client timeout for each) and opens no other meanwhile, so a
    port that is opened after the death is late; and what is sent before the burial may be lost, so the supervisor sends until
    the next performer is there. There is nothing to do where the daemon plays to its own virtual port: that dies with the
    performer.

    Single-threaded; belongs to the supervisor.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._backend: Backend | None = None
        self._port: OutputPort | None = None

    def open(self) -> None:
        """Open the way, if there is a port that outlives us.

        Raises:
            DeviceError: the MIDI system or the port is not there.
        """
        if self._config.output is None or self._port is not None:
            return
        self._backend = open_backend(self._config.backend, self._clock, f"{self._config.name} rescue")
        try:
            if self._backend is not None:
                self._port = self._backend.open_output(self._config.output)
        except DeviceError:
            self.close()
            raise

    def release(self, ledger: Ledger) -> None:
        """End every note in the ledger of a dead performer, and keep it: the next performer ends them again and clears it.

        Raises:
            DeviceError: the port has gone too.
        """
        sounding = list(ledger.sounding())
        if not sounding or self._config.output is None:
            return
        if self._port is not None and not self._port.alive:
            self.close()
        self.open()
        if self._port is None:
            return
        for data in release_all(sounding, sorted({channel for channel, _ in sounding})):
            self._port.send(data)

    def close(self) -> None:
        """Close the way; idempotent."""
        for resource in (self._port, self._backend):
            if resource is not None:
                resource.close()
        self._port = self._backend = None
