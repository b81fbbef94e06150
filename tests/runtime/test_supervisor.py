"""The whole daemon on in-memory ports: real processes, real time, real kills. Nothing hangs, nothing is left behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.live import ask_osc

from livegen.core.beat_network import BeatNetwork
from livegen.core.errors import DeviceError, ModelError
from livegen.core.midi import NoteOff, NoteOn, encode, parse
from livegen.core.parameters import Value
from livegen.devices import ableton_link
from livegen.devices.ableton_link import LinkSession
from livegen.devices.clock import MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.generators.model_files import bundled_directory
from livegen.runtime import supervisor
from livegen.runtime.config import Config
from livegen.runtime.delays import NOTHING_MEASURED, Delays
from livegen.runtime.messages import (
    AnswerTiming,
    Change,
    DeskReady,
    GeneratorReady,
    Health,
    PortsOpen,
    Restarted,
    State,
    TakeTimings,
    TimingsTaken,
    Warned,
)
from livegen.runtime.notify import Notifier
from livegen.runtime.supervisor import StartError, Supervisor

pytestmark = pytest.mark.processes

LIMIT_S = 20.0
SLICE_S = 0.005
LEAD, CHORDS, DRUMS, PLAYER, CLICK = 0, 1, 9, 5, 14
TEMPO_BPM = 97.0
ROLES = ("performer", "brain", "desk")
NOW_NS = MonotonicClock().now_ns


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Rig:
    """A supervisor on this thread, and the player at the other end of the cable."""

    def __init__(
        self,
        model: str = "scripted",
        osc_port: int | None = None,
        *,
        delays: Delays = NOTHING_MEASURED,
        delay_ms: float | None = None,
        session_log: Path | None = None,
        notifier: Notifier | None = None,
        **parameters: Value,
    ) -> None:
        backend, self.peer = memory_cable()
        self._backend = backend
        self.port = free_port() if osc_port is None else osc_port
        self.said: list[Any] = []
        named = {name.replace("__", "/"): value for name, value in parameters.items()}
        log = None if session_log is None else str(session_log)
        config = Config(model=model, osc_port=self.port, output_delay_ms=delay_ms, session_log=log, parameters=named)
        self.supervisor = Supervisor(config, self.said.append, backend, delays, notifier)
        block = Path("/dev/shm", self.supervisor._shared.name.name)  # noqa: S108 - where Linux keeps shared memory
        self._kept = [Path(self.supervisor._address).parent, block]

    def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> float:
        """Run the daemon until something has come true; seconds that it took."""
        began_ns = NOW_NS()
        while not condition():
            assert NOW_NS() - began_ns < limit_s * 1e9, self.said[-5:]
            self.supervisor.look(0.01)
        return (NOW_NS() - began_ns) / 1e9

    def run(self, seconds: float) -> None:
        self.supervisor.run(NOW_NS() + round(seconds * 1e9))

    def play(self, *pitches: int, seconds: float = 0.1) -> None:
        for pitch in pitches:
            self.peer.send(encode(NoteOn(PLAYER, pitch, 80)))
            self.run(seconds * 0.9)
            self.peer.send(encode(NoteOff(PLAYER, pitch)))
            self.run(seconds * 0.1)

    def heard(self, since_ns: int = 0) -> list[tuple[int, Any]]:
        """When the daemon sent what, so far."""
        return [(time_ns, parse(data)) for data, time_ns in self.peer.arrived() if time_ns >= since_ns]

    def onsets(self, channel: int, since_ns: int = 0) -> list[int]:
        return [
            time_ns for time_ns, message in self.heard(since_ns) if isinstance(message, NoteOn) and message.channel == channel
        ]

    def sounding(self) -> set[tuple[int, int]]:
        held: set[tuple[int, int]] = set()
        for _, message in self.heard():
            match message:
                case NoteOn(channel, pitch):
                    held.add((channel, pitch))
                case NoteOff(channel, pitch):
                    held.discard((channel, pitch))
        return held

    def count(self, kind: type) -> int:
        return sum(isinstance(message, kind) for message in self.said)

    def health(self, name: str) -> Value | None:
        """The latest reading of that name."""
        latest = next((message for message in reversed(self.said) if isinstance(message, Health)), Health(()))
        return dict(latest.values).get(name)

    def readings(self, name: str) -> set[Value]:
        """Every reading of that name so far."""
        return {value for message in self.said if isinstance(message, Health) for key, value in message.values if key == name}

    def accompanied(self) -> None:
        """Play until the band is heard and a note of it sounds."""
        self.play(60, 64, 67)
        self.until(lambda: self.onsets(CHORDS) and self.onsets(DRUMS))
        self.until(self.sounding)

    def traces(self) -> list[Path]:
        """What this daemon keeps outside its processes and is still there: the shared block, the folder of its socket."""
        return [path for path in self._kept if path.exists()]

    def close(self) -> None:
        self.supervisor.stop()
        self._backend.close()
        self.peer.close()


@contextmanager
def slowed(pid: int, times: int) -> Iterator[None]:
    """A process that gets on so many times slower: it is stopped most of the time."""
    ended = threading.Event()

    def stop_and_go() -> None:
        while not ended.is_set():
            os.kill(pid, signal.SIGSTOP)
            ended.wait(SLICE_S * (times - 1))
            os.kill(pid, signal.SIGCONT)
            ended.wait(SLICE_S)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def peer() -> Iterator[LinkSession]:
    """Another program's membership in the session."""
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(LinkSession.join(TEMPO_BPM, 4, MonotonicClock()))
    yield session
    session.leave()
    loop.close()


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    """Make a rig; no process, shared memory or folder of it outlives the test."""
    made: list[Rig] = []

    def make(*, start: bool = True, **options: Any) -> Rig:
        made.append(Rig(**options))
        if start:
            made[-1].supervisor.start(LIMIT_S)
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert not multiprocessing.active_children()
    assert not [path for one in made for path in one.traces()]


