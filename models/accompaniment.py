"""Accompaniment on held-out songs, through the deployed path: the daemon's engine in virtual time, a band, a generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Message, NoteOff, NoteOn
from livegen.core.parameters import Settings
from livegen.generators.band import Band
from livegen.generators.protocol import Generator
from livegen.runtime.midi_files import Performance
from livegen.runtime.simulation import Simulation
from models import metrics
from models.corpora.piece import Piece
from models.metrics import Chords, Melody, Sounding
from models.roles import cut

BEATS = 64
CORPORA = ("leadsheets", "pop909")
CHANNEL = 0
ARRANGER = "arranger"

MEASURES = (
    "onset-NiC",
    "NiC",
    "chord onset-NiC",
    "chord NiC",
    "coupling",
    "true-mismatched",
    "changes/bar",
    "on beat",
    "on downbeat",
    "size",
    "coverage",
)
"""What `measure` gives, in the order of the tables. The first two are of what sounds. The "chord" ones are of the chords as
planned or written, as if held: a pattern that strikes only the bass on the beat does not count against its chord there."""

MakeGenerator = Callable[[], Generator]


@dataclass(frozen=True, slots=True)
class Song:
    """The first `BEATS` beats of a held-out piece from a bar line on: `piece` begins there, at pulse 0."""

    name: str
    piece: Piece
    melody: Melody

    @property
    def frames(self) -> int:
        """Number of sixteenths."""
        return len(self.melody.begins)

    @property
    def bars(self) -> float:
        """Number of bars."""
        return self.frames * metrics.FRAME / (self.piece.beats_per_bar * PULSES_PER_BEAT)


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """What sounded in chords and bass, and the chords that were meant; positions in pulses of the song."""

    notes: tuple[Sounding, ...]
    chords: Chords


def opening(piece: Piece) -> Song:
    """A piece's first beats, from the bar line at or before its first melody note."""
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    start = piece.bar_offset + (piece.melody[0].onset - piece.bar_offset) // bar * bar
    part = cut(piece, start, start + BEATS * PULSES_PER_BEAT)
    last = max(note.onset + note.duration for note in part.melody)
    frames = min(BEATS * PULSES_PER_BEAT, last) // metrics.FRAME
    melody = metrics.melody_frames(((note.onset, note.pitch, note.duration) for note in part.melody), frames)
    return Song(f"{piece.corpus}/{piece.work}", part, melody)


def openings(pieces: Iterable[Piece]) -> list[Song]:
    """One song a work, of the corpora that have a written accompaniment."""
    first: dict[str, Piece] = {}
    for piece in pieces:
        if piece.corpus in CORPORA and piece.parts:
            first.setdefault(f"{piece.corpus}/{piece.work}", piece)
    return [opening(piece) for piece in first.values()]


def performance(piece: Piece) -> Performance:
    """The melody as the player plays it: on the beat, at the piece's tempo."""
    messages: list[tuple[Fraction, Message]] = []
    for note in piece.melody:
        messages.append((Fraction(note.onset), NoteOn(CHANNEL, note.pitch, note.velocity or 64)))
        messages.append((Fraction(note.onset + note.duration), NoteOff(CHANNEL, note.pitch)))
    # What ends at a pulse ends before what begins there, or a repeated note would be cut off.
    messages.sort(key=lambda item: (item[0], isinstance(item[1], NoteOn)))
    tempo = min(300.0, max(20.0, piece.tempo_bpm))
    return Performance(tuple(messages), ((Fraction(0), tempo),), piece.beats_per_bar)


def played(song: Song, generator: Generator, settings: Settings, seed: int) -> Accompaniment:
    """Let a generator accompany a song; deterministic for the seed."""
    session = Simulation(performance(song.piece), settings, Band(generator), seed).run()
    notes = [note for part in (Part.CHORDS, Part.BASS) for note in _notes(session.tracks.get(part, []))]
    chords = [(plan.window, plan.window + plan.hop, plan.chord) for plan in session.plans if plan.chord is not None]
    return Accompaniment(tuple(notes), chords)


def _notes(track: Sequence[tuple[Fraction, Message]]) -> Iterable[Sounding]:
    """Note-ons paired with the note-offs after them; the engine releases everything that it starts."""
    begun: dict[int, Fraction] = {}
    for pulse, message in track:
        if isinstance(message, NoteOn):
            begun[message.pitch] = pulse
        elif isinstance(message, NoteOff) and message.pitch in begun:
            onset = begun.pop(message.pitch)
            yield float(onset), message.pitch, float(pulse - onset)


def written(song: Song) -> Accompaniment:
    """What the arranger wrote."""
    notes = [note for part in (Part.CHORDS, Part.BASS) for note in song.piece.parts.get(part, ())]
    chords = tuple((span.start, span.end, span.symbol) for span in song.piece.chords)
    return Accompaniment(tuple((note.onset, note.pitch, note.duration) for note in notes), chords)


def measure(song: Song, accompaniment: Accompaniment, others: Sequence[Melody]) -> dict[str, float]:
    """All `MEASURES` of one song; NaN where a song says nothing."""
    harmony = metrics.harmony_frames(accompaniment.notes, song.frames)
    meant = metrics.chord_frames(accompaniment.chords, song.frames)
    bar = song.piece.beats_per_bar * PULSES_PER_BEAT
    changes = [pulse for pulse in metrics.changes(accompaniment.chords) if pulse < song.frames * metrics.FRAME]
    values = (
        metrics.onset_nic(song.melody, harmony),
        metrics.nic(song.melody, harmony),
        metrics.onset_nic(song.melody, meant),
        metrics.nic(song.melody, meant),
        metrics.coupling(song.melody, harmony, 2 * bar // metrics.FRAME),
        metrics.against_others(song.melody, harmony, others),
        len(changes) / song.bars,
        metrics.share_on(changes, PULSES_PER_BEAT),
        metrics.share_on(changes, bar),
        metrics.mean_size(harmony),
        metrics.coverage(song.melody, harmony),
    )
    return dict(zip(MEASURES, values, strict=True))


def evaluate(
    songs: Sequence[Song],
    systems: Mapping[str, MakeGenerator],
    settings: Settings,
    seed: int,
    progress: Callable[[int, str], object],
) -> dict[str, list[dict[str, float]]]:
    """Measures by system, `ARRANGER` included, and song in the order of `songs`.

    Each song meets a generator that has heard nothing. `progress` is given the songs done and the next one's name.
    """
    table: dict[str, list[dict[str, float]]] = {name: [] for name in (*systems, ARRANGER)}
    for index, song in enumerate(songs):
        progress(index, song.name)
        others = [other.melody for other in songs if other is not song and other.piece.corpus == song.piece.corpus]
        for name, make in systems.items():
            table[name].append(measure(song, played(song, make(), settings, seed), others))
        table[ARRANGER].append(measure(song, written(song), others))
    return table
