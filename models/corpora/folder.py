"""Any folder of MIDI files: who plays what, the beat and the key are found; what cannot be used is left out with a reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from models.corpora.beats import GRID_FIT, aligned, grid_fit
from models.corpora.chords import INFERRED_QUALITIES
from models.corpora.midi_file import read_midi
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, long_enough, require_melody
from models.corpora.stretches import UNMARKED, Label, stretches
from models.corpora.voices import divide, ensemble_piece, voices_of

NAME = "folder"
"""The corpus that is the data folder itself, with all folders in it."""

SUFFIXES = (".mid", ".midi", ".kar")

LARGEST_BYTES = 8 << 20
MOST_NOTES = 200_000
LONGEST_S = 7200.0
TEMPI_BPM = (15.0, 500.0)
"""Beats a minute of music; other tempi are a program's."""

_COPY = re.compile(r"([ _-]*(\(\d+\)|copy|remix|v\d+|version ?\d*|take ?\d*))+$", re.IGNORECASE)
"""What tells copies and versions of one work apart at the end of a file name."""


def corpus(name: str, style: str, styles: Sequence[str]) -> Corpus:
    """The folder `name`, or all of the data folder for `NAME`.

    Args:
        name: the folder under the data folder; the pieces' corpus.
        style: of the files that lie in no folder with the name of a style.
        styles: the names that there are.
    """
    return Corpus(
        name=name,
        style=style,
        home="your own files",
        licence="as their owner says",
        works=partial(works, style=style, styles=tuple(styles)),
        read=partial(read, name=name),
        folder="." if name == NAME else name,
    )


def works(folder: Path, style: str, styles: Sequence[str]) -> list[Work]:
    """The MIDI files below a folder, by path.

    The style of a file is the name of the nearest folder above it that is a style, else `style`. Copies and versions of one
    title, as their names have it, are one work.
    """
    found = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in inside.parts):
            continue
        named = [part.lower() for part in inside.parts[:-1] if part.lower() in styles]
        title = inside.with_name(_COPY.sub("", path.stem) or path.stem)
        found.append(Work(path, title.as_posix().casefold(), named[-1] if named else style))
    return found


def read(work: Work, name: str) -> Reading:
    """One piece for each stretch of one metre; a performance without a grid is put on the beat that is heard.

    Raises:
        QuarantinedError: damaged, too large, without a melody or without a beat.
    """
    if not work.path.is_file():
        raise QuarantinedError("not a file")
    size = work.path.stat().st_size
    if size > LARGEST_BYTES:
        raise QuarantinedError(f"too large: {size >> 20} MiB")
    score = read_midi(work.path)
    notes = [note for track in score.tracks for note in track.notes]
    require_melody(notes)
    if len(notes) > MOST_NOTES:
        raise QuarantinedError(f"too many notes: {len(notes)}")
    if float(score.seconds([score.length])[0]) > LONGEST_S:
        raise QuarantinedError("too long: more than two hours")
    performed = grid_fit([note.onset / score.ticks_per_quarter for note in notes]) < GRID_FIT
    if performed:
        score = aligned(score)
    roles = divide(voices_of(score))
    label = Label(name, work.group, work.kind)
    pieces = [
        ensemble_piece(label, score, roles, stretch, pickups=performed, qualities=INFERRED_QUALITIES)
        for stretch in stretches(score, UNMARKED)
    ]
    odd = next((piece.tempo_bpm for piece in pieces if not TEMPI_BPM[0] <= piece.tempo_bpm <= TEMPI_BPM[1]), None)
    if odd is not None:
        raise QuarantinedError(f"no tempo of music: {odd:.0f} beats a minute")
    return long_enough(pieces)
