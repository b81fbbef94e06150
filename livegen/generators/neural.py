"""The neural bandmate: a model's step and heads, sampled under the grammar of a planning window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, LivegenError
from livegen.core.events import Chord, End, Event, On, Part, PlayerEvent
from livegen.core.harmonic_memory import Features, HarmonicMemory
from livegen.core.harmony import ChordSymbol
from livegen.core.plans import Plan, PlanRequest
from livegen.core.stream import StreamEncoder
from livegen.generators.chord_choice import choose_chord
from livegen.generators.contract import GIVEN, ModelContract
from livegen.generators.draw import WindowDraw
from livegen.generators.guidance import guided, with_and_without
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.ringing import Ringing
from livegen.generators.session import FloatArray, State, StepSession
from livegen.generators.window import HOLDING, WindowGrammar

_OWN_HISTORY = [v.COLUMN[name] for name in ("root", "quality", "pitch")]
"""Columns that are hidden where the model must listen to the player rather than to itself."""

_AS_LEARNT = ("kind",)
"""Fields in which a style is not played up: whether one more note comes, or every style would be overdone with more notes."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that a NeuralGenerator remembers, as a value.

    Attributes:
        state: the model's memory.
        last_ns: the encoder's memory, the time of the last event.
        style: weights that the last request asked for, float32 [B, styles]; the player's events are heard in that style. B is
            1, or 2 since the first request that was to be guided: then the second row hears without a style.
        memory: what a chord is chosen from.
        ringing: what of the agent's harmony sounds on.
    """

    state: State
    last_ns: int | None
    style: FloatArray
    memory: HarmonicMemory
    ringing: Ringing = field(default_factory=Ringing)


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
        self._memory = HarmonicMemory()
        self._ringing = Ringing()
        self._guidance = 1.0
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
                self._memory = self._memory.struck(event.pitch, event.time_ns)
            else:
                self._memory = self._memory.released(event.pitch)

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
            self._take_style(request)
            return self._fill(request, rng)

    def snapshot(self) -> Context:
        """The context as a value; free, since nothing in it is ever written to."""
        return Context(self._state, self._encoder.snapshot(), self._style, self._memory, self._ringing)

    def restore(self, state: object) -> None:
        """Go back to a context that `snapshot` of this generator gave.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(state, Context):
            raise InputError(f"a context of the neural generator is needed, not {type(state).__name__}")
        self._state, self._style, self._memory, self._ringing = state.state, state.style, state.memory, state.ringing
        self._encoder.restore(state.last_ns)

    def reset(self) -> None:
        """Forget everything."""
        self.restore(Context(self._session.initial_state(), None, np.zeros_like(self._style[:1]), HarmonicMemory()))

    def _take_style(self, request: PlanRequest) -> None:
        """Hear and play in the style that is asked for from here on; a second time without it where it is to be guided."""
        weights = dict(request.style)
        style = np.array([[weights.get(name, 0.0) for name in self._contract.styles]], dtype=np.float32)
        self._guidance = request.guidance if style.any() else 1.0
        both = len(self._style) == 2
        if self._guidance != 1.0 and not both:
            self._state, both = self._session.spread(self._state, 2), True
        self._style = with_and_without(style) if both else style

    def _fill(self, request: PlanRequest, rng: np.random.Generator) -> Plan:
        tick = request.tick
        # Training runs such windows in both ways. With the lead in our hands our own line matters; else only the player's does.
        hide = self._contract.decoding["hide_history"] and Part.LEAD not in tick.parts
        self._feed(tick)
        sampling = replace(request.sampling, temperature=request.sampling.temperature * self._contract.boldness)
        draw = WindowDraw(self._logits, sampling, rng, self._contract.in_chord)
        chord: ChordSymbol | None = None
        if request.wants_chord:
            chord = self._chord(request, draw)
            self._feed(Chord(chord), hide)
        grammar = self._grammar(request, chord)
        while draw.another(grammar):
            note = draw.note(grammar)
            grammar.add(note)
            self._feed(note, hide)
        self._feed(End())
        plan = Plan(request.plan_id, request.window, tick.hop, chord, grammar.notes)
        self._ringing = self._ringing.after(plan)
        return plan

    def _grammar(self, request: PlanRequest, chord: ChordSymbol | None) -> WindowGrammar:
        """What may come in this window: where the contract says so, chords that hold and are heard as they change."""
        tick = request.tick
        if chord is None or not self._contract.hold:
            return WindowGrammar(tick.hop, tick.parts, request.opening)
        striking = self._ringing.striking(chord, tick.parts, request.window, tick.hop)
        tones = frozenset(chord.pitch_classes)
        # A bass that keeps silent when the harmony moves leaves it without ground.
        then = Part.BASS if striking is Part.CHORDS and chord != self._ringing.chord else None
        return WindowGrammar(tick.hop, tick.parts, request.opening, striking=striking, then=then, tones=tones, holding=HOLDING)

    def _chord(self, request: PlanRequest, draw: WindowDraw) -> ChordSymbol:
        """The window's chord: chosen by the chord graph from what was heard; where there is none, drawn from the heads."""
        if self._contract.chords is None:
            return draw.chord()
        self._memory = self._memory.placed(request.tick, request.window)
        chord = choose_chord(self._memory, request, self._judge, self._contract.chord_boldness)
        self._memory = self._memory.planned(chord, request.window)
        draw.use_chord(chord)
        return chord

    def _judge(self, features: Features) -> FloatArray:
        logits: FloatArray = self._session.chords(features.heard[np.newaxis], features.place[np.newaxis])[0]
        return logits

    def _logits(self, name: str, given: Mapping[str, int]) -> FloatArray:
        """What the heads say of a field after the last event, [classes]."""
        known = np.array([[given.get(column, 0) for column in GIVEN]], dtype=np.int64)
        logits = self._session.heads(self._hidden, np.repeat(known, len(self._hidden), axis=0))[name]
        return guided(logits, min(1.0, self._guidance) if name in _AS_LEARNT else self._guidance)

    def _feed(self, event: Event, hide: bool = False) -> None:
        row = self._encoder.encode(event)
        if hide:
            row[_OWN_HISTORY] = 0
        rows = np.repeat(row[np.newaxis], len(self._style), axis=0)
        self._hidden, self._state = self._session.step(rows, self._style, self._state)

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
