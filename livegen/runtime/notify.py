"""What a service manager is told, by systemd's protocol: datagrams of `NAME=value` lines to the socket in $NOTIFY_SOCKET.

See sd_notify(3) and sd_watchdog_enabled(3). Without a manager nothing is sent and nothing fails.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_MOST_TEXT = 200


class Notifier:
    """Speaks to one service manager. Single-threaded; nothing blocks, and a manager that does not listen changes nothing.

    Args:
        address: path of a Unix datagram socket, or `@` and a name where Linux has sockets without a path; None for no manager.
        watchdog_ns: how long the manager waits for a sign of life; None if it does not. It gets one in half of that time.
    """

    def __init__(self, address: str | None = None, watchdog_ns: int | None = None) -> None:
        self._address = address
        self._pace_ns = None if watchdog_ns is None else watchdog_ns // 2
        self._due_ns = 0
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """The manager that started this process, by its variables; a watchdog that is meant for another process is not ours."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not hasattr(socket, "AF_UNIX") or not address.startswith(("/", "@")):
            return cls()
        meant_for = environment.get("WATCHDOG_PID", "")
        limit_us = environment.get("WATCHDOG_USEC", "")
        ours = meant_for in ("", str(os.getpid())) and limit_us.isdecimal() and int(limit_us) > 0
        return cls(address, int(limit_us) * 1000 if ours else None)

    def ready(self, status: str) -> None:
        """The start is over."""
        self._status = status
        self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> None:
        """One line on how it goes; sent when it has changed."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={_line(status)}")

    def beat(self, now_ns: int) -> None:
        """All is well at this monotonic time; to be called often, sends what the watchdog wants and no more."""
        if self._pace_ns is not None and now_ns >= self._due_ns:
            self._due_ns = now_ns + self._pace_ns
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # An @ stands for the zero byte with which names begin that are no paths.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outlet:
                outlet.setblocking(False)
                outlet.sendto("\n".join(lines).encode(), address)
        except OSError:
            return  # the manager is away or full: it will ask for nothing that we could still tell it


def _line(text: str) -> str:
    return " ".join(text.split())[:_MOST_TEXT]
