"""Written scores of several kinds: keyboard on staves, a voice with piano, one line, an ensemble."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from livegen.core.events import Part
from models.corpora.lieder import voice_and_piano, voice_piece
from models.corpora.midi_file import MidiScore, Track, read_midi
from models.corpora.piece import Piece, PieceNote
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, long_enough, require_melody
from models.corpora.stretches import Label, Stretch, piece_of, stretches
from models.corpora.texture import BASS_CEILING, cut_keyboard, one_keyboard, skyline, split_bass
from models.corpora.voices import divide, ensemble_piece, voices_of

_KEYBOARD = re.compile(r"pian|keyboard|harpsi|clavi|klavi|organ|celesta", re.IGNORECASE)
_SONG = re.compile(r"voice|song", re.IGNORECASE)
_STYLES = (("Folk", "folk"), ("Hymn", "hymn"), ("Jazz", "jazz"))
_LINE = 0.9
"""Share of the onsets with one note from which a track by itself is a line and not a texture."""

_STAFF = re.compile(r"up|down|low|left|right|treble|bass|one|two|staff|\d", re.IGNORECASE)


def read(work: Work) -> Reading:
    """One piece for each stretch of one metre, cut as the score's kind asks."""
    score = read_midi(work.path)
    tracks = [track for track in score.tracks if track.notes]
    require_melody(note for track in tracks for note in track.notes)
    corpus = work.path.parent.name
    return long_enough(_pieces(Label(_NAMES.get(corpus, corpus), work.group, style_of(work.kind)), work.kind, score, tracks))


def style_of(kind: str) -> str:
    """The style of an entry of an index: "classical" unless it says something that has a style of its own."""
    first = kind.strip('" ').split(":", maxsplit=1)[0]
    named = next((style for begin, style in _STYLES if first.startswith(begin)), None)
    return named or ("song" if _SONG.search(kind) and _KEYBOARD.search(kind) else "classical")


def _pieces(label: Label, kind: str, score: MidiScore, tracks: Sequence[Track]) -> list[Piece]:
    pieces = stretches(score)
    if len(tracks) == 1:
        return [_one_track(label, score, tracks[0], stretch) for stretch in pieces]
    if label.style == "song":
        try:
            voice, keyboard = voice_and_piano(tracks)
        except QuarantinedError:
            pass  # Several voices: an ensemble like others.
        else:
            return [voice_piece(label, score, voice, keyboard, stretch) for stretch in pieces]
    elif _on_staves(kind, tracks):
        return [_keyboard(label, score, tracks, stretch) for stretch in pieces]
    roles = divide(voices_of(score))
    return [ensemble_piece(label, score, roles, stretch) for stretch in pieces]


def _on_staves(kind: str, tracks: Sequence[Track]) -> bool:
    """Whether all tracks are staves of one keyboard instrument."""
    if all(_KEYBOARD.search(track.name) for track in tracks):
        return True
    plain = all(_STAFF.search(track.name) or not track.name.strip(": ") for track in tracks)
    return bool(_KEYBOARD.search(kind)) and (len(tracks) == 2 or plain)


def _keyboard(label: Label, score: MidiScore, tracks: Sequence[Track], stretch: Stretch) -> Piece:
    """The tracks in two hands, parted halfway between the highest and the lowest of their mean pitches."""
    means = [sum(note.pitch for note in track.notes) / len(track.notes) for track in tracks]
    middle = (max(means) + min(means)) / 2
    hands: tuple[list[PieceNote], list[PieceNote]] = ([], [])
    for track, mean in zip(tracks, means, strict=True):
        hands[mean < middle].extend(stretch.notes(score, track.notes))
    return _cut(label, score, stretch, *hands)


def _one_track(label: Label, score: MidiScore, track: Track, stretch: Stretch) -> Piece:
    """A line is a melody; of a texture, as of a guitar, the top is, if it is not in the bass."""
    notes = stretch.notes(score, track.notes)
    line = skyline(notes)
    if len(line) >= _LINE * len(notes):
        return piece_of(label, score, stretch, line, {})
    return _cut(
        label,
        score,
        stretch,
        [note for note in notes if note.pitch >= BASS_CEILING],
        [note for note in notes if note.pitch < BASS_CEILING],
    )


def _cut(label: Label, score: MidiScore, stretch: Stretch, upper: Sequence[PieceNote], lower: Sequence[PieceNote]) -> Piece:
    melody, chords, bass = cut_keyboard(upper, lower)
    return piece_of(label, score, stretch, melody, {Part.CHORDS: chords, Part.BASS: bass}, harmony=(*melody, *chords, *bass))


def read_quartet(work: Work) -> Reading:
    """The first track is the melody, the last the bass, those between the chords."""
    score = read_midi(work.path)
    tracks = [track for track in score.tracks if track.notes]
    if len(tracks) != 4:
        raise QuarantinedError(f"not a quartet: {len(tracks)} parts")
    label = Label("quartets", work.group, "classical")
    return long_enough(_quartet(label, score, tracks, stretch) for stretch in stretches(score))


def _quartet(label: Label, score: MidiScore, tracks: Sequence[Track], stretch: Stretch) -> Piece:
    first, *inner, last = (stretch.notes(score, track.notes) for track in tracks)
    melody = skyline(first)
    chords = one_keyboard([note for notes in inner for note in notes])
    bass, above = split_bass(one_keyboard(last), ceiling=128)
    chords = one_keyboard((*chords, *above))
    return piece_of(label, score, stretch, melody, {Part.CHORDS: chords, Part.BASS: bass}, harmony=(*melody, *chords, *bass))


_works = partial(indexed_works, group_column="work_group")

POLISH = Corpus("polish", "classical", "https://github.com/pl-wnifc/humdrum-polish-scores", "CC BY 4.0", _works, read)
CHOPIN = Corpus("chopin", "classical", "https://github.com/pl-wnifc/humdrum-chopin-first-editions", "CC BY 4.0", _works, read)
MUTOPIA = Corpus(
    "mutopia-scores",
    "classical",
    "https://github.com/MutopiaProject/MutopiaProject",
    "public domain, CC BY",
    partial(_works, without_style="SATB"),
    read,
    folder="mutopia",
)
"""What is among Mutopia's files besides the settings for four voices."""

QUARTETS = Corpus("quartets", "classical", "https://github.com/OpenScore/StringQuartets", "CC0 1.0", _works, read_quartet)

_NAMES = {MUTOPIA.folder: MUTOPIA.name}
"""Corpora whose folder has another name."""
