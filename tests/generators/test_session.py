"""States of a session are snapshots: going on from one gives what it gave before, or says that it can't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny_models import CONTEXT, STYLES, export_model_of, tiny_lstm, tiny_transformer

from export.random_events import random_rows
from livegen.core.errors import ModelError
from livegen.generators.model_files import load_contract
from livegen.generators.rolling_cache import REWIND_EVENTS
from livegen.generators.session import FloatArray, State, StepSession

STYLE = np.array([[0.3, 0.7]], dtype=np.float32)
ROWS = random_rows(np.random.default_rng(0), 4, 120)  # [4, T, F]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StepSession]:
    base: Path = tmp_path_factory.mktemp("exported")
    made = {"lstm": export_model_of(tiny_lstm(2), base, "lstm"), "transformer": export_model_of(tiny_transformer(), base, "t")}
    return {kind: StepSession(load_contract(place)) for kind, place in made.items()}


@pytest.fixture(params=["lstm", "transformer"])
def session(request: pytest.FixtureRequest, sessions: dict[str, StepSession]) -> StepSession:
    return sessions[request.param]


def play(session: StepSession, state: State, first: int, last: int, row: int = 0) -> tuple[FloatArray, State]:
    """Take in some events of one stream; what the last one gave."""
    hidden = np.zeros((1, 0), np.float32)
    for at in range(first, last):
        hidden, state = session.step(ROWS[row : row + 1, at], STYLE, state)
    return hidden, state


def test_a_snapshot_goes_on_as_it_did(session: StepSession) -> None:
    _, before = play(session, session.initial_state(), 0, 40)
    once, _ = play(session, before, 40, 75)
    again, _ = play(session, before, 40, 75)
    np.testing.assert_array_equal(once, again)


def test_what_was_taken_back_leaves_no_trace(session: StepSession) -> None:
    straight, _ = play(session, session.initial_state(), 0, 60)
    _, before = play(session, session.initial_state(), 0, 30)
    play(session, before, 30, 70, row=1)
    back, _ = play(session, before, 30, 60)
    np.testing.assert_allclose(back, straight, atol=1e-5)


def test_contexts_of_one_session_do_not_feel_each_other(session: StepSession) -> None:
    alone, _ = play(session, session.initial_state(), 0, 30)
    one, other = session.initial_state(), session.initial_state()
    for at in range(30):
        hidden, one = session.step(ROWS[:1, at], STYLE, one)
        _, other = session.step(ROWS[1:2, at], STYLE, other)
    np.testing.assert_array_equal(hidden, alone)


def test_rows_of_a_batch_do_not_see_each_other(session: StepSession) -> None:
    style = np.random.default_rng(0).random((4, len(STYLES)), dtype=np.float32)
    state = session.initial_state(4)
    alone = [session.initial_state() for _ in range(4)]
    for at in range(2 * CONTEXT):
        hidden, state = session.step(ROWS[:, at], style, state)
        for index in range(4):
            mine, alone[index] = session.step(ROWS[index : index + 1, at], style[index : index + 1], alone[index])
            np.testing.assert_allclose(mine[0], hidden[index], atol=1e-4)


@pytest.mark.parametrize("events", [0, 5, 50])
def test_candidates_begin_where_their_context_stood(session: StepSession, events: int) -> None:
    """Each of them goes on as it would have gone alone, and the context they came from is untouched."""
    _, before = play(session, session.initial_state(), 0, events)
    spread = session.spread(before, 3)
    for at in range(events, events + 30):
        hidden, spread = session.step(ROWS[:3, at], np.repeat(STYLE, 3, axis=0), spread)
    for index in range(3):
        alone, _ = play(session, before, events, events + 30, row=index)
        np.testing.assert_allclose(alone[0], hidden[index], atol=1e-4)


def test_a_state_that_was_played_over_is_refused(sessions: dict[str, StepSession]) -> None:
    session = sessions["transformer"]
    _, before = play(session, session.initial_state(), 0, 20)
    _, dead = play(session, before, 20, 30)
    play(session, before, 20, 25, row=1)
    with pytest.raises(ModelError, match="after 30 events is gone"):
        play(session, dead, 30, 31)
    with pytest.raises(ModelError, match="after 30 events is gone"):
        session.spread(dead, 2)
    play(session, before, 20, 21)


def test_as_many_events_as_promised_can_be_taken_back_and_not_for_ever(sessions: dict[str, StepSession]) -> None:
    session = sessions["transformer"]
    _, state = play(session, session.initial_state(), 0, 50)
    early = state
    for _ in range(REWIND_EVENTS // 100):
        _, state = play(session, state, 0, 100)
    once, _ = play(session, early, 50, 60)
    again, state = play(session, early, 50, 60)
    np.testing.assert_array_equal(once, again)
    for _ in range(REWIND_EVENTS // 100 + 2):
        _, state = play(session, state, 0, 100)
    with pytest.raises(ModelError, match=f"more than {REWIND_EVENTS} events behind"):
        play(session, early, 50, 51)


def test_an_event_that_fails_changes_nothing(sessions: dict[str, StepSession]) -> None:
    session = sessions["transformer"]
    _, before = play(session, session.initial_state(), 0, 20)
    once, _ = play(session, before, 20, 40)
    with pytest.raises(ModelError, match="inference failed"):
        session.step(np.full_like(ROWS[:1, 0], 10**6), STYLE, before)
    again, _ = play(session, before, 20, 40)
    np.testing.assert_array_equal(once, again)


def test_numbers_stay_finite_in_a_long_performance(sessions: dict[str, StepSession]) -> None:
    """And the same: a stream that repeats itself is heard the same after hundreds of windows as after some."""
    session = sessions["transformer"]
    state, heard = session.initial_state(), []
    for _ in range(30):
        hidden, state = play(session, state, 0, 100)
        heard.append(hidden)
    np.testing.assert_allclose(heard[-1], heard[10], atol=1e-4)
