"""Lead sheets: a melody and chord symbols; the accompaniment is rendered from the symbols by the patterns of `patterns`.

Each song is NNNN.mid and NNNN.chords.csv (begin and end in quarters, pitch classes with the root first, kind).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from models.corpora.bars import strongest_downbeat
from models.corpora.chords import chord_of, merged
from models.corpora.midi_file import Metre, quantised, read_midi
from models.corpora.patterns import render
from models.corpora.phrasing import phrases
from models.corpora.piece import ChordSpan, Piece
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, require_melody
from models.corpora.texture import skyline


def read(work: Work) -> Reading:
    """The song with rendered CHORDS and BASS."""
    score = read_midi(work.path)
    if len(score.metres) != 1:
        raise QuarantinedError("metre missing or changing")
    metre = score.metres[0][1]
    melody = skyline(quantised(score, (note for track in score.tracks for note in track.notes), metre))
    require_melody(melody)
    written = tuple(_chord_rows(work.path.with_name(f"{work.path.stem}.chords.csv"), metre))
    if not written:
        raise QuarantinedError("no chord symbols")
    # Symbols written anew at each bar line are joined only after they have told where the bar lines are.
    bar_offset = strongest_downbeat(((span.start, span.end - span.start) for span in written), metre.bar_pulses)
    spans = merged(written)
    piece = Piece(
        corpus="leadsheets",
        work=work.group,
        style="jazz",
        tempo_bpm=score.tempo_bpm(metre),
        beats_per_bar=metre.beats_per_bar,
        bar_offset=bar_offset,
        melody=melody,
        parts=render(spans, metre.beats_per_bar, bar_offset, f"leadsheets/{work.group}", compound=metre.is_compound),
        chords=spans,
        phrases=phrases(melody, metre.bar_pulses, bar_offset),
    )
    return Reading([piece])


def _chord_rows(path: Path, metre: Metre) -> Iterator[ChordSpan]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                start, end = (round(float(row[name]) * metre.pulses_per_quarter) for name in ("start_beat", "end_beat"))
                yield ChordSpan(start, end, chord_of([int(pitch) for pitch in row["pitch_classes_root_first"].split()]))
    except OSError as error:
        raise QuarantinedError(f"missing chord table: {path.name}") from error
    except (KeyError, ValueError) as error:
        raise QuarantinedError(f"damaged chord table: {error}") from error


CORPUS = Corpus(
    name="leadsheets",
    style="jazz",
    home="https://github.com/00sapo/OpenEWLD",
    licence="public domain (US and EU subset)",
    works=partial(indexed_works, group_column="title"),
    read=read,
)
