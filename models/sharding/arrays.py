"""Pieces as flat arrays and back, without loss.

Notes of all pieces stand one after another: for each piece its melody, then its parts in the order of `Part`. N notes, C chord
spans, H phrases, P pieces, L = P * 5 lines (a melody and four parts). `line_end[i]` is the number of the note after line i, so
that line i begins at `line_end[i - 1]`; `chord_end` and `phrase_end` do the same for pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.harmony import QUALITIES, ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote

Arrays = Mapping[str, npt.NDArray[np.generic]]

LINES = 1 + len(Part)

DTYPES: dict[str, str] = {
    # [N] pulses, pulses, MIDI pitch, velocity or 0 where the source has none
    "onset": "<i4", "duration": "<i4", "pitch": "|u1", "velocity": "|u1",
    # [L]
    "line_end": "<i8",
    # [C] pulses, pulses, root 0..11 or -1 for no chord, number in QUALITIES
    "chord_start": "<i4", "chord_stop": "<i4", "chord_root": "|i1", "chord_quality": "|u1",
    # [P]
    "chord_end": "<i8",
    # [H] pulses
    "phrase": "<i4",
    # [P]
    "phrase_end": "<i8",
    # [P] beats a minute, beats, pulses, bits 1 << part of the parts that are there
    "tempo_bpm": "<f8", "beats_per_bar": "<i4", "bar_offset": "<i4", "parts": "|u1",
    # [P] as for chords; -2 where there is no key
    "key_root": "|i1", "key_quality": "|u1",
    # [P] numbers of strings
    "corpus": "<i4", "work": "<i4", "style": "<i4",
    # bytes: the strings, as a JSON list in UTF-8
    "strings": "|u1",
}  # fmt: skip
"""Name and type of each array, little-endian on every machine."""

_NO_KEY = -2
_NO_ROOT = -1


def packed(pieces: Sequence[Piece]) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of `DTYPES`.

    Raises:
        InputError: a value does not fit, such as a pitch of 128 or a velocity of 0.
    """
    strings: dict[str, int] = {}
    columns: dict[str, list[float]] = {name: [] for name in DTYPES}
    for piece in pieces:
        _pack(piece, columns, strings)
    columns["strings"] = list(json.dumps(list(strings), ensure_ascii=False).encode())
    return {name: _checked(name, columns[name]) for name in DTYPES}


def _pack(piece: Piece, columns: Mapping[str, list[float]], strings: dict[str, int]) -> None:
    for notes in (piece.melody, *(piece.parts.get(part, ()) for part in Part)):
        columns["onset"] += [note.onset for note in notes]
        columns["duration"] += [note.duration for note in notes]
        columns["pitch"] += [note.pitch for note in notes]
        # A velocity of 0, which would come back as none, becomes one that does not fit.
        columns["velocity"] += [0 if note.velocity is None else note.velocity or -1 for note in notes]
        columns["line_end"].append(len(columns["onset"]))
    columns["chord_start"] += [span.start for span in piece.chords]
    columns["chord_stop"] += [span.end for span in piece.chords]
    columns["chord_root"] += [_NO_ROOT if span.symbol.root is None else span.symbol.root for span in piece.chords]
    columns["chord_quality"] += [QUALITIES.index(span.symbol.quality) for span in piece.chords]
    columns["chord_end"].append(len(columns["chord_start"]))
    columns["phrase"] += piece.phrases
    columns["phrase_end"].append(len(columns["phrase"]))
    columns["tempo_bpm"].append(piece.tempo_bpm)
    columns["beats_per_bar"].append(piece.beats_per_bar)
    columns["bar_offset"].append(piece.bar_offset)
    columns["parts"].append(sum(1 << part for part in piece.parts))
    root = None if piece.key is None else piece.key.root
    columns["key_root"].append(_NO_KEY if piece.key is None else _NO_ROOT if root is None else root)
    columns["key_quality"].append(0 if piece.key is None else QUALITIES.index(piece.key.quality))
    for name in ("corpus", "work", "style"):
        columns[name].append(strings.setdefault(getattr(piece, name), len(strings)))


def _checked(name: str, values: Sequence[float]) -> npt.NDArray[np.generic]:
    dtype = np.dtype(DTYPES[name])
    if dtype.kind != "f" and values:
        limits = np.iinfo(dtype)
        low, high = min(values), max(values)
        if low < limits.min or high > limits.max or (name in ("pitch", "velocity") and high > 127):
            raise InputError(f"a piece cannot be stored: {name} reaches from {low} to {high}")
    return np.array(values, dtype=dtype)


def piece_at(arrays: Arrays, strings: Sequence[str], index: int) -> Piece:
    """Piece `index` of the arrays, 0..P - 1; `strings` are those of `strings_of`."""
    lines = [_line(arrays, LINES * index + line) for line in range(LINES)]
    present = int(arrays["parts"][index])
    first, stop = _bounds(arrays["chord_end"], index)
    spans = (arrays[f"chord_{name}"][first:stop].tolist() for name in ("start", "stop", "root", "quality"))
    key_root = int(arrays["key_root"][index])
    return Piece(
        corpus=strings[int(arrays["corpus"][index])],
        work=strings[int(arrays["work"][index])],
        style=strings[int(arrays["style"][index])],
        tempo_bpm=float(arrays["tempo_bpm"][index]),
        beats_per_bar=int(arrays["beats_per_bar"][index]),
        bar_offset=int(arrays["bar_offset"][index]),
        melody=lines[0],
        parts={part: lines[1 + part] for part in Part if present & (1 << part)},
        chords=tuple(ChordSpan(start, end, _symbol(root, quality)) for start, end, root, quality in zip(*spans, strict=True)),
        phrases=tuple(arrays["phrase"][slice(*_bounds(arrays["phrase_end"], index))].tolist()),
        key=None if key_root == _NO_KEY else _symbol(key_root, int(arrays["key_quality"][index])),
    )


def strings_of(arrays: Arrays) -> tuple[str, ...]:
    """The strings that `corpus`, `work` and `style` number."""
    return tuple(json.loads(arrays["strings"].tobytes().decode()))


def melody_pitches(arrays: Arrays, index: int) -> npt.NDArray[np.uint8]:
    """Pitches of the melody of piece `index`, [notes], without making the piece."""
    return arrays["pitch"][slice(*_bounds(arrays["line_end"], LINES * index))].astype(np.uint8)


def _line(arrays: Arrays, line: int) -> tuple[PieceNote, ...]:
    first, stop = _bounds(arrays["line_end"], line)
    onsets, pitches, durations, velocities = (
        arrays[name][first:stop].tolist() for name in ("onset", "pitch", "duration", "velocity")
    )
    return tuple(map(PieceNote, onsets, pitches, durations, _absent_if_zero(velocities)))


def _absent_if_zero(velocities: Iterable[int]) -> Iterable[int | None]:
    return (velocity or None for velocity in velocities)


def _bounds(ends: npt.NDArray[np.generic], index: int) -> tuple[int, int]:
    return (int(ends[index - 1]) if index else 0, int(ends[index]))


@lru_cache(maxsize=256)
def _symbol(root: int, quality: int) -> ChordSymbol:
    return ChordSymbol(None if root == _NO_ROOT else root, QUALITIES[quality])
