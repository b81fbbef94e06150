"""Published chorale and tune sets as files on the user's disk: three lists of pieces, a piece a list of steps."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

from livegen.core.errors import InputError

SETS = ("train", "valid", "test")
VOICES = 4

Sets = dict[str, list[list[list[int]]]]
"""By set: pieces of steps of pitches 0..127; on a grid -1 is a silent voice."""

HOMES = {
    True: "Jsb16thSeparated.json of https://github.com/czhuang/JSB-Chorales-dataset",
    False: "the piano-roll pickles of http://www-ens.iro.umontreal.ca/~boulanni/icml2012",
}
"""Where the files can be had, by whether they are on a grid."""

_NUMPY = {(module, name) for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in ("scalar",)} | {
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""What numbers of numpy are made of; a pickle that names anything else is not opened."""


def read_sets(path: Path, *, grid: bool) -> Sets:
    """Read a published file, JSON or pickle.

    Args:
        path: the file.
        grid: steps are of four voices each, NaN or -1 where one is silent; else sets of pitches.

    Raises:
        InputError: the file is missing or is not of that format; the text says where.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); get {HOMES[grid]}") from error
    document = _parsed(path, data)
    if not isinstance(document, dict) or not all(isinstance(document.get(name), list | tuple) for name in SETS):
        raise InputError(f"{path}: wants lists named {', '.join(SETS)}, as in {HOMES[grid]}")
    sets = {
        name: [_piece(f"{path}: {name}[{number}]", piece, grid=grid) for number, piece in enumerate(document[name])]
        for name in SETS
    }
    if empty := [name for name, pieces in sets.items() if not pieces]:
        raise InputError(f"{path}: {empty[0]} holds no piece")
    return sets


class _Numbers(pickle.Unpickler):
    """Opens lists of numbers and nothing else: a pickle can name any function to call."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NUMPY:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no list of numbers does")


def _parsed(path: Path, data: bytes) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(data)
        except ValueError as error:
            raise InputError(f"{path}: not JSON: {error}") from error
    if path.suffix in (".pickle", ".pkl"):
        try:
            with path.open("rb") as file:
                return _Numbers(file, encoding="latin1").load()
        # A damaged pickle can raise nearly anything.
        except Exception as error:
            raise InputError(f"{path}: not a pickle of lists of numbers: {error}") from error
    raise InputError(f"{path}: wants a .json, .pickle or .pkl file")


def _piece(where: str, piece: Any, *, grid: bool) -> list[list[int]]:
    if not isinstance(piece, list | tuple) or not piece:
        raise InputError(f"{where}: wants a list of steps")
    return [_step(f"{where}[{number}]", step, grid=grid) for number, step in enumerate(piece)]


def _step(where: str, step: Any, *, grid: bool) -> list[int]:
    if not isinstance(step, list | tuple):
        raise InputError(f"{where}: wants a list of pitches, not {type(step).__name__}")
    try:
        pitches = [-1 if math.isnan(pitch) else int(pitch) for pitch in step]
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: holds what is no pitch: {error}") from error
    if grid and len(pitches) != VOICES:
        raise InputError(f"{where}: has {len(pitches)} voices and not {VOICES}; the file with voices apart is {HOMES[grid]}")
    if not all((-1 if grid else 0) <= pitch <= 127 for pitch in pitches):
        raise InputError(f"{where}: has a pitch outside 0..127: {pitches}")
    return pitches if grid else sorted(set(pitches))
