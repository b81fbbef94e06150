"""From a piece to what the stage would hear: who is the player, who is the agent, and what is known when.

A take is a list of events in the order in which they become known. In `accompany` the player has the melody and the agent the
chords and bass under it, window by window, planned `lookahead` pulses ahead. In `respond` the phrases of the melody go in turn
to the player and to the agent.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol
from models.corpora.piece import Piece, PieceNote

LOOKAHEADS = (0, 6, 12, 18, 24)
_OFF, _TICK, _ON = range(3)
"""At one instant: what ended is known before the window is planned, what begins is not."""

_SHORTEST_NS = 10_000_000
"""A key stays down for so long at the least."""


@dataclass(frozen=True, slots=True)
class Take:
    """Events of one performance; `silent[i]` says that the source gives no velocity for event i."""

    events: tuple[Event, ...]
    silent: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Staging:
    """How a piece is put on the stage.

    Attributes:
        hop: window length in pulses.
        lookahead: pulses between planning and the window's begin.
        tempo: factor on the piece's tempo.
        jitter_ns: standard deviation of the player's timing.
        free: beat fields are not given, as in playing without a beat.
    """

    hop: int = PULSES_PER_BEAT
    lookahead: int = 6
    tempo: float = 1.0
    jitter_ns: float = 0.0
    free: bool = False


def draw_staging(rng: np.random.Generator) -> Staging:
    """A staging as varied as the stage: hop, lookahead, tempo within 15 %, timing noise, a fifth without a beat."""
    return Staging(
        hop=24 if rng.random() < 0.8 else 12,
        lookahead=int(rng.choice(LOOKAHEADS, p=(0.15, 0.35, 0.2, 0.1, 0.2))),
        tempo=float(np.exp(rng.uniform(-0.15, 0.15))),
        jitter_ns=float(rng.choice((0.0, 8e6, 20e6))),
        free=bool(rng.random() < 0.2),
    )


class _Timeline:
    """Collects events with the time at which they become known, then sorts them."""

    def __init__(self, piece: Piece, staging: Staging, rng: np.random.Generator) -> None:
        self.piece, self.staging, self.rng = piece, staging, rng
        self.tempo_bpm = min(300.0, max(20.0, piece.tempo_bpm * staging.tempo))
        self.ns_per_pulse = 60e9 / (PULSES_PER_BEAT * self.tempo_bpm)
        self.grid = piece.bar_offset % PULSES_PER_BEAT
        self.items: list[tuple[int, int, list[Event], list[bool]]] = []

    def player(self, notes: list[PieceNote]) -> None:
        """The player's notes as note-ons and note-offs, with human timing."""
        pressed = self._pressed(notes)
        struck_again: dict[int, int] = {}
        releases = []
        for on_ns, wanted_ns, note in reversed(pressed):
            # A key comes up before it is struck again, however loosely it is played.
            off_ns = max(on_ns + _SHORTEST_NS, min(wanted_ns, struck_again.get(note.pitch, wanted_ns)))
            struck_again[note.pitch] = on_ns
            releases.append(off_ns)
        for (on_ns, _, note), off_ns in zip(pressed, reversed(releases), strict=True):
            on = On(on_ns, note.pitch, note.velocity or 64, self._phase(on_ns))
            self.items.append((on_ns, _ON, [on], [note.velocity is None]))
            self.items.append((off_ns, _OFF, [Off(off_ns, note.pitch, self._phase(off_ns))], [False]))

    def _pressed(self, notes: list[PieceNote]) -> list[tuple[int, int, PieceNote]]:
        """When each key goes down and would come up, in ns; the same key never twice at once."""
        pressed = []
        last: dict[int, int] = {}
        for note in notes:
            early, late = self.rng.normal(0.0, self.staging.jitter_ns, 2) if self.staging.jitter_ns else (0.0, 0.0)
            on_ns = max(0, round(note.onset * self.ns_per_pulse + early))
            if note.pitch in last:
                on_ns = max(on_ns, last[note.pitch] + _SHORTEST_NS)
            last[note.pitch] = on_ns
            pressed.append((on_ns, round((note.onset + note.duration) * self.ns_per_pulse + late), note))
        return pressed

    def _phase(self, time_ns: int) -> int | None:
        if self.staging.free:
            return None
        return math.floor(time_ns / self.ns_per_pulse - self.grid) % PULSES_PER_BEAT

    def window(self, start: int, parts: frozenset[Part], notes: list[tuple[Part, PieceNote]]) -> None:
        """One planning window of the agent: tick, chord, notes, end."""
        stage, piece = self.staging, self.piece
        time_ns = max(0, round((start - stage.lookahead) * self.ns_per_pulse))
        bar = piece.beats_per_bar * PULSES_PER_BEAT
        half_beat = None if stage.free else (start - piece.bar_offset) % bar // 12
        tick = Tick(
            time_ns, half_beat, None if stage.free else piece.beats_per_bar, None if stage.free else self.tempo_bpm,
            stage.lookahead, stage.hop, parts,
        )  # fmt: skip
        events: list[Event] = [tick]
        silent = [False]
        if parts & {Part.CHORDS, Part.BASS}:
            events.append(Chord(chord_at(piece, start, start + stage.hop)))
            silent.append(False)
        for part, note in sorted(notes, key=lambda item: (item[0], item[1].onset, item[1].pitch)):
            events.append(Note(part, note.onset - start, note.pitch, note.duration, note.velocity or 64))
            silent.append(note.velocity is None)
        events.append(End())
        silent.append(False)
        self.items.append((time_ns, _TICK, events, silent))

    def take(self) -> Take:
        """Everything in the order in which it becomes known."""
        self.items.sort(key=lambda item: item[:2])
        return Take(
            tuple(event for item in self.items for event in item[2]), tuple(flag for item in self.items for flag in item[3])
        )


