"""Irish dance tunes: a melody by itself, made from ABC by abc2midi, which marks the beats by velocity."""

from __future__ import annotations

from functools import partial

from models.corpora.bars import cut, steady_sections
from models.corpora.duplicates import TUNES, drop_duplicates
from models.corpora.midi_file import quantised, read_midi
from models.corpora.piece import Piece
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, long_enough, require_melody
from models.corpora.texture import skyline

DOWNBEAT_VELOCITY = 105
"""abc2midi plays the first note of each bar at 105, other beats at 95, the rest at 80."""


def read(work: Work) -> Reading:
    """The tune on channel 0 (a few files hold guitar chords on others), cut where its bar lines jump."""
    score = read_midi(work.path)
    if len(score.metres) != 1:
        raise QuarantinedError("metre missing or changing")
    metre = score.metres[0][1]
    raw = [note for track in score.tracks for note in track.notes if note.channel == 0]
    melody = skyline(quantised(score, raw, metre))
    require_melody(melody)
    accents = [score.pulses(note.onset, metre) for note in raw if note.velocity == DOWNBEAT_VELOCITY]
    end = melody[-1].onset + melody[-1].duration
    whole = Piece(
        corpus="irish",
        work=work.group,
        style="folk",
        tempo_bpm=score.tempo_bpm(metre),
        beats_per_bar=metre.beats_per_bar,
        bar_offset=0,
        melody=melody,
    )
    # The first note is accented even if it is a pickup.
    sections = steady_sections(sorted(set(accents[1:])), metre.bar_pulses, end)
    return long_enough(cut(whole, section) for section in sections)


CORPUS = Corpus(
    name="irish",
    style="folk",
    home="https://github.com/polifonia-project/folk_ngram_analysis",
    licence="CC BY 4.0",
    works=partial(indexed_works, group_column="work_group"),
    read=read,
    prune=partial(drop_duplicates, likeness=TUNES),
)
