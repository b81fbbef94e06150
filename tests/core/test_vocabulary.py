"""The vocabulary: classes that follow their values in order, and a fingerprint that moves with the table alone."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, tempi

from livegen.core import vocabulary as v
from livegen.core.events import Part
from livegen.core.stream import parts_class, parts_of


def test_the_grammar_speaks_of_fields_and_kinds_that_exist() -> None:
    assert set(v.GRAMMAR) == set(v.KINDS) == set(v.KIND)
    assert {name for fields in v.GRAMMAR.values() for name in fields} == set(v.SIZE) - {"kind"}
    assert set(v.HEADS) <= set(v.SIZE)
    assert [v.COLUMN[field.name] for field in v.FIELDS] == list(range(len(v.FIELDS)))


@law
@given(st.integers(-(10**9), 10**11), st.integers(-(10**9), 10**11))
def test_a_longer_time_never_has_a_lower_class(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 1 <= v.dt_class(low) <= v.dt_class(high) < v.SIZE["dt"]


@pytest.mark.parametrize(("klass", "edge"), list(enumerate(v.DT_EDGES, start=1)))
def test_a_time_class_begins_at_its_edge(klass: int, edge: int) -> None:
    """Edges are in units of 10 ms and belong to the class that they begin."""
    assert v.dt_class(edge * 10_000_000) == klass
    assert v.dt_class(edge * 10_000_000 - 1) == max(1, klass - 1)


@pytest.mark.parametrize("velocity", range(127))
def test_a_louder_note_never_has_a_lower_class(velocity: int) -> None:
    assert 1 <= v.velocity_class(velocity) <= v.velocity_class(velocity + 1) < v.SIZE["velocity"]


@law
@given(st.integers(1, 500), st.integers(1, 500))
def test_a_longer_note_never_has_a_lower_class(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 1 <= v.duration_class(low) <= v.duration_class(high) < v.SIZE["duration"]


@law
@given(st.integers(1, 500))
def test_a_duration_has_the_class_that_is_nearest_by_ratio(pulses: int) -> None:
    given_ = v.DURATIONS[v.duration_class(pulses) - 1]
    nearest = min(abs(math.log(pulses / duration)) for duration in v.DURATIONS)
    assert abs(math.log(pulses / given_)) == pytest.approx(nearest)


@law
@given(tempi, tempi)
def test_a_faster_tempo_never_has_a_lower_class(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 1 <= v.tempo_class(low) <= v.tempo_class(high) < v.SIZE["tempo"]


@law
@given(st.floats(20, 20 * 2 ** ((v.TEMPO_CLASSES - 1) / v.TEMPO_CLASSES_PER_OCTAVE)))
def test_a_tempo_class_is_an_eighth_of_an_octave_wide(tempo_bpm: float) -> None:
    middle = v.tempo_of(v.tempo_class(tempo_bpm))
    assert abs(math.log2(tempo_bpm / middle)) <= 1 / 16 + 1e-9


def test_the_value_of_a_class_has_that_class() -> None:
    assert [v.velocity_class(v.velocity_of(klass)) for klass in range(1, 17)] == list(range(1, 17))
    assert [v.tempo_class(v.tempo_of(klass)) for klass in range(1, 33)] == list(range(1, 33))
    assert [v.duration_class(duration) for duration in v.DURATIONS] == list(range(1, v.SIZE["duration"]))
    assert [parts_class(parts_of(klass)) for klass in range(1, 17)] == list(range(1, 17))


def test_an_absent_class_still_has_a_value() -> None:
    """The decoder is total: class 0 reads as the plainest value."""
    assert v.velocity_of(0) == v.velocity_of(1)
    assert v.tempo_of(0) == 20.0
    assert parts_of(0) == frozenset()
    assert parts_of(16) == frozenset(Part)


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    """Also where strings hash otherwise."""
    program = "from livegen.core.vocabulary import HASH; print(HASH)"
    prints = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert prints == {v.HASH}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VERSION", v.VERSION + 1),
        ("KINDS", (*v.KINDS[1:], v.KINDS[0])),
        ("FIELDS", (*v.FIELDS[1:], v.FIELDS[0])),
        ("FIELDS", (*v.FIELDS[:-1], v.Field("parts", 18))),
        ("GRAMMAR", v.GRAMMAR | {"END": ("dt",)}),
        ("HEADS", v.HEADS[::-1]),
        ("DT_EDGES", v.DT_EDGES[:-1]),
        ("DURATIONS", (*v.DURATIONS, 240)),
        ("VELOCITY_STEP", 16),
        ("TEMPO_LOW_BPM", 30.0),
        ("TEMPO_CLASSES", 33),
        ("TEMPO_CLASSES_PER_OCTAVE", 9),
        ("LOOKAHEAD_STEP", 12),
        ("HOPS", (24, 12)),
        ("QUALITIES", v.QUALITIES[::-1]),
    ],
)
def test_the_fingerprint_moves_with_every_entry(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    before = v._canonical()
    monkeypatch.setattr(v, name, value)
    assert v._canonical() != before
