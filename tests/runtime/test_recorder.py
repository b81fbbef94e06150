"""The recorder: the music goes on whatever the disk does, and what stands in the file can be played again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import BinaryIO

import pytest
from support.logged import beginning_of
from support.stage import settings_with

from livegen.core.effects import Tap
from livegen.core.errors import ConfigError
from livegen.core.session_log import LoggedEngine, Ticked
from livegen.core.session_replay import Replay
from livegen.runtime.config import Config
from livegen.runtime.messages import LogEnded, LogOpened
from livegen.runtime.recorder import MOST_WAITING, Recorder, recorded_engine
from livegen.runtime.session_files import LogPlace, SessionFile, place_of

WAIT_S = 20.0


class Ear:
    """What a recorder reports, and a way to wait for it."""

    def __init__(self) -> None:
        self.said: list[LogOpened | LogEnded] = []
        self._changed = threading.Condition()

    def hear(self, message: LogOpened | LogEnded) -> None:
        with self._changed:
            self.said.append(message)
            self._changed.notify_all()

    def ended(self) -> str:
        """Wait for the warning; what it says."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(isinstance(message, LogEnded) for message in self.said), WAIT_S)
            return next(message.reason for message in self.said if isinstance(message, LogEnded))


@dataclass
class Desk:
    """A recorder with an engine that tells it everything."""

    recorder: Recorder
    ear: Ear
    engine: LoggedEngine
    now_ns: int = 0

    def tap(self, times: int) -> None:
        for _ in range(times):
            self.now_ns += 500_000_000
            self.engine.receive(Tap(), self.now_ns)
            self.engine.tick(self.now_ns)

    def reading(self, name: str) -> object:
        return dict(self.recorder.readings())[f"session/{name}"]

    def close(self) -> None:
        self.engine.close(self.now_ns)
        self.recorder.close()


@pytest.fixture
def desk() -> Iterator[Callable[[LogPlace], Desk]]:
    made: list[Desk] = []

    def make(place: LogPlace) -> Desk:
        ear = Ear()
        recorder = Recorder(place, ear.hear)
        made.append(Desk(recorder, ear, LoggedEngine(beginning_of(settings_with(click=True)), recorder.put)))
        return made[-1]

    yield make
    for one in made:
        one.recorder.close()


MakeDesk = Callable[[LogPlace], Desk]


def place(folder: Path, limit_bytes: int = 10_000_000) -> LogPlace:
    return LogPlace(str(folder), "livegen-2026-03-14-203000", limit_bytes)


def replay_of(path: Path) -> tuple[Replay, SessionFile]:
    file, replay = SessionFile(path), Replay()
    for line in file:
        replay.take(line)
    assert replay.difference is None
    return replay, file


