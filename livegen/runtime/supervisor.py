"""The supervisor: starts performer, brain and desk, watches them, restarts what dies, and releases what sounds.

It is the parent process and the composition root of the daemon. Nothing here plays music.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

from livegen.core.beat_network import beat_network
from livegen.core.errors import DeviceError, LivegenError
from livegen.core.parameters import Value, build_registry
from livegen.devices import ableton_link
from livegen.devices.clock import MonotonicClock, local_date_time
from livegen.devices.ports import Backend
from livegen.generators.open_generator import styles_of
from livegen.runtime.ableton import AbletonSpec, ableton_main
from livegen.runtime.brain import BrainSpec, brain_main
from livegen.runtime.config import Config
from livegen.runtime.delays import NOTHING_MEASURED, Delays
from livegen.runtime.desk import DeskSpec, desk_main
from livegen.runtime.messages import DeskReady, GeneratorReady, LogOpened, PortsOpen, Restarted, StartFailed, State, Stop
from livegen.runtime.name_lock import NameLock, lock_folder
from livegen.runtime.notify import Notifier
from livegen.runtime.performer import PerformerSpec, performer_main
from livegen.runtime.rescue import Rescue
from livegen.runtime.session_files import place_of
from livegen.runtime.shared import SharedState

LOOK_S = 0.25
"""How often heartbeats are looked at; deaths are seen at once."""

HUNG_NS = 1_000_000_000
"""A process that has beaten before and then not for this long is hung, and is killed and started again."""

FIRST_BEAT_NS = 30_000_000_000
"""A process that has not beaten this long after its start hangs too; JACK may take long to let a client in."""

CALM_NS = 10_000_000_000
"""A process that lived this long starts again without a pause; one that dies young waits, twice as long each time."""

RELEASE_NS = 500_000_000
"""How often the notes of a dead performer are ended anew until the next one is there."""

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
MOST_YOUNG_DEATHS = 8
"""From there on the pause is the longest."""
STOP_S = 2.0
END_S = 0.5
"""What brain and desk, which SIGTERM ends at once, get before they are killed."""

Report = Callable[[Any], None]
"""Is given every message that the children send up, on the supervisor's thread."""


@contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """Children that start in here get no SIGINT or SIGHUP: a terminal sends them to all, but only the supervisor ends them."""
    if os.name == "nt":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StartError(LivegenError):
    """The daemon could not start; the text says why and what to do."""


@dataclass(slots=True)
class _Child:
    """One process and what is needed to start it again."""

    role: str
    process: SpawnProcess
    control: Connection
    started_ns: int
    young_deaths: int = 0
    due_ns: int | None = None
    """When to start it again; None while it runs."""


