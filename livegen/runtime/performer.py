"""The performer: MIDI in and out, the transport, the schedule and the ledger. No model, no network, no disk but for a log.

One owner thread, the process's main thread, blocks on "next message or next deadline"; drivers and links stamp and enqueue.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import Empty
from typing import Any

from livegen.core.effects import (
    Answered,
    Ask,
    CountIn,
    Discard,
    Effect,
    GeneratorLost,
    InputLost,
    Observe,
    Overdue,
    Panic,
    Send,
    SessionBeat,
    Stopgap,
    Tap,
    Unplanned,
)
from livegen.core.errors import DeviceError, InputError, LivegenError, ModelError
from livegen.core.events import PlayerEvent
from livegen.core.midi import NoteOn, parse
from livegen.core.parameters import Settings, Value, build_registry
from livegen.core.plans import Plan, PlanRequest
from livegen.devices.clock import MonotonicClock
from livegen.devices.open_backend import open_backend
from livegen.devices.ports import Backend, InputPort, match_port
from livegen.generators.band import Band
from livegen.generators.markov import MarkovGenerator
from livegen.runtime.config import Config
from livegen.runtime.delays import NOTHING_MEASURED, Delays
from livegen.runtime.health import Timings, readings
from livegen.runtime.inbox import Inbox, MidiIn
from livegen.runtime.link import Arrived, Hub, Link, LinkDown, LinkUp
from livegen.runtime.messages import (
    AnswerTiming,
    Change,
    Failed,
    GeneratorReady,
    Health,
    History,
    PortsOpen,
    StartFailed,
    State,
    Stop,
    TakeTimings,
    TimingsTaken,
    Warned,
)
from livegen.runtime.outlet import Outlet
from livegen.runtime.priority import go_first
from livegen.runtime.recorder import Recorder, recorded_engine
from livegen.runtime.session_files import LogPlace
from livegen.runtime.shared import ROLES, SharedName, SharedState

HOUSEKEEPING_NS = 100_000_000
"""Every fifth round is a health read-out, every tenth a look at the ports; the heart beats at least as often."""

WAITED_FOR = 256
"""Plans that may still come, late: their time counts too."""

QUIET_NS = 5_000_000
"""Housekeeping waits, by one round at the most, when something is due within this: its rounds could fall on every beat."""

WARM_NS = 1_000_000
"""So long before something is due the owner looks once in vain: what the processor has forgotten is back when it counts."""

HISTORY_EVENTS = 512
"""What a brain that comes back is told of the player's past."""

READY_NS = 500_000
"""So long before something is due it is decided what it is: only the sending is left to be done at the time itself."""

SWITCH_INTERVAL_S = 0.0005
"""Python's thread switch interval: at the default of 5 ms a busy thread delays the owner by as much."""

ECHO_WARNING = (
    "what livegen plays comes back to its MIDI input; it is left out, but undo the connection: no track or cable may lead from "
    "livegen's output to its input"
)


@dataclass(frozen=True, slots=True)
class PerformerSpec:
    """What a performer is started with.

    Attributes:
        config: of the run.
        styles: of the model, for the registry of parameters.
        settings: values to begin with, which after a restart are those of before.
        address: where brain and desk call.
        shared: the block with heartbeats and ledger.
        backend: in-memory ports to use instead of the configured system.
        restarted: a performer has played before in this run: ports that are missing are waited for.
        delays: what has been measured of the outputs.
        log_place: where the session is recorded, if it is.
    """

    config: Config
    styles: tuple[str, ...]
    settings: tuple[tuple[str, Value], ...]
    address: str
    shared: SharedName
    backend: Backend | None = None
    restarted: bool = False
    delays: Delays = NOTHING_MEASURED
    log_place: LogPlace | None = None


def performer_main(spec: PerformerSpec, control: Connection) -> None:
    """Entry of the performer's process; returns when told to stop, on SIGTERM, or when the supervisor has gone."""
    go_first()
    performer = Performer(spec, control)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: performer.inbox.put(Stop()))
    try:
        performer.start()
    except LivegenError as error:
        control.send(StartFailed(str(error)))
        performer.close()
        return
    try:
        performer.run()
    finally:
        performer.close()