class TestRecording:
    def test_what_was_played_can_be_played_again(self, desk: MakeDesk, tmp_path: Path) -> None:
        one = desk(place(tmp_path / "new" / "logs"))
        one.recorder.start()
        one.tap(20)
        one.close()
        path = tmp_path / "new" / "logs" / "livegen-2026-03-14-203000-1.livegen"
        assert one.ear.said == [LogOpened(str(path))]
        replay, file = replay_of(path)
        assert replay.ended
        assert replay.time_ns == one.now_ns
        assert file.ignored_bytes == 0
        assert one.reading("records") == replay.counts["lines"]
        assert (one.reading("dropped"), one.reading("state")) == (0, "on")

    def test_what_was_put_before_the_start_is_in_it(self, desk: MakeDesk, tmp_path: Path) -> None:
        """The engine is made before the ports are open."""
        one = desk(place(tmp_path))
        one.tap(3)
        one.recorder.start()
        one.close()
        assert replay_of(next(tmp_path.iterdir()))[0].time_ns == one.now_ns

    def test_every_performer_begins_a_new_file(self, desk: MakeDesk, tmp_path: Path) -> None:
        for taps in (3, 5):
            one = desk(place(tmp_path))
            one.recorder.start()
            one.tap(taps)
            one.close()
        first, second = sorted(tmp_path.iterdir())
        assert [replay_of(path)[0].time_ns for path in (first, second)] == [1_500_000_000, 2_500_000_000]

    def test_it_is_off_unless_asked_for(self) -> None:
        ear = Ear()
        recorder = Recorder(None, ear.hear)
        engine = recorded_engine(recorder, settings_with(), 0, Config())
        assert not isinstance(engine, LoggedEngine)
        recorder.start()
        recorder.close()
        assert dict(recorder.readings()) == {"session/state": "off", "session/records": 0, "session/dropped": 0}
        assert ear.said == []
        assert place_of(Config(), "2026-03-14-203000") is None
        with pytest.raises(ConfigError, match="session_log: '~nobody-of-that-name/x'"):
            place_of(Config(session_log="~nobody-of-that-name/x"), "2026-03-14-203000")

    def test_a_close_without_a_start_is_no_harm(self, desk: MakeDesk, tmp_path: Path) -> None:
        """As where a port could not be opened."""
        desk(place(tmp_path)).close()
        assert list(tmp_path.iterdir()) == []

    def test_the_place_has_the_date_and_is_absolute(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        expected = LogPlace(str(tmp_path / "logs"), "livegen-2026-03-14-203000", 5_000_000)
        assert place_of(Config(session_log="logs", session_log_mb=5), "2026-03-14-203000") == expected


class TestLimits:
    def test_at_its_size_it_ends_with_one_warning(self, desk: MakeDesk, tmp_path: Path) -> None:
        one = desk(place(tmp_path, 4000))
        one.recorder.start()
        one.tap(500)
        assert "session_log_mb" in one.ear.ended()
        one.tap(10)
        one.close()
        (path,) = tmp_path.iterdir()
        assert 3000 < path.stat().st_size <= 4000
        replay, _ = replay_of(path)
        assert one.reading("state") == "full"
        assert one.reading("records") == replay.counts["lines"]
        assert int(str(one.reading("dropped"))) > 0
        assert sum(isinstance(message, LogEnded) for message in one.ear.said) == 1

    def test_the_size_is_that_of_all_files_of_a_run(self, desk: MakeDesk, tmp_path: Path) -> None:
        """A performer that dies again and again must not fill the disk."""
        for _ in range(4):
            one = desk(place(tmp_path, 4000))
            one.recorder.start()
            one.tap(30)
            one.close()
        assert 3000 < sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000

    def test_an_entry_that_cannot_be_written_ends_it(self, desk: MakeDesk, tmp_path: Path) -> None:
        one = desk(place(tmp_path))
        one.recorder.start()
        one.recorder.put(Ticked(2**70))
        assert "63 bits" in one.ear.ended()
        one.close()
        assert one.reading("state") == "failed"


@dataclass(frozen=True, slots=True)
class Stuck(LogPlace):
    """A disk that takes a little and then nothing more: a pipe that nobody reads."""

    ends: list[int] = field(default_factory=list)

    def create(self) -> tuple[Path, BinaryIO, int]:
        reading, writing = os.pipe()
        self.ends.append(reading)
        return Path("stuck"), os.fdopen(writing, "wb", buffering=0), 10**9

    def give_way(self) -> None:
        for end in self.ends:
            os.close(end)


class TestBadDisks:
    def test_a_slow_disk_never_holds_the_player_up(self, desk: MakeDesk, tmp_path: Path) -> None:
        stuck = Stuck(str(tmp_path), "stuck", 0)
        one = desk(stuck)
        one.recorder.start()
        for time_ns in range(2 * MOST_WAITING + 5000):
            one.recorder.put(Ticked(time_ns))
        assert one.ear.ended() == "the disk is too slow"
        assert one.reading("state") == "too slow"
        dropped = int(str(one.reading("dropped")))
        assert dropped > 0
        one.tap(1)
        assert int(str(one.reading("dropped"))) > dropped
        one.close()
        stuck.give_way()
        assert sum(isinstance(message, LogEnded) for message in one.ear.said) == 1

    def test_a_folder_that_cannot_be_made_is_one_warning(self, desk: MakeDesk, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        one = desk(place(tmp_path / "file" / "logs"))
        one.recorder.start()
        assert "Not a directory" in one.ear.ended()
        one.tap(5)
        one.close()
        assert one.reading("state") == "failed"
        assert one.reading("records") == 0
        assert int(str(one.reading("dropped"))) > 5

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_is_read_only_is_one_warning(self, desk: MakeDesk, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        one = desk(place(tmp_path))
        one.recorder.start()
        assert "Permission denied" in one.ear.ended()
        one.tap(5)
        one.close()
        assert one.reading("state") == "failed"

    def test_a_disk_that_is_full_is_one_warning_and_the_file_can_be_played(self, desk: MakeDesk, tmp_path: Path) -> None:
        with small_disk(tmp_path, "64k") as folder:
            one = desk(place(folder))
            one.recorder.start()
            one.tap(3000)
            assert os.strerror(errno.ENOSPC) in one.ear.ended()
            one.tap(5)
            one.close()
            (path,) = folder.iterdir()
            replay, file = replay_of(path)
            assert one.reading("state") == "failed"
            assert replay.counts["lines"] >= int(str(one.reading("records")))
            assert file.ignored_bytes > 0

    def test_a_read_only_disk_is_one_warning(self, desk: MakeDesk, tmp_path: Path) -> None:
        with small_disk(tmp_path, "64k", "ro") as folder:
            one = desk(place(folder))
            one.recorder.start()
            assert os.strerror(errno.EROFS) in one.ear.ended()
            one.tap(5)
            one.close()

    def test_a_file_that_may_not_grow_is_one_warning(self, tmp_path: Path) -> None:
        """Where no disk of our own can be had: a limit on the size of files, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-c", GROWING, str(tmp_path)], check=False, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["failed", "1"]
        (path,) = tmp_path.iterdir()
        assert path.stat().st_size == 20_000
        replay_of(path)


@contextmanager
def small_disk(folder: Path, size: str, *options: str) -> Iterator[Path]:
    """A disk in memory, mounted for the test; skips where that is not allowed."""
    disk = folder / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "livegen-test", str(disk)]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=20)


GROWING = dedent(
    """
    import resource, sys, threading
    from livegen.core.parameters import build_registry
    from livegen.runtime.config import Config
    from livegen.runtime.recorder import Recorder, recorded_engine
    from livegen.runtime.session_files import LogPlace

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    said = []
    recorder = Recorder(LogPlace(sys.argv[1], "log", 10**9), said.append)
    engine = recorded_engine(recorder, build_registry().defaults(), 0, Config())
    for time_ns in range(3000):
        engine.tick(time_ns)
    recorder.start()
    while len(said) < 2:
        threading.Event().wait(0.01)
    recorder.close()
    print(dict(recorder.readings())["session/state"], len(said) - 1)
    """
)
