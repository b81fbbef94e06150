"""Who listens on a port: found by the system's own tables, named by what a person has started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.desk.holder import holder_of

CHILD = """
import multiprocessing, socket, sys

def hold(ready):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    ready.send(udp.getsockname()[1])
    ready.recv()

if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=hold, args=(theirs,))
    child.start()
    print(ours.recv(), flush=True)
    sys.stdin.read()
    ours.send(None)
    child.join()
"""

pytestmark = pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="only Linux tells")


@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")],  # noqa: S104
)
def test_it_is_found_on_any_address(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as holder:
        try:
            holder.bind((host, 0))
        except OSError:
            pytest.skip(f"no {host} here")
        said = holder_of(holder.getsockname()[1])
    assert said is not None
    assert said.startswith(f"process {os.getpid()} (")


def test_a_free_port_has_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert holder_of(port) is None


def test_where_the_system_does_not_tell_nobody_is_named(tmp_path: Path) -> None:
    assert holder_of(7700, tmp_path) is None


def test_a_child_process_is_named_by_who_started_it(tmp_path: Path) -> None:
    """To be stopped is the daemon; its desk would only be started again."""
    script = tmp_path / "holder.py"
    script.write_text(CHILD)
    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert holder_of(port) == f"process {parent.pid} (holder.py)"
