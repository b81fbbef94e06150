"""The short storm, on each push: nothing escapes, memory stands still, and the ping after it is answered."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import storm

COUNT = 20_000
SEED = 1


def told(outcome: storm.Outcome) -> str:
    return "\n".join(outcome.lines())


def test_osc() -> None:
    outcome = storm.storm_osc(COUNT, SEED)
    assert outcome.survived, told(outcome)


def test_midi() -> None:
    outcome = storm.storm_midi(COUNT, SEED)
    assert outcome.survived, told(outcome)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="watches processes as only Linux can")
def test_a_daemon_in_the_storm() -> None:
    outcome = storm.storm_daemon(COUNT, SEED)
    assert outcome.survived, told(outcome)


def test_what_escapes_is_seen() -> None:
    def breaks(data: bytes, _: int) -> None:
        if data == b"\7":
            raise ZeroDivisionError("seven")

    numbers = iter(range(100))
    make: Callable[[], bytes] = lambda: bytes((next(numbers) % 10,))  # noqa: E731
    outcome = storm.storm("test", 100, make, breaks)
    assert not outcome.survived
    assert outcome.escaped == {"ZeroDivisionError: seven": 10}
    assert outcome.took_us.shape == (100,)
    assert outcome.took_us.all()


def test_of_several_storms_all_that_escaped_and_the_shortest_times_are_told() -> None:
    calm, wild = (storm.Outcome("test", sent=2, took_us=storm.np.array(took)) for took in ([5.0, 900.0], [7.0, 30.0]))
    wild.escaped["ZeroDivisionError: seven"] += 1
    both = storm.best_of([calm, wild])
    assert not both.survived
    assert "all in 30 us" in told(both)


def test_the_same_seed_is_the_same_storm() -> None:
    seeds = storm.osc_seeds()
    first, second = (
        [(storm.osc_packet(one, seeds), storm.midi_message(one)) for _ in range(200)]
        for one in (storm.random.Random(SEED), storm.random.Random(SEED))
    )
    assert first == second
