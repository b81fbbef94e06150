"""Is the JACK server alive, and does it drain? Asked before each send, because python-rtmidi cannot tell.

RtMidi writes to a 16 kB ring that the server's cycles drain, and when the ring is full it spins, holding the GIL: with a dead
or frozen server the whole process stops for ever. Likewise an output that is deleted after the server died waits 1000 ms with
the GIL held. So we open one client of our own in the same library that python-rtmidi loaded and read two things without a
system call: the frame time, which moves with each cycle (0.25 us to read), and a semaphore that libjack's shutdown callback
posts. The callback is libc's own `sem_post`: no Python runs on JACK's threads. The same client lists the server's ports.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

from livegen.core.errors import DeviceError
from livegen.devices.clock import Clock, MonotonicClock

RING_BYTES: Final = 16384
"""RtMidi's output ring; each message takes its own bytes and four for its length."""

_BUDGET_BYTES: Final = RING_BYTES // 2
_HEADER_BYTES: Final = 4
_TAKEN: Final = 2
"""The first cycle after a message may have begun before it, and stand still; when the next begins, it has been taken. However
many frames pass: after a pause the server leaves out the cycles that it has missed."""

_STALL_NS: Final = 1_000_000_000
_CONFIRM_MS: Final = 500
_SHORTEST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 0.25
_NO_START_SERVER: Final = 1
_IS_INPUT: Final = 1
_IS_OUTPUT: Final = 2
_MIDI: Final = b"8 bit raw midi"
_SEM_BYTES: Final = 64  # sizeof(sem_t) is 32 on 64-bit Linux; room to spare

_NOT_RUNNING: Final = (
    "no JACK server {server!r} is running: start one, for example `jackd -S -d alsa` (Debian: install jackd2 or "
    "pipewire-jack), or choose another system"
)


class JackWatch:
    """A client without ports that watches its server; obtained by `acquire`, given back by `release`.

    Any thread may read it. Once dead it stays dead, even when a new server has started under the same name.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._library = _load_libjack()
        self._clock = clock
        status = ctypes.c_int()
        self._client = self._library.jack_client_open(name.encode(), _NO_START_SERVER, ctypes.byref(status))
        if not self._client:
            raise DeviceError(_NOT_RUNNING.format(server=os.environ.get("JACK_DEFAULT_SERVER", "default")))
        self._libc = ctypes.CDLL(None)
        self._gone = ctypes.create_string_buffer(_SEM_BYTES)
        self._libc.sem_init(self._gone, 0, 0)
        self._library.jack_on_shutdown(self._client, ctypes.cast(self._libc.sem_post, ctypes.c_void_p), self._gone)
        self.period_frames: Final[int] = self._library.jack_get_buffer_size(self._client)
        self.period_s: Final[float] = self.period_frames / self._library.jack_get_sample_rate(self._client)
        self._dead = False
        self._seen_frame = self.frame
        self._seen_ns = clock.now_ns()

    @property
    def frame(self) -> int:
        """The frame at which the current cycle began, modulo 2**32; does not block."""
        return int(self._library.jack_last_frame_time(self._client))

    @property
    def dead(self) -> bool:
        """Whether the server closed or crashed, as libjack told us; does not block."""
        if not self._dead:
            value = ctypes.c_int()
            self._libc.sem_getvalue(self._gone, ctypes.byref(value))
            self._dead = value.value > 0
        return self._dead

    @property
    def alive(self) -> bool:
        """Not dead, and its cycles have moved within the last second or since the last question; does not block."""
        if self.dead:
            return False
        frame, now_ns = self.frame, self._clock.now_ns()
        if frame != self._seen_frame:
            self._seen_frame, self._seen_ns = frame, now_ns
        return now_ns - self._seen_ns < _STALL_NS

    def confirm(self) -> bool:
        """Wait until a new cycle begins, at most 0.5 s. False when none does or the server died."""
        begin = None if self.dead else self.frame
        for _ in range(_CONFIRM_MS):
            if self.dead:
                return False
            if self.frame != begin:
                return True
            time.sleep(0.001)
        return False

    def rest(self) -> bool:
        """Wait until midway between two cycles, when the clients' threads have done what the last one asked of them.

        At most 0.5 s and half a period. False when no cycle begins or the server died.
        """
        if not self.confirm():
            return False
        time.sleep(self.period_s / 2)
        return not self.dead

    @property
    def patience_ms(self) -> int:
        """How long a send may wait for a cycle, in ms: three periods, within 50..250."""
        return int(1000 * min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, 3 * self.period_s)))

    def list_inputs(self) -> tuple[str, ...]:
        """MIDI ports that can be listened to, from a copy of the server's list that outlives it; does not block."""
        return self._ports(_IS_OUTPUT)

    def list_outputs(self) -> tuple[str, ...]:
        """MIDI ports that can be played to; as `list_inputs`."""
        return self._ports(_IS_INPUT)

    def _ports(self, flag: int) -> tuple[str, ...]:
        """Names of what is, to JACK, an output or an input."""
        if self.dead:
            return ()
        names = self._library.jack_get_ports(self._client, None, _MIDI, flag)
        if not names:
            return ()
        try:
            return tuple(name.decode() for name in itertools.takewhile(lambda name: name is not None, names))
        finally:
            self._library.jack_free(names)

    def close(self) -> None:
        """Close the client. Not while the server is frozen: libjack would wait for its answer."""
        self._dead = True
        self._library.jack_client_close(self._client)


