"""From a driver's callback to ours: stamp, check, deliver, and survive whatever the callback raises."""

from __future__ import annotations

from livegen.core.errors import InputError
from livegen.core.midi import parse
from livegen.devices.clock import Clock
from livegen.devices.ports import OnError, OnMessage, PortCounts


class Delivery:
    """The driver-side end of an input port, shared by all backends.

    A driver swallows exceptions or dies of them, so nothing leaves `deliver`. One driver thread calls it at a time; `cancel`
    and `counts` belong to any thread.

    Args:
        on_message: receives each legal message with its time.
        on_error: receives the first exception of each class.
        clock: stamps on entry.
    """

    def __init__(self, on_message: OnMessage, on_error: OnError, clock: Clock) -> None:
        self._on_message = on_message
        self._on_error = on_error
        self._clock = clock
        self._cancelled = False
        self._reported: set[type[Exception]] = set()
        self._passed = 0
        self._refused = 0
        self._failed = 0

    @property
    def counts(self) -> PortCounts:
        """A snapshot of the counters; any thread, does not block."""
        return PortCounts(self._passed, self._refused, self._failed)

    def cancel(self) -> None:
        """Let nothing through from now on; any thread, does not block."""
        self._cancelled = True

    def deliver(self, data: bytes) -> None:
        """Stamp and hand over one message; the driver's thread. Blocks as long as the callback does; never raises."""
        time_ns = self._clock.now_ns()
        if self._cancelled:
            return
        try:
            parse(data)
        except InputError as error:
            self._refused += 1
            self.report(error)
            return
        try:
            self._on_message(data, time_ns)
        except Exception as error:  # noqa: BLE001 - the top of a driver's thread: what escapes here is lost or kills the driver
            self._failed += 1
            self.report(error)
        else:
            self._passed += 1

    def report(self, error: Exception) -> None:
        """Tell `on_error`, once for each class of exception; the driver's thread; never raises."""
        if type(error) in self._reported:
            return
        self._reported.add(type(error))
        try:
            self._on_error(error)
        except Exception:  # noqa: BLE001 - the one who is told of errors failed: only the count is left to say so
            self._failed += 1
