"""Who plays what in a file of many tracks: drums, bass, the line that the others accompany, and the others."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from livegen.core.events import Part
from models.corpora.midi_file import MidiScore, RawNote
from models.corpora.piece import Piece, PieceNote
from models.corpora.source import QuarantinedError
from models.corpora.stretches import SCORE_QUALITIES, Label, Stretch, piece_of
from models.corpora.texture import one_keyboard, skyline, split_bass, split_top

DRUM_CHANNEL = 9
"""Channel 10 as musicians count: percussion in General MIDI."""

BASS_PROGRAMS = range(32, 40)
_PADS_AND_EFFECTS = range(88, 104)
_SOLO_PROGRAMS = frozenset((*range(40, 43), *range(56, 88)))
"""Bowed strings, brass, reeds, pipes, synthesizer leads: they play lines."""

_TIMPANI = 47

_UNPITCHED = range(112, 128)
"""Percussion and noises on other channels than the drums'."""

_LEAD_NAME = re.compile(r"melod|lead|vocal|voice|voc\b|solo|sing|canto|gesang|sopran|chant|theme", re.IGNORECASE)
_ACCOMPANIMENT_NAME = re.compile(
    r"chord|pad\b|rhy?th?m|harmon|accomp|strings?\b|arp|choir|backing|begleit|left|lower|down", re.IGNORECASE
)
_BASS_NAME = re.compile(
    r"\b(contra|slap|synth|pick(ed)?|finger(ed)?|e)?-? ?bass(?!o|[- ]?(drum|clar))|\bbase\b|\bbasu", re.IGNORECASE
)
_DRUM_NAME = re.compile(r"drum|percus|\bkit\b|cymbal|snare|kick|hi-?hat", re.IGNORECASE)

_BASS_MEAN_PITCH = 50
"""A line of lower mean pitch (D3) may be a bass if nothing else says so."""

_BASS_ALONE = 0.7
"""`Voice.alone` from which a voice is line enough for that."""

_LEAST_SCORE = 0.25
"""A voice that scores less does not carry the melody where the first one rests."""

_REST_BARS = 2
"""For so long the melody must rest before another voice may have it."""

_DOUBLING = 0.7
"""Share of the notes that are also the melody's from which a line doubles it."""

_LEAST_DYNAMICS = 8
"""A voice with fewer different velocities was written, not played: they say nothing."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What one track plays on one channel; `program` is 0..127, or None where the file sets none."""

    name: str
    channel: int
    program: int | None
    notes: tuple[RawNote, ...]

    @property
    def mean_pitch(self) -> float:
        """Mean over the notes."""
        return sum(note.pitch for note in self.notes) / len(self.notes)

    @property
    def dynamics(self) -> bool:
        """Whether the velocities were played."""
        return len({note.velocity for note in self.notes}) >= _LEAST_DYNAMICS

    @property
    def alone(self) -> float:
        """Share of the onsets at which one note begins and at most a short overlap is left of those before: 1 for a line."""
        if not self.notes:
            return 0.0
        groups = [list(group) for _, group in groupby(self.notes, key=lambda note: note.onset)]
        single = [
            len(group) == 1 and before[0].onset + before[0].duration - group[0].onset <= before[0].duration // 3
            for before, group in pairwise(groups)
        ]
        return (sum(single) + (len(groups[0]) == 1)) / len(groups)


def voices_of(score: MidiScore) -> list[Voice]:
    """The voices of a file, by track and channel, without those that play nothing."""
    everywhere: dict[int, int] = {}
    for track in score.tracks:
        for channel, program in track.programs:
            everywhere.setdefault(channel, program)
    voices = []
    for track in score.tracks:
        own = dict(track.programs)
        for channel in sorted({note.channel for note in track.notes}):
            notes = tuple(note for note in track.notes if note.channel == channel)
            voices.append(Voice(track.name, channel, own.get(channel, everywhere.get(channel)), notes))
    return voices


@dataclass(frozen=True, slots=True)
class Roles:
    """Voices by what they do: `melody` in the order in which they may carry it, the first wherever it plays."""

    melody: tuple[Voice, ...]
    chords: tuple[Voice, ...]
    bass: tuple[Voice, ...]
    drums: tuple[Voice, ...]


def divide(voices: Sequence[Voice]) -> Roles:
    """Tells drums by channel and name, basses by program, name and pitch, the melody by `melody_score`.

    Raises:
        QuarantinedError: nothing is left that could be a melody.
    """
    drums = [voice for voice in voices if voice.channel == DRUM_CHANNEL or _is_percussion(voice)]
    pitched = [voice for voice in voices if voice not in drums and voice.program not in _UNPITCHED]
    basses = [voice for voice in pitched if voice.program in BASS_PROGRAMS or _BASS_NAME.search(voice.name)]
    if len(basses) == len(pitched):
        basses = []
    if not basses:
        lines = [voice for voice in pitched if voice.alone >= _BASS_ALONE and voice.program != _TIMPANI]
        low = [voice for voice in lines if voice.mean_pitch < _BASS_MEAN_PITCH]
        if low and len(pitched) > 1:
            basses = [min(low, key=lambda voice: voice.mean_pitch)]
    others = [voice for voice in pitched if voice not in basses]
    if not others:
        raise QuarantinedError("no melody: only drums and basses")
    top = max(voice.mean_pitch for voice in others)
    scores = [melody_score(voice, top, others) for voice in others]
    order = sorted(range(len(others)), key=lambda index: -scores[index])
    melody = [others[index] for index in order if index == order[0] or scores[index] > _LEAST_SCORE]
    chords = [voice for voice in others if voice not in melody]
    return Roles(tuple(melody), tuple(chords), tuple(basses), tuple(voice for voice in drums if voice.channel == DRUM_CHANNEL))


