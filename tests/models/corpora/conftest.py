"""Tiny MIDI files, written by the tests that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import mido
import pytest

TICKS = 480

Notes = Iterable[tuple[float, int, float] | tuple[float, int, float, int]]
WriteMidi = Callable[..., Path]


def _track(name: str, notes: Notes, channel: int, pedal: Sequence[tuple[float, bool]]) -> mido.MidiTrack:
    timed: list[tuple[int, int, mido.Message]] = []
    for onset, pitch, duration, *rest in notes:
        velocity = rest[0] if rest else 80
        timed.append((round(onset * TICKS), 1, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)))
        timed.append((round((onset + duration) * TICKS), 0, mido.Message("note_off", note=pitch, channel=channel)))
    for at, down in pedal:
        message = mido.Message("control_change", control=64, value=127 if down else 0, channel=channel)
        timed.append((round(at * TICKS), 2, message))
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    for tick, _, message in sorted(timed, key=lambda entry: entry[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track


@pytest.fixture
def write_midi() -> WriteMidi:
    """Writes a file: `tracks` are (name, notes in quarters), `metres` and `tempi` are (quarter, value) changes."""

    def write(
        path: Path,
        tracks: Sequence[tuple[str, Notes]],
        *,
        metres: Sequence[tuple[float, tuple[int, int]]] = ((0, (4, 4)),),
        tempi: Sequence[tuple[float, float]] = ((0, 120.0),),
        pedal: Sequence[tuple[float, bool]] = (),
    ) -> Path:
        marks: list[tuple[int, mido.MetaMessage]] = [
            (round(at * TICKS), mido.MetaMessage("time_signature", numerator=above, denominator=below))
            for at, (above, below) in metres
        ]
        marks += [(round(at * TICKS), mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))) for at, bpm in tempi]
        conductor = mido.MidiTrack()
        now = 0
        for tick, message in sorted(marks, key=lambda entry: entry[0]):
            conductor.append(message.copy(time=tick - now))
            now = tick
        played = [_track(name, notes, channel, pedal) for channel, (name, notes) in enumerate(tracks)]
        path.parent.mkdir(parents=True, exist_ok=True)
        mido.MidiFile(ticks_per_beat=TICKS, tracks=[conductor, *played]).save(path)
        return path

    return write
