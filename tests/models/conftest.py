"""Tiny pieces and tiny corpora on disk for the training side."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import mido
import pytest

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.corpora.registry import split

TICKS = 480
BEAT = 24
BAR = 4 * BEAT
BEATS = 32

Notes = Sequence[tuple[int, int, int, int]]
"""Begin and length in beats at the ends, pitch and velocity between: (begin, pitch, velocity, length)."""


def melody_of(seed: int, beats: int = BEATS) -> list[int]:
    """A pitch a beat: the scale of C in an order of the seed's own."""
    return [60 + (0, 2, 4, 5, 7, 9, 11)[(beat * (1 + seed % 5) + beat // 3 * seed) % 7] for beat in range(beats)]


@pytest.fixture
def song() -> Piece:
    """Eight bars of quarters over C and F, two bars each, in four phrases, with block chords and a bass."""
    melody = tuple(PieceNote(beat * BEAT, pitch, BEAT, None) for beat, pitch in enumerate(melody_of(2)))
    spans = tuple(ChordSpan(at * 2 * BAR, (at + 1) * 2 * BAR, ChordSymbol((0, 5)[at % 2])) for at in range(4))
    chords = tuple(
        PieceNote(bar * BAR, pitch, BAR, 70) for bar in range(8) for pitch in ((48, 52, 55), (48, 53, 57))[bar // 2 % 2]
    )
    bass = tuple(PieceNote(bar * BAR, (36, 41)[bar // 2 % 2], BAR, 70) for bar in range(8))
    return Piece(
        "leadsheets", "a song", "jazz", 120.0, 4, 0, melody, {Part.CHORDS: chords, Part.BASS: bass}, spans,
        tuple(at * 2 * BAR for at in range(4)),
    )  # fmt: skip


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all corpora of the recipes; every part of the split holds works of the lead sheets and of POP909."""
    root = tmp_path_factory.mktemp("corpora")
    for corpus, write in (
        ("leadsheets", _leadsheet), ("pop909", _pop909), ("irish", _irish), ("mutopia", _mutopia), ("lieder", _lieder),
    ):  # fmt: skip
        (root / corpus).mkdir()
        for seed, name in enumerate(_names(corpus)):
            write(root / corpus, name, seed)
    _write_rows(
        root / "mutopia" / "index.csv",
        [{"file": path.name, "work_group": path.stem, "style": "SATB"} for path in (root / "mutopia").glob("*.mid")],
    )
    return root


def _names(corpus: str) -> list[str]:
    """Works of a corpus by the part that they fall into: three to train on, one to validate on, two to test on."""
    missing = [3, 1, 2]
    chosen = []
    for number in count():
        name = f"{number:03}"
        parts = split([Piece(corpus, name, "", 120.0, 4, 0, ())])
        (part,) = (index for index, pieces in enumerate(parts) if pieces)
        if missing[part]:
            missing[part] -= 1
            chosen.append(name)
        if not any(missing):
            return chosen
    raise AssertionError


def _leadsheet(folder: Path, name: str, seed: int) -> None:
    _write_midi(folder / f"{name}.mid", {"melody": _line(melody_of(seed))})
    chords = [(0, "0 4 7"), (8, "5 9 0"), (16, "7 11 2 5"), (24, "0 4 7")]
    _write_rows(
        folder / f"{name}.chords.csv",
        [
            {"start_beat": str(beat), "end_beat": str(beat + 8), "pitch_classes_root_first": pitches, "kind": ""}
            for beat, pitches in chords
        ],
    )


def _pop909(folder: Path, name: str, seed: int) -> None:
    piano = [(beat, pitch, 60, 2) for beat in range(0, BEATS, 2) for pitch in (40, 55, 60)]
    _write_midi(folder / name / f"{name}.mid", {"MELODY": _line(melody_of(seed)), "BRIDGE": [], "PIANO": piano})
    rows = [f"{beat * 0.5} {float(beat % 4 == 0)} {float(beat % 4 == 0)}" for beat in range(BEATS)]
    (folder / name / "beat_midi.txt").write_text("\n".join(rows))
    (folder / name / "chord_midi.txt").write_text(f"0 {BEATS / 2} C:maj\n")


def _irish(folder: Path, name: str, seed: int) -> None:
    accents = (105, 80, 95, 80)
    tune = [(beat, pitch, accents[beat % 4], length) for beat, pitch, _, length in _line(melody_of(seed))]
    _write_midi(folder / f"{name}.mid", {"tune": tune})


def _mutopia(folder: Path, name: str, seed: int) -> None:
    melody = melody_of(seed)
    voices = {str(lower): _line([pitch - lower for pitch in melody]) for lower in (0, 5, 12, 24)}
    _write_midi(folder / f"{name}.mid", voices)


def _lieder(folder: Path, name: str, seed: int) -> None:
    piano = [(beat, pitch, 60, 2) for beat in range(0, BEATS, 2) for pitch in (36, 48, 52, 55)]
    _write_midi(folder / f"{name}.mid", {"Gesang": _line(melody_of(seed)), "Klavier": piano})


def _line(pitches: Sequence[int]) -> Notes:
    """A note a beat, but every second bar ends with a long one, and with it a phrase."""
    return [(beat, pitch, 80, 1 + (beat % 8 == 6)) for beat, pitch in enumerate(pitches) if beat % 8 != 7]


def _write_midi(path: Path, tracks: dict[str, Notes]) -> None:
    conductor = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=4, denominator=4), mido.MetaMessage("set_tempo")])
    made = [mido.MidiTrack([mido.MetaMessage("track_name", name=name), *_messages(notes)]) for name, notes in tracks.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(ticks_per_beat=TICKS, tracks=[conductor, *made]).save(path)


def _messages(notes: Notes) -> Iterator[mido.Message]:
    timed = [(begin, 1, pitch, velocity) for begin, pitch, velocity, _ in notes]
    timed += [(begin + length, 0, pitch, 0) for begin, pitch, _, length in notes]
    now = 0
    for beat, _, pitch, velocity in sorted(timed):
        yield mido.Message("note_on", note=pitch, velocity=velocity, time=(beat - now) * TICKS)
        now = beat


def _write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
