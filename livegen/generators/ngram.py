"""An order-2 Markov model of the agent's events: counts of each field given the two values before it, with back-off.

It speaks the vocabulary's rows, so that it is scored on exactly the events that the network is scored on. Pitches are intervals
to the part's last note and roots are moves from the last chord's root, so that what is learned in one key holds in all.

The estimate backs off by interpolation with Dirichlet weights, order 2 over order 1 over order 0 over uniform (MacKay and Peto,
"A hierarchical Dirichlet language model", 1995).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import Part
from livegen.core.stream import Row, parts_of

Counts = npt.NDArray[np.uint32]
Probabilities = npt.NDArray[np.float64]

SPAN = 24
"""Intervals beyond two octaves fall together."""

INTERVALS = 2 * SPAN + 1
MOVES = 14
"""Root moves 0..11, 12 stays without chord, 13 enters from or leaves to no chord."""

STRENGTH = 4.0
"""How many observations a context needs before it outweighs the shorter one."""

PARTS = 4
KINDS_BEFORE = v.SIZE["kind"] + PARTS + 1
"""What can stand before a kind: none, the kinds, a note of each part (a lead ends sooner than a chord), and a tick that wants
no harmony, after which no chord comes."""

_START = 0
_TICK_ALONE = KINDS_BEFORE - 1

SHAPES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "kind": (1, KINDS_BEFORE, KINDS_BEFORE, v.SIZE["kind"]),
        "root": (1, MOVES + 1, MOVES + 1, MOVES),
        "quality": (1, MOVES + 1, v.SIZE["quality"], v.SIZE["quality"]),
        "part": (1, v.SIZE["parts"], v.SIZE["part"], v.SIZE["part"]),
        "pulse": (PARTS, v.SIZE["pulse"], v.SIZE["pulse"], v.SIZE["pulse"]),
        "pitch": (PARTS, INTERVALS + 1, INTERVALS + 1, INTERVALS),
        "duration": (PARTS, v.SIZE["duration"], v.SIZE["duration"], v.SIZE["duration"]),
        "velocity": (PARTS, v.SIZE["velocity"], v.SIZE["velocity"], v.SIZE["velocity"]),
    }
)
"""Table of each field: part, symbol before last, last symbol, symbol; symbol 0 of a context is "none yet".

For a part the parts that the window wants stand in place of the symbol before last.
"""

_NO_PAIR = (_START, _START)


@dataclass(frozen=True, slots=True)
class Memory:
    """The context: for each field the two symbols before, by part where the part matters. A value; never changed in place.

    Attributes:
        pairs: (field, part) to the last two context symbols, older first.
        root: class of the last chord's root, 0 for none yet.
        quality: class of the last chord's quality.
        pitches: last pitch of each part, -1 for none yet.
    """

    pairs: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    root: int = 0
    quality: int = 0
    pitches: tuple[int, int, int, int] = (-1, -1, -1, -1)

    def pair(self, name: str, part: int = 0) -> tuple[int, int]:
        """The two symbols before, `_START` where there are none."""
        return self.pairs.get((name, part), _NO_PAIR)

    def after(self, row: Row) -> Memory:
        """The context after an event of the agent or a tick; the player's events change nothing."""
        kind = int(row[0])
        if kind not in _FOLLOWED:
            return self
        pairs = dict(self.pairs)
        _push(pairs, "kind", 0, _kind_before(row))
        if kind == v.KIND["TICK"]:
            pairs["part", 0] = (int(row[v.COLUMN["parts"]]), _START)
            for part in range(PARTS):
                pairs["pulse", part] = _NO_PAIR
        elif kind == v.KIND["CHORD"]:
            root, quality = int(row[v.COLUMN["root"]]), int(row[v.COLUMN["quality"]])
            _push(pairs, "root", 0, 1 + _move(self.root, root))
            return replace(self, pairs=pairs, root=root, quality=quality)
        elif kind == v.KIND["NOTE"]:
            return self._after_note(pairs, row)
        return replace(self, pairs=pairs)

    def _after_note(self, pairs: dict[tuple[str, int], tuple[int, int]], row: Row) -> Memory:
        part, pitch = int(row[v.COLUMN["part"]]) - 1, int(row[v.COLUMN["pitch"]]) - 1
        pairs["part", 0] = (self.pair("part")[0], part + 1)
        _push(pairs, "pitch", part, 1 + _interval(self.pitches[part], pitch))
        for name in ("pulse", "duration", "velocity"):
            if klass := int(row[v.COLUMN[name]]):
                _push(pairs, name, part, klass)
        pitches = list(self.pitches)
        pitches[part] = pitch
        return replace(self, pairs=pairs, pitches=(pitches[0], pitches[1], pitches[2], pitches[3]))


_FOLLOWED = frozenset(v.KIND[name] for name in ("TICK", "CHORD", "NOTE", "END"))


