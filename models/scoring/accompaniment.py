"""Accompaniment on held-out songs, through the deployed path: the daemon's engine in virtual time, a band, a generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Message, NoteOff, NoteOn
from livegen.core.parameters import Settings
from livegen.generators.band import Band
from livegen.generators.protocol import Generator
from livegen.runtime.midi_files import Performance
from livegen.runtime.simulation import Session, Simulation
from models.corpora.piece import Piece
from models.pool import Progress, each
from models.scoring import metrics
from models.scoring.metrics import Chords, Melody, Sounding
from models.takes.roles import cut

BEATS = 64
CORPORA = ("leadsheets", "pop909")
CHANNEL = 0
ARRANGER = "arranger"
RIDGE = "ridge"
HARMONY = (Part.CHORDS, Part.BASS)

SONG_MEASURES = (
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

LENGTH_ENTROPY = "length entropy"
MEASURES = (*SONG_MEASURES, LENGTH_ENTROPY)
"""What `findings` gives: means over songs, and the entropy of the chord lengths of all songs together, in nats."""


@dataclass(frozen=True, slots=True)
class Song:
    """A melody to accompany, from pulse 0: mostly the first `BEATS` beats of a held-out piece from a bar line on."""

    name: str
    piece: Piece
    melody: Melody

    @property
    def frames(self) -> int:
        """Number of sixteenths."""
        return len(self.melody.begins)

    @property
    def bar(self) -> int:
        """Pulses of a bar."""
        return self.piece.beats_per_bar * PULSES_PER_BEAT

    @property
    def bars(self) -> float:
        """Number of bars."""
        return self.frames * metrics.FRAME / self.bar


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """What sounded in chords and bass, and the chords that were meant; positions in pulses of the song."""

    notes: tuple[Sounding, ...]
    chords: Chords


@dataclass(frozen=True, slots=True)
class Scores:
    """One song, accompanied: `SONG_MEASURES` by name, NaN where a song says nothing, and chord lengths in sixteenths."""

    values: Mapping[str, float]
    lengths: tuple[int, ...]


MakeGenerator = Callable[[Song], Generator]
"""Gives a generator that has heard nothing, for a song; a rule that sees the future needs to know which."""

Systems = Mapping[str, MakeGenerator]
"""Who accompanies, by name. What is played in several processes must pickle."""

Interval = list[float]
"""A value and its 95 % interval: [value, low, high]."""


def opening(piece: Piece) -> Song:
    """A piece's first beats, from the bar line at or before its first melody note."""
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    start = piece.bar_offset + (piece.melody[0].onset - piece.bar_offset) // bar * bar
    return song_of(cut(piece, start, start + BEATS * PULSES_PER_BEAT))


