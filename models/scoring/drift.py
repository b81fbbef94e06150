"""Ten minutes of continuous accompaniment with all parts: is the last minute as good as the first, and does it repeat itself?

The player plays held-out songs one after the other without a break, each in its own key, all at one tempo. The first songs come
back at the end. Every song is also accompanied alone, by the same system having heard nothing; so what a song is like cancels
out, and what is left is what the minutes before have done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.parameters import Settings
from livegen.generators.band import Band
from livegen.runtime.simulation import Simulation
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.pool import Progress, each
from models.scoring import accompaniment, metrics
from models.scoring.accompaniment import ARRANGER, HARMONY, Accompaniment, MakeGenerator, Song, Systems
from models.scoring.metrics import Melody, Sounding
from models.takes.roles import cut

TEMPO_BPM = 120.0
MINUTES = 10
BEATS_A_MINUTE = int(TEMPO_BPM)
SONG_BEATS = 60
BEATS_PER_BAR = 4
"""Only songs in four are played, so that the bar lines stay where they are."""
SONGS_A_MINUTE = BEATS_A_MINUTE // SONG_BEATS
MEDLEYS = 3

MEASURES = ("onset-NiC", "NiC", "coverage", "size", "changes/bar")
SONG_FRAMES = SONG_BEATS * PULSES_PER_BEAT // metrics.FRAME
BAR = BEATS_PER_BAR * PULSES_PER_BEAT
SONG_PULSES = SONG_BEATS * PULSES_PER_BEAT

Bar = frozenset[tuple[Part, int, int]]
"""What is struck in a bar: part, pulse in the bar, pitch."""


@dataclass(frozen=True, slots=True)
class Take:
    """A performance: what sounded by part, what was meant, and the songs in it."""

    notes: Mapping[Part, tuple[Sounding, ...]]
    heard: Accompaniment
    songs: tuple[Song, ...]


def medley(songs: Sequence[Song], seed: int, minutes: int = MINUTES) -> list[Song]:
    """Songs in four of `SONG_BEATS` beats at `TEMPO_BPM`, in an order of the seed's own; the last minute's are the first's.

    If there are too few they come again in other keys. Empty without any.
    """
    usable = [_trimmed(song) for song in songs if song.piece.beats_per_bar == BEATS_PER_BAR and song.bars * 4 >= SONG_BEATS]
    if not usable:
        return []
    rng = np.random.default_rng(seed)
    wanted, chosen = (minutes - 1) * SONGS_A_MINUTE, list[Song]()
    while len(chosen) < wanted:
        semitones = 0 if not chosen else int(rng.integers(-5, 7))
        order = rng.permutation(len(usable))[: wanted - len(chosen)]
        chosen += [_transposed(usable[index], semitones) for index in order]
    return [*chosen, *chosen[:SONGS_A_MINUTE]]


def _trimmed(song: Song) -> Song:
    piece = cut(song.piece, 0, SONG_PULSES)
    melody = metrics.melody_frames(((note.onset, note.pitch, note.duration) for note in piece.melody), SONG_FRAMES)
    return Song(song.name, replace(piece, tempo_bpm=TEMPO_BPM), melody)


def _transposed(song: Song, semitones: int) -> Song:
    def moved(notes: Sequence[PieceNote]) -> tuple[PieceNote, ...]:
        return tuple(replace(note, pitch=note.pitch + semitones) for note in notes if 0 <= note.pitch + semitones <= 127)

    piece = song.piece
    chords = tuple(replace(span, symbol=span.symbol.transposed(semitones)) for span in piece.chords)
    parts = {part: moved(notes) for part, notes in piece.parts.items()}
    return _trimmed(replace(song, piece=replace(piece, melody=moved(piece.melody), parts=parts, chords=chords)))


def joined(songs: Sequence[Song]) -> Song:
    """Songs one after the other as one."""

    def placed(notes: Sequence[PieceNote], index: int) -> list[PieceNote]:
        return [replace(note, onset=note.onset + index * SONG_PULSES) for note in notes]

    pieces = [song.piece for song in songs]
    melody = [note for index, piece in enumerate(pieces) for note in placed(piece.melody, index)]
    parts = {
        part: tuple(note for index, piece in enumerate(pieces) for note in placed(piece.parts.get(part, ()), index))
        for part in HARMONY
    }
    chords = [
        ChordSpan(span.start + index * SONG_PULSES, span.end + index * SONG_PULSES, span.symbol)
        for index, piece in enumerate(pieces)
        for span in piece.chords
    ]
    first = pieces[0]
    whole = Piece(
        first.corpus, "medley", first.style, TEMPO_BPM, BEATS_PER_BAR, 0, tuple(sorted(melody)), parts, tuple(chords),
    )  # fmt: skip
    return accompaniment.song_of(whole, "medley")


def ten_minutes(
    songs: Sequence[Song], systems: Systems, settings: Settings, seed: int, progress: Progress, *, workers: int = 1
) -> dict[str, Any]:
    """`MEDLEYS` performances of ten minutes by each system; the result does not depend on `workers`.

    Returns:
        `minutes`, `medleys`, `songs` (in a medley) and `systems`: by name the findings of `_findings`; `ARRANGER` is what was
        written. No systems if there are no songs in four.
    """
    medleys = [chosen for number in range(MEDLEYS) if (chosen := medley(songs, seed + number))]
    names = [f"medley {number + 1}" for number in range(len(medleys))]
    takes = each(partial(_play, systems, settings, seed), medleys, names, progress, workers)
    found = {
        name: _findings([by_system[name][0] for by_system in takes], [by_system[name][1] for by_system in takes], seed)
        for name in (*systems, ARRANGER)
        if takes
    }
    return {"minutes": MINUTES, "medleys": len(medleys), "songs": MINUTES * SONGS_A_MINUTE, "systems": found}


def _play(systems: Systems, settings: Settings, seed: int, chosen: list[Song]) -> dict[str, tuple[Take, list[Take]]]:
    """By system: the whole medley, and its songs alone."""
    takes = {
        name: (
            _take(joined(chosen), chosen, make, settings, seed),
            [_take(song, [song], make, settings, seed) for song in chosen],
        )
        for name, make in systems.items()
    }
    return takes | {ARRANGER: (_written(joined(chosen), chosen), [_written(song, [song]) for song in chosen])}


def _take(song: Song, parts: Sequence[Song], make: MakeGenerator, settings: Settings, seed: int) -> Take:
    session = Simulation(accompaniment.performance(song.piece), settings, Band(make(song)), seed).run()
    return Take(
        {part: tuple(accompaniment.notes_of(session, part)) for part in Part}, accompaniment.heard_of(session), tuple(parts)
    )


def _written(song: Song, parts: Sequence[Song]) -> Take:
    notes = {
        part: tuple((float(note.onset), note.pitch, float(note.duration)) for note in song.piece.parts.get(part, ()))
        for part in HARMONY
    }
    return Take(notes, accompaniment.written(song), tuple(parts))


def _findings(takes: Sequence[Take], alone: Sequence[Sequence[Take]], seed: int) -> dict[str, Any]:
    """What became of the minutes.

    Returns:
        `by minute`: measures, notes a beat by part and the greatest number of notes at once, a list each, over all medleys;
        `alone`: the measures of the same songs when nothing went before; `last - first`: of the minutes, which hold the same
        songs, [value, low, high] over songs; `last, from alone`: how far the last minute is from its songs alone; `repetition`.
    """
    in_take = np.array([[_measures(take, place) for place in range(len(take.songs))] for take in takes])
    on_their_own = np.array([[_measures(take, 0) for take in row] for row in alone])
    last, first = in_take[:, -SONGS_A_MINUTE:], in_take[:, :SONGS_A_MINUTE]
    return {
        "by minute": _by_minute(in_take) | _traffic(takes),
        "alone": _by_minute(on_their_own),
        "last - first": _differences(last, first, seed),
        "last, from alone": _differences(last, on_their_own[:, -SONGS_A_MINUTE:], seed),
        "repetition": repetition([bars_of(take) for take in takes]),
    }


def _measures(take: Take, place: int) -> list[float]:
    """`MEASURES` of the song at this place."""
    song, start = take.songs[place], place * SONG_PULSES
    inside = [(onset - start, pitch, length) for part in HARMONY for onset, pitch, length in take.notes.get(part, ())]
    # What began before the song and still sounds counts from its first frame on.
    cut_in = [(max(0.0, onset), pitch, length + min(0.0, onset)) for onset, pitch, length in inside if onset + length > 0]
    harmony = metrics.harmony_frames(cut_in, SONG_FRAMES)
    changes = [pulse for pulse in metrics.changes(take.heard.chords) if start <= pulse < start + SONG_PULSES]
    melody: Melody = song.melody
    return [
        metrics.onset_nic(melody, harmony),
        metrics.nic(melody, harmony),
        metrics.coverage(melody, harmony),
        metrics.mean_size(harmony),
        len(changes) * BEATS_PER_BAR / SONG_BEATS,
    ]


def _by_minute(values: npt.NDArray[np.float64]) -> dict[str, list[float]]:
    """[medleys, songs, measures] as a list of minutes by measure."""
    minutes = values.reshape(len(values), -1, SONGS_A_MINUTE, len(MEASURES))
    return {
        name: [metrics.mean(minutes[:, minute, :, index].ravel()) for minute in range(minutes.shape[1])]
        for index, name in enumerate(MEASURES)
    }


def _differences(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], seed: int) -> dict[str, list[float]]:
    return {
        name: accompaniment.interval_of((one[..., index] - other[..., index]).ravel().tolist(), seed)
        for index, name in enumerate(MEASURES)
    }


def _traffic(takes: Sequence[Take]) -> dict[str, list[float]]:
    """Notes a beat by part, and the most notes at once, by minute; the mean and the greatest of all takes."""
    minute = BEATS_A_MINUTE * PULSES_PER_BEAT
    found: dict[str, list[float]] = {}
    for part in sorted({part for take in takes for part, notes in take.notes.items() if notes}):
        onsets = np.array([onset for take in takes for onset, _, _ in take.notes.get(part, ())])
        counts = np.histogram(onsets, bins=MINUTES, range=(0, MINUTES * minute))[0]
        found[f"{part.label}/beat"] = [float(count) / len(takes) / BEATS_A_MINUTE for count in counts]
    found["most at once"] = [
        float(max(_most_at_once(take, at * minute, (at + 1) * minute) for take in takes)) for at in range(MINUTES)
    ]
    return found


def _most_at_once(take: Take, start: int, end: int) -> int:
    """Notes of all parts that sound at one moment, at the most."""
    sounding = [(onset, onset + length) for notes in take.notes.values() for onset, _, length in notes]
    inside = [(begin, stop) for begin, stop in sounding if begin < end and stop > start]
    steps = sorted([*((begin, 1) for begin, _ in inside), *((stop, -1) for _, stop in inside)])
    return int(np.cumsum([step for _, step in steps]).max(initial=0))


def bars_of(take: Take) -> list[Bar]:
    """What chords and bass strike in each bar."""
    bars: list[set[tuple[Part, int, int]]] = [set() for _ in range(len(take.songs) * SONG_PULSES // BAR)]
    for part in HARMONY:
        for onset, pitch, _ in take.notes.get(part, ()):
            place, pulse = divmod(round(onset), BAR)
            if 0 <= place < len(bars):
                bars[place].add((part, pulse, pitch))
    return [frozenset(bar) for bar in bars]


def repetition(takes: Sequence[Sequence[Bar]]) -> dict[str, float]:
    """The longest run of one bar, the share of bars that are the one before again, and the share of bars that are different.

    Silent bars repeat nothing.
    """
    runs = [(bar, sum(1 for _ in same)) for bars in takes for bar, same in groupby(bars)]
    lengths = [length for bar, length in runs if bar]
    played = sum(lengths)
    return {
        "longest run": float(max(lengths, default=0)),
        "like the one before": (played - len(lengths)) / played if played else np.nan,
        "different": sum(len({bar for bar in bars if bar}) for bars in takes) / played if played else np.nan,
    }
