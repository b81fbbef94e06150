"""The keys and values that a model attends to, in buffers of fixed size, for ever.

A page has room for more events than the model's window. Each step writes the next slot of the newest page; when the page is
full, the window's events stand at the front of another page and the stream goes on there, so memory stays flat. They are moved
there a few at a time while the page fills, so that no step takes long. Keys are cached turned by their slot (rotary positions,
Su et al., "RoFormer", 2021), so those that move are turned back by as many slots as they move; attention only feels differences
of positions.

A `Place` is a snapshot: how many events were taken in, and which step took in the last of them. Going back to one is free,
because later slots are simply written over; old pages are kept so that one can go back to at least `rewind` events before the
furthest. A place whose events were written over or left behind is gone for good, and `seek` says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from livegen.core.errors import ModelError

FloatArray = npt.NDArray[np.float32]

REWIND_EVENTS = 768
"""How many events can be taken back, at least: more than plans and player's events that may still be undone."""

_AT_ONCE = 16
"""Slots that are moved at a time: with 6 layers some 40 µs, every sixteenth step."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the stream: events taken in before it, and the number of the step that took in the last."""

    count: int
    step: int


START = Place(0, 0)


@dataclass(slots=True, eq=False)
class Page:
    """A buffer and what is in it.

    Attributes:
        keys: of all layers, float32 [layers, B, kv heads, slots, head width].
        values: likewise.
        binding: what the owner made to run the model on these tensors.
        first: how many events came before slot 0.
        steps: which step wrote each slot in use.
    """

    keys: FloatArray
    values: FloatArray
    binding: Any
    first: int = 0
    steps: list[int] = field(default_factory=list)

    def holds(self, place: Place, window: int) -> bool:
        """Whether the `window` events before a place are here, as they were then."""
        used = place.count - self.first
        if not 0 <= used <= len(self.steps) or (used == 0 and place.count > 0):
            return False
        return (used == 0 or self.steps[used - 1] == place.step) and (self.first == 0 or used >= window)


class RollingCache:
    """The cache of one context. For one thread at a time.

    Args:
        make_page: gives the keys and values of a new page and their binding; called a few times in all.
        slots: how many events a page has room for.
        window: how many events before a new one it attends to, less than `slots`.
        rope_base: of the rotary positions.
        rewind: how far back from the furthest event one must be able to go.
    """

    def __init__(
        self,
        make_page: Callable[[], tuple[FloatArray, FloatArray, Any]],
        slots: int,
        window: int,
        rope_base: float,
        rewind: int = REWIND_EVENTS,
    ) -> None:
        self._make_page = make_page
        self._slots, self._window = slots, window
        self._shift = slots - window
        self._rewind = rewind
        self._most = 1 + -(-rewind // self._shift)
        self._pages: deque[Page] = deque([Page(*make_page())])
        self._spare: list[Page] = []
        # The page that comes next, and how many slots of the newest one stand in it already.
        self._next: Page | None = None
        self._moved = 0
        self._turning = _turning(self._shift, rope_base, self._pages[0].keys.shape[-1])
        self._step = 0

    def seek(self, place: Place) -> tuple[Page, int]:
        """The page, and in it the slot, that the event after `place` is to be written to; what came after `place` is given up.

        Raises:
            ModelError: the place is gone: taken back too far, or its events were written over since.
        """
        if place == START:
            self._start()
        else:
            self._give_up_after(place)
        page = self._pages[-1]
        if len(page.steps) == self._slots:
            page = self._turn(page)
        return page, len(page.steps)

    def wrote(self, page: Page) -> Place:
        """The slot that `seek` named has been written."""
        self._step += 1
        page.steps.append(self._step)
        if len(page.steps) - self._shift - self._moved >= _AT_ONCE:
            self._move(page, _AT_ONCE)
        return Place(page.first + len(page.steps), self._step)

    def window_of(self, place: Place) -> tuple[FloatArray, FloatArray]:
        """Copies of the keys and values before a place, at least as many as it needs; `START` has none.

        Raises:
            ModelError: as `seek`; nothing is given up.
        """
        page = self._page_of(place)
        used = place.count - page.first
        return page.keys[..., :used, :].copy(), page.values[..., :used, :].copy()

    def fill(self, keys: FloatArray, values: FloatArray) -> Place:
        """Begin an unused cache with what `window_of` gave, of a batch of the same size or of 1."""
        page, count = self._pages[-1], keys.shape[-2]
        page.keys[..., :count, :], page.values[..., :count, :] = keys, values
        self._step += 1
        page.steps = [self._step] * count
        return Place(count, self._step)

    def _page_of(self, place: Place) -> Page:
        for page in reversed(self._pages):
            if page.holds(place, self._window):
                return page
        raise ModelError(
            f"the context after {place.count} events is gone: it was taken back and played over, or lies more than "
            f"{self._rewind} events behind"
        )

    def _start(self) -> None:
        while len(self._pages) > 1:
            self._spare.append(self._pages.pop())
        self._pages[0].first, self._pages[0].steps = 0, []
        self._forget_next()

    def _give_up_after(self, place: Place) -> None:
        page = self._page_of(place)
        if page is not self._pages[-1]:
            self._forget_next()
        while self._pages[-1] is not page:
            self._spare.append(self._pages.pop())
        del page.steps[place.count - page.first :]
        self._moved = max(0, min(self._moved, len(page.steps) - self._shift))

    def _turn(self, old: Page) -> Page:
        """Go on in the next page."""
        new = self._move(old, self._window - self._moved)
        new.first, new.steps = old.first + self._shift, old.steps[self._shift :]
        self._pages.append(new)
        self._next, self._moved = None, 0
        return new

    def _move(self, page: Page, count: int) -> Page:
        """Copy slots of the newest page to where they will be in the next one."""
        if self._next is None:
            if len(self._pages) > self._most:
                self._spare.append(self._pages.popleft())
            self._next = self._spare.pop() if self._spare else Page(*self._make_page())
        to = slice(self._moved, self._moved + count)
        at = slice(to.start + self._shift, to.stop + self._shift)
        cos, sin = self._turning
        first, second = np.split(page.keys[..., at, :], 2, axis=-1)
        self._next.keys[..., to, : len(cos)] = first * cos + second * sin
        self._next.keys[..., to, len(cos) :] = second * cos - first * sin
        self._next.values[..., to, :] = page.values[..., at, :]
        self._moved += count
        return self._next

    def _forget_next(self) -> None:
        if self._next is not None:
            self._spare.append(self._next)
        self._next, self._moved = None, 0


def _turning(slots: int, rope_base: float, head_width: int) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines of the angles of as many positions, [head width / 2] each."""
    angles = slots * rope_base ** (-np.arange(0, head_width, 2) / head_width)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
