"""A cast piece as the stage would hear it: events in the order in which they become known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

import numpy as np

from livegen.core.events import PULSES_PER_BEAT, Chord, End, Event, Note, Off, On, Part, Tick
from models.corpora.piece import ChordSpan, PieceNote
from models.takes.casting import Cast, Turn, notes_by_window, window_bounds
from models.takes.excerpts import ChordLine, length_of
from models.takes.slips import slipped
from models.takes.staging import FREE_TEMPO_BPM, Clock, Floats, Staging

HARMONY = frozenset({Part.CHORDS, Part.BASS})

_OFF, _TICK, _ON = range(3)
"""At one instant: what ended is known before the window is planned, what begins is not."""

_SHORTEST_NS = 10_000_000
"""A key stays down for so long at the least."""

_UNHEARD = 64
"""Velocity of what the source gives none; it is marked as silent."""

_TOUCH_SPREAD = 8.0
_FREE_PULSES_PER_NS = FREE_TEMPO_BPM * PULSES_PER_BEAT / 60e9


@dataclass(frozen=True, slots=True)
class Take:
    """Events of one performance; `silent[i]` says that no velocity is known of event i. `role` names who plays what."""

    events: tuple[Event, ...]
    silent: tuple[bool, ...]
    role: str = ""


def perform(cast: Cast, staging: Staging, rng: np.random.Generator, role: str = "") -> Take:
    """The take of a cast piece on this stage; the same state of `rng` gives the same take."""
    piece = cast.piece
    clock = Clock(piece.tempo_bpm * staging.tempo, staging.ramp, length_of(piece) if staging.ramp else 0)
    timeline = _Timeline(staging)
    if staging.free:
        timeline.agent(_without_beat(cast, clock, int(rng.integers(PULSES_PER_BEAT))), Clock(FREE_TEMPO_BPM))
    else:
        timeline.agent(cast, clock)
    timeline.player(slipped(cast.player, staging.slips, rng), clock, piece.bar_offset, rng)
    return timeline.take(role)


def _without_beat(cast: Cast, clock: Clock, grid: int) -> Cast:
    """The agent's side on a grid of its own that knows nothing of the music's beat: 24 pulses are half a second."""

    def moved(pulses: Sequence[int]) -> list[int]:
        at: list[int] = np.rint(clock.ns_at(pulses) * _FREE_PULSES_PER_NS).astype(int).tolist()
        return at

    def line(notes: Sequence[PieceNote]) -> list[PieceNote]:
        onsets, ends = moved([note.onset for note in notes]), moved([note.onset + note.duration for note in notes])
        return [
            PieceNote(onset, note.pitch, max(1, end - onset), note.velocity)
            for note, onset, end in zip(notes, onsets, ends, strict=True)
        ]

    spans = cast.piece.chords
    bounds = zip(spans, moved([span.start for span in spans]), moved([span.end for span in spans]), strict=True)
    chords = tuple(ChordSpan(start, end, span.symbol) for span, start, end in bounds)
    piece = replace(cast.piece, bar_offset=grid, chords=chords)
    turns = []
    for turn in cast.turns:
        start, end, since = moved([turn.start, turn.end, turn.since or 0])
        turns.append(Turn(start, end, turn.parts, None if turn.since is None else since))
    return Cast(piece, cast.player, turns, {part: line(notes) for part, notes in cast.lines.items()})


class _Timeline:
    """Collects events with the time at which they become known, then sorts them."""

    def __init__(self, staging: Staging) -> None:
        self.staging = staging
        self.items: list[tuple[int, int, list[Event], list[bool]]] = []

    def take(self, role: str) -> Take:
        """Everything in the order in which it becomes known."""
        self.items.sort(key=lambda item: item[:2])
        return Take(
            tuple(event for item in self.items for event in item[2]),
            tuple(flag for item in self.items for flag in item[3]),
            role,
        )

    def player(self, notes: Sequence[PieceNote], clock: Clock, grid: int, rng: np.random.Generator) -> None:
        """The player's notes as note-ons and note-offs, with human timing and touch."""
        if not notes:
            return
        downs, ups = self._keys(notes, clock, rng)
        velocities = self._touch(notes, rng)
        down_phases, up_phases = (
            [None] * len(notes) if self.staging.free else clock.phase_at(times, grid).tolist() for times in (downs, ups)
        )
        for note, down, velocity, phase in zip(notes, downs, velocities, down_phases, strict=True):
            on = On(down, note.pitch, _UNHEARD if velocity is None else velocity, phase)
            self.items.append((down, _ON, [on], [velocity is None]))
        for note, up, phase in zip(notes, ups, up_phases, strict=True):
            self.items.append((up, _OFF, [Off(up, note.pitch, phase)], [False]))

    def _keys(self, notes: Sequence[PieceNote], clock: Clock, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """When each key goes down and comes up, in ns; the same key is never down twice at once."""
        wanted = clock.ns_at([(note.onset, note.onset + note.duration) for note in notes]) + self.staging.drag_ns
        if self.staging.jitter_ns:
            wanted += rng.normal(0.0, self.staging.jitter_ns, wanted.shape)
        wanted_downs, wanted_ups = np.maximum(0, np.rint(wanted)).astype(np.int64).T.tolist()
        downs: list[int] = []
        struck: dict[int, int] = {}
        for note, wanted_ns in zip(notes, wanted_downs, strict=True):
            down = max(wanted_ns, struck.get(note.pitch, -_SHORTEST_NS) + _SHORTEST_NS)
            struck[note.pitch] = down
            downs.append(down)
        ups: list[int] = []
        struck_again: dict[int, int] = {}
        for note, down, wanted_ns in zip(reversed(notes), reversed(downs), reversed(wanted_ups), strict=True):
            # A key comes up before it is struck again, however loosely it is played.
            ups.append(max(down + _SHORTEST_NS, min(wanted_ns, struck_again.get(note.pitch, wanted_ns))))
            struck_again[note.pitch] = down
        return downs, ups[::-1]

    def _touch(self, notes: Sequence[PieceNote], rng: np.random.Generator) -> list[int | None]:
        """Velocities: the source's, or where it has none those of this stage."""
        given = [note.velocity for note in notes]
        if self.staging.touch is None or None not in given:
            return given
        felt = np.clip(rng.normal(self.staging.touch, _TOUCH_SPREAD, len(notes)), 1, 127).astype(int).tolist()
        return [made if velocity is None else velocity for velocity, made in zip(given, felt, strict=True)]

    def agent(self, cast: Cast, clock: Clock) -> None:
        """The planning windows of all turns: tick, chord, the notes that begin in them, end."""
        chords = ChordLine(cast.piece.chords)
        for turn, following in zip_longest(cast.turns, cast.turns[1:]):
            bounds = window_bounds(turn, following, self.staging.hop, cast.piece.bar_offset)
            windows = notes_by_window(turn.parts, cast.lines, bounds)
            ticks = self._ticks(cast, turn, bounds, clock)
            for (start, end), tick, notes in zip(pairwise(bounds), ticks, windows, strict=True):
                events: list[Event] = [tick]
                if turn.parts & HARMONY:
                    events.append(Chord(chords.at(start, end)))
                silent = [False] * len(events)
                for part, note in notes:
                    velocity = _UNHEARD if note.velocity is None else note.velocity
                    events.append(Note(part, note.onset - start, note.pitch, note.duration, velocity))
                    silent.append(note.velocity is None)
                events.append(End())
                silent.append(False)
                self.items.append((tick.time_ns, _TICK, events, silent))

    def _ticks(self, cast: Cast, turn: Turn, bounds: Sequence[int], clock: Clock) -> list[Tick]:
        """When each window is planned, and what is known of it: no sooner than the turn itself is known."""
        stage, bar = self.staging, cast.piece.beats_per_bar * PULSES_PER_BEAT
        begins = np.array(bounds[:-1])
        planned: Floats = np.maximum(clock.ns_at(begins - stage.lookahead), clock.ns_at(turn.since or 0))
        pulses = clock.pulse_at(planned)
        lookaheads = np.maximum(0, np.rint(begins - pulses)).astype(int).tolist()
        hops = np.diff(bounds).tolist()
        times = planned.astype(np.int64).tolist()
        if stage.free:
            return [
                Tick(time_ns, None, None, None, lookahead, hop, turn.parts)
                for time_ns, lookahead, hop in zip(times, lookaheads, hops, strict=True)
            ]
        places = ((begins - cast.piece.bar_offset) % bar // (PULSES_PER_BEAT // 2)).tolist()
        tempi = clock.tempo_at(pulses).tolist()
        return [
            Tick(time_ns, place, cast.piece.beats_per_bar, tempo, lookahead, hop, turn.parts)
            for time_ns, place, tempo, lookahead, hop in zip(times, places, tempi, lookaheads, hops, strict=True)
        ]
