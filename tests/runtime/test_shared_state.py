"""The shared block: heartbeats and the ledger, seen by every process, freed by the one that made it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator

import pytest

from livegen.core.ledger import Owner
from livegen.runtime.shared import ROLES, SharedName, SharedState


@pytest.fixture
def block() -> Iterator[SharedState]:
    made = SharedState.create()
    yield made
    made.close()


def test_it_begins_empty(block: SharedState) -> None:
    assert [block.last_beat_ns(role) for role in ROLES] == [0] * len(ROLES)
    assert list(block.ledger.sounding()) == []


def test_each_role_has_a_slot_of_its_own(block: SharedState) -> None:
    for index, role in enumerate(ROLES, start=1):
        block.beat(role, index << 40)
    assert [block.last_beat_ns(role) for role in ROLES] == [index << 40 for index in range(1, len(ROLES) + 1)]
    assert list(block.ledger.sounding()) == [], "a heartbeat is not a note"


def test_an_unknown_role_is_refused(block: SharedState) -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        block.beat("supervisor", 1)


def test_who_attaches_sees_the_same_and_frees_nothing(block: SharedState) -> None:
    other = SharedState.attach(block.name)
    other.beat("brain", 77)
    other.ledger.add(Owner.GENERATED, 15, 127)
    other.ledger.add(Owner.THRU, 0, 0)
    other.close()
    assert block.last_beat_ns("brain") == 77
    assert list(block.ledger.sounding()) == [(0, 0), (15, 127)]
    SharedState.attach(block.name).close()


def test_when_its_maker_closes_it_is_gone() -> None:
    made = SharedState.create()
    name = made.name
    made.close()
    with pytest.raises(FileNotFoundError):
        SharedState.attach(name)


def hold_a_note(name: SharedName) -> None:
    """A child that dies with a note held, without closing anything."""
    state = SharedState.attach(name)
    state.ledger.add(Owner.GENERATED, 3, 60)
    state.beat("performer", 5)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.processes
def test_what_a_killed_process_held_can_be_read(block: SharedState) -> None:
    child = multiprocessing.get_context("spawn").Process(target=hold_a_note, args=(block.name,), daemon=True)
    child.start()
    child.join(30)
    assert child.exitcode == -9
    assert list(block.ledger.sounding()) == [(3, 60)]
    assert block.last_beat_ns("performer") == 5
    child.close()
