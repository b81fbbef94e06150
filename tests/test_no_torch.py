"""The daemon without the training side: nothing of it can be imported, and everything works; and one file reads the clock."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest

import livegen

PACKAGE = Path(livegen.__file__).parent
FORBIDDEN = ("torch", "models", "export", "onnx")

CLOCKS = {
    "time": {"time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime", "localtime", "gmtime"},
    "datetime": {"datetime", "date"},
    "timeit": {"default_timer", "timeit", "repeat", "Timer"},
}
"""Functions that read a clock; each of `time` also with `_ns`."""

SCRIPT = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden!r}:
            raise ImportError(name + " must not be needed")
        return None

sys.meta_path.insert(0, Refuse())

import importlib, pkgutil
import livegen

names = [module.name for module in pkgutil.walk_packages(livegen.__path__, "livegen.")]
for name in names:
    importlib.import_module(name)

from livegen.cli.main import main

codes = [main(words) for words in json.loads(sys.argv[1])]
assert not [name for name in sys.modules if name.partition(".")[0] in {forbidden!r}]
print(json.dumps([codes, names]))
"""


def test_everything_works_without_the_training_side(tmp_path: Path) -> None:
    song, out = tmp_path / "song.mid", tmp_path / "out.mid"
    track = mido.MidiTrack()
    for pitch in (60, 64, 67, 72):
        track += [mido.Message("note_on", note=pitch, velocity=80), mido.Message("note_off", note=pitch, time=480)]
    mido.MidiFile(tracks=[track]).save(song)
    words = [["models"], ["simulate", str(song), "--mode", "accompany", "--out", str(out)]]
    script = SCRIPT.format(forbidden=FORBIDDEN)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, json.dumps(words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    codes, names = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0, 0]
    files = {
        ".".join(("livegen", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    assert {*names, "livegen"} == files, "every module has been imported"
    assert [track.name for track in mido.MidiFile(out).tracks if track.name] == ["player", "chords", "bass", "drums"]


def sources() -> dict[str, str]:
    """The text of every module by its place in the package."""
    return {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


def readings_of_a_clock(source: str) -> Iterator[str]:
    """Every place at which a function that reads a clock is imported or taken from its module."""
    tree = ast.parse(source)
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in CLOCKS}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module in CLOCKS:
                yield from (f"{module}.{alias.name}" for alias in node.names if reads(module, alias.name))
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in aliases and reads(aliases[name], attribute):
                yield f"{aliases[name]}.{attribute}"


def reads(module: str, name: str) -> bool:
    return name == "*" or name.removesuffix("_ns") in CLOCKS[module]


def test_one_file_reads_the_clock() -> None:
    found = {name: list(readings_of_a_clock(source)) for name, source in sources().items()}
    assert {name: places for name, places in found.items() if places} == {"devices/clock.py": ["time.perf_counter_ns"]}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.sleep(1)", []),
        ("import time\nx = time.perf_counter", ["time.perf_counter"]),
        ("import time as t\nt.monotonic_ns()", ["time.monotonic_ns"]),
        ("from time import sleep, time_ns", ["time.time_ns"]),
        ("from time import *", ["time.*"]),
        ("def f():\n    from datetime import datetime\n    datetime.now()", ["datetime.datetime"]),
        ("import datetime\ndatetime.datetime.now()", ["datetime.datetime"]),
        ("from timeit import default_timer", ["timeit.default_timer"]),
    ],
)
def test_the_check_sees_every_way_to_read_it(source: str, found: list[str]) -> None:
    assert list(readings_of_a_clock(source)) == found


def test_nothing_is_ever_unpickled_or_evaluated_from_outside() -> None:
    """No `eval`, `exec`, `pickle` or `marshal` in the daemon: what comes over the network stays data."""
    found = []
    for name, source in sources().items():
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(func=ast.Name(id=called)) if called in {"eval", "exec", "compile", "__import__"}:
                    found.append((name, called))
                case ast.Import(names=aliases):
                    found += [(name, alias.name) for alias in aliases if alias.name in {"pickle", "marshal", "shelve"}]
                case ast.ImportFrom(module="pickle" | "marshal" | "shelve" as module):
                    found.append((name, module))
    assert not found
