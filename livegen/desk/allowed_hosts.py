"""Which hosts OSC packets are taken from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from livegen.core.errors import InputError

_OURSELVES = IPv4Network("127.0.0.0/8")
_REMEMBERED = 256


class AllowedHosts:
    """A list of hosts and networks. Immutable, so any thread may ask.

    Args:
        names: IPv4 addresses ("192.168.1.20") and networks ("192.168.1.0/24"); none allows everybody. This machine itself is
            always allowed.

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
        return any(address in network for network in (_OURSELVES, *self._networks))


def _network(name: str) -> IPv4Network:
    try:
        return IPv4Network(name, strict=False)
    except ValueError as error:
        raise InputError(f"{name!r} is neither an address like 192.168.1.20 nor a network like 192.168.1.0/24") from error
