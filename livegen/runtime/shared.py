"""The block of memory that all processes see: heartbeats, counts of restarts, and the ledger of sounding notes."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from livegen.core.ledger import SIZE_BYTES, Ledger

ROLES = ("performer", "brain", "desk", "ableton")
_WORDS_BYTES = 8 * len(ROLES)


@dataclass(frozen=True, slots=True)
class SharedName:
    """The name under which another process finds the block."""

    name: str


class SharedState:
    """Heartbeats (monotonic ns), restarts so far (each one slot a process, 8 bytes) and the ledger.

    The supervisor creates and frees it; the others attach. Each slot has one writer; reads are of aligned words, so never torn.
    """

    def __init__(self, memory: SharedMemory, *, owner: bool) -> None:
        self._memory = memory
        self._owner = owner
        buffer = memory.buf
        if buffer is None:
            raise ValueError("the shared block is closed")
        self._beats = np.frombuffer(buffer, dtype=np.int64, count=len(ROLES))
        self._restarts = np.frombuffer(buffer, dtype=np.int64, count=len(ROLES), offset=_WORDS_BYTES)
        self.ledger = Ledger.over(buffer[2 * _WORDS_BYTES :])

    @classmethod
    def create(cls) -> SharedState:
        """A new block, zeroed. Supervisor only."""
        return cls(SharedMemory(create=True, size=2 * _WORDS_BYTES + SIZE_BYTES), owner=True)

    @classmethod
    def attach(cls, shared: SharedName) -> SharedState:
        """The supervisor's block, from a child."""
        memory = SharedMemory(name=shared.name)
        return cls(memory, owner=False)

    @property
    def name(self) -> SharedName:
        """What a child needs to attach."""
        return SharedName(self._memory.name)

    def beat(self, role: str, now_ns: int) -> None:
        """This process is alive."""
        self._beats[ROLES.index(role)] = now_ns

    def last_beat_ns(self, role: str) -> int:
        """When that process was last known alive; 0 before its first beat."""
        return int(self._beats[ROLES.index(role)])

    def count_restart(self, role: str) -> None:
        """That process has died or hung, and is started again. Supervisor only."""
        self._restarts[ROLES.index(role)] += 1

    def restarts(self, role: str) -> int:
        """How often that process had to be started again."""
        return int(self._restarts[ROLES.index(role)])

    def close(self) -> None:
        """Let go of the block; its creator frees it."""
        # Arrays over the buffer must be gone before the mapping can be, also for who holds the ledger still.
        del self._beats, self._restarts
        self.ledger.detach()
        self._memory.close()
        if self._owner:
            self._memory.unlink()
