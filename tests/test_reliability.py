"""docs/reliability.md: every fault has its row, every test that a row names exists, every reading that it names can be read."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from livegen.runtime.health import COUNTED

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = {int(number): line for line in PAGE.splitlines() for number in re.findall(r"^\| (\d+) \|", line)}
LINKS = re.findall(r"\[`([^`]+::[^`]+)`\]\((\.\./tests/[^)]+)\)", PAGE)
FAULTS = range(1, 36)

WAITING = {28}
"""Rows of what does not exist yet."""

COLUMNS = 6
GAUGES = {
    "brain", "mode", "sounding", "clock/state", "clock/tempo_bpm", "clock/confidence", "plans/from", "lookahead/now_ms",
    "lookahead/plans_take_ms", "output/delay_ms", "input/waiting", "session/state", "session/dropped", "schedule_error/*",
    "plan_roundtrip/*", "restarts/*", "pid/*",
}  # fmt: skip


@cache
def known_tests(file: Path) -> frozenset[str]:
    """Every test function and class of a file, as pytest names them."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=group, body=body):
                found.add(group)
                found |= {f"{group}::{one.name}" for one in body if isinstance(one, ast.FunctionDef)}
    return frozenset(found)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" |")]


def test_every_fault_has_its_row() -> None:
    assert sorted(ROWS) == list(FAULTS)
    assert len(re.findall(r"^\| \d+ \|", PAGE, re.MULTILINE)) == len(FAULTS), "a row stands there twice"


@pytest.mark.parametrize("number", FAULTS)
def test_a_row_says_what_happens_and_which_test_shows_it(number: int) -> None:
    row = ROWS[number]
    assert len(cells(row)) == COLUMNS, row
    _, fault, outcome, tests, *_ = cells(row)
    assert fault
    assert outcome
    if number in WAITING:
        assert "waits" in tests
    else:
        assert "::test_" in tests


@pytest.mark.parametrize(("name", "target"), LINKS, ids=[name for name, _ in LINKS])
def test_a_test_that_is_named_exists(name: str, target: str) -> None:
    path, _, test = name.partition("::")
    assert target == f"../tests/{path}"
    file = ROOT / "tests" / path
    assert test.rpartition("::")[2].startswith(("test_", "Test"))
    assert test in known_tests(file), f"{file} has no {test}"


@pytest.mark.parametrize("number", FAULTS)
def test_a_reading_that_is_named_can_be_read(number: int) -> None:
    for name in re.findall(r"`([^`]+)`", cells(ROWS[number])[4]):
        assert name in COUNTED or name in GAUGES or name.startswith("osc/"), name
