"""Hymns in four voices: soprano is the melody, bass the bass, alto and tenor the chords."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from livegen.core.events import PULSES_PER_BEAT, Part
from models.corpora.bars import strongest_downbeat
from models.corpora.chords import inferred
from models.corpora.midi_file import quantised, read_midi
from models.corpora.phrasing import phrases
from models.corpora.piece import Piece
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, require_melody
from models.corpora.texture import one_keyboard, split_bass, split_top


def read(work: Work) -> Reading:
    """The hymn, its voices told apart by pitch, with a chord for each beat.

    Raises:
        QuarantinedError: nothing sounds together. Files made from the ABC source by a converter that reads header and lyrics as
            notes of one line are such.
    """
    score = read_midi(work.path)
    raw = sorted((note for track in score.tracks for note in track.notes), key=lambda note: note.onset)
    together = sum(1 for before, after in pairwise(raw) if after.onset < before.onset + before.duration)
    if together * 2 < len(raw):
        raise QuarantinedError("no voices: one line only, not a four-part setting")
    if len(score.metres) != 1:
        raise QuarantinedError("metre missing or changing")
    metre = score.metres[0][1]
    # An organ that doubles the voices has a track of its own; a note counts once.
    notes = one_keyboard(quantised(score, raw, metre))
    melody, lower = split_top(notes)
    bass, inner = split_bass(lower, ceiling=128)
    require_melody(melody)
    bar_offset = strongest_downbeat(((note.onset, note.duration) for note in (*bass, *melody)), metre.bar_pulses)
    piece = Piece(
        corpus=work.path.parent.name,
        work=work.group,
        style="hymn",
        tempo_bpm=score.tempo_bpm(metre),
        beats_per_bar=metre.beats_per_bar,
        bar_offset=bar_offset,
        melody=melody,
        parts={Part.CHORDS: inner, Part.BASS: bass},
        chords=inferred(notes, PULSES_PER_BEAT, bar_offset),
        phrases=phrases(melody, metre.bar_pulses, bar_offset),
    )
    return Reading([piece])


CORPUS = Corpus(
    name="hymns",
    style="hymn",
    home="https://github.com/mzealey/openhymnal",
    licence="public domain",
    works=partial(indexed_works, group_column="work_group"),
    read=read,
)

MUTOPIA = Corpus(
    name="mutopia",
    style="hymn",
    home="https://github.com/MutopiaProject/MutopiaProject",
    licence="public domain, CC BY",
    works=partial(indexed_works, group_column="work_group", only_style="SATB"),
    read=read,
)
"""The settings for four voices among Mutopia's files."""
