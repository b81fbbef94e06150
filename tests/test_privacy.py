"""Nothing is collected for anybody: no library of ours writes down or sends what it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "program",
    [
        "from livegen.generators.open_generator import open_generator; open_generator('edge', 'cpu')",
        "import export.__main__, livegen.cli.doctor",
    ],
    ids=["a model is opened", "the tools are imported"],
)
def test_nothing_is_left_in_the_home_of_who_runs_it(program: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*"))
