"""POP909: pop songs with the melody, a played piano accompaniment, and beats, chords and keys by time.

Each song is a folder: NNN/NNN.mid with tracks MELODY, BRIDGE and PIANO, `beat_midi.txt` (seconds, downbeat flag of the half bar
or of the simple metre, downbeat flag of the bar), `chord_midi.txt` and, for most, `key_audio.txt` (begin, end, label).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.harmony import ChordSymbol
from models.corpora.bars import cut, steady_sections
from models.corpora.chords import merged, parse_harte
from models.corpora.midi_file import MidiScore, RawNote, read_midi, sustained
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, long_enough, require_melody
from models.corpora.texture import one_keyboard, skyline, split_bass

_FAR = 4096
"""Beats by which the grid is carried on before its first and after its last beat."""

_LONGEST_RING = 4
"""Quarters that the pedal may let a note sound."""


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """Beats by time.

    Attributes:
        seconds: times of the beats, ascending.
        downbeats: numbers of the beats that begin a bar.
        beats_per_bar: the commonest distance of downbeats.
    """

    seconds: npt.NDArray[np.float64]
    downbeats: tuple[int, ...]
    beats_per_bar: int

    @property
    def tempo_bpm(self) -> float:
        """Median tempo, in beats a minute."""
        return 60.0 / float(np.median(np.diff(self.seconds)))

    def pulses(self, seconds: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Times as pulses, 0 at the first beat, linear between beats, at the median tempo outside them."""
        step = 60.0 / self.tempo_bpm
        last = len(self.seconds) - 1
        times = np.concatenate([[self.seconds[0] - _FAR * step], self.seconds, [self.seconds[-1] + _FAR * step]])
        beats = np.concatenate([[-_FAR], np.arange(last + 1), [last + _FAR]])
        at: npt.NDArray[np.float64] = np.interp(np.asarray(seconds, dtype=np.float64), times, beats)
        return np.rint(at * PULSES_PER_BEAT).astype(np.int64)


def read_beats(path: Path) -> BeatGrid:
    """Reads `beat_midi.txt`.

    Bars of six rows are two bars of a simple 3/4: the first flag is set on every third row.

    Raises:
        QuarantinedError: the table is damaged, its times don't ascend, or it has no metre.
    """
    rows = _table(path, 3)
    try:
        table = np.asarray([[float(cell) for cell in row] for row in rows])
    except ValueError as error:
        raise QuarantinedError(f"damaged beat table: {error}") from error
    if len(table) < 16 or np.any(np.diff(table[:, 0]) <= 0):
        raise QuarantinedError("beat times are too few or don't ascend")
    bar = np.flatnonzero(table[:, 2])
    half = np.flatnonzero(table[:, 1])
    if len(bar) < 2 or len(half) < 2:
        raise QuarantinedError("no downbeats are marked")
    beats_per_bar = _commonest_step(bar)
    if beats_per_bar == 6 and _commonest_step(half) == 3:
        bar, beats_per_bar = half, 3
    if not 2 <= beats_per_bar <= 12:
        raise QuarantinedError(f"odd metre: {beats_per_bar} beats in a bar")
    return BeatGrid(table[:, 0], tuple(int(beat) for beat in bar), beats_per_bar)


def read(work: Work) -> Reading:
    """The song, cut where its bar lines jump (many songs hold single bars of two beats)."""
    grid = read_beats(work.path / "beat_midi.txt")
    score = read_midi(work.path / f"{work.path.name}.mid")
    tracks = {track.name.upper(): track for track in score.tracks}
    if "MELODY" not in tracks or "PIANO" not in tracks:
        raise QuarantinedError("no MELODY or no PIANO track")
    melody = _on_grid(score, tracks["MELODY"].notes, grid)
    piano = _on_grid(score, sustained(tracks["PIANO"], _LONGEST_RING * score.ticks_per_quarter), grid)
    require_melody(melody)
    # Notes before the first marked beat: the grid is moved by whole bars, so that all pulses are 0 or more.
    bar_pulses = grid.beats_per_bar * PULSES_PER_BEAT
    earliest = min(note.onset for note in (*melody, *piano))
    shift = -(min(0, earliest) // bar_pulses) * bar_pulses
    melody, piano = _shifted(melody, shift), _shifted(piano, shift)
    bass, chords = split_bass(one_keyboard(piano))
    end = max(note.onset + note.duration for note in (*melody, *piano))
    whole = Piece(
        corpus="pop909",
        work=work.group,
        style="pop",
        tempo_bpm=grid.tempo_bpm,
        beats_per_bar=grid.beats_per_bar,
        bar_offset=0,
        melody=skyline(melody),
        parts={Part.CHORDS: chords, Part.BASS: bass},
        chords=_read_chords(work.path / "chord_midi.txt", grid, shift),
        key=_read_key(work.path / "key_audio.txt"),
    )
    downbeats = [beat * PULSES_PER_BEAT + shift for beat in grid.downbeats]
    return long_enough(cut(whole, section) for section in steady_sections(downbeats, bar_pulses, end))


def _works(folder: Path) -> list[Work]:
    return [Work(path.parent, path.parent.name) for path in sorted(folder.glob("*/*.mid")) if path.stem == path.parent.name]


def _on_grid(score: MidiScore, notes: Iterable[RawNote], grid: BeatGrid) -> tuple[PieceNote, ...]:
    raw = list(notes)
    ticks = np.asarray([(note.onset, note.onset + note.duration) for note in raw]).reshape(-1, 2)
    pulses = grid.pulses(score.seconds(ticks))
    return tuple(
        sorted(
            PieceNote(int(onset), note.pitch, max(1, int(end - onset)), note.velocity)
            for note, (onset, end) in zip(raw, pulses, strict=True)
        )
    )


def _shifted(notes: Iterable[PieceNote], shift: int) -> tuple[PieceNote, ...]:
    return tuple(PieceNote(note.onset + shift, note.pitch, note.duration, note.velocity) for note in notes)


def _read_chords(path: Path, grid: BeatGrid, shift: int) -> tuple[ChordSpan, ...]:
    """The chord table on the beats: its times are beat times, up to rounding."""
    spans = []
    for begin, end, label in _table(path, 3):
        pulses = grid.pulses([float(begin), float(end)]) + shift
        start, stop = (round(int(pulse) / PULSES_PER_BEAT) * PULSES_PER_BEAT for pulse in pulses)
        spans.append(ChordSpan(max(0, start), max(0, stop), parse_harte(label)))
    return merged(spans)


def _read_key(path: Path) -> ChordSymbol | None:
    """The key that holds longest, as its tonic triad; None without the table."""
    if not path.is_file():
        return None
    lengths: Counter[ChordSymbol] = Counter()
    for begin, end, label in _table(path, 3):
        lengths[parse_harte(label)] += round(1000 * (float(end) - float(begin)))
    return lengths.most_common(1)[0][0] if lengths else None


def _table(path: Path, columns: int) -> list[list[str]]:
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise QuarantinedError(f"missing table: {path.name}") from error
    if any(len(row) != columns for row in rows):
        raise QuarantinedError(f"damaged table: {path.name}")
    return rows


def _commonest_step(beats: npt.NDArray[np.int64]) -> int:
    return Counter(int(later - earlier) for earlier, later in pairwise(beats)).most_common(1)[0][0]


CORPUS = Corpus(
    name="pop909",
    style="pop",
    home="https://github.com/music-x-lab/POP909-Dataset",
    licence="MIT",
    works=_works,
    read=read,
)
