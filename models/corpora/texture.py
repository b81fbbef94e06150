"""Voices out of a texture: one line of a melody, the outer voice of a piano part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from models.corpora.piece import PieceNote

BASS_CEILING = 52
"""A lowest voice at or above this pitch (E3) is part of the chords, not a bass."""

_TOGETHER = 2
"""Pulses within which the notes of a played chord begin."""

_RELEASE = 3
"""Pulses by which a played note may reach into the next without holding it down."""


def one_keyboard(notes: Sequence[PieceNote]) -> tuple[PieceNote, ...]:
    """The notes as one set of keys can play them: a pitch struck twice at once counts once, and is cut when struck again."""
    struck: dict[tuple[int, int], PieceNote] = {}
    for note in notes:
        place = (note.pitch, note.onset)
        if place not in struck or note.duration > struck[place].duration:
            struck[place] = note
    ordered = [struck[place] for place in sorted(struck)]
    cut = [
        replace(note, duration=min(note.duration, following.onset - note.onset)) if following.pitch == note.pitch else note
        for note, following in pairwise(ordered)
    ]
    return tuple(sorted((*cut, *ordered[-1:]), key=_order))


def skyline(notes: Sequence[PieceNote]) -> tuple[PieceNote, ...]:
    """One note at a time: of those that begin together the highest, cut where the next begins.

    A grace note that falls on the same pulse as the note it adorns is much shorter, and gives way to it.
    """
    line: list[PieceNote] = []
    for group in _by_onset(notes):
        longest = max(note.duration for note in group)
        line.append(max((note for note in group if 3 * note.duration >= longest), key=lambda note: note.pitch))
    return _monophonic(line)


def split_bass(notes: Sequence[PieceNote], ceiling: int = BASS_CEILING) -> tuple[tuple[PieceNote, ...], tuple[PieceNote, ...]]:
    """(bass, rest): the bass is the lowest note of each onset, below `ceiling`, with nothing lower still sounding.

    The bass is cut to one note at a time; together the two hold every note once.
    """
    return _split(notes, -1, ceiling)


def split_top(notes: Sequence[PieceNote]) -> tuple[tuple[PieceNote, ...], tuple[PieceNote, ...]]:
    """(top, rest): the highest note of each onset, with nothing higher still sounding, one note at a time."""
    return _split(notes, 1, 128)


def cut_keyboard(
    upper: Sequence[PieceNote], lower: Sequence[PieceNote]
) -> tuple[tuple[PieceNote, ...], tuple[PieceNote, ...], tuple[PieceNote, ...]]:
    """(melody, chords, bass) of two staves: the top of the upper one, the lowest line below `BASS_CEILING`, all the rest."""
    melody, inner = split_top(one_keyboard(upper))
    bass, chords = split_bass(one_keyboard((*inner, *lower)))
    return melody, chords, bass


def _split(notes: Sequence[PieceNote], sign: int, ceiling: int) -> tuple[tuple[PieceNote, ...], tuple[PieceNote, ...]]:
    line: list[PieceNote] = []
    rest: list[PieceNote] = []
    for group in _by_onset(notes, _TOGETHER):
        outer = max(group, key=lambda note: sign * note.pitch)
        held = line[-1] if line else None
        beyond = (
            held is not None and sign * held.pitch > sign * outer.pitch and held.onset + held.duration > outer.onset + _RELEASE
        )
        if outer.pitch >= ceiling or beyond:
            rest += group
            continue
        line.append(outer)
        group.remove(outer)
        rest += group
    return _monophonic(line), tuple(sorted(rest, key=_order))


def _monophonic(line: Sequence[PieceNote]) -> tuple[PieceNote, ...]:
    cut = [replace(note, duration=min(note.duration, following.onset - note.onset)) for note, following in pairwise(line)]
    return (*cut, *line[-1:])


def _by_onset(notes: Sequence[PieceNote], within: int = 0) -> list[list[PieceNote]]:
    """The notes in groups, each `within` so many pulses of its first."""
    groups: list[list[PieceNote]] = []
    for note in sorted(notes, key=_order):
        if groups and note.onset - groups[-1][0].onset <= within:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def _order(note: PieceNote) -> tuple[int, int, int]:
    return (note.onset, note.pitch, note.duration)
