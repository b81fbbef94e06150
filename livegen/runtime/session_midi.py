"""A session log as a standard MIDI file: what the player and the agent played, where it stood in the music."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from livegen.core.effects import Effect, Send
from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Control, Message, NoteOff, NoteOn, Other
from livegen.core.parameters import Settings
from livegen.core.session_log import Beginning, Did, Entry, Moved, Received, SendEarlier
from livegen.core.transport import Transport
from livegen.runtime.midi_files import Performance, write_session
from livegen.runtime.session_files import SessionFile

CLICK = "click"
"""The track of the click."""

_SYSTEM = 0xF0
"""Statuses from here on have no place in a track."""


class SessionScore:
    """Collects a log's entries as tracks. Single-threaded.

    Every note stands where it was to be heard. What was passed through is the player's and stands in the player's track only.
    """

    def __init__(self) -> None:
        self._transport = Transport()
        self._settings: Settings | None = None
        self._beats_per_bar = 4
        self._names: dict[int, str] = {}
        self._advance_ns = 0
        self._passing: Message | None = None
        """What the player did last; the engine may pass it on."""
        self._sounding: dict[tuple[int, int], str | None] = {}
        """The track of every note of ours that has begun, by channel and pitch; None where it is the player's."""
        self._tempi: list[tuple[Fraction, float]] = []
        self._tracks: dict[str, list[tuple[Fraction, Message]]] = {"player": []}

    def take(self, entry: Entry) -> None:
        """The log's next entry."""
        match entry:
            case Beginning():
                self._settings = entry.settings
                self._names = {channel: part.label for part, channel in reversed(list(zip(Part, entry.channels, strict=True)))}
                self._beats_per_bar = entry.settings.beats_per_bar
            case SendEarlier(by_ns):
                self._advance_ns = by_ns
            case Moved(transport):
                self._transport = transport
                self._tempi.append((transport.anchor_pulse, float(transport.tempo_bpm)))
            case Received(_, Settings() as settings):
                self._settings = settings
            case Received(time_ns, NoteOn() | NoteOff() | Control() | Other() as message):
                self._passing = message
                if not isinstance(message, Other) or message.data[0] < _SYSTEM:
                    self._tracks["player"].append((self._pulse_at(time_ns), message))
            case Did(effects):
                for effect in effects:
                    self._take_effect(effect)
                self._passing = None

    def _take_effect(self, effect: Effect) -> None:
        if not isinstance(effect, Send):
            return
        message, pulse = effect.message, self._pulse_at(effect.due_ns + self._advance_ns)
        match message:
            case NoteOn(channel, pitch):
                name = None if effect.part is None and message == self._passing else self._track_of(effect)
                self._sounding[channel, pitch] = name
            case NoteOff(channel, pitch):
                name = self._sounding.pop((channel, pitch), None)
            case _:
                return
        if name is not None:
            self._tracks.setdefault(name, []).append((pulse, message))

    def _track_of(self, effect: Send) -> str | None:
        """Where a note of ours stands: the part's own, or, of what has no part, what its channel says."""
        if effect.part is not None:
            return effect.part.label
        channel = getattr(effect.message, "channel", None)
        if self._settings is not None and channel == self._settings.click_channel - 1 and channel not in self._names:
            return CLICK
        return self._names.get(channel) if isinstance(channel, int) else None

    def _pulse_at(self, time_ns: int) -> Fraction:
        """To a thousandth: times are whole nanoseconds, but what is due on a pulse stands on it."""
        return Fraction(round(self._transport.exact_pulse_at(time_ns) * 1000), 1000)

    def write(self, path: Path) -> dict[str, int]:
        """Write the file; the silence before the first note is left out, by whole bars.

        Returns:
            The number of notes by track.

        Raises:
            InputError: there is no note in it, or the file cannot be written.
        """
        onsets = [pulse for track in self._tracks.values() for pulse, message in track if isinstance(message, NoteOn)]
        if not onsets:
            raise InputError(f"{path}: not written, since not a note was played")
        self._end_all()
        bar = self._beats_per_bar * PULSES_PER_BEAT
        begin = Fraction(min(onsets) // bar * bar)
        tempi = _from(begin, self._tempi)
        tracks = {
            name: [(max(Fraction(0), pulse - begin), message) for pulse, message in self._tracks[name]]
            for name in ("player", *(part.label for part in Part), CLICK)
            if name in self._tracks
        }
        write_session(path, tracks, Performance((), tempi, self._beats_per_bar))
        return {name: sum(isinstance(message, NoteOn) for _, message in track) for name, track in tracks.items()}

    def _end_all(self) -> None:
        """What was held when the log broke off ends there."""
        end = max(pulse for track in self._tracks.values() for pulse, _ in track)
        for track in self._tracks.values():
            held: dict[tuple[int, int], None] = {}
            for _, message in track:
                match message:
                    case NoteOn(channel, pitch):
                        held[channel, pitch] = None
                    case NoteOff(channel, pitch):
                        held.pop((channel, pitch), None)
            track.extend((end, NoteOff(channel, pitch)) for channel, pitch in held)


def _from(begin: Fraction, tempi: list[tuple[Fraction, float]]) -> tuple[tuple[Fraction, float], ...]:
    """Tempi by position from `begin` on, ascending, each where it changes; of those at one place the last."""
    placed: dict[Fraction, float] = {}
    last = Fraction(0)
    for pulse, tempo_bpm in tempi:
        last = max(last, Fraction(round((pulse - begin) * 1000), 1000))
        placed[last] = tempo_bpm
    changes: list[tuple[Fraction, float]] = []
    for pulse, tempo_bpm in placed.items():
        if not changes or changes[-1][1] != tempo_bpm:
            changes.append((pulse, tempo_bpm))
    return tuple(changes)


def write_midi(log: Path, path: Path) -> dict[str, int]:
    """Write a log as a MIDI file.

    Returns:
        The number of notes by track.

    Raises:
        InputError: the log can't be read, holds no note, or the file can't be written.
    """
    score = SessionScore()
    for line in SessionFile(log):
        score.take(line.entry)
    return score.write(path)
