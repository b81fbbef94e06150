"""The ledger of sounding notes: who holds what, so that exactly that can be released, by whoever survives."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint8]
"""Notes held by owner, channel and pitch, [len(Owner), 16, 128]."""


class Owner(IntEnum):
    """On whose behalf a note sounds."""

    GENERATED = 0
    THRU = 1
    CLICK = 2


SHAPE = (len(Owner), 16, 128)
SIZE_BYTES = len(Owner) * 16 * 128


class Ledger:
    """Counts note-ons that were sent and not yet ended.

    The counts may lie in shared memory: one process writes, any may read. Writing is one byte at a time, so a reader never sees
    a torn value.
    """

    def __init__(self, counts: Counts | None = None) -> None:
        self._counts: Counts = np.zeros(SHAPE, dtype=np.uint8) if counts is None else counts

    @classmethod
    def over(cls, buffer: memoryview) -> Ledger:
        """A ledger whose counts lie in `buffer`, at least `SIZE_BYTES` long."""
        return cls(np.frombuffer(buffer, dtype=np.uint8, count=SIZE_BYTES).reshape(SHAPE))

    def detach(self) -> None:
        """Go on with counts of its own, as they are now: the memory that they lie in is about to be freed."""
        self._counts = self._counts.copy()

    def add(self, owner: Owner, channel: int, pitch: int) -> None:
        """A note-on is about to be sent; counted before, so that a crash in between releases one too many, not too few."""
        if self._counts[owner, channel, pitch] < 255:
            self._counts[owner, channel, pitch] += 1

    def remove(self, owner: Owner, channel: int, pitch: int) -> bool:
        """A note has ended; whether a note-off must be sent, which it must when nobody holds the pitch any more.

        Ending what is not held changes nothing and needs no note-off.
        """
        if not self._counts[owner, channel, pitch]:
            return False
        self._counts[owner, channel, pitch] -= 1
        # Three numbers: as a list they are looked through in a tenth of the time that a reduction takes.
        return not any(self._counts[:, channel, pitch].tolist())

    def holds(self, owner: Owner, channel: int, pitch: int) -> bool:
        """Whether this owner holds the pitch."""
        return bool(self._counts[owner, channel, pitch])

    def on_channel(self, owner: Owner, channel: int) -> list[int]:
        """The pitches that an owner holds on one channel, ascending."""
        pitches: list[int] = self._counts[owner, channel].nonzero()[0].tolist()
        return pitches

    def sounding(self, owner: Owner | None = None) -> Iterator[tuple[int, int]]:
        """Channel and pitch of everything held, by one owner or by any, ascending."""
        held = np.bitwise_or.reduce(self._counts) if owner is None else self._counts[owner] > 0
        channels, pitches = held.nonzero()
        yield from zip(channels.tolist(), pitches.tolist(), strict=True)

    def clear(self) -> None:
        """Everything has been released."""
        self._counts[:] = 0
