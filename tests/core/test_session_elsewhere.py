"""A log comes out again elsewhere: on another machine, and with other hashes and other arithmetic units.

`recorded/accompanied.livegen` is twelve seconds of a real daemon: `livegen run --mode accompany --log DIR` on JACK, with
somebody who plays, on an AMD EPYC under Linux. Who changes what the engine does on purpose records another.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from support.logged import LoggedStage, log_of
from support.stage import settings_with
from test_following import play

from livegen.core.midi import CLOCK, START, Realtime
from livegen.core.session_log import Entry
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator

RECORDED = Path(__file__).parent / "recorded" / "accompanied.livegen"


def followed() -> list[Entry]:
    """A player whose beat is found in his notes: most of the floats that an engine has."""
    stage = LoggedStage(settings_with(mode="accompany", clock__source="follow"), Band(ScriptedGenerator()))
    play(stage, 97, 12, jitter_ns=15_000_000)
    assert stage.engine.clock_state(stage.now_ns) == "locked"
    stage.close()
    return stage.log


def clocked() -> list[Entry]:
    """A clock that trembles."""
    stage = LoggedStage(settings_with(mode="accompany", clock__source="midi", click=True), Band(ScriptedGenerator()))
    shake = random.Random(5)
    stage.receive(Realtime(START))
    for tick in range(24 * 8):
        stage.advance_to_ns(max(stage.now_ns, tick * 23_000_000 + shake.randrange(5_000_000)))
        stage.receive(Realtime(CLOCK))
        if tick % 24 == 12:
            stage.press(60 + tick // 24)
    stage.close()
    return stage.log


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("logs")
    for name, entries in (("followed", followed()), ("clocked", clocked())):
        (folder / name).write_bytes(b"".join(log_of(entries)))
    return [*sorted(folder.iterdir()), RECORDED]


@pytest.mark.parametrize(
    "elsewhere",
    [
        {},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8"},
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"},
    ],
    ids=lambda elsewhere: " ".join(elsewhere) or "here",
)
def test_the_same_comes_out(elsewhere: dict[str, str], logs: list[Path], tmp_path: Path) -> None:
    for log in logs:
        words = [sys.executable, "-W", "ignore", "-m", "livegen", "replay", str(log)]
        environment = {**os.environ, **elsewhere, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