class Ngram:
    """Counts, and the probabilities that they give. Arrays of `SHAPES`."""

    def __init__(self, tables: Mapping[str, Counts] | None = None) -> None:
        self.tables = {
            name: np.zeros(shape, dtype=np.uint32) if tables is None else tables[name] for name, shape in SHAPES.items()
        }
        # The shorter contexts are sums of the longest; kept, because adding them up at every draw takes most of its time.
        self._order_1 = {name: table.sum(axis=1) for name, table in self.tables.items()}
        self._order_0 = {name: table.sum(axis=1) for name, table in self._order_1.items()}

    def learn(self, row: Row, memory: Memory, weight: int = 1) -> None:
        """Count one event of the agent in its context."""
        for name in ("kind", *v.GRAMMAR[v.KINDS[int(row[0]) - 1]]):
            if klass := int(row[v.COLUMN[name]]):
                part = int(row[v.COLUMN["part"]]) - 1 if name in _BY_PART else 0
                older, newer = _context(name, part, memory, int(row[v.COLUMN["root"]]))
                symbol = _symbols_of_classes(name, part, memory)[klass - 1]
                self.tables[name][part, older, newer, symbol] += weight
                self._order_1[name][part, newer, symbol] += weight
                self._order_0[name][part, symbol] += weight

    def nats(self, row: Row, memory: Memory) -> Iterator[tuple[str, float]]:
        """What each field of an event costs, in nats."""
        given = {name: int(row[v.COLUMN[name]]) for name in ("part", "root")}
        for name in ("kind", *v.GRAMMAR[v.KINDS[int(row[0]) - 1]]):
            if klass := int(row[v.COLUMN[name]]):
                yield name, -float(np.log(self.probabilities(name, memory, given)[klass]))

    def probabilities(self, name: str, memory: Memory, given: Mapping[str, int]) -> Probabilities:
        """The distribution of a field over its classes, [classes]; class 0 has none.

        Args:
            name: the field.
            memory: the context.
            given: classes of the event's fields that are known already, such as `part` and `root`.
        """
        part = given.get("part", 1) - 1 if name in _BY_PART else 0
        symbols = self._symbol_probabilities(name, part, _context(name, part, memory, given.get("root", 0)))
        by_class = _symbols_of_classes(name, part, memory)
        # Classes that fall together share their symbol's probability; what no class can stand for is spread over the rest.
        shares = symbols[by_class] / np.bincount(by_class, minlength=len(symbols))[by_class]
        return np.concatenate([[0.0], shares / shares.sum()])

    def _symbol_probabilities(self, name: str, part: int, context: tuple[int, int]) -> Probabilities:
        older, newer = context
        levels = (self._order_0[name][part], self._order_1[name][part, newer], self.tables[name][part, older, newer])
        estimate: Probabilities = _BASES[name]
        for counts in levels:
            estimate = (counts + STRENGTH * estimate) / (counts.sum() + STRENGTH)
        return estimate


_BY_PART = frozenset({"pulse", "pitch", "duration", "velocity"})


def _base(name: str) -> Probabilities:
    """Uniform over the symbols that can occur."""
    size = SHAPES[name][-1]
    base = np.ones(size)
    if name == "kind":
        base[:] = 0.0
        base[[v.KIND["CHORD"], v.KIND["NOTE"], v.KIND["END"]]] = 1.0
    elif name not in ("root", "pitch"):
        base[0] = 0.0
    probabilities: Probabilities = base / base.sum()
    return probabilities


_BASES = {name: _base(name) for name in SHAPES}


def _symbols_of_classes(name: str, part: int, memory: Memory) -> npt.NDArray[np.int64]:
    """The symbol of each class from 1 on, [classes - 1]."""
    match name:
        case "root":
            return np.array([_move(memory.root, klass) for klass in range(1, v.SIZE[name])])
        case "pitch":
            last = memory.pitches[part]
            return np.full(128, SPAN) if last < 0 else np.clip(np.arange(128) - last + SPAN, 0, INTERVALS - 1)
        case _:
            return np.arange(1, v.SIZE[name])


def _context(name: str, part: int, memory: Memory, root: int) -> tuple[int, int]:
    if name == "quality":
        return 1 + _move(memory.root, max(1, root)), memory.quality
    return memory.pair(name, part)


def _move(before: int, after: int) -> int:
    """Symbol of going from one root class to another."""
    if before in (0, v.NO_ROOT) or after == v.NO_ROOT:
        return MOVES - 2 if before == after else MOVES - 1
    return (after - before) % 12


def _interval(before: int, after: int) -> int:
    """Symbol of going from one pitch to another; SPAN where there is none before."""
    return SPAN if before < 0 else min(INTERVALS - 1, max(0, after - before + SPAN))


def _kind_before(row: Row) -> int:
    """The context symbol of an event's kind."""
    kind = int(row[0])
    if kind == v.KIND["NOTE"]:
        return v.SIZE["kind"] + int(row[v.COLUMN["part"]]) - 1
    if kind == v.KIND["TICK"] and not parts_of(int(row[v.COLUMN["parts"]])) & {Part.CHORDS, Part.BASS}:
        return _TICK_ALONE
    return kind


def _push(pairs: dict[tuple[str, int], tuple[int, int]], name: str, part: int, symbol: int) -> None:
    pairs[name, part] = (pairs.get((name, part), _NO_PAIR)[1], symbol)
