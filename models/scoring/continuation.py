"""Continuation: eight bars of a held-out work are played to the agent, which makes the next eight.

What it makes is compared with the work's own next eight bars.

As lead, the player stops after the prompt and the agent carries on, window by window, asked by the daemon's own planner as in
an answer of mode `respond`; only who plays when is fixed beforehand. As accompaniment, the player plays all sixteen bars to the
whole engine in mode `accompany`, and the last eight bars of chords and bass are compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from livegen.core.director import Stint
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.harmony import ChordSymbol
from livegen.core.listener import Listener
from livegen.core.parameters import Settings
from livegen.core.planner import Planner
from livegen.core.plans import Plan, PlanRequest
from livegen.core.transport import Transport
from livegen.generators.band import Band
from livegen.generators.protocol import Generator
from livegen.runtime.simulation import Simulation
from models.baselines.rules import estimated_key
from models.corpora.piece import Piece, PieceNote
from models.scoring.accompaniment import HARMONY, notes_of, performance
from models.scoring.music_measures import Stretch, in_order
from models.takes.roles import cut, length_of

BARS = 8
"""Bars of the prompt, and of the continuation."""

LEAST_NOTES = 8
"""Notes that prompt and human continuation must both hold."""


@dataclass(frozen=True, slots=True)
class Task:
    """A work's opening: `piece` begins at a bar line at pulse 0 and holds prompt and human continuation, `2 * BARS` bars."""

    name: str
    piece: Piece

    @property
    def half(self) -> int:
        """The pulse at which the prompt ends."""
        return BARS * self.piece.beats_per_bar * PULSES_PER_BEAT

    @property
    def prompt(self) -> Piece:
        """The first `BARS` bars; what sounds at their end stops there."""
        return cut(self.piece, 0, self.half)

    @property
    def key(self) -> ChordSymbol:
        """The key of the prompt's melody, weighted by how long each pitch class sounds (Krumhansl and Schmuckler)."""
        weights = [0] * 12
        for note in self.piece.melody:
            if note.onset < self.half:
                weights[note.pitch % 12] += note.duration
        return estimated_key(weights)

    @property
    def has_harmony(self) -> bool:
        """Whether the work has an accompaniment in both halves."""
        return all(self.stretch(self.written(HARMONY), first).notes for first in (0, self.half))

    def written(self, parts: Sequence[Part]) -> list[PieceNote]:
        """What the work itself has in these parts; the melody is the lead."""
        by_part = {**self.piece.parts, Part.LEAD: self.piece.melody}
        return in_order(note for part in parts for note in by_part.get(part, ()))

    def stretch(self, notes: Iterable[PieceNote], first: int) -> Stretch:
        """The `BARS` bars from pulse `first` on of some notes."""
        inside = [note for note in notes if first <= note.onset < first + self.half]
        moved = in_order(PieceNote(note.onset - first, note.pitch, note.duration, note.velocity) for note in inside)
        return Stretch(tuple(moved), BARS, self.piece.beats_per_bar)


def tasks(pieces: Iterable[Piece]) -> list[Task]:
    """One task a work, of the first piece of it that is long enough."""
    found: dict[str, Task] = {}
    for piece in pieces:
        name = f"{piece.corpus}/{piece.work}"
        if name not in found and (task := _task(name, piece)) is not None:
            found[name] = task
    return list(found.values())


def _task(name: str, piece: Piece) -> Task | None:
    if not piece.melody:
        return None
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    start = piece.bar_offset + (piece.melody[0].onset - piece.bar_offset) // bar * bar
    if length_of(piece) < start + 2 * BARS * bar:
        return None
    task = Task(name, cut(piece, start, start + 2 * BARS * bar))
    halves = [task.stretch(task.piece.melody, first) for first in (0, task.half)]
    return task if min(len(half.notes) for half in halves) >= LEAST_NOTES else None


def styled(settings: Settings, piece: Piece) -> Settings:
    """The settings with the piece's own style, where the model knows it and no style was asked for."""
    if any(settings.style_weights) or piece.style not in settings.registry.styles:
        return settings
    return settings.with_changes({"style": piece.style})[0]


def lead(task: Task, generator: Generator, settings: Settings, seed: int, bars: int = BARS) -> list[PieceNote]:
    """What the agent plays for `bars` bars after the prompt; onsets in pulses of the task's piece.

    Deterministic for the seed.
    """
    bar = task.piece.beats_per_bar * PULSES_PER_BEAT
    return carry_on(task.prompt, (task.half, task.half + bars * bar), generator, settings, seed)


def carry_on(prompt: Piece, stretch: tuple[int, int], generator: Generator, settings: Settings, seed: int) -> list[PieceNote]:
    """The agent as lead in the pulses of `stretch`, after the player has played the prompt's melody from pulse 0.

    Raises:
        ModelError: the generator failed.
    """
    band = Band(generator)
    notes = []
    for request in requests(prompt, stretch, band, settings, seed):
        plan = band.plan(request)
        notes += [
            PieceNote(plan.window + note.onset, note.pitch, note.duration, note.velocity)
            for note in plan.notes
            if note.part is Part.LEAD
        ]
    return notes


def requests(prompt: Piece, stretch: tuple[int, int], band: Band, settings: Settings, seed: int) -> Iterator[PlanRequest]:
    """What the daemon's planner asks for in the pulses of `stretch`, the band having heard what was played until then."""
    played = performance(prompt)
    transport = Transport.starting(0, played.tempi[0][1], prompt.beats_per_bar)
    listener, planner = Listener(), Planner(seed)
    band.reset()
    stint = Stint(*stretch, frozenset({Part.LEAD}), transport.ns_at(stretch[0]))
    waiting = deque((transport.ns_at(pulse), message) for pulse, message in played.messages)
    while (now_ns := planner.next_deadline_ns(stint, settings, transport)) is not None:
        while waiting and waiting[0][0] <= now_ns:
            time_ns, message = waiting.popleft()
            for event in listener.receive(message, time_ns, transport):
                band.observe(event)
        for request in planner.requests(stint, settings, transport, now_ns):
            # An empty plan closes the request; what is really played is no matter of the planner's.
            planner.accept(Plan(request.plan_id, request.window, request.tick.hop, None, ()))
            yield request


def accompaniment(task: Task, generator: Generator, settings: Settings, seed: int) -> list[PieceNote]:
    """Chords and bass that the agent plays under all of the task's melody; deterministic for the seed."""
    session = Simulation(performance(task.piece), settings, Band(generator), seed).run()
    sounding = [note for part in HARMONY for note in notes_of(session, part)]
    return in_order(PieceNote(round(onset), pitch, max(1, round(length))) for onset, pitch, length in sounding)
