"""Reading MIDI files: notes in ticks, metres and tempi, and the way from ticks to pulses on the beat grid."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from livegen.core.events import PULSES_PER_BEAT
from models.corpora.piece import PieceNote
from models.corpora.source import QuarantinedError

DEFAULT_TEMPO_US = 500_000
"""Microseconds per quarter where a file marks none: 120 quarters a minute."""

SUSTAIN_PEDAL = 64

LONGEST_QUARTERS = 1 << 17
"""No music is longer; damaged files are."""

_DENOMINATORS = (1, 2, 4, 8, 16, 32)
_MOST_UNITS = 64
"""What a metre may be made of."""


@dataclass(frozen=True, slots=True)
class RawNote:
    """A note as the file has it, in ticks."""

    onset: int
    pitch: int
    duration: int
    velocity: int
    channel: int


@dataclass(frozen=True, slots=True)
class Track:
    """One track.

    Attributes:
        name: as the file has it, or empty.
        notes: sorted by onset and pitch.
        pedal: (tick, is down) at each move of the sustain pedal.
        programs: (channel, program 0..127) of the first program change on each channel.
    """

    name: str
    notes: tuple[RawNote, ...]
    pedal: tuple[tuple[int, bool], ...] = ()
    programs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Metre:
    """A written time signature and the beat that it implies."""

    numerator: int
    denominator: int

    @property
    def is_compound(self) -> bool:
        """Whether three written units make one beat, as in 6/8, 9/8, 12/8 and 6/4."""
        return self.numerator > 3 and self.numerator % 3 == 0

    @property
    def beats_per_bar(self) -> int:
        """Beats in a bar, 1 or more."""
        return self.numerator // 3 if self.is_compound else self.numerator

    @property
    def pulses_per_quarter(self) -> int:
        """Pulses in a quarter note: 24 in 4/4, 16 in 6/8, 12 in 2/2."""
        return self.denominator * (2 if self.is_compound else 6)

    @property
    def bar_pulses(self) -> int:
        """Length of a bar in pulses."""
        return self.beats_per_bar * PULSES_PER_BEAT


@dataclass(frozen=True, slots=True)
class MidiScore:
    """A whole file.

    Attributes:
        ticks_per_quarter: resolution.
        tracks: in the order of the file, those without notes included.
        metres: (tick, metre) at each change, the first at tick 0; empty if the file marks none.
        tempi: (tick, microseconds per quarter) at each change, the first at tick 0.
        length: tick at which the last note ends.
        keys: (tick, sharps or minus flats) at each key signature, in order.
    """

    ticks_per_quarter: int
    tracks: tuple[Track, ...]
    metres: tuple[tuple[int, Metre], ...]
    tempi: tuple[tuple[int, int], ...]
    length: int
    keys: tuple[tuple[int, int], ...] = ()

    def fifths(self, tick: int) -> int | None:
        """Sharps, or minus flats, of the key signature that holds at `tick`.

        None where there is none, and where it is empty: most programs write that one without being asked.
        """
        return next((fifths for at, fifths in reversed(self.keys) if at <= tick), 0) or None

    def tempo_bpm(self, metre: Metre, start: int = 0, end: int | None = None) -> float:
        """Mean tempo from tick `start` to `end`, in beats of `metre` a minute."""
        end = self.length if end is None else end
        span = np.asarray([start, max(end, start + 1)], dtype=np.float64)
        seconds = float(np.diff(self.seconds(span))[0])
        quarters = float(span[1] - span[0]) / self.ticks_per_quarter
        return 60.0 * quarters / seconds * metre.pulses_per_quarter / PULSES_PER_BEAT

    def seconds(self, ticks: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Time of each tick in seconds from tick 0, along the tempo map."""
        at = np.asarray(ticks, dtype=np.float64)
        starts = np.asarray([tick for tick, _ in self.tempi], dtype=np.float64)
        per_tick = np.asarray([tempo for _, tempo in self.tempi], dtype=np.float64) / (1e6 * self.ticks_per_quarter)
        begins = np.concatenate([[0.0], np.cumsum(np.diff(starts) * per_tick[:-1])])
        segment = np.clip(np.searchsorted(starts, at, side="right") - 1, 0, None)
        return np.asarray(begins[segment] + (at - starts[segment]) * per_tick[segment])

    def pulses(self, tick: int, metre: Metre) -> int:
        """`tick` on the pulse grid of `metre`, rounded to the nearest pulse."""
        numerator = 2 * tick * metre.pulses_per_quarter + self.ticks_per_quarter
        return numerator // (2 * self.ticks_per_quarter)