MakeRig = Callable[..., Rig]


class TestPlaying:
    def test_it_starts_answers_and_stops(self, rig: MakeRig) -> None:
        stage = rig()
        assert {type(message) for message in stage.said} >= {PortsOpen, GeneratorReady, DeskReady}
        assert set(stage.supervisor.pids()) == {"supervisor", *ROLES}
        stage.play(60, 64, 67)
        stage.until(lambda: stage.onsets(LEAD))
        stage.until(lambda: stage.count(AnswerTiming))
        stage.until(stage.sounding)
        began_ns = NOW_NS()
        stage.supervisor.stop()
        stage.supervisor.stop()
        assert NOW_NS() - began_ns < 3e9
        assert not stage.sounding()
        assert not multiprocessing.active_children()
        assert not stage.traces()
        stage.supervisor.request_stop()

    @pytest.mark.parametrize(("by_hand_ms", "holds_ms"), [(None, 70.5), (40.0, 40.0), (0.0, 0.0)])
    def test_it_sends_as_much_earlier_as_was_measured_or_said_by_hand(
        self, rig: MakeRig, by_hand_ms: float | None, holds_ms: float
    ) -> None:
        """And says so at the start and in its read-out."""
        measured = Delays({"livegen out": 70.5, "another": 90.0})
        stage = rig(osc_port=0, delays=measured, delay_ms=by_hand_ms)
        opened = [message.advance_ns for message in stage.said if isinstance(message, PortsOpen)]
        assert opened == [round(holds_ms * 1e6)]
        stage.until(lambda: stage.health("output/delay_ms") == holds_ms)

    def test_no_note_leaves_before_its_time(self, rig: MakeRig) -> None:
        """Although it is decided a moment earlier."""
        stage = rig(osc_port=0, mode="accompany")
        stage.accompanied()
        stage.run(2.0)
        stage.supervisor.tell_performer(TakeTimings())
        stage.until(lambda: stage.count(TimingsTaken))
        (taken,) = [message for message in stage.said if isinstance(message, TimingsTaken)]
        assert taken.late_ns
        assert min(taken.late_ns) >= 0

    def test_stopping_before_the_start_frees_everything_too(self, rig: MakeRig) -> None:
        stage = rig(start=False)
        assert stage.traces()
        stage.supervisor.stop()
        assert not stage.traces()

    def test_it_can_be_told_to_stop_from_anywhere(self, rig: MakeRig) -> None:
        stage = rig(osc_port=0)
        signal.signal(signal.SIGALRM, lambda *_: stage.supervisor.request_stop())
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        began_ns = NOW_NS()
        stage.supervisor.run(NOW_NS() + round(LIMIT_S * 1e9))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert NOW_NS() - began_ns < 5e9

    def test_without_osc_there_is_no_desk(self, rig: MakeRig) -> None:
        assert set(rig(osc_port=0).supervisor.pids()) == {"supervisor", "performer", "brain"}


