"""A cache of fixed size that holds the window before any place that is still alive, and says so when a place is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.core.errors import ModelError
from livegen.generators.rolling_cache import START, Place, RollingCache

LAYERS, HEADS, WIDTH = 2, 2, 4
BASE = 100.0


def turned(key: np.ndarray, slots: int | np.ndarray) -> np.ndarray:
    """A key [.., WIDTH] turned by as many positions; or keys [.., N, WIDTH] by N numbers of them."""
    angles = np.multiply.outer(slots, BASE ** (-np.arange(0, WIDTH, 2) / WIDTH))
    first, second = np.split(key, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


KEYS, VALUES = np.random.default_rng(0).normal(size=(2, LAYERS, 1, HEADS, 2500, WIDTH))
"""Of each event, by its number along the last axis but one; the keys not turned yet."""


class Model:
    """Writes events into a cache as a model would, and knows what must be there."""

    def __init__(self, slots: int, window: int, rewind: int) -> None:
        self.slots, self.window = slots, window
        self.pages_made = 0
        self.cache = RollingCache(self._make_page, slots, window, BASE, rewind)

    def _make_page(self) -> tuple[np.ndarray, np.ndarray, None]:
        self.pages_made += 1
        shape = (LAYERS, 1, HEADS, self.slots, WIDTH)
        return np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32), None

    def step(self, place: Place, event: int, history: list[int]) -> Place:
        """Check what the model would see after `history`, and write an event."""
        page, slot = self.cache.seek(place)
        self.check(page.keys[..., :slot, :], page.values[..., :slot, :], history)
        page.keys[..., slot, :] = turned(KEYS[..., event, :], slot)
        page.values[..., slot, :] = VALUES[..., event, :]
        return self.cache.wrote(page)

    def check(self, keys: np.ndarray, values: np.ndarray, history: list[int]) -> None:
        seen = history[max(0, len(history) - self.window) :]
        assert keys.shape[-2] >= len(seen)
        offset = keys.shape[-2] - len(seen)
        slots = np.arange(offset, keys.shape[-2])
        assert np.abs(keys[..., offset:, :] - turned(KEYS[..., seen, :], slots)).max(initial=0) < 1e-5
        assert np.abs(values[..., offset:, :] - VALUES[..., seen, :]).max(initial=0) < 1e-6


@settings(deadline=None, max_examples=30)
@given(
    window=st.integers(1, 24),
    room=st.integers(1, 40),
    rewind=st.integers(1, 40),
    moves=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=6),
)
def test_the_window_is_there_however_far_one_goes_and_comes_back(
    window: int, room: int, rewind: int, moves: list[tuple[int, int]]
) -> None:
    """Events are taken in and back in turns, to at most `rewind` before the furthest: the history's end is always seen."""
    model = Model(window + room, window, rewind)
    history: list[int] = []
    places, event, furthest = [START], 0, 0
    for ahead, back in moves:
        for _ in range(ahead):
            event += 1
            places.append(model.step(places[-1], event, history))
            history.append(event)
        furthest = max(furthest, len(history))
        if undone := min(back, len(history) - max(0, furthest - rewind)):
            del history[-undone:], places[-undone:]
    assert places[-1].count == len(history)
    assert model.pages_made <= 3 + -(-rewind // room)


def test_memory_is_flat() -> None:
    model = Model(24, 8, 32)
    place, history = START, []
    for event in range(2000):
        place = model.step(place, event, history[-8:])
        history.append(event)
        if event == 200:
            made = model.pages_made
    assert model.pages_made == made


def filled(count: int, rewind: int = 8) -> tuple[Model, list[Place]]:
    model, places = Model(12, 8, rewind), [START]
    for event in range(count):
        places.append(model.step(places[-1], event, list(range(event))))
    return model, places


def test_a_place_that_was_played_over_is_gone() -> None:
    model, places = filled(6)
    model.step(places[3], 100, [0, 1, 2])
    for place in places[4:]:
        with pytest.raises(ModelError, match=f"after {place.count} events is gone"):
            model.cache.seek(place)
    model.step(places[3], 101, [0, 1, 2])


def test_a_place_beyond_what_was_taken_back_is_gone() -> None:
    """Also where nothing has been written over it yet: its events are given up as soon as one goes on from before them."""
    model, places = filled(6)
    model.cache.seek(places[2])
    with pytest.raises(ModelError, match="played over"):
        model.cache.seek(places[6])


def test_a_place_too_far_behind_is_gone() -> None:
    model, places = filled(60)
    model.step(places[60 - 8], 100, list(range(52)))
    with pytest.raises(ModelError, match="more than 8 events behind"):
        model.cache.seek(places[5])


def test_the_start_is_always_there() -> None:
    model, places = filled(60)
    assert model.cache.seek(START)[1] == 0
    with pytest.raises(ModelError):
        model.cache.seek(places[60])
    assert model.step(START, 7, []).count == 1


@pytest.mark.parametrize("count", [1, 8, 12, 30])
def test_a_window_goes_on_elsewhere(count: int) -> None:
    """A copy sees the same, and neither feels what the other takes in."""
    model, places = filled(count)
    keys, values = model.cache.window_of(places[count])
    other = Model(12, 8, 8)
    history = list(range(count))
    place = other.step(other.cache.fill(keys, values), 200, history)
    mine = model.step(places[count], 300, history)
    assert other.step(place, 201, [*history, 200]).count == place.count + 1
    assert model.step(mine, 301, [*history, 300]).count == count + 2