def read_midi(path: Path) -> MidiScore:
    """Reads a MIDI file.

    Raises:
        QuarantinedError: it is damaged, or no MIDI file, or its times are not of music.
    """
    try:
        midi = mido.MidiFile(path)
    except (OSError, EOFError, ValueError, KeyError, IndexError, mido.KeySignatureError) as error:
        raise QuarantinedError(f"unreadable: {error}") from error
    if midi.ticks_per_beat < 1:
        raise QuarantinedError("its time is in frames, not in beats")
    metres: dict[int, Metre] = {}
    tempi: dict[int, int] = {0: DEFAULT_TEMPO_US}
    keys: dict[int, int] = {}
    tracks = tuple(_read_track(messages, metres, tempi, keys) for messages in midi.tracks)
    length = max((note.onset + note.duration for track in tracks for note in track.notes), default=0)
    if length > LONGEST_QUARTERS * midi.ticks_per_beat:
        raise QuarantinedError(f"too long: {length // midi.ticks_per_beat} quarters")
    odd = next((m for m in metres.values() if m.denominator not in _DENOMINATORS or not 1 <= m.numerator <= _MOST_UNITS), None)
    if odd is not None or not all(tempi.values()):
        raise QuarantinedError(f"no metre or tempo of music: {odd or 'a tempo of 0'}")
    changes: list[tuple[int, Metre]] = []
    for tick, metre in sorted(metres.items()):
        if not changes or changes[-1][1] != metre:
            changes.append((tick if changes else 0, metre))
    return MidiScore(
        midi.ticks_per_beat, tracks, tuple(changes), tuple(sorted(tempi.items())), length, tuple(sorted(keys.items()))
    )


def _read_track(
    messages: Iterable[mido.Message], metres: dict[int, Metre], tempi: dict[int, int], keys: dict[int, int]
) -> Track:
    """One track's notes and pedal; its metres, tempi and key signatures go into the mappings, by tick."""
    name = ""
    notes: list[RawNote] = []
    pedal: list[tuple[int, bool]] = []
    programs: dict[int, int] = {}
    sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    tick = 0
    for message in messages:
        tick += message.time
        kind = message.type
        if kind == "note_on" and message.velocity:
            sounding[message.channel, message.note].append((tick, message.velocity))
        elif kind in ("note_on", "note_off"):
            begun = sounding[message.channel, message.note]
            if begun:
                onset, velocity = begun.popleft()
                notes.append(RawNote(onset, message.note, tick - onset, velocity, message.channel))
        elif kind == "control_change" and message.control == SUSTAIN_PEDAL:
            pedal.append((tick, message.value >= 64))
        elif kind == "program_change":
            programs.setdefault(message.channel, message.program)
        elif kind == "time_signature":
            metres[tick] = Metre(message.numerator, message.denominator)
        elif kind == "set_tempo":
            tempi[tick] = message.tempo
        elif kind == "key_signature":
            keys[tick] = _fifths(message.key)
        elif kind == "track_name":
            name = name or message.name.strip()
    notes.sort(key=lambda note: (note.onset, note.pitch))
    return Track(name, tuple(notes), tuple(pedal), tuple(sorted(programs.items())))


def _fifths(name: str) -> int:
    """Sharps, or minus flats, of a key as mido names it, such as "Ebm"."""
    tonic = "FCGDAEB".index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))
    return tonic - 3 if name.endswith("m") else tonic


def sustained(track: Track, longest: int) -> tuple[RawNote, ...]:
    """The notes as the pedal lets them sound.

    A note that ends while the pedal is down goes on until the pedal or the next note of its pitch, but no longer than `longest`
    ticks: strings decay, and the notes of a part that plays without pedal should not pile up.
    """
    moves = [tick for tick, _ in track.pedal]
    following: dict[tuple[int, int], int] = {}
    result: list[RawNote] = []
    for note in reversed(track.notes):
        end = note.onset + note.duration
        place = int(np.searchsorted(moves, end, side="right")) if moves else 0
        if place and track.pedal[place - 1][1]:
            release = next((tick for tick, down in track.pedal[place:] if not down), end)
            end = max(end, min(release, note.onset + longest))
        end = min(end, following.get((note.channel, note.pitch), end))
        following[note.channel, note.pitch] = note.onset
        result.append(RawNote(note.onset, note.pitch, max(1, end - note.onset), note.velocity, note.channel))
    return tuple(reversed(result))


def quantised(
    score: MidiScore, notes: Iterable[RawNote], metre: Metre, start: int = 0, end: int | None = None, *, dynamics: bool = False
) -> tuple[PieceNote, ...]:
    """The notes that begin in ticks [`start`, `end`) on the pulse grid of `metre`, counted from `start`.

    Velocities are left out unless the source is said to have `dynamics`.
    """
    result = []
    for note in notes:
        if note.onset < start or (end is not None and note.onset >= end):
            continue
        stop = note.onset + note.duration
        stop = stop if end is None else min(stop, end)
        onset = score.pulses(note.onset - start, metre)
        duration = max(1, score.pulses(stop - start, metre) - onset)
        result.append(PieceNote(onset, note.pitch, duration, note.velocity if dynamics else None))
    return tuple(sorted(result, key=lambda note: (note.onset, note.pitch)))
