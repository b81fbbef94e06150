"""Where in a configuration file a key stands, so that an error can name the line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from livegen.core.errors import InputError


def faulty_key(table: Mapping[str, Any], check: Callable[[dict[str, Any]], object]) -> tuple[str, ...] | None:
    """The first key that `check` refuses by itself, with the tables that it stands in; None if each is fine alone.

    Args:
        table: as read.
        check: is given a table with one key and raises an `InputError` if it is wrong.
    """
    for key, value in table.items():
        try:
            check({key: value})
        except InputError:
            return (key, *_faulty_inside(key, value, check))
    return None


def _faulty_inside(key: str, value: object, check: Callable[[dict[str, Any]], object]) -> tuple[str, ...]:
    """What is wrong in a table that may stand there; empty where the table itself may not."""
    if not isinstance(value, dict):
        return ()
    try:
        check({key: {}})
    except InputError:
        return ()
    return faulty_key(value, lambda part: check({key: part})) or ()


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line, from 1, on which a key is set, or a table that it stands in; None if neither is found.

    A parameter's name may be one key or nested tables: `"tempo/bpm"` is `bpm` in `[parameters.tempo]`.
    """
    wanted = "/".join(path)
    found = None
    for number, key in _keys(text):
        if key == wanted:
            return number
        if found is None and key.startswith(f"{wanted}/"):
            found = number
    return line_of(text, path[:-1]) if found is None and len(path) > 1 else found


def _keys(text: str) -> Iterator[tuple[int, str]]:
    """Every line with a header or a key, and its full path joined by slashes."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _path(stripped)
            yield number, "/".join(table)
        elif "=" in stripped and not stripped.startswith("#"):
            yield number, "/".join([*table, *_path(f"{stripped.partition('=')[0]} = 0")])


def _path(line: str) -> list[str]:
    """The keys of a line that is TOML by itself; none of one that is not, as in the middle of a long value."""
    try:
        table: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return []
    path = []
    while isinstance(table, dict) and table:
        key, table = next(iter(table.items()))
        path.append(key)
    return path