def song_of(piece: Piece, name: str = "") -> Song:
    """A piece that begins at pulse 0, up to its last melody note or its first `BEATS` beats."""
    last = max(note.onset + note.duration for note in piece.melody)
    melody = metrics.melody_frames(((note.onset, note.pitch, note.duration) for note in piece.melody), last // metrics.FRAME)
    return Song(name or f"{piece.corpus}/{piece.work}", piece, melody)


def openings(pieces: Iterable[Piece]) -> list[Song]:
    """One song a work, of the corpora that have a written accompaniment."""
    first: dict[str, Piece] = {}
    for piece in pieces:
        if piece.corpus in CORPORA and piece.parts:
            first.setdefault(f"{piece.corpus}/{piece.work}", piece)
    return [opening(piece) for piece in first.values()]


def sampled(songs: Sequence[Song], limits: Mapping[str, int], seed: int) -> list[Song]:
    """At most so many songs of each corpus, drawn evenly, in their order; a corpus without a limit stays whole."""
    kept: set[int] = set()
    for corpus in dict.fromkeys(song.piece.corpus for song in songs):
        indices = [index for index, song in enumerate(songs) if song.piece.corpus == corpus]
        limit = limits.get(corpus, len(indices))
        kept.update(int(index) for index in np.random.default_rng(seed).permutation(indices)[:limit])
    return [song for index, song in enumerate(songs) if index in kept]


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
    return accompanied(performance(song.piece), generator, settings, seed)


def accompanied(player: Performance, generator: Generator, settings: Settings, seed: int) -> Accompaniment:
    """Let a generator accompany a performance, without the drummer, who hears nobody and is not scored."""
    without_drums = settings.with_changes({f"part/{Part.DRUMS.label}": False})[0]
    return heard_of(Simulation(player, without_drums, Band(generator), seed).run())


def heard_of(session: Session) -> Accompaniment:
    """What sounded and what was meant in a session."""
    notes = [note for part in HARMONY for note in notes_of(session, part)]
    chords = [(plan.window, plan.window + plan.hop, plan.chord) for plan in session.plans if plan.chord is not None]
    return Accompaniment(tuple(notes), chords)


def notes_of(session: Session, part: Part) -> Iterable[Sounding]:
    """Note-ons of a part paired with the note-offs after them; the engine releases everything that it starts."""
    begun: dict[int, Fraction] = {}
    for pulse, message in session.tracks.get(part, []):
        if isinstance(message, NoteOn):
            begun[message.pitch] = pulse
        elif isinstance(message, NoteOff) and message.pitch in begun:
            onset = begun.pop(message.pitch)
            yield float(onset), message.pitch, float(pulse - onset)


def written(song: Song) -> Accompaniment:
    """What the arranger wrote."""
    notes = [note for part in HARMONY for note in song.piece.parts.get(part, ())]
    chords = tuple((span.start, span.end, span.symbol) for span in song.piece.chords)
    return Accompaniment(tuple((note.onset, note.pitch, note.duration) for note in notes), chords)


def measure(song: Song, accompaniment: Accompaniment, others: Sequence[Melody]) -> Scores:
    """All measures of one song against its own melody and, for what is mismatched, those of others."""
    harmony = metrics.harmony_frames(accompaniment.notes, song.frames)
    meant = metrics.chord_frames(accompaniment.chords, song.frames)
    end = song.frames * metrics.FRAME
    changes = [pulse for pulse in metrics.changes(accompaniment.chords) if pulse < end]
    values = (
        metrics.onset_nic(song.melody, harmony),
        metrics.nic(song.melody, harmony),
        metrics.onset_nic(song.melody, meant),
        metrics.nic(song.melody, meant),
        metrics.coupling(song.melody, harmony, 2 * song.bar // metrics.FRAME),
        metrics.against_others(song.melody, harmony, others),
        len(changes) / song.bars,
        metrics.share_on(changes, PULSES_PER_BEAT),
        metrics.share_on(changes, song.bar),
        metrics.mean_size(harmony),
        metrics.coverage(song.melody, harmony),
    )
    lengths = metrics.chord_lengths(accompaniment.chords, end)
    return Scores(dict(zip(SONG_MEASURES, values, strict=True)), tuple(lengths))


def evaluate(
    songs: Sequence[Song], systems: Systems, settings: Settings, seed: int, progress: Progress, *, workers: int = 1
) -> dict[str, list[Scores]]:
    """Scores by system, `ARRANGER` included, and song in the order of `songs`.

    Each song meets a generator that has heard nothing. The result does not depend on `workers`.
    """
    table: dict[str, list[Scores]] = {name: [] for name in (*systems, ARRANGER)}
    heard = each(partial(_all_played, systems, settings, seed), songs, [song.name for song in songs], progress, workers)
    for song, by_system in zip(songs, heard, strict=True):
        others = [other.melody for other in songs if other is not song and other.piece.corpus == song.piece.corpus]
        for name, accompaniment in (by_system | {ARRANGER: written(song)}).items():
            table[name].append(measure(song, accompaniment, others))
    return table


def _all_played(systems: Systems, settings: Settings, seed: int, song: Song) -> dict[str, Accompaniment]:
    return {name: played(song, make(song), settings, seed) for name, make in systems.items()}


def findings(songs: Sequence[Song], table: Mapping[str, Sequence[Scores]], seed: int, reference: str = RIDGE) -> dict[str, Any]:
    """Means by corpus, and in all, with 95 % intervals over songs, and each system's difference to a reference.

    Returns:
        By corpus and "all": `songs`, `beats`, `systems` (by system and measure, an `Interval`), `reference`, and `difference`
        (the same; of the songs that say something of both, system minus reference), empty if the reference was not played.
    """
    found: dict[str, Any] = {}
    for corpus in [*dict.fromkeys(song.piece.corpus for song in songs), "all"]:
        chosen = [index for index, song in enumerate(songs) if corpus in (song.piece.corpus, "all")]
        rows = {system: [scores[index] for index in chosen] for system, scores in table.items()}
        found[corpus] = {
            "songs": len(chosen),
            "beats": BEATS,
            "systems": {system: _means(scores, seed) for system, scores in rows.items()},
            "reference": reference,
            "difference": {
                system: _differences(scores, rows[reference], seed)
                for system, scores in rows.items()
                if reference in rows and system != reference
            },
        }
    return found


def _means(scores: Sequence[Scores], seed: int) -> dict[str, Interval]:
    means = {name: interval_of([song.values[name] for song in scores], seed) for name in SONG_MEASURES}
    every = [length for song in scores for length in song.lengths]
    entropy = [metrics.length_entropy(every), *metrics.entropy_interval([song.lengths for song in scores], seed)]
    return means | {LENGTH_ENTROPY: entropy}


def _differences(scores: Sequence[Scores], reference: Sequence[Scores], seed: int) -> dict[str, Interval]:
    pairs = list(zip(scores, reference, strict=True))
    return {
        name: interval_of([ours.values[name] - theirs.values[name] for ours, theirs in pairs], seed) for name in SONG_MEASURES
    }


def interval_of(values: Sequence[float], seed: int) -> Interval:
    """The mean of what is not NaN, with its 95 % interval."""
    return [metrics.mean(values), *metrics.mean_interval(values, seed)]