def chord_at(piece: Piece, start: int, end: int) -> ChordSymbol:
    """The chord that holds for most of the window [start, end), "no chord" where nothing is known."""
    spans = piece.chords
    index = max(0, bisect.bisect_right([span.start for span in spans], start) - 1)
    best, best_overlap = NO_CHORD, 0
    for span in spans[index:]:
        if span.start >= end:
            break
        overlap = min(end, span.end) - max(start, span.start)
        if overlap > best_overlap:
            best, best_overlap = span.symbol, overlap
    return best


def cut(piece: Piece, start: int, end: int) -> Piece:
    """The pulses [start, end) of a piece, moved to begin at 0; `start` must be a bar line.

    Notes that began before it are left out; those that reach beyond the end stop there.
    """

    def within(notes: tuple[PieceNote, ...]) -> tuple[PieceNote, ...]:
        return tuple(
            PieceNote(note.onset - start, note.pitch, min(note.duration, end - note.onset), note.velocity)
            for note in notes
            if start <= note.onset < end
        )

    chords = tuple(
        type(span)(max(0, span.start - start), min(end, span.end) - start, span.symbol)
        for span in piece.chords
        if span.end > start and span.start < end
    )
    return Piece(
        piece.corpus, piece.work, piece.style, piece.tempo_bpm, piece.beats_per_bar, 0, within(piece.melody),
        {part: within(notes) for part, notes in piece.parts.items()}, chords,
        tuple(pulse - start for pulse in piece.phrases if start <= pulse < end),
    )  # fmt: skip


def length_of(piece: Piece) -> int:
    """Pulses to the end of the last note of any part."""
    every = [*piece.melody, *(note for notes in piece.parts.values() for note in notes)]
    return max((note.onset + note.duration for note in every), default=0)


def accompany(piece: Piece, staging: Staging, parts: frozenset[Part], rng: np.random.Generator) -> Take:
    """The player has the melody, the agent `parts` in every window from the first to the last."""
    timeline = _Timeline(piece, staging, rng)
    timeline.player(list(piece.melody))
    notes = [(part, note) for part in parts for note in piece.parts.get(part, ())]
    by_window = _by_window(notes, timeline.grid, staging.hop)
    for start in range(timeline.grid, length_of(piece), staging.hop):
        timeline.window(start, parts, by_window.get(start, []))
    return timeline.take()


def respond(piece: Piece, staging: Staging, rng: np.random.Generator) -> Take:
    """Phrases of the melody in turn: one to three for the player, then one or two for the agent, and so on."""
    timeline = _Timeline(piece, staging, rng)
    lead = frozenset({Part.LEAD})
    bounds = _turns(piece, rng)
    for index, (start, end) in enumerate(pairwise(bounds)):
        phrase = [note for note in piece.melody if start <= note.onset < end]
        if index % 2 == 0:
            timeline.player(phrase)
            continue
        by_window = _by_window([(Part.LEAD, note) for note in phrase], timeline.grid, staging.hop)
        first = start - (start - timeline.grid) % staging.hop
        for window in range(first, end, staging.hop):
            timeline.window(window, lead, by_window.get(window, []))
    return timeline.take()


def _turns(piece: Piece, rng: np.random.Generator) -> list[int]:
    """Pulses at which the turn passes over; the player has the even stretches."""
    bounds, at, agent = [0], 0, False
    while at < len(piece.phrases):
        at += int(rng.integers(1, 3 if agent else 4))
        bounds.append(piece.phrases[at] if at < len(piece.phrases) else length_of(piece))
        agent = not agent
    return bounds if len(bounds) > 1 else [0, length_of(piece)]


def _by_window(notes: list[tuple[Part, PieceNote]], grid: int, hop: int) -> dict[int, list[tuple[Part, PieceNote]]]:
    """Notes by the first pulse of the window that they begin in; at most one a pitch, part and onset."""

    def window_of(item: tuple[Part, PieceNote]) -> int:
        return item[1].onset - (item[1].onset - grid) % hop

    unique = {(part, note.onset, note.pitch): (part, note) for part, note in notes}
    return {start: list(group) for start, group in groupby(sorted(unique.values(), key=window_of), key=window_of)}
