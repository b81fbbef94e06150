"""Art songs: the voice is the melody, the piano gives bass and chords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from livegen.core.events import Part
from models.corpora.midi_file import MidiScore, Track, read_midi
from models.corpora.piece import Piece
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, long_enough
from models.corpora.stretches import Label, Stretch, piece_of, stretches
from models.corpora.texture import one_keyboard, skyline, split_bass

_KEYBOARD = re.compile(r"pian|klavier|harp|guit|organ|orgel|accomp|begleit", re.IGNORECASE)


def voice_and_piano(tracks: Sequence[Track]) -> tuple[Track, list[Track]]:
    """The singer's track and the accompaniment's.

    Tracks that name no keyboard are voices, the first of them the melody; where no name tells, the last two tracks are the
    piano's staves.

    Raises:
        QuarantinedError: there is no accompaniment, or more than one voice besides it.
    """
    playing = [track for track in tracks if track.notes]
    keyboard = [track for track in playing if _KEYBOARD.search(track.name)]
    if not keyboard:
        keyboard = playing[-2:] if len(playing) >= 3 else playing[1:]
    voices = [track for track in playing if not any(track is other for other in keyboard)]
    if not keyboard or not voices:
        raise QuarantinedError("no voice with accompaniment")
    if len(voices) > 1:
        raise QuarantinedError(f"several voices: {len(voices)}")
    return voices[0], keyboard


def read(work: Work) -> Reading:
    """One piece for each stretch of one metre that holds enough melody."""
    score = read_midi(work.path)
    label = Label("lieder", work.group, "song")
    voice, keyboard = voice_and_piano(score.tracks)
    return long_enough(voice_piece(label, score, voice, keyboard, stretch) for stretch in stretches(score))


def voice_piece(label: Label, score: MidiScore, voice: Track, keyboard: Sequence[Track], stretch: Stretch) -> Piece:
    """A stretch of a song: the voice is the melody, the piano gives bass and chords."""
    melody = skyline(stretch.notes(score, voice.notes))
    piano = one_keyboard(stretch.notes(score, (note for track in keyboard for note in track.notes)))
    bass, upper = split_bass(piano)
    parts = {Part.CHORDS: upper, Part.BASS: bass}
    return piece_of(label, score, stretch, melody, parts, harmony=(*melody, *piano))


CORPUS = Corpus(
    name="lieder",
    style="song",
    home="https://github.com/OpenScore/Lieder",
    licence="CC0 1.0",
    works=partial(indexed_works, group_column="work_group"),
    read=read,
)
