"""Standard MIDI files in and out: a player's performance, and a session with one track a part."""

from __future__ import annotations

import io
import re
import stat
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import mido

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Message, NoteOn, encode, parse

PROGRAMS: dict[str, int] = {"player": 0, Part.LEAD.label: 11, Part.CHORDS.label: 0, Part.BASS.label: 33}
"""General MIDI programs 0..127 that make a written session pleasant to hear."""

DRUM_CHANNEL = 9
"""Channel 0..15 that General MIDI keeps for drums."""

MAX_FILE_BYTES = 16 * 1024 * 1024
"""The longest file that is read; a night of dense playing is shorter."""

MAX_BEATS = 20_000
"""The longest performance, in quarters: nearly three hours at 120 beats a minute."""

_ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{4096}")
"""A number of variable length has four bytes at most; one of thousands, which takes mido hours, is no accident."""

Track = Sequence[tuple[Fraction, Message]]
"""Messages by position in pulses, ascending."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What a player does, on the beat grid.

    Attributes:
        messages: the player's messages with their positions in pulses (24 to the quarter), ascending.
        tempi: position and beats a minute, ascending, the first at 0.
        beats_per_bar: 1..12.
        ticks_per_beat: resolution of the file that it came from.
    """

    messages: tuple[tuple[Fraction, Message], ...]
    tempi: tuple[tuple[Fraction, float], ...] = ((Fraction(0), 120.0),)
    beats_per_bar: int = 4
    ticks_per_beat: int = 480

    @property
    def end(self) -> Fraction:
        """Position of the last message."""
        return self.messages[-1][0] if self.messages else Fraction(0)


def read_performance(path: Path, bpm: float | None = None) -> Performance:
    """Read a file as the player: all tracks together, drums left out.

    Args:
        path: a standard MIDI file, type 0 or 1.
        bpm: a constant tempo instead of the file's own.

    Raises:
        InputError: the file is missing, is not a MIDI file, is in SMPTE time, holds no note or is too long, or `bpm` is not in
            20..300; the text says which.
    """
    if bpm is not None and not 20 <= bpm <= 300:
        raise InputError(f"a tempo of {bpm:g} bpm is not in 20..300")
    file = _open(path)
    if file.type == 2 or not 0 < file.ticks_per_beat < 1 << 15:
        raise InputError(f"{path}: only MIDI files of type 0 and 1 in beats can be played, save it as one of those")
    messages: list[tuple[Fraction, Message]] = []
    tempi: list[tuple[Fraction, float]] = []
    beats_per_bar: int | None = None
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            pulse = Fraction(tick * PULSES_PER_BEAT, file.ticks_per_beat)
            if message.type == "set_tempo" and message.tempo:
                tempi.append((pulse, min(300.0, max(20.0, mido.tempo2bpm(message.tempo)))))
            elif message.type == "time_signature" and beats_per_bar is None:
                beats_per_bar = min(12, max(1, round(4 * message.numerator / message.denominator)))
            elif not message.is_meta and getattr(message, "channel", DRUM_CHANNEL) != DRUM_CHANNEL:
                messages.append((pulse, parse(bytes(message.bytes()))))
    if not any(isinstance(message, NoteOn) for _, message in messages):
        raise InputError(f"{path}: there is no note in it")
    messages.sort(key=lambda item: item[0])
    if messages[-1][0] > MAX_BEATS * PULSES_PER_BEAT:
        raise InputError(f"{path}: lasts more than {MAX_BEATS} beats: cut it, or look for a wrong time in it")
    tempi.sort(key=lambda item: item[0])
    if bpm is not None:
        tempi = [(Fraction(0), bpm)]
    elif not tempi or tempi[0][0] > 0:
        tempi.insert(0, (Fraction(0), 120.0))
    return Performance(tuple(messages), tuple(tempi), beats_per_bar or 4, file.ticks_per_beat)


def _open(path: Path) -> mido.MidiFile:
    try:
        return mido.MidiFile(file=io.BytesIO(_data(path)), clip=True)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError, LookupError, TypeError, struct.error, mido.KeySignatureError) as error:
        raise InputError(f"{path}: not a MIDI file that can be read: {error or type(error).__name__}") from error


def _data(path: Path) -> bytes:
    """All of a file that can be parsed in a time that somebody waits for.

    Raises:
        OSError: it is no file (a pipe could wait, a device could go on, for ever), or cannot be read.
        ValueError: it is too long, or made to keep us busy.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no file")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
    if _ENDLESS_NUMBER.search(data):
        raise ValueError("it holds a number of thousands of bytes")
    return data


def write_session(path: Path, tracks: Mapping[str, Track], performance: Performance) -> None:
    """Write a session: a track of tempo and metre, then one a name, in the performance's ticks.

    Args:
        path: file to write.
        tracks: name and messages; `player` first.
        performance: whose tempo, metre and resolution hold.

    Raises:
        InputError: the file cannot be written.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=performance.ticks_per_beat)
    file.tracks.append(_conductor(performance))
    for name, messages in tracks.items():
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.extend(_program(name, messages))
        last = 0
        for pulse, message in sorted(messages, key=lambda item: item[0]):
            tick = max(last, round(pulse * performance.ticks_per_beat / PULSES_PER_BEAT))
            track.append(mido.Message.from_bytes(encode(message), time=tick - last))
            last = tick
        file.tracks.append(track)
    try:
        file.save(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error


def _conductor(performance: Performance) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=performance.beats_per_bar, denominator=4)])
    last = 0
    for pulse, bpm in performance.tempi:
        tick = round(pulse * performance.ticks_per_beat / PULSES_PER_BEAT)
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm), time=tick - last))
        last = tick
    return track


def _program(name: str, messages: Track) -> list[mido.Message]:
    channels = sorted({message.channel for _, message in messages if hasattr(message, "channel")})
    if name not in PROGRAMS or not channels:
        return []
    return [mido.Message("program_change", channel=channels[0], program=PROGRAMS[name])]
