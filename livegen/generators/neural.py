"""The neural bandmate: a model's step and heads, sampled under the grammar of a planning window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, LivegenError
from livegen.core.events import Chord, End, Event, On, Part, PlayerEvent, Tick
from livegen.core.harmony import ChordSymbol
from livegen.core.hearing import Hearing
from livegen.core.plans import Plan, PlanRequest
from livegen.core.stream import StreamEncoder
from livegen.generators.contract import DRAWN, GIVEN, ModelContract
from livegen.generators.draw import WindowDraw
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.session import FloatArray, State, StepSession
from livegen.generators.window import WindowGrammar

_OWN_HISTORY = [v.COLUMN[name] for name in ("root", "quality", "pitch")]
"""Columns that are hidden where the model must listen to the player rather than to itself."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that a NeuralGenerator remembers, as a value.

    Attributes:
        state: the model's memory.
        last_ns: the encoder's memory, the time of the last event.
        style: weights that the last request asked for, float32 [1, styles]; the player's events are heard in that style.
        hearing: what the player's latest notes say of the chord.
    """

    state: State
    last_ns: int | None
    style: FloatArray
    hearing: Hearing


class NeuralGenerator:
    """A model as a `Generator`: it hears every event by one step, and plans by sampling its own events into the stream.

    Single-threaded. `observe` blocks for one step; `plan` for three steps, one more a note, and six calls of the heads a note.
    """

    def __init__(self, session: StepSession, contract: ModelContract) -> None:
        self._session = session
        self._contract = contract
        self._encoder = StreamEncoder()
        self._state = session.initial_state()
        self._style: FloatArray = np.zeros((1, len(contract.styles)), dtype=np.float32)
        self._hearing = Hearing()
        # What the last step gave to the heads; only read in the plan that made it, so it is no part of the context.
        self._hidden: FloatArray = np.zeros((1, 0), dtype=np.float32)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._contract.name

    @property
    def notice(self) -> str | None:
        """Why the model does not run where it was asked to, for the musician, or None."""
        return self._session.notice

    def observe(self, event: PlayerEvent) -> None:
        """Take in what the player did, by one step.

        Raises:
            InputError: a field of the event is out of range.
            ModelError: the model's output is not finite. Either way the context is as before.
        """
        with self._all_or_nothing():
            self._feed(event)
            if isinstance(event, On):
                self._hearing = self._hearing.struck(event.pitch, event.time_ns)

    def plan(self, request: PlanRequest) -> Plan:
        """Fill one window; the request's tick and the answer become part of the context.

        Parts that the model wasn't trained to play are left out, of the stream too. The same context and request give the same
        plan: its random numbers come from (seed, plan_id).

        Raises:
            InputError: the request can't be encoded.
            ModelError: the model's output is not finite. Either way the context is as before.
        """
        rng = np.random.Generator(np.random.PCG64([request.seed, request.plan_id]))
        parts = request.tick.parts & self._contract.parts
        request = replace(request, tick=replace(request.tick, parts=parts))
        with self._all_or_nothing():
            weights = dict(request.style)
            self._style = np.array([[weights.get(name, 0.0) for name in self._contract.styles]], dtype=np.float32)
            return self._fill(request, rng)

    def snapshot(self) -> Context:
        """The context as a value; free, since nothing in it is ever written to."""
        return Context(self._state, self._encoder.snapshot(), self._style, self._hearing)

    def restore(self, state: object) -> None:
        """Go back to a context that `snapshot` of this generator gave.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(state, Context):
            raise InputError(f"a context of the neural generator is needed, not {type(state).__name__}")
        self._state, self._style, self._hearing = state.state, state.style, state.hearing
        self._encoder.restore(state.last_ns)

    def reset(self) -> None:
        """Forget everything."""
        self.restore(Context(self._session.initial_state(), None, np.zeros_like(self._style), Hearing()))

    def _fill(self, request: PlanRequest, rng: np.random.Generator) -> Plan:
        tick = request.tick
        # Training runs such windows in both ways. With the lead in our hands our own line matters; else only the player's does.
        hide = self._contract.decoding["hide_history"] and Part.LEAD not in tick.parts
        self._feed(tick)
        draw = WindowDraw(self._logits, request.sampling, rng)
        chord: ChordSymbol | None = None
        if request.wants_chord:
            chord = self._chord(tick, draw)
            self._feed(Chord(chord), hide)
        grammar = WindowGrammar(tick.hop, tick.parts, request.opening)
        while draw.another(grammar.kinds()):
            note = draw.note(grammar)
            grammar.add(note)
            self._feed(note, hide)
        self._feed(End())
        return Plan(request.plan_id, request.window, tick.hop, chord, grammar.notes)

    def _chord(self, tick: Tick, draw: WindowDraw) -> ChordSymbol:
        """The window's chord: drawn from the model, or, where its contract says so, what the player's notes say."""
        if self._contract.decoding["chords"] == DRAWN:
            return draw.chord()
        self._hearing = self._hearing.judged(tick.time_ns)
        draw.use_chord(self._hearing.chord)
        return self._hearing.chord

    def _logits(self, name: str, given: Mapping[str, int]) -> FloatArray:
        """What the heads say of a field after the last event, [classes]."""
        known = np.array([[given.get(column, 0) for column in GIVEN]], dtype=np.int64)
        logits: FloatArray = self._session.heads(self._hidden, known)[name][0]
        return logits

    def _feed(self, event: Event, hide: bool = False) -> None:
        row = self._encoder.encode(event)
        if hide:
            row[_OWN_HISTORY] = 0
        self._hidden, self._state = self._session.step(row[np.newaxis], self._style, self._state)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        before = self.snapshot()
        try:
            yield
        except LivegenError:
            self.restore(before)
            raise


def open_neural(name_or_path: str | Path, provider: str = "cpu") -> NeuralGenerator:
    """Find, check and open a model; blocks while it loads.

    Raises:
        ModelError: it can't be used; the message says why and what to do.
        ConfigError: there is no provider of that name.
    """
    contract = load_contract(find_model(name_or_path))
    return NeuralGenerator(StepSession(contract, provider), contract)
