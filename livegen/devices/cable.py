"""One direction of an in-memory cable: a pipe of stamped messages with a window, so that sending never blocks.

A pipe alone blocks its writer when nobody reads, and says nothing before. Two counters in shared memory, each written by one
end, tell the writer how much is on its way; they outlive a process, so that a restarted one goes on where the last stopped.
"""

from __future__ import annotations

import multiprocessing
import os
import struct
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from typing import Any, Final, NamedTuple

from livegen.core.errors import DeviceError
from livegen.devices.clock import Clock

_STAMP: Final = struct.Struct("<q")
_HEADER_BYTES: Final = 4  # Connection's own, the length of what follows
FRAME_BYTES: Final = _HEADER_BYTES + _STAMP.size
WINDOW_BYTES: Final = 32768 if os.name == "posix" else 8000  # half a pipe of Linux; within the 8192 bytes of a Windows pipe
_WRITTEN: Final = 0
_READ: Final = 1


class End(NamedTuple):
    """What one end of a direction needs; can be passed to a spawned process.

    Attributes:
        connection: the pipe's reading or writing end.
        flow: bytes written and bytes read since the start, shared by both ends.
    """

    connection: Connection
    flow: Any


def direction() -> tuple[End, End]:
    """Make a pipe: its reading and its writing end."""
    reading, writing = multiprocessing.Pipe(duplex=False)
    flow = RawArray("Q", 2)
    return End(reading, flow), End(writing, flow)


class Sender:
    """The writing end of one direction. One thread at a time sends."""

    def __init__(self, end: End, clock: Clock) -> None:
        self._connection, self._flow = end
        self._clock = clock
        self.broken = False

    def send(self, data: bytes) -> None:
        """Write one stamped message; never blocks.

        Raises:
            DeviceError: the other end has gone, or has not read the last 32 kB; nothing was written.
        """
        size = len(data) + FRAME_BYTES
        if self._flow[_WRITTEN] + size - self._flow[_READ] > WINDOW_BYTES:
            raise DeviceError("the memory cable is full: its other end does not read")
        try:
            self._connection.send_bytes(_STAMP.pack(self._clock.now_ns()) + data)
        except OSError as error:
            self.broken = True
            raise DeviceError("the other end of the memory cable has gone") from error
        self._flow[_WRITTEN] += size


class Receiver:
    """The reading end of one direction. One thread at a time reads."""

    def __init__(self, end: End) -> None:
        self.connection, self._flow = end
        self.broken = False

    def read(self) -> tuple[bytes, int]:
        """Read one message and the time in ns at which it was sent; blocks until there is one.

        Raises:
            DeviceError: the other end has gone and nothing is left to read.
        """
        try:
            frame = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            self.broken = True
            raise DeviceError("the other end of the memory cable has gone") from error
        self._flow[_READ] += len(frame) + _HEADER_BYTES
        return frame[_STAMP.size :], _STAMP.unpack_from(frame)[0]