def melody_score(voice: Voice, top: float, others: Sequence[Voice]) -> float:
    """How much a voice is like a melody: a line, high, busy but not too busy, of many pitches and lengths, so called.

    Args:
        voice: who is asked about.
        top: mean pitch of the highest of `others`.
        others: all voices that it competes with.
    """
    most = max(len(other.notes) for other in others)
    variety = _entropy(note.pitch for note in voice.notes)
    score = 2.0 * voice.alone - 1.0
    score += 0.6 * min(1.0, variety / 2.5) - 0.3
    score -= 0.04 * (top - voice.mean_pitch)
    score += 0.5 * math.sqrt(len(voice.notes) / most) - 0.25
    # An ostinato says the same bar again and again; a melody does so less.
    score -= 0.5 * _repetition(voice)
    score += 0.5 * (voice.program in _SOLO_PROGRAMS) - 0.4 * (voice.program in _PADS_AND_EFFECTS)
    score += 1.5 * bool(_LEAD_NAME.search(voice.name)) - 0.7 * bool(_ACCOMPANIMENT_NAME.search(voice.name))
    return score


def ensemble_piece(
    label: Label,
    score: MidiScore,
    roles: Roles,
    stretch: Stretch,
    *,
    pickups: bool = True,
    qualities: tuple[str, ...] = SCORE_QUALITIES,
) -> Piece:
    """A stretch of a work for several players."""
    lines = [skyline_and_rest(stretch.notes(score, voice.notes, dynamics=voice.dynamics)) for voice in roles.melody]
    melody, inner = relay(lines, stretch.metre.bar_pulses)
    inner += [note for voice in roles.chords for note in stretch.notes(score, voice.notes, dynamics=voice.dynamics)]
    bass, above = split_bass(
        one_keyboard([note for voice in roles.bass for note in stretch.notes(score, voice.notes, dynamics=voice.dynamics)]),
        ceiling=128,
    )
    chords = one_keyboard((*inner, *above))
    if not bass:
        bass, chords = split_bass(chords)
    drums = one_keyboard([note for voice in roles.drums for note in stretch.notes(score, voice.notes, dynamics=voice.dynamics)])
    parts = {Part.CHORDS: chords, Part.BASS: bass, Part.DRUMS: drums}
    harmony = (*melody, *chords, *bass) if chords or bass else ()
    return piece_of(label, score, stretch, melody, parts, harmony=harmony, pickups=pickups, qualities=qualities)


def skyline_and_rest(notes: Sequence[PieceNote]) -> tuple[tuple[PieceNote, ...], list[PieceNote]]:
    """(line, rest) of a voice that may play chords here and there."""
    notes = one_keyboard(notes)
    line = skyline(notes)
    if len(line) == len(notes):
        return line, []
    top, rest = split_top(notes)
    return top, list(rest)


def relay(
    lines: Sequence[tuple[tuple[PieceNote, ...], list[PieceNote]]], bar_pulses: int
) -> tuple[tuple[PieceNote, ...], list[PieceNote]]:
    """(melody, rest): the first line; where it rests for two bars or more, the next that plays there, and so on.

    What a line plays while it only doubles the melody, in unison or octaves, is left out: it is no answer to a player.

    Args:
        lines: (line, what else the voice plays) in the order in which they may carry the melody.
        bar_pulses: length of a bar.
    """
    melody: list[PieceNote] = []
    rest: list[PieceNote] = []
    for line, beside in lines:
        rest += beside
        busy = _busy_bars(melody, bar_pulses)
        below = [note for note in line if busy.intersection(_bars(note, bar_pulses))]
        struck = {(note.onset, note.pitch % 12) for note in melody}
        doubles = sum((note.onset, note.pitch % 12) in struck for note in below)
        if doubles < _DOUBLING * len(below):
            rest += below
        melody = sorted({*melody, *line}.difference(below))
    return tuple(melody), rest


def _busy_bars(melody: Iterable[PieceNote], bar_pulses: int) -> set[int]:
    """Bars in which the melody sounds, and rests between them that are too short to hand it over."""
    busy = {bar for note in melody for bar in _bars(note, bar_pulses)}
    for before, after in pairwise(sorted(busy)):
        if after - before <= _REST_BARS:
            busy.update(range(before, after))
    return busy


def _bars(note: PieceNote, bar_pulses: int) -> range:
    return range(note.onset // bar_pulses, (note.onset + note.duration - 1) // bar_pulses + 1)


def _is_percussion(voice: Voice) -> bool:
    return bool(_DRUM_NAME.search(voice.name)) and voice.program in _UNPITCHED


def _entropy(values: Iterable[int]) -> float:
    """Bits."""
    counts = Counter(values)
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def _repetition(voice: Voice) -> float:
    """Share of the three-note figures (pitches) that are among the voice's four commonest."""
    pitches = [note.pitch for note in voice.notes]
    figures = Counter(zip(pitches, pitches[1:], pitches[2:], strict=False))
    return sum(count for _, count in figures.most_common(4)) / figures.total() if figures else 1.0
