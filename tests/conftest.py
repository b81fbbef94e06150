"""What all tests share: a JACK server, a configuration folder, and a guard against threads and ports that are left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import jack

try:
    import rtmidi
except ImportError:
    rtmidi = None


@pytest.fixture(scope="session")
def jack_server() -> Iterator[jack.JackServer]:
    """A running server, which this process and its children find by the environment."""
    if not jack.installed():
        pytest.skip(jack.MISSING)
    server = jack.JackServer(f"livegen-test-{os.getpid()}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session", autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has calibrated is neither used nor changed, and a daemon of theirs hinders no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a thread running or a MIDI client of this process open."""
    clients: list[Any] = []
    for kind in ("MidiIn", "MidiOut"):
        if rtmidi is not None:
            monkeypatch.setattr(rtmidi, kind, _recorded(getattr(rtmidi, kind), clients))
    before = set(threading.enumerate())
    yield
    threads = [thread for thread in threading.enumerate() if thread not in before]
    for thread in threads:
        thread.join(1.0)
    leaked = [thread.name for thread in threads if thread.is_alive()]
    open_clients = [client for client in clients if not client.is_deleted]
    for client in open_clients:
        client.delete()
    assert not leaked, f"the test left threads running: {leaked}"
    assert not open_clients, f"the test left {len(open_clients)} MIDI clients open"


def _recorded(make: Callable[..., Any], clients: list[Any]) -> Callable[..., Any]:
    def record(*args: Any, **keywords: Any) -> Any:
        clients.append(make(*args, **keywords))
        return clients[-1]

    return record
