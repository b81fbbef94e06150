"""How a session log writes one value, and reads it back strictly: whole numbers, floats, texts, lists, frozen records.

Each kind is a pair of functions between a value and what JSON has; both raise `InputError` for what cannot be.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.midi import encode, parse

_LONGEST_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class Kind:
    """`put` writes a value, `take` reads one that a stranger may have written."""

    put: Callable[[Any], Any]
    take: Callable[[Any], Any]


def shown(value: object) -> str:
    """A short form of anything that was read."""
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def items_of(value: Any, count: int | None = None) -> list[Any]:
    """A list, of so many items if that is said."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        raise InputError(f"{shown(value)} is not a list" + ("" if count is None else f" of {count}"))
    return value


def whole(bits: int) -> Kind:
    """A whole number that fits into so many bits and a sign."""

    def take(value: Any) -> int:
        if type(value) is not int or value.bit_length() > bits:
            raise InputError(f"{shown(value)} is not a whole number of at most {bits} bits")
        return value

    return Kind(lambda value: take(operator.index(value)), take)


def optional(kind: Kind) -> Kind:
    """Such a value, or None."""
    return Kind(
        lambda value: None if value is None else kind.put(value), lambda value: None if value is None else kind.take(value)
    )


def several(kind: Kind) -> Kind:
    """A tuple of such values, of any length."""
    return Kind(lambda values: [kind.put(value) for value in values], lambda value: tuple(map(kind.take, items_of(value))))


def record(cls: type, *kinds: Kind) -> Kind:
    """A dataclass, as the list of its fields in their order; a kind a field."""
    rows = list(zip((field.name for field in fields(cls)), kinds, strict=True))

    def put(value: Any) -> list[Any]:
        return [kind.put(getattr(value, name)) for name, kind in rows]

    def take(value: Any) -> Any:
        return cls(*(kind.take(item) for kind, item in zip(kinds, items_of(value, len(kinds)), strict=True)))

    return Kind(put, take)


@dataclass(frozen=True, slots=True)
class Word:
    """A name, the classes of which it tells, and how such a value is written, as a list."""

    name: str
    classes: tuple[type, ...]
    kind: Kind


def word(name: str, cls: type, *kinds: Kind) -> Word:
    """A word for a dataclass, with a kind for each of its fields."""
    return Word(name, (cls,), record(cls, *kinds))


class Union:
    """Values of several classes, each a list that begins with its word."""

    def __init__(self, *words: Word) -> None:
        self._by_type = {cls: word for word in words for cls in word.classes}
        self._by_name = {word.name: word for word in words}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._by_name

    def put(self, value: Any) -> list[Any]:
        """Write a value.

        Raises:
            InputError: there is no word for its class, or what it holds cannot be written.
        """
        if type(value) not in self._by_type:
            raise InputError(f"a session log has no word for {type(value).__name__}")
        chosen = self._by_type[type(value)]
        return [chosen.name, *chosen.kind.put(value)]

    def take(self, value: Any) -> Any:
        """Read a value.

        Raises:
            InputError: it does not begin with a known word, or does not go on as that word wants.
        """
        items = items_of(value)
        if not items or items[0] not in self:
            raise InputError(f"{shown(items[:1])} is no word of a session log")
        return self._by_name[items[0]].kind.take(items[1:])

    @property
    def kind(self) -> Kind:
        """Such a value as a part of another."""
        return Kind(self.put, self.take)


def _take_real(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise InputError(f"{shown(value)} is not a finite number with a point")
    return value


def _take_text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not (value.isascii() and value.isprintable()):
        raise InputError(f"{shown(value)} is not a text of at most {_LONGEST_TEXT} plain characters")
    return value


def _take_truth(value: Any) -> bool:
    if type(value) is not bool:
        raise InputError(f"{shown(value)} is neither true nor false")
    return value


def _take_part(value: Any) -> Part:
    if type(value) is not int or not 0 <= value < len(Part):
        raise InputError(f"{shown(value)} is no part, of which there are 0..{len(Part) - 1}")
    return Part(value)


def _take_midi(value: Any) -> Any:
    try:
        data = bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        raise InputError(f"{shown(value)} is not a text of hexadecimal bytes") from None
    return parse(data)


# A Part is a whole number, and a float may have been given as one.
INT: Final = whole(63)
LONG: Final = whole(127)
FLOAT: Final = Kind(lambda value: _take_real(float(value)), _take_real)
TEXT: Final = Kind(_take_text, _take_text)
BOOL: Final = Kind(_take_truth, _take_truth)
PART: Final = Kind(lambda value: _take_part(int(value)).value, _take_part)
PARTS: Final = Kind(lambda values: sorted(map(int, values)), lambda value: frozenset(map(_take_part, items_of(value))))
MIDI: Final = Kind(lambda message: encode(message).hex(), _take_midi)