class Performer:
    """The owner of everything that sounds. All methods belong to the owner thread; `inbox.put` belongs to everybody."""

    def __init__(self, spec: PerformerSpec, control: Connection) -> None:
        self.inbox = Inbox()
        self._spec = spec
        self._clock = MonotonicClock()
        self._shared = SharedState.attach(spec.shared)
        self._counters: Counter[str] = Counter()
        self._supervisor = Link(control, "supervisor", self.inbox, self._clock.now_ns)
        self._hub = Hub(spec.address, self.inbox, self._clock.now_ns)
        self._links: dict[str, Link] = {}
        self._brain_ready = False
        self._brain_name = "none"
        self._history: deque[PlayerEvent] = deque(maxlen=HISTORY_EVENTS)
        self._fallback = Band(MarkovGenerator())
        self._backend: Backend | None = None
        self._input: InputPort | None = None
        self._outlet = Outlet(None, None, self._shared.ledger, self._clock.now_ns)
        self._ports_told: tuple[str, str] | None = None
        """Names of the open ports as the supervisor knows them; None before it was told."""
        self._to_open: list[Callable[[], object]] = []
        """What is left to be done until the ports are open again."""
        self._schedule_error = Timings()
        self._plan_time = Timings()
        self._asked_ns: dict[int, int] = {}
        self._running = True
        self._orphaned = False
        """The supervisor has gone."""
        self._told_ns = 0
        """The time that the engine was told last before it had come."""
        self._rounds = 0
        self._warned = False
        self._refused_before = 0
        """By inputs that have been closed."""
        settings, _ = build_registry(spec.styles).defaults().with_changes(spec.settings)
        self._recorder = Recorder(spec.log_place, self._supervisor.post)
        self._engine = recorded_engine(self._recorder, settings, self._clock.now_ns(), spec.config)

    def start(self) -> None:
        """Open the ports and begin to accept calls.

        Raises:
            DeviceError: the MIDI system or a port is not there; what was opened is closed again by `close`.
        """
        config = self._spec.config
        self._backend = self._spec.backend or open_backend(config.backend, self._clock, config.name, config.port_names)
        self._outlet = Outlet(self._backend, config.output, self._shared.ledger, self._clock.now_ns)
        for opening in (self._open_output, self._open_input):
            try:
                opening()
            except DeviceError:
                # At the first start the person at the terminal must know; later the show goes on, and the port may come back.
                if not self._spec.restarted:
                    raise
        self._warm_up()
        self._recorder.start()
        self._supervisor.start()
        self._hub.start()
        self._tell_ports()
        # From here on nothing that is kept is ever garbage; without the freeze a full collection stops the music for 60 ms.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL_S)

    def _warm_up(self) -> None:
        """Do once what is slow the first time, before it is in anybody's way."""
        timings = Timings()
        timings.add(0)
        list(timings.read(""))

    def run(self) -> None:
        """Play until told to stop."""
        housekeeping_ns = self._clock.now_ns()
        while self._running:
            now_ns = self._clock.now_ns()
            self._shared.beat("performer", now_ns)
            deadline_ns = self._engine.next_deadline_ns()
            soon = deadline_ns is not None and deadline_ns - now_ns < QUIET_NS
            if now_ns >= housekeeping_ns + (HOUSEKEEPING_NS if soon else 0):
                housekeeping_ns = now_ns + HOUSEKEEPING_NS
                self._keep_house(now_ns)
                deadline_ns = self._engine.next_deadline_ns()
            wake_ns = housekeeping_ns + (HOUSEKEEPING_NS if now_ns >= housekeeping_ns else 0)
            if (waits_ns := self._outlet.next_deadline_ns()) is not None:
                wake_ns = min(wake_ns, waits_ns)
            if deadline_ns is not None:
                early_ns = WARM_NS if deadline_ns - now_ns > WARM_NS else READY_NS
                wake_ns = min(wake_ns, deadline_ns - early_ns)
            with suppress(Empty):
                self._handle(self.inbox.next_item(max(0, wake_ns - self._clock.now_ns()) / 1e9))
            self._tick()
            self._outlet.flush()

    def _tick(self) -> None:
        """Do what is due, and what is due in a moment at its time."""
        now_ns, deadline_ns = self._now_ns(), self._engine.next_deadline_ns()
        if deadline_ns is not None and now_ns < deadline_ns <= now_ns + READY_NS:
            now_ns = self._told_ns = deadline_ns
        self._perform(self._engine.tick(now_ns))

    def _now_ns(self) -> int:
        """The time for the engine, which may have been told already of a moment that is about to come."""
        return max(self._clock.now_ns(), self._told_ns)

    def close(self) -> None:
        """Release what sounds, then close ports and links, in reverse order of opening."""
        last = self._engine.close(self._now_ns())
        self._perform(last)
        # The supervisor's clients may have died with it, and a MIDI system may stand still for that.
        self._outlet.drain([effect.message for effect in last if isinstance(effect, Send)], doubtful=self._orphaned)
        # First the hub: a peer whose link is closed calls again at once.
        self._hub.close()
        for link in (*self._links.values(), *self._links_waiting()):
            link.close()
        for resource in (self._input, self._outlet, self._backend):
            if resource is not None:
                resource.close()
        self._recorder.close()
        # Last, since the supervisor takes its end for ours.
        self._supervisor.close()
        self._shared.close()

    def _links_waiting(self) -> list[Link]:
        """Links that have come up and were not looked at any more."""
        found = []
        while not self.inbox.empty():
            item = self.inbox.get()
            if isinstance(item, LinkUp):
                found.append(item.link)
        return found

    # --- what comes in ---

    def _handle(self, item: Any) -> None:
        match item:
            case MidiIn(data, time_ns):
                self._receive_midi(data, time_ns)
            case Arrived(message=message, time_ns=time_ns):
                self._receive_message(message, time_ns)
            case LinkUp(link):
                self._link_up(link)
            case LinkDown(link):
                self._link_down(link)
            case Stop():
                self._running = False
            case Exception():
                self._counters["midi_errors"] += 1

    def _receive_midi(self, data: bytes, time_ns: int) -> None:
        try:
            message = parse(data)
        except InputError:
            self._counters["midi_errors"] += 1
            return
        self._engine.receive(message, time_ns)

    def _receive_message(self, message: Any, time_ns: int) -> None:
        match message:
            case Plan(plan_id):
                # What a broken brain calls a number may be anything; the engine refuses it.
                if isinstance(plan_id, int) and (asked_ns := self._asked_ns.pop(plan_id, None)) is not None:
                    self._plan_time.add(time_ns - asked_ns)
                    self._engine.plans_take(self._plan_time.fitting_ns())
                self._engine.receive(message, self._now_ns())
            case Failed(plan_id):
                if not self._counters["plans_failed"] + self._counters["events_failed"]:
                    self._supervisor.post(message)
                self._counters["events_failed" if plan_id is None else "plans_failed"] += 1
                if plan_id is not None:
                    self._asked_ns.pop(plan_id, None)
                    self._engine.receive(Unplanned(plan_id), self._now_ns())
            case GeneratorReady(name):
                self._brain_ready, self._brain_name = True, name
                self._supervisor.post(message)
                self._tell_health()
            case Change(values):
                self._change(values)
            case Panic():
                self._engine.receive(message, self._now_ns())
            case Tap() | CountIn() | SessionBeat():
                self._engine.receive(message, time_ns)
            case TakeTimings():
                dropped = self._engine.counters["notes_late_dropped"]
                self._supervisor.post(TimingsTaken(self._schedule_error.take(), dropped))
            case Stop():
                self._running = False

    def _change(self, values: tuple[tuple[str, Value], ...]) -> None:
        try:
            settings, _ = self._engine.settings.with_changes(values)
        except InputError:
            self._counters["refused_changes"] += 1
            return
        self._engine.receive(settings, self._now_ns())
        # What the engine made of them: it may keep a tempo that somebody else has set.
        self._tell_settings(self._engine.settings)

    def _tell_settings(self, settings: Settings) -> None:
        for link in (self._links.get("desk"), self._links.get("ableton"), self._supervisor):
            if link is not None:
                link.post(State(settings))

    def _link_up(self, link: Link) -> None:
        if (old := self._links.pop(link.role, None)) is not None:
            old.close()
        self._links[link.role] = link
        if link.role == "brain":
            link.post(History(tuple(self._history)))
        else:
            link.post(State(self._engine.settings))
            self._tell_health()

    def _link_down(self, link: Link) -> None:
        if link is self._supervisor:
            self._running, self._orphaned = False, True
            return
        link.close()
        if self._links.get(link.role) is not link:
            return
        del self._links[link.role]
        if link.role == "brain":
            self._brain_ready, self._brain_name = False, "none"
            self._counters["brain_losses"] += 1
            self._asked_ns.clear()
            self._engine.receive(GeneratorLost(), self._now_ns())
            self._tell_health()

    # --- what goes out ---

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._send(effect)
                case Observe(event):
                    self._history.append(event)
                    self._fallback.observe(event)
                    self._tell_brain(effect)
                case Ask(request):
                    self._ask(request)
                case Overdue(request):
                    self._plan_from_fallback(request)
                case Discard(plan_id):
                    self._fallback.discard(plan_id)
                    self._tell_brain(effect)
                case Answered(phrase_end_ns, due_ns):
                    delay_ns = due_ns - phrase_end_ns
                    self._supervisor.post(AnswerTiming(phrase_end_ns, delay_ns, self._engine.transport.beats(delay_ns)))

    def _send(self, effect: Send) -> None:
        while self._clock.now_ns() < effect.due_ns:
            # Asleep, the processor would forget what it is about to do.
            time.sleep(0)
        sent = self._outlet.send(effect.message)
        if sent and effect.part is not None and isinstance(effect.message, NoteOn):
            self._schedule_error.add(self._clock.now_ns() - effect.due_ns)

    def _tell_brain(self, message: Observe | Ask | Discard) -> bool:
        link = self._links.get("brain")
        return link is not None and link.post(message)

    def _ask(self, request: PlanRequest) -> None:
        if self._brain_ready and self._tell_brain(Ask(request)):
            self._asked_ns[request.plan_id] = self._clock.now_ns()
            if len(self._asked_ns) > WAITED_FOR:
                # What never comes says nothing about how long a plan takes.
                del self._asked_ns[next(iter(self._asked_ns))]
        else:
            self._answer(Unplanned(request.plan_id))

    def _plan_from_fallback(self, request: PlanRequest) -> None:
        try:
            self._answer(Stopgap(self._fallback.plan(request)))
        except ModelError:
            self._answer(Unplanned(request.plan_id))

    def _answer(self, answer: Stopgap | Unplanned) -> None:
        self._engine.receive(answer, self._now_ns())
        self._perform(self._engine.tick(self._now_ns()))

    # --- ports ---

    def _open_output(self) -> None:
        """Open the port if it is not, and send as much earlier as it takes; a delay that was set by hand goes first."""
        self._outlet.open()
        by_hand_ms = self._spec.config.output_delay_ms
        delay_ms = self._spec.delays.of(self._outlet.name) if by_hand_ms is None else by_hand_ms
        self._engine.send_earlier(round(delay_ms * 1e6))

    def _open_input(self) -> None:
        if self._backend is not None and self._input is None:
            if (pattern := self._spec.config.input) is not None:
                match_port(pattern, self._backend.list_inputs(), "input")
            self._input = self._backend.open_input(self._spec.config.input, self.inbox.put_midi, self.inbox.put)

    def _keep_house(self, now_ns: int) -> None:
        """What is due ten times a second.

        Raises:
            LivegenError: a thread has ended without which we are deaf; our notes end with us, and the next performer hears.
        """
        if not (self._hub.alive and self._supervisor.alive):
            raise LivegenError("a thread of the performer's links has died")
        self._rounds += 1
        if self._rounds % 5 == 0:
            self._tell_health()
        if self._rounds % 10 == 0:
            self._check_ports(now_ns)
        elif self._to_open:
            self._open_one()
        self._outlet.mend(self._engine.ledger)

    def _check_ports(self, now_ns: int) -> None:
        """A port that has gone is opened again as soon as it is back."""
        if self._input is not None and not self._input.alive:
            self._input.close()
            self._refused_before += self._input.counts.refused
            self._input = None
            self._engine.receive(InputLost(), now_ns)
            self._perform(self._engine.tick(now_ns))
        self._outlet.drop_if_gone()
        self._tell_ports()
        if self._backend is not None and (self._input is None or not self._outlet.name):
            self._to_open = [self._find_system, self._open_output, self._open_input]

    def _tell_ports(self) -> None:
        """Say which ports are open, at the start and where something has changed."""
        names = (self._input.name if self._input is not None else "", self._outlet.name)
        for kind, before, now in zip(("in", "out"), self._ports_told or ("", ""), names, strict=True):
            if before and not now:
                self._supervisor.post(Warned(f"MIDI {kind} has gone ({before}); it is looked for once a second"))
        opened = any(now and now != before for before, now in zip(self._ports_told or ("", ""), names, strict=True))
        if opened or self._ports_told is None:
            beat_zero_ns, advance_ns = self._engine.transport.ns_at(0), self._engine.advance_ns
            self._supervisor.post(PortsOpen(*names, beat_zero_ns, advance_ns))
        self._ports_told = names

    def _find_system(self) -> None:
        if self._backend is not None:
            self._backend.list_outputs()

    def _open_one(self) -> None:
        """Do one part of opening the ports: each stops the music for some 50 ms, so each gets a round of its own."""
        opening = self._to_open.pop(0)
        try:
            opening()
        except DeviceError:
            self._counters["reopen_failed"] += 1
            if opening == self._find_system:
                # Nothing else has a chance.
                self._to_open.clear()

    def _warn(self, counters: Counter[str]) -> None:
        """Say once what only the musician can put right."""
        if counters["echo_loops"] and not self._warned:
            self._warned = True
            self._supervisor.post(Warned(ECHO_WARNING))

    def _tell_health(self) -> None:
        """To the desk and the supervisor."""
        counters = self._engine.counters + self._counters
        self._warn(counters)
        counters["midi_refused"] = self._refused_before + (self._input.counts.refused if self._input is not None else 0)
        counters["input_coalesced"], counters["input_dropped"] = self.inbox.coalesced, self.inbox.dropped
        counters["sends_failed"] = self._outlet.failed
        counters["sends_paced"], counters["offs_repeated"] = self._outlet.paced, self._outlet.repeated
        values: list[tuple[str, Value]] = [
            ("brain", self._brain_name),
            ("mode", self._engine.settings.mode),
            ("clock/state", self._engine.clock_state(self._clock.now_ns())),
            ("clock/confidence", round(self._engine.beat_confidence(self._clock.now_ns()), 2)),
            ("clock/tempo_bpm", round(float(self._engine.transport.tempo_bpm), 2)),
            ("lookahead/now_ms", round(self._engine.lookahead_ns / 1e6, 1)),
            ("lookahead/plans_take_ms", round(self._plan_time.fitting_ns() / 1e6, 1)),
            ("plans/from", self._engine.plans_from()),
            ("output/delay_ms", round(self._engine.advance_ns / 1e6, 2)),
            ("input/waiting", self.inbox.midi_waiting),
            ("sounding", sum(1 for _ in self._engine.ledger.sounding())),
            *readings(counters),
            *self._recorder.readings(),
            *self._schedule_error.read("schedule_error"),
            *self._plan_time.read("plan_roundtrip"),
            *((f"restarts/{role}", self._shared.restarts(role)) for role in ROLES),
            ("pid/performer", os.getpid()),
            *((f"pid/{role}", link.pid or 0) for role, link in self._links.items()),
        ]
        health = Health(tuple(values))
        for link in (self._links.get("desk"), self._supervisor):
            if link is not None:
                link.post(health)
