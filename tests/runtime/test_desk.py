"""The desk's process, without a process of its own."""

from __future__ import annotations

from multiprocessing import Pipe

import pytest

from livegen.core.effects import Panic
from livegen.core.parameters import build_registry
from livegen.runtime.desk import Desk, DeskSpec
from livegen.runtime.messages import Health, State
from livegen.runtime.shared import SharedState


def test_each_health_read_out_is_told_of_and_nothing_else_is() -> None:
    """By the first, the desk is ready: who asks for health at once gets some."""
    shared = SharedState.create()
    here, there = Pipe()
    try:
        desk = Desk(DeskSpec("127.0.0.1", 0, (), (), (), "", shared.name))
        told: list[str] = []
        for message in (State(build_registry().defaults()), Panic(), Health((("notes_out", 0),)), Health((("notes_out", 1),))):
            there.send(message)
        there.close()
        with pytest.raises(EOFError):
            desk.serve(here, shared, lambda: told.append("health"))
        assert told == ["health", "health"]
    finally:
        here.close()
        shared.close()
