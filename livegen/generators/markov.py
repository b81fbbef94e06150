"""The Markov bandmate: no network, no waiting. It is the fallback while the brain is away, and a model of its own.

Melody and rhythm come from an order-2 table (`ngram`) that goes on learning from the player; the chord is what the player's
last notes say, and chords and bass keep to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.archives import read_arrays
from livegen.core.errors import InputError, ModelError
from livegen.core.events import PULSES_PER_BEAT, Chord, End, Note, On, Part, PlayerEvent
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.hearing import Hearing
from livegen.core.plans import Plan, PlanRequest
from livegen.core.stream import StreamEncoder
from livegen.generators.draw import WindowDraw
from livegen.generators.ngram import SHAPES, Memory, Ngram
from livegen.generators.ringing import Ringing
from livegen.generators.window import HOLDING, Mask, WindowGrammar

TABLE = "markov.npz"
RANGES: Mapping[Part, range] = {Part.LEAD: range(55, 89), Part.CHORDS: range(48, 77), Part.BASS: range(28, 53)}
"""Pitches that each part may use."""

PLAYER_WEIGHT = 8
"""A note of the player counts as much as so many of the corpus: it is the player that should be answered."""

LONGEST_PULSES = v.DURATIONS[-1]


@dataclass(frozen=True, slots=True)
class Context:
    """What a MarkovGenerator remembers, as a value.

    It is the table's context, what was heard of the harmony and what was played of it, held notes and the tempo.

    What has been learned from the player is not part of it: that stays learned when a plan is taken back.
    """

    memory: Memory = field(default_factory=Memory)
    hearing: Hearing = field(default_factory=Hearing)
    ringing: Ringing = field(default_factory=Ringing)
    held: tuple[On, ...] = ()
    tempo_bpm: float = 120.0


class MarkovGenerator:
    """See `Generator`. `observe` takes about 0.05 ms, `plan` about 0.3 ms a note.

    Args:
        table: counts to begin with; it is added to. None begins with the bundled table.
    """

    def __init__(self, table: Ngram | None = None) -> None:
        self._table = table or load_table()
        self._encoder = StreamEncoder()
        self._context = Context()
        self._learned_ns = -1
        """Until when the table has learned from the player."""

    @property
    def name(self) -> str:
        """Always "markov"."""
        return "markov"

    @property
    def notice(self) -> str | None:
        """Always None: it runs anywhere."""
        return None

    def observe(self, event: PlayerEvent) -> None:
        """Weigh the pitch class at a note-on; learn the whole note when it has ended."""
        context = self._context
        if isinstance(event, On):
            hearing = context.hearing.struck(event.pitch, event.time_ns)
            self._context = replace(context, hearing=hearing, held=(*context.held, event)[-32:])
            return
        ended = [on for on in context.held if on.pitch == event.pitch]
        self._context = replace(context, held=tuple(on for on in context.held if on.pitch != event.pitch))
        for on in ended:
            self._learn(on, event.time_ns)
        self._learned_ns = max(self._learned_ns, event.time_ns)

    def plan(self, request: PlanRequest) -> Plan:
        """Fill one window; see `Generator.plan`. Deterministic for the context, the request and what has been learned."""
        tick = request.tick
        rng = np.random.Generator(np.random.PCG64([request.seed, request.plan_id]))
        parts = tick.parts & RANGES.keys()
        context = replace(self._context, tempo_bpm=tick.tempo_bpm or self._context.tempo_bpm)
        self._context = replace(context, memory=context.memory.after(self._encoder.encode(replace(tick, parts=parts))))
        draw = WindowDraw(self._logits, request.sampling, rng)
        chord: ChordSymbol | None = None
        striking: Part | None = None
        if request.wants_chord:
            self._context = replace(self._context, hearing=self._context.hearing.judged(tick.time_ns))
            chord = self._context.hearing.chord
            draw.use_chord(chord)
            self._take(Chord(chord))
            if chord == NO_CHORD:
                parts -= {Part.CHORDS, Part.BASS}
            striking = self._context.ringing.striking(chord, parts, request.window, tick.hop)
        playable = {part: _fitting(part, self._context.hearing.chord) for part in parts}
        grammar = WindowGrammar(tick.hop, parts, request.opening, striking=striking, holding=HOLDING, playable=playable)
        while draw.another(grammar):
            note = draw.note(grammar)
            grammar.add(note)
            self._take(note)
        self._take(End())
        plan = Plan(request.plan_id, request.window, tick.hop, chord, grammar.notes)
        self._context = replace(self._context, ringing=self._context.ringing.after(plan))
        return plan

    def snapshot(self) -> Context:
        """The context as a value."""
        return self._context

    def restore(self, state: object) -> None:
        """Go back to a context that `snapshot` gave.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(state, Context):
            raise InputError(f"a context of the Markov generator is needed, not {type(state).__name__}")
        self._context = state

    def reset(self) -> None:
        """Forget the context; what has been learned of the player stays."""
        self._context = Context()

    def _learn(self, on: On, end_ns: int) -> None:
        pulses = (end_ns - on.time_ns) * self._context.tempo_bpm * PULSES_PER_BEAT / 60e9
        duration = min(LONGEST_PULSES, max(1, round(pulses)))
        note = Note(Part.LEAD, on.phase or 0, on.pitch, duration, on.velocity)
        row = self._encoder.encode(note)
        # When a plan is taken back its notes are heard again; what was learned from them stays, so they must not count twice.
        if end_ns >= self._learned_ns:
            self._table.learn(row, self._context.memory, PLAYER_WEIGHT)
        self._context = replace(self._context, memory=self._context.memory.after(row))

    def _take(self, event: Chord | Note | End) -> None:
        self._context = replace(self._context, memory=self._context.memory.after(self._encoder.encode(event)))

    def _logits(self, name: str, given: Mapping[str, int]) -> npt.NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log(self._table.probabilities(name, self._context.memory, given))


