"""Whose packets are looked at."""

from __future__ import annotations

import pytest

from livegen.core.errors import InputError
from livegen.desk.allowed_hosts import AllowedHosts


def test_without_a_list_everybody_is_allowed() -> None:
    assert "203.0.113.9" in AllowedHosts()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("192.168.1.20", True),
        ("192.168.1.21", False),
        ("10.0.0.255", True),
        ("10.0.1.0", False),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("127.0.0.1.evil.example", False),
        ("::1", False),
        ("", False),
    ],
)
def test_a_host_or_its_network_is_on_the_list_or_it_is_this_machine(host: str, allowed: bool) -> None:
    assert (host in AllowedHosts(["192.168.1.20", "10.0.0.7/24"])) is allowed


@pytest.mark.parametrize("name", ["tablet", "192.168.1", "192.168.1.256", "10.0.0.0/33", "", "::1"])
def test_what_is_neither_an_address_nor_a_network_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="neither an address"):
        AllowedHosts([name])
