"""Music of games: sequences of many tracks, in General MIDI, with bass and drums."""

from __future__ import annotations

from functools import partial

from models.corpora.chords import INFERRED_QUALITIES
from models.corpora.midi_file import read_midi
from models.corpora.source import Corpus, Reading, Work, indexed_works, long_enough, require_melody
from models.corpora.stretches import UNMARKED, Label, stretches
from models.corpora.voices import divide, ensemble_piece, voices_of


def read(work: Work) -> Reading:
    """One piece for each stretch of one metre."""
    score = read_midi(work.path)
    require_melody(note for track in score.tracks for note in track.notes)
    label = Label(work.path.parent.name, work.group, "game")
    roles = divide(voices_of(score))
    return long_enough(
        ensemble_piece(label, score, roles, stretch, pickups=False, qualities=INFERRED_QUALITIES)
        for stretch in stretches(score, UNMARKED)
    )


def _corpus(name: str, home: str, licence: str) -> Corpus:
    return Corpus(name, "game", home, licence, partial(indexed_works, group_column="work_group"), read)


CORPORA = (
    _corpus("freedoom", "https://github.com/freedoom/freedoom", "BSD 3-Clause"),
    _corpus("simutrans", "https://github.com/simutrans/simutrans", "Artistic License 1.0"),
    _corpus("easyrpg", "https://github.com/EasyRPG/RTP", "CC BY 4.0"),
)
