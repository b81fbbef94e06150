"""What is said to a terminal that may have gone."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import sys
from livegen.cli.terminal import tell, warn
for number in range(3):
    tell(f"line {number}")
    if number == 0:
        sys.stdin.readline()
warn("still here")
"""


def test_who_no_longer_listens_stops_nothing() -> None:
    """The reader of the pipe goes away after the first line."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stderr.read() == "still here\n"
    assert process.returncode == 0


def test_what_the_terminal_has_no_letters_for_is_spelt() -> None:
    program = "from livegen.cli.terminal import tell; tell('MIDI in: Klavier \u266b')"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=True
    )
    assert done.stdout == b"MIDI in: Klavier \\u266b\n"
