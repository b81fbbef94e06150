"""Which hosts OSC packets are taken from."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from livegen.core.errors import InputError

_REMEMBERED = 256


class AllowedHosts:
    """A list of hosts and networks. Any thread may ask; who has not been asked for lately costs a look at our own addresses.

    Args:
        names: IPv4 addresses ("192.168.1.20") and networks ("192.168.1.0/24"); none allows everybody. This machine itself is
            always allowed, by whichever of its addresses it calls.

    Raises:
        InputError: one of them is neither.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._networks = tuple(map(_network, names))
        self._asked = lru_cache(_REMEMBERED)(self._look_up)

    def __contains__(self, host: str) -> bool:
        return not self._networks or self._asked(host)

    def _look_up(self, host: str) -> bool:
        try:
            address = IPv4Address(host)
        except AddressValueError:
            return False
        return any(address in network for network in self._networks) or _is_ours(host)


def _is_ours(host: str) -> bool:
    """Whether an address is one of this machine's: only those can be listened on, unless the system was told otherwise."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _network(name: str) -> IPv4Network:
    try:
        return IPv4Network(name, strict=False)
    except ValueError as error:
        raise InputError(f"{name!r} is neither an address like 192.168.1.20 nor a network like 192.168.1.0/24") from error