class Supervisor:
    """Runs the daemon. Single-threaded: one thread calls everything but `request_stop`.

    Args:
        config: of the run.
        report: is told what the children say.
        backend: in-memory ports for the performer instead of the configured MIDI system.
        delays: what has been measured of the outputs, for a configuration that says nothing of it.
        notifier: tells a service manager how it goes.

    Raises:
        ModelError, ConfigError: a model or a parameter is not usable; nothing has been started.
    """

    def __init__(
        self,
        config: Config,
        report: Report,
        backend: Backend | None = None,
        delays: Delays = NOTHING_MEASURED,
        notifier: Notifier | None = None,
    ) -> None:
        self._config = config
        self._report = report
        self._backend = backend
        self._delays = delays
        self._notifier = notifier or Notifier()
        has_ports = backend is None and config.backend != "none"
        self._name_lock = NameLock(config.name, lock_folder()) if has_ports else None
        self._clock = MonotonicClock()
        self._context = multiprocessing.get_context("spawn")
        self._styles = styles_of(config.model)
        # The performer needs it too, and would be started again and again without it.
        beat_network()
        self._settings: tuple[tuple[str, Value], ...] = config.settings(build_registry(self._styles)).items()
        self._children: dict[str, _Child] = {}
        self._stopping = False
        self._wake_in, self._wake_out = Pipe(duplex=False)
        self.restarts: Counter[str] = Counter()
        self.session_logs: list[Path] = []
        self._log_place = place_of(config, local_date_time())
        self._folder = Path(tempfile.mkdtemp(prefix="livegen-"))
        self._address = rf"\\.\pipe\{self._folder.name}" if os.name == "nt" else str(self._folder / "performer")
        self._shared = SharedState.create()
        self._orphans_due_ns: int | None = None
        self._rescue_failure = ""
        """What was said last of why notes cannot be ended."""
        self._looked_ns = self._awake_since_ns = self._clock.now_ns()
        self._link_refused = False
        """It has been said that there can be no session."""
        self._rescue = Rescue(config if backend is None else replace(config, output=None), self._clock)

    def start(self, within_s: float = 30.0) -> float:
        """Start all processes and wait until the ports are open, the model is loaded and OSC listens.

        Returns:
            Seconds that it took.

        Raises:
            StartError: a process could not start, or not in time; everything has been stopped again.
            DeviceError: another daemon has this one's name; nothing has been started.
        """
        started_ns = self._clock.now_ns()
        if self._wants_link and (reason := ableton_link.missing()) is not None:
            self.stop()
            raise StartError(reason)
        waiting = {"performer", "brain"} | ({"desk"} if self._config.osc_port else set())
        try:
            self._take_name()
            for role in ("brain", "performer", "desk"):
                if role in waiting:
                    self._children[role] = self._spawn(role)
            while waiting and not self._stopping:
                self._await_start(waiting, started_ns + round(within_s * 1e9))
            self._open_rescue()
            self._start_or_end_link()
        except BaseException:
            # Also for a broken pipe in `report`, say: nothing may be left behind.
            self.stop()
            raise
        self._notifier.ready("playing")
        return (self._clock.now_ns() - started_ns) / 1e9

    def _await_start(self, waiting: set[str], until_ns: int) -> None:
        """Hear those who have not said yet that they are ready; who does is no longer in `waiting`."""
        if self._clock.now_ns() > until_ns:
            raise StartError(f"not ready in time: still waiting for {', '.join(sorted(waiting))}")
        for child, message in self._incoming(LOOK_S):
            match message:
                case StartFailed(reason):
                    raise StartError(reason)
                case PortsOpen():
                    waiting.discard("performer")
                case GeneratorReady():
                    waiting.discard("brain")
                case DeskReady():
                    waiting.discard("desk")
                case None:
                    raise StartError(f"the {child.role} ended while starting, with exit code {child.process.exitcode}")
            self._heard(message)

    def run(self, until_ns: int | None = None) -> None:
        """Watch the children until `request_stop` or until a time; call `stop` after it."""
        while not self._stopping and (until_ns is None or self._clock.now_ns() < until_ns):
            self.look(LOOK_S if until_ns is None else min(LOOK_S, max(0.0, (until_ns - self._clock.now_ns()) / 1e9)))

    def look(self, timeout_s: float) -> None:
        """Pass on what the children say, for at most `timeout_s`; start again what has died or hangs."""
        for child, message in self._incoming(timeout_s):
            if message is not None:
                self._heard(message)
            elif self._children.get(child.role) is child and not self._stopping:
                self._lost(child)
        now_ns = self._clock.now_ns()
        if now_ns - self._looked_ns > HUNG_NS // 2:
            # We did not run ourselves: all were stopped, as by Ctrl-Z, or slept with the machine. They get time to beat again.
            self._awake_since_ns = now_ns
        self._looked_ns = now_ns
        for child in self._children.values():
            beat_ns = self._shared.last_beat_ns(child.role)
            limit_ns = HUNG_NS if beat_ns > child.started_ns else FIRST_BEAT_NS
            if child.due_ns is None and now_ns - max(beat_ns, child.started_ns, self._awake_since_ns) > limit_ns:
                child.process.kill()
            elif child.due_ns is not None and now_ns >= child.due_ns:
                self._restart(child)
        if self._orphans_due_ns is not None and now_ns >= self._orphans_due_ns:
            self._release_orphans(now_ns)
        if all(now_ns - self._shared.last_beat_ns(role) <= HUNG_NS for role in self._children):
            self._notifier.status(self._in_words())
            self._notifier.beat(now_ns)

    def request_stop(self) -> None:
        """Make `run` return; any thread or signal handler may call."""
        self._stopping = True
        if self._wake_out.closed:
            return  # asked again after the end, as by a second Ctrl-C
        self._wake_out.send_bytes(b".")

    def tell_performer(self, message: Any) -> None:
        """Pass a message to the performer; lost while it is being restarted."""
        try:
            self._children["performer"].control.send(message)
        except OSError:
            return

    def pids(self) -> dict[str, int]:
        """Process numbers by role, the supervisor's own too."""
        return {"supervisor": os.getpid()} | {role: child.process.pid or 0 for role, child in self._children.items()}

    def stop(self) -> None:
        """End everything in order: the performer releases its notes first. Idempotent, takes a few seconds at the most."""
        self._stopping = True
        if not self._wake_out.closed:
            self._notifier.stopping()
        if "performer" in self._children:
            self.tell_performer(Stop())
            self._children["performer"].process.join(STOP_S)
        self._end_all()
        if self._wake_out.closed:
            return
        if self._children:
            self._release_orphans(self._clock.now_ns())
        self._rescue.close()
        self._children.clear()
        self._shared.close()
        self._wake_in.close()
        self._wake_out.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._name_lock is not None:
            self._name_lock.release()

    def _take_name(self) -> None:
        """Be the only daemon of this name. A lock that cannot be made is no reason not to play."""
        if self._name_lock is None:
            return
        try:
            self._name_lock.take()
        except OSError as error:
            self._report(DeviceError(f"two daemons on the same ports would not be noticed: {error}"))

    def _in_words(self) -> str:
        """How it goes, in one line for the service manager."""
        again = ", ".join(f"{role} {count}" for role, count in sorted(self.restarts.items()))
        return f"playing; started again: {again}" if again else "playing"

    # --- children ---

    def _spawn(self, role: str) -> _Child:
        ours, theirs = Pipe()
        target, spec = self._entry(role)
        process = self._context.Process(target=target, args=(spec, theirs), name=f"livegen-{role}", daemon=True)
        started_ns = self._clock.now_ns()
        with _deaf_to_the_terminal():
            process.start()
        theirs.close()
        return _Child(role, process, ours, started_ns)

    def _entry(self, role: str) -> tuple[Callable[..., None], Any]:
        config, shared = self._config, self._shared.name
        match role:
            case "performer":
                restarted = self.restarts["performer"] > 0
                spec = PerformerSpec(
                    config,
                    self._styles,
                    self._settings,
                    self._address,
                    shared,
                    self._backend,
                    restarted,
                    self._delays,
                    self._log_place,
                )
                return performer_main, spec
            case "brain":
                return brain_main, BrainSpec(config.model, config.provider, self._address, shared)
            case "ableton":
                return ableton_main, AbletonSpec(self._styles, self._settings, self._address, shared)
            case _:
                where = (config.osc_host, config.osc_port, config.osc_allow)
                return desk_main, DeskSpec(*where, self._styles, self._settings, self._address, shared)

    def _incoming(self, timeout_s: float) -> list[tuple[_Child, Any]]:
        """Messages of the children within a time limit; None as a message means that the child has died."""
        running = {child.control: child for child in self._children.values() if child.due_ns is None}
        found: list[tuple[_Child, Any]] = []
        for ready in wait([*running, self._wake_in], timeout_s):
            if ready is self._wake_in:
                self._wake_in.recv_bytes()
                continue
            child = running[cast(Connection, ready)]
            try:
                found.append((child, child.control.recv()))
            except (EOFError, OSError):
                child.process.join(STOP_S)
                if child.process.is_alive():
                    # It hung up but does not end, and two of a kind must not share ports.
                    child.process.kill()
                    child.process.join(STOP_S)
                found.append((child, None))
        return found

    def _heard(self, message: Any) -> None:
        match message:
            case State(settings):
                # What the musician has set survives the performer.
                self._settings = settings.items()
                self._start_or_end_link()
            case PortsOpen(_, midi_out) if midi_out or self._config.output is None:
                # Who has the port now ends what hangs on it.
                self._orphans_due_ns = None
            case LogOpened(path):
                self.session_logs.append(Path(path))
        if message is not None:
            self._report(message)

    @property
    def _wants_link(self) -> bool:
        return dict(self._settings)["clock/source"] == "link"

    def _start_or_end_link(self) -> None:
        """The session's process is there while its beat is wanted."""
        wanted, runs = self._wants_link, "ableton" in self._children
        if wanted and not runs and not self._stopping:
            if (reason := ableton_link.missing()) is None:
                self._children["ableton"] = self._spawn("ableton")
            elif not self._link_refused:
                self._report(DeviceError(reason))
            self._link_refused = reason is not None
        elif not wanted:
            self._link_refused = False
            if runs:
                child = self._children.pop("ableton")
                child.process.terminate()
                child.process.join(END_S)
                child.process.kill()
                child.control.close()

    def _lost(self, child: _Child) -> None:
        now_ns = self._clock.now_ns()
        if child.role == "performer":
            self._release_orphans(now_ns)
        young = now_ns - child.started_ns < CALM_NS
        child.young_deaths = min(MOST_YOUNG_DEATHS, child.young_deaths + 1) if young else 0
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**child.young_deaths) if child.young_deaths > 1 else 0.0
        child.due_ns = now_ns + round(pause_s * 1e9)
        child.control.close()
        self.restarts[child.role] += 1
        self._shared.count_restart(child.role)
        self._report(Restarted(child.role, child.process.exitcode))

    def _restart(self, child: _Child) -> None:
        try:
            fresh = self._spawn(child.role)
        except OSError as error:
            # No memory, or too many processes or files: the others play on.
            child.due_ns = self._clock.now_ns() + round(LONGEST_PAUSE_S * 1e9)
            self._report(DeviceError(f"the {child.role} cannot be started again yet: {error}"))
            return
        fresh.young_deaths = child.young_deaths
        self._children[child.role] = fresh

    def _end_all(self) -> None:
        """End what still runs, first politely."""
        for end, patience_s in ((SpawnProcess.terminate, END_S), (SpawnProcess.kill, STOP_S)):
            alive = [child.process for child in self._children.values() if child.process.is_alive()]
            for process in alive:
                end(process)
            until_ns = self._clock.now_ns() + round(patience_s * 1e9)
            for process in alive:
                process.join(max(0, until_ns - self._clock.now_ns()) / 1e9)
        for child in self._children.values():
            child.control.close()

    def _open_rescue(self) -> None:
        """Some systems let only one program play to a port: then there is no second way, which is no reason not to play."""
        try:
            self._rescue.open()
        except DeviceError as error:
            self._report(error)

    def _release_orphans(self, now_ns: int) -> None:
        """End the notes of a performer that can't, now and again until its successor is there."""
        self._orphans_due_ns = now_ns + RELEASE_NS
        try:
            self._rescue.release(self._shared.ledger)
        except DeviceError as error:
            if str(error) != self._rescue_failure:
                self._rescue_failure = str(error)
                self._report(error)