def _fitting(part: Part, chord: ChordSymbol) -> Mask:
    """Classes of `pitch` in the part's range, and on the chord where the part plays harmony."""
    pitches = np.arange(-1, 128)
    fitting = (pitches >= RANGES[part].start) & (pitches < RANGES[part].stop)
    return fitting if part is Part.LEAD else fitting & np.isin(pitches % 12, chord.pitch_classes)


def load_table(path: Path | None = None) -> Ngram:
    """Read counts that `save_table` wrote; the bundled ones by default.

    Raises:
        ModelError: the file is missing, damaged or of another vocabulary.
    """
    if path is None:
        with as_file(files("livegen") / "pretrained" / TABLE) as bundled:
            return load_table(bundled)
    arrays = read_arrays(path, "a Markov table")
    if missing := {"vocabulary", *SHAPES} - set(arrays):
        raise ModelError(f"{path}: not a Markov table: it has no {min(missing)}; fit it again")
    found = str(arrays["vocabulary"])
    if found != v.HASH:
        raise ModelError(f"{path}: vocabulary {found}, but this livegen has {v.HASH}; fit the table again")
    tables = {name: arrays[name] for name in SHAPES}
    for name, shape in SHAPES.items():
        found_shape, kind = tables[name].shape, tables[name].dtype
        if found_shape != shape:
            raise ModelError(f"{path}: the table of {name} has shape {found_shape}, not {shape}; fit it again")
        if kind != np.uint32:
            raise ModelError(f"{path}: the table of {name} holds {kind}, not uint32; fit it again")
    return Ngram({name: table.astype(np.uint32, copy=False) for name, table in tables.items()})


def save_table(table: Ngram, path: Path) -> None:
    """Write counts, compressed, with the vocabulary's hash."""
    arrays: dict[str, Any] = {"vocabulary": np.array(v.HASH), **table.tables}
    np.savez_compressed(path, **arrays)
