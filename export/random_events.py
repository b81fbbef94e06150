"""Random legal events, for checks that need a stream and no music."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import QUALITIES, ChordSymbol
from livegen.core.stream import StreamEncoder


def random_rows(rng: np.random.Generator, batch: int, length: int) -> npt.NDArray[np.int64]:
    """Rows of as many streams, int64 [B, T, F]."""
    rows = np.zeros((batch, length, len(v.FIELDS)), dtype=np.int64)
    for stream in rows:
        encoder, now_ns = StreamEncoder(), 0
        for row in stream:
            now_ns += int(rng.exponential(2e8))
            row[:] = encoder.encode(random_event(rng, now_ns))
    return rows


def random_event(rng: np.random.Generator, now_ns: int) -> Event:
    """Any event that the encoder takes."""
    phase = None if rng.random() < 0.3 else int(rng.integers(24))
    pitch = int(rng.integers(128))
    match v.KINDS[rng.integers(len(v.KINDS))]:
        case "ON":
            return On(now_ns, pitch, int(rng.integers(1, 128)), phase)
        case "OFF":
            return Off(now_ns, pitch, phase)
        case "TICK":
            beats, parts = int(rng.integers(1, 13)), frozenset(part for part in Part if rng.random() < 0.5)
            lookahead, hop = int(rng.integers(49)), int(rng.choice(v.HOPS))
            if phase is None:
                return Tick(now_ns, None, None, None, lookahead, hop, parts)
            return Tick(now_ns, int(rng.integers(2 * beats)), beats, float(rng.uniform(20, 300)), lookahead, hop, parts)
        case "CHORD":
            root = int(rng.integers(13))
            return Chord(ChordSymbol(root if root < 12 else None, str(rng.choice(QUALITIES))))
        case "NOTE":
            duration, velocity = int(rng.choice(v.DURATIONS)), int(rng.integers(1, 128))
            return Note(Part(int(rng.integers(4))), int(rng.integers(24)), pitch, duration, velocity)
        case _:
            return End()