class RingGate:
    """Counts what one output port may have left in its ring, and admits no more than half a ring.

    What was sent before the last cycle but one has been drained, since each cycle empties the ring. One thread, the port's.
    """

    def __init__(self, watch: JackWatch) -> None:
        self._watch = watch
        self._frame = watch.frame
        self._before = 0  # bytes sent during the cycle before this one
        self._during = 0  # bytes sent since this cycle began
        self._stalled_at: int | None = None
        self._seen = _TAKEN  # cycles that were seen to begin since the last message

    def admit(self, size: int) -> None:
        """Account for a message of `size` MIDI bytes. Waits for the next cycle, a bounded time, when the ring may be full.

        Raises:
            DeviceError: the server died, or moves no more and the ring must be taken for full.
        """
        need = size + _HEADER_BYTES
        for _ in range(self._watch.patience_ms):
            if self._watch.dead:
                raise DeviceError("the JACK server has gone: reopen the ports when it is back")
            self._follow_cycles()
            if self._before + self._during + need <= _BUDGET_BYTES:
                self._during += need
                self._seen = 0
                return
            if self._stalled_at == self._frame:
                break
            time.sleep(0.001)
        self._stalled_at = self._frame
        raise DeviceError("the JACK server takes no more messages: its cycles have stopped or cannot keep up")

    @property
    def drained(self) -> bool:
        """Whether cycles have taken all that was admitted, or there will be none; does not block."""
        self._follow_cycles()
        return self._watch.dead or self._seen >= _TAKEN

    def _follow_cycles(self) -> None:
        """Forget what cycles that began since the last call have drained."""
        frame = self._watch.frame
        if frame == self._frame:
            return
        self._seen += 1
        passed = (frame - self._frame) % 2**32
        self._before = self._during if passed < 2 * self._watch.period_frames else 0
        self._during = 0
        self._frame = frame


_lock = threading.Lock()
_shared: JackWatch | None = None
_users = 0


def acquire(name: str, clock: Clock | None = None) -> JackWatch:
    """Share this process's watch, opening it first, or anew when its server died. May block while JACK answers, 5 to 40 ms.

    It is one for the process because libjack frees every client of a dead server when a new one is opened: whoever holds a
    client of an earlier watch must never touch it again.

    Args:
        name: the client's name when one is opened.
        clock: for telling a stall; the monotonic clock when None.

    Raises:
        DeviceError: no server runs, it does not move, or libjack is not to be found.
    """
    global _shared, _users  # noqa: PLW0603 - as global as the library's own state
    with _lock:
        if _shared is not None and _shared.dead:
            _shared.close()
            _shared, _users = None, 0
        if _shared is None:
            _shared = JackWatch(name, clock or MonotonicClock())
        elif not _shared.confirm():
            raise DeviceError("the JACK server does not move: it is frozen or starting; restart it if it stays so")
        _users += 1
        return _shared


def release(watch: JackWatch) -> None:
    """Give the watch back; the last one closes it, unless its server is frozen. May block for some ms."""
    global _shared, _users  # noqa: PLW0603 - see acquire
    with _lock:
        if watch is not _shared:
            return
        _users -= 1
        if _users == 0 and (watch.dead or watch.confirm()):
            watch.close()
            _shared = None


def _load_libjack() -> Any:
    """Find the libjack that python-rtmidi brought along: two copies in one process would not share their state.

    Raises:
        DeviceError: there is none.
    """
    path = ctypes.util.find_library("jack")
    maps = Path("/proc/self/maps")
    if maps.exists():
        loaded = (line.split(maxsplit=5)[5] for line in maps.read_text().splitlines() if "/libjack" in line)
        path = next(loaded, path)
    if path is None:
        raise DeviceError("JACK's library cannot be found beside python-rtmidi: install libjack, or choose another MIDI system")
    library = ctypes.CDLL(path)
    library.jack_client_open.restype = ctypes.c_void_p
    library.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    library.jack_on_shutdown.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.jack_on_shutdown.restype = None
    for name in ("jack_last_frame_time", "jack_get_buffer_size", "jack_get_sample_rate"):
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_uint32
    library.jack_client_close.argtypes = [ctypes.c_void_p]
    library.jack_get_ports.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]
    library.jack_get_ports.restype = ctypes.POINTER(ctypes.c_char_p)
    library.jack_free.argtypes, library.jack_free.restype = [ctypes.c_void_p], None
    _silence(library)
    return library


def _silence(library: Any) -> None:
    """Keep libjack from printing to the musician's terminal; what went wrong is told by our own errors.

    It prints a handful of lines when no server runs or one dies, and its infos go to standard output, into the middle of JSON.
    Its messages go to libc's `strlen` instead, which does nothing with them: no Python runs on JACK's threads.
    """
    for name in ("jack_set_error_function", "jack_set_info_function"):
        set_function = getattr(library, name)
        set_function.argtypes, set_function.restype = [ctypes.c_void_p], None
        set_function(ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p))