class TestAbletonLink:
    """A real session with another program, this test, on this machine's network."""

    def test_it_plays_on_the_sessions_beat_while_it_is_wanted(self, rig: MakeRig, peer: LinkSession) -> None:
        stage = rig(osc_port=0, click=True, clock__source="link", tempo__bpm=140)
        stage.until(lambda: stage.health("clock/state") in {"locked", "waiting"})
        if not peer.beat().peers and not self.found(stage, peer):
            pytest.skip("this machine's network lets no Link members find each other")
        stage.until(lambda: stage.health("clock/tempo_bpm") == pytest.approx(TEMPO_BPM, abs=0.1))
        joined_ns = NOW_NS()
        stage.until(lambda: len(stage.onsets(CLICK, joined_ns)) > 6)
        now = peer.beat()
        beats = [now.beat + (at_ns - now.time_ns) * TEMPO_BPM / 60e9 for at_ns in stage.onsets(CLICK, joined_ns)]
        assert sorted(abs(beat - round(beat)) for beat in beats)[len(beats) // 2] < 0.1
        stage.supervisor.tell_performer(Change((("tempo/bpm", 104.0),)))
        stage.until(lambda: peer.beat().tempo_bpm == pytest.approx(104.0, abs=0.01))
        stage.supervisor.tell_performer(Change((("clock/source", "internal"),)))
        stage.until(lambda: "ableton" not in stage.supervisor.pids())
        stage.until(lambda: peer.beat().peers == 0)
        assert not stage.count(Restarted)

    @staticmethod
    def found(stage: Rig, peer: LinkSession) -> bool:
        end_ns = NOW_NS() + 10_000_000_000
        while not peer.beat().peers and NOW_NS() < end_ns:
            stage.run(0.05)
        return bool(peer.beat().peers)

    def test_without_the_library_it_does_not_start_with_it(self, rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ableton_link, "find_spec", lambda _: None)
        stage = rig(start=False, osc_port=0, clock__source="link")
        with pytest.raises(StartError, match=r"pip install 'livegen\[link\]'"):
            stage.supervisor.start(LIMIT_S)
        assert not stage.traces()

    def test_chosen_while_playing_without_the_library_it_says_so_once_and_the_music_goes_on(
        self, rig: MakeRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = rig(osc_port=0)
        monkeypatch.setattr(ableton_link, "find_spec", lambda _: None)
        for name, value in (("clock/source", "link"), ("temperature", 0.7)):
            stage.supervisor.tell_performer(Change(((name, value),)))
        stage.until(lambda: stage.count(State) == 2)
        assert stage.count(DeviceError) == 1
        stage.play(60, 64, 67)
        stage.until(lambda: stage.onsets(LEAD))


class TestKills:
    def test_a_killed_brain_is_replaced_and_the_music_goes_on(self, rig: MakeRig) -> None:
        stage = rig(osc_port=0, mode="accompany")
        stage.accompanied()
        held, killed_ns = stage.sounding(), NOW_NS()
        os.kill(stage.supervisor.pids()["brain"], signal.SIGKILL)
        stage.until(lambda: not held & stage.sounding())
        assert NOW_NS() - killed_ns < 1e9, "a note hung"
        stage.until(lambda: stage.count(GeneratorReady) == 2)
        assert Restarted("brain", -signal.SIGKILL) in stage.said
        ready_ns = NOW_NS()
        stage.play(62, 65)
        stage.until(lambda: stage.onsets(CHORDS, ready_ns) and stage.onsets(DRUMS, ready_ns))
        stage.until(lambda: stage.health("brain_losses") == 1)
        assert stage.supervisor.restarts == {"brain": 1}

    def test_while_the_brain_is_away_the_fallback_plays(self, rig: MakeRig) -> None:
        """The drums keep their beat: no gap of two beats, whatever the restart takes."""
        stage = rig(osc_port=0, mode="accompany")
        stage.accompanied()
        killed_ns = NOW_NS()
        os.kill(stage.supervisor.pids()["brain"], signal.SIGKILL)
        stage.play(60, 64, 67, 72, seconds=0.4)
        beats = stage.onsets(DRUMS, killed_ns - 500_000_000)
        assert len(beats) > 3
        assert max(later - earlier for earlier, later in pairwise(beats)) < 1e9

    def test_a_brain_that_is_slow_and_then_hangs_is_played_around(self, rig: MakeRig) -> None:
        """The ladder is climbed down rung by rung, and up again as soon as there is a brain; the drums keep their beat."""
        stage = rig(model="edge", osc_port=0, mode="accompany", tempo__bpm=240.0)
        stage.accompanied()
        stage.until(lambda: stage.health("plans/from") == "brain")
        began_ns, brain = NOW_NS(), stage.supervisor.pids()["brain"]
        with slowed(brain, 10):
            stage.play(60, 64, 67, 72, seconds=0.5)
        os.kill(brain, signal.SIGSTOP)
        stage.play(72, 67, 64, 60, seconds=0.5)
        stage.until(lambda: stage.count(GeneratorReady) == 2)
        stage.play(60, 64)
        stage.until(lambda: stage.health("plans/from") == "brain")
        assert {"last plan", "fallback"} <= stage.readings("plans/from")
        for counter in ("plans_repeated", "plans_fallback"):
            assert stage.health(counter), counter
        beats = stage.onsets(DRUMS, began_ns)
        assert max(later - earlier for earlier, later in pairwise(beats)) < 1e9

    def test_a_killed_desk_moves_no_note_and_osc_is_back(self, rig: MakeRig) -> None:
        stage = rig(mode="accompany")
        stage.accompanied()
        assert ask_osc("/livegen/mode", port=stage.port) == ["accompany"]
        performer, killed_ns = stage.supervisor.pids()["performer"], NOW_NS()
        os.kill(stage.supervisor.pids()["desk"], signal.SIGKILL)
        stage.play(60, 64, 67, 72, seconds=0.4)
        stage.until(lambda: stage.count(DeskReady) == 2)
        beats = stage.onsets(DRUMS, killed_ns - 500_000_000)
        assert max(later - earlier for earlier, later in pairwise(beats)) < 1e9
        stage.until(lambda: stage.health("pid/desk") == stage.supervisor.pids()["desk"])
        assert ask_osc("/livegen/ping", "back", port=stage.port)[0] == "back"
        assert ask_osc("/livegen/mode", port=stage.port) == ["accompany"]
        assert stage.supervisor.pids()["performer"] == performer
        assert stage.health("brain_losses") == stage.health("plans_failed") == 0

    def test_a_killed_performer_comes_back_with_the_settings_and_releases_what_hung(self, rig: MakeRig) -> None:
        stage = rig(mode="accompany")
        stage.supervisor.tell_performer(Change((("temperature", 0.4), ("tempo/bpm", 101.0))))
        stage.until(lambda: stage.count(State))
        stage.accompanied()
        killed_ns = NOW_NS()
        os.kill(stage.supervisor.pids()["performer"], signal.SIGKILL)
        stage.until(lambda: stage.count(PortsOpen) == 2)
        assert Restarted("performer", -signal.SIGKILL) in stage.said
        stage.until(lambda: not stage.sounding())
        stage.until(lambda: stage.count(GeneratorReady) == 2)
        stage.play(62, 65)
        stage.until(lambda: stage.onsets(CHORDS, killed_ns) and stage.onsets(DRUMS, killed_ns))
        stage.until(lambda: stage.health("pid/desk") == stage.supervisor.pids()["desk"])
        assert ask_osc("/livegen/temperature", port=stage.port) == [pytest.approx(0.4)]
        assert ask_osc("/livegen/tempo/bpm", port=stage.port) == [pytest.approx(101)]
        assert stage.supervisor.restarts == {"performer": 1}, "brain and desk wait for it and live"

    def test_a_refused_change_is_counted_and_changes_nothing(self, rig: MakeRig) -> None:
        stage = rig(osc_port=0)
        stage.supervisor.tell_performer(Change((("temperature", 0.4), ("nonsense", 1.0))))
        stage.until(lambda: stage.health("refused_changes") == 1)
        assert not stage.count(State)

    @pytest.mark.parametrize("role", ROLES)
    def test_a_hung_process_is_replaced(self, rig: MakeRig, role: str) -> None:
        """Stopped as by a debugger: its heart does not beat, and within about two seconds there is another."""
        stage = rig(mode="accompany")
        ready = {"performer": PortsOpen, "brain": GeneratorReady, "desk": DeskReady}[role]
        stage.until(lambda: stage.health("pid/desk") and stage.health("pid/brain"))
        hung = stage.supervisor.pids()[role]
        os.kill(hung, signal.SIGSTOP)
        took_s = stage.until(lambda: stage.supervisor.restarts[role])
        assert took_s < 3
        stage.until(lambda: stage.count(ready) == 2)
        assert stage.supervisor.pids()[role] != hung
        stage.accompanied()
        assert stage.supervisor.restarts == {role: 1}

    def test_who_was_stopped_with_all_the_others_is_not_hung(self, rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
        """As by Ctrl-Z: the supervisor wakes first, and finds every heartbeat old."""
        stage = rig(osc_port=0)
        stage.run(0.5)
        with monkeypatch.context() as later:
            later.setattr(stage.supervisor, "_clock", SimpleNamespace(now_ns=lambda: NOW_NS() + 5_000_000_000))
            stage.supervisor.look(0.0)
        stage.run(0.5)
        assert not stage.supervisor.restarts

    def test_who_dies_young_for_ever_is_started_again_for_ever(self, rig: MakeRig) -> None:
        stage = rig(osc_port=0)
        stage.supervisor._children["brain"].young_deaths = 5_000
        os.kill(stage.supervisor.pids()["brain"], signal.SIGKILL)
        stage.until(lambda: stage.count(GeneratorReady) == 2)
        assert stage.supervisor.restarts == {"brain": 1}

    def test_who_cannot_be_started_again_yet_leaves_the_others_alone(
        self, rig: MakeRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = rig(osc_port=0)
        performer = stage.supervisor.pids()["performer"]

        def refuse() -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        with monkeypatch.context() as full:
            full.setattr(supervisor, "Pipe", refuse)
            os.kill(stage.supervisor.pids()["brain"], signal.SIGKILL)
            stage.until(lambda: any("cannot be started again yet" in str(message) for message in stage.said))
        stage.until(lambda: stage.count(GeneratorReady) == 2)
        assert stage.supervisor.pids()["performer"] == performer

    def test_while_a_process_is_away_the_service_manager_hears_no_sign_of_life(self, rig: MakeRig, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.setblocking(False)
            heard: list[bytes] = []

            def beats() -> bool:
                with suppress(BlockingIOError):
                    while True:
                        heard.append(manager.recv(100))
                return b"WATCHDOG=1" in heard

            stage = rig(osc_port=0, notifier=Notifier(str(tmp_path / "notify"), 1))
            stage.until(beats)
            os.kill(stage.supervisor.pids()["brain"], signal.SIGSTOP)
            stage.until(lambda: stage.supervisor.restarts["brain"])
            away_ns = NOW_NS()
            beats()
            heard.clear()
            stage.until(beats)
            assert stage.supervisor._shared.last_beat_ns("brain") > away_ns

    def test_hung_processes_do_not_hold_up_the_end(self, rig: MakeRig) -> None:
        stage = rig()
        for role in ROLES:
            os.kill(stage.supervisor.pids()[role], signal.SIGSTOP)
        began_ns = NOW_NS()
        stage.supervisor.stop()
        assert NOW_NS() - began_ns < 4e9


class TestFailures:
    def test_a_taken_osc_port_ends_the_start(self, rig: MakeRig) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.1", 0))
            stage = rig(start=False, osc_port=holder.getsockname()[1])
            with pytest.raises(StartError, match=rf"127\.0\.0\.1:{stage.port} .*another OSC port"):
                stage.supervisor.start(LIMIT_S)
        assert not multiprocessing.active_children()

    def test_a_model_that_only_the_brain_can_refuse_ends_the_start(self, rig: MakeRig, tmp_path: Path) -> None:
        model = Path(shutil.copytree(bundled_directory() / "edge", tmp_path / "odd"))
        data = (model / "heads.onnx").read_bytes()
        document = json.loads((model / "model.json").read_text())
        document["step"] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        (model / document["step"]["file"]).write_bytes(data)
        (model / "model.json").write_text(json.dumps(document))
        stage = rig(start=False, model=str(model), osc_port=0)
        with pytest.raises(StartError, match="odd"):
            stage.supervisor.start(LIMIT_S)
        assert not multiprocessing.active_children()

    def test_a_model_that_is_not_there_begins_nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(ModelError, match="nowhere"):
            Supervisor(Config(model="nowhere"), print)
        assert not list(tmp_path.iterdir())
        assert not multiprocessing.active_children()

    def test_a_damaged_network_for_beats_is_said_before_anything_starts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def damaged() -> BeatNetwork:
            raise ModelError("it is damaged")

        monkeypatch.setattr(supervisor, "beat_network", damaged)
        with pytest.raises(ModelError, match="it is damaged"):
            Supervisor(Config(), print)
        assert not multiprocessing.active_children()

    def test_a_start_that_takes_too_long_is_given_up(self, rig: MakeRig) -> None:
        stage = rig(start=False, osc_port=0)
        with pytest.raises(StartError, match="still waiting for brain, performer"):
            stage.supervisor.start(within_s=0.0)
        assert not multiprocessing.active_children()

    def test_a_player_who_has_gone_is_survived(self, rig: MakeRig) -> None:
        """The cable is pulled: the daemon lives on without ports, and ends when told."""
        stage = rig(osc_port=0, mode="accompany")
        stage.accompanied()
        stage.peer.close()
        readings = stage.count(Health)
        stage.until(lambda: stage.count(Health) > readings + 3)
        stage.until(lambda: stage.count(Warned) == 2)
        assert not stage.supervisor.restarts

    def test_what_fails_in_our_own_report_leaves_nothing(self, rig: MakeRig) -> None:
        """As a terminal that has gone does: printing raises."""
        stage = rig(start=False, osc_port=0)

        def broken(_: object) -> None:
            raise BrokenPipeError

        stage.supervisor._report = broken
        with pytest.raises(BrokenPipeError):
            stage.supervisor.start(LIMIT_S)
        assert not multiprocessing.active_children()
