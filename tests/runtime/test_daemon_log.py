"""The whole daemon with a session log: what each performer did can be played again, also if it was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_supervisor import CHORDS, Rig

from livegen.core.midi import NoteOn
from livegen.core.session_log import Did
from livegen.core.session_replay import Replay
from livegen.runtime.messages import LogEnded, LogOpened, PortsOpen
from livegen.runtime.session_files import SessionFile

pytestmark = pytest.mark.processes

LIMIT_S = 60.0
"""Generous: other programs share this machine."""


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(**options: Any) -> Rig:
        made.append(Rig(**options))
        made[-1].supervisor.start(LIMIT_S)
        return made[-1]

    yield make
    for one in made:
        one.close()


MakeRig = Callable[..., Rig]


def replay_of(path: Path) -> tuple[Replay, set[tuple[int, int]], int]:
    """A log played again; channel and pitch of every note that it says was begun; bytes cut off."""
    file, replay, begun = SessionFile(path), Replay(), set()
    for line in file:
        replay.take(line)
        if isinstance(line.entry, Did):
            begun |= {
                (effect.message.channel, effect.message.pitch)
                for effect in line.entry.effects
                if isinstance(getattr(effect, "message", None), NoteOn)
            }
    assert replay.difference is None
    return replay, begun, file.ignored_bytes


def heard_ons(stage: Rig) -> set[tuple[int, int]]:
    return {(message.channel, message.pitch) for _, message in stage.heard() if isinstance(message, NoteOn)}


def test_a_gig_comes_out_again_from_its_log(rig: MakeRig, tmp_path: Path) -> None:
    stage = rig(session_log=tmp_path / "gigs", mode="accompany", thru=True)
    stage.until(lambda: stage.count(LogOpened), LIMIT_S)
    stage.play(60, 64, 67)
    stage.until(lambda: stage.onsets(CHORDS), LIMIT_S)
    stage.until(lambda: int(str(stage.health("session/records") or 0)) > 0, LIMIT_S)
    assert (stage.health("session/state"), stage.health("session/dropped")) == ("on", 0)
    stage.supervisor.stop()
    (log,) = stage.supervisor.session_logs
    assert log.parent == tmp_path / "gigs"
    replay, begun, ignored = replay_of(log)
    assert replay.ended
    assert replay.counts["notes in"] == 3
    assert ignored == 0
    assert begun == heard_ons(stage)


def test_a_performer_that_is_killed_leaves_a_log_and_the_next_begins_its_own(rig: MakeRig, tmp_path: Path) -> None:
    stage = rig(session_log=tmp_path, mode="accompany")
    stage.play(60, 64, 67)
    stage.until(lambda: stage.onsets(CHORDS), LIMIT_S)
    before = heard_ons(stage)
    # What is older than a few tenths of a second is in the file.
    stage.run(2)
    os.kill(stage.supervisor.pids()["performer"], signal.SIGKILL)
    stage.until(lambda: stage.count(PortsOpen) == 2 and len(stage.supervisor.session_logs) == 2, LIMIT_S)
    stage.play(60, 64, 67)
    stage.supervisor.stop()
    first, second = stage.supervisor.session_logs
    replay, begun, _ = replay_of(first)
    assert not replay.ended
    assert replay.counts["notes in"] == 3
    assert before <= begun
    replay, _, _ = replay_of(second)
    assert replay.ended
    assert replay.counts["notes in"] == 3


def test_where_nothing_can_be_recorded_the_music_goes_on(rig: MakeRig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    stage = rig(session_log=tmp_path / "file", mode="accompany")
    stage.until(lambda: stage.count(LogEnded), LIMIT_S)
    stage.play(60, 64, 67)
    stage.until(lambda: stage.onsets(CHORDS), LIMIT_S)
    stage.until(lambda: stage.health("session/state") == "failed", LIMIT_S)
    assert stage.count(LogEnded) == 1
    assert stage.supervisor.session_logs == []


def test_without_one_nothing_is_written(rig: MakeRig) -> None:
    stage = rig()
    stage.until(lambda: stage.health("session/state") == "off", LIMIT_S)
    assert stage.count(LogOpened) + stage.count(LogEnded) == 0
