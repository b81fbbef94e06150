"""Hearing the beat in what a player plays: the next beat is foretold, at the right tempo, or none is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, pitches, slow_law, velocities
from support.performances import FIRST_NS, JIG, MARCH, TUNE, WALTZ, Note, Player, wanderer

from livegen.core import beat_tracking
from livegen.core.beat_network import UNTOLD, BeatNetwork, shapes
from livegen.core.beat_tracking import FORGOTTEN_NS, BeatTracker, FoundBeat

MS = 1_000_000


def heard(notes: Sequence[Note]) -> BeatTracker:
    """A tracker that has heard some notes."""
    tracker = BeatTracker()
    for onset_ns, pitch, velocity in notes:
        tracker.receive(onset_ns, pitch, velocity)
    return tracker


def foretold(player: Player, beats: int, seed: int = 0) -> tuple[FoundBeat, float, float]:
    """What is believed at the end, how far the next beat is from the player's, in ns, and their tempo then."""
    notes = player.notes(beats, seed)
    now_ns = notes[-1][0]
    line = heard(notes).line(now_ns)
    assert line is not None
    times = np.array(player.beats_ns(beats + 2))
    off = np.abs(times - line.next_beat_ns(now_ns)).min()
    return line, float(off), player.bpm[min(beats, len(player.bpm)) - 1]


def claims(playing: Sequence[Sequence[Note]]) -> list[bool]:
    """Whether a beat is claimed after each note but those of the first 6 s."""
    found = []
    for notes in playing:
        tracker = BeatTracker()
        for onset_ns, pitch, velocity in notes:
            tracker.receive(onset_ns, pitch, velocity)
            line = tracker.line(onset_ns)
            if onset_ns > FIRST_NS + 6e9:
                found.append(line is not None and line.is_beat)
    return found


def is_tempo(found_bpm: float, bpm: float, rel: float) -> bool:
    """Whether a tempo was found, or its half or double: which of them a player means, notes alone often do not say."""
    return any(found_bpm == pytest.approx(bpm * octave, rel=rel) for octave in (0.5, 1.0, 2.0))


def test_there_is_no_line_before_the_second_strike() -> None:
    tracker = BeatTracker()
    assert tracker.line(0) is None
    tracker.receive(0, 60, 80)
    tracker.receive(10 * MS, 64, 80)
    assert tracker.line(10 * MS) is None
    tracker.receive(500 * MS, 60, 80)
    assert tracker.line(500 * MS) is not None


@pytest.mark.parametrize("player", [MARCH, WALTZ, TUNE, JIG], ids=["march", "waltz", "tune", "jig"])
@pytest.mark.parametrize("noise_ms", [0, 20])
def test_a_steady_beat_is_found(player: Player, noise_ms: int) -> None:
    line, off, bpm = foretold(replace(player, noise_ns=noise_ms * MS), 24)
    assert is_tempo(line.tempo_bpm, bpm, 0.08)
    assert off < 70 * MS
    assert line.is_beat


@pytest.mark.parametrize("bpm", [80, 100, 125])
def test_the_same_march_is_found_at_other_tempi(bpm: float) -> None:
    line, off, _ = foretold(replace(MARCH, bpm=[bpm], noise_ns=15 * MS), 24)
    assert is_tempo(line.tempo_bpm, bpm, 0.08)
    assert off < 70 * MS


@pytest.mark.parametrize("last", [88, 135])
def test_a_tempo_that_drifts_is_followed(last: float) -> None:
    drifting = replace(MARCH, bpm=[*np.linspace(110, last, 24)])
    line, off, bpm = foretold(drifting, 28)
    assert is_tempo(line.tempo_bpm, bpm, 0.1)
    assert off < 70 * MS


def test_where_there_is_no_beat_none_is_claimed() -> None:
    assert np.mean(claims([wanderer(seed, 40) for seed in range(4)])) < 0.1


def test_a_beat_is_not_lost_by_notes_that_are_off_now_and_then() -> None:
    jig = replace(JIG, noise_ns=30 * MS)
    assert np.mean(claims([jig.notes(48, seed) for seed in range(4)])) > 0.97


def test_a_beat_that_is_no_longer_played_is_no_longer_claimed() -> None:
    began = JIG.notes(32, 0)
    later_ns = began[-1][0] + 400 * MS - FIRST_NS
    free = [(onset_ns + later_ns, pitch, velocity) for onset_ns, pitch, velocity in wanderer(1, 60)]
    said = claims([began + free])
    assert all(said[:20])
    assert np.mean(said[-40:]) < 0.1


def test_a_beat_is_surer_than_none() -> None:
    beat = heard(MARCH.notes(24, 0)).line(FIRST_NS)
    free = heard(wanderer(1, 40)).line(FIRST_NS)
    assert beat is not None
    assert free is not None
    assert beat.confidence > 2 * free.confidence


def certain_of(place: int) -> BeatNetwork:
    """One that takes every strike to be on one place of the beat, whatever it hears."""
    arrays = {name: np.zeros(shape) for name, shape in shapes(1).items()}
    arrays["places_bias"][place] = 8.0
    return BeatNetwork(arrays)


@pytest.mark.parametrize(("place", "after_the_beat"), [(0, 0.0), (6, 0.5)])
def test_what_the_network_says_decides_between_on_and_off_the_beat(
    monkeypatch: pytest.MonkeyPatch, place: int, after_the_beat: float
) -> None:
    monkeypatch.setattr(beat_tracking, "beat_network", lambda: certain_of(place))
    strikes = [(FIRST_NS + at * 500 * MS, 60, 80) for at in range(24)]
    line = heard(strikes).line(strikes[-1][0])
    assert line is not None
    off = (strikes[-1][0] - line.beat_ns) / line.period_ns % 1
    assert min(abs(off - after_the_beat), 1 - abs(off - after_the_beat)) < 0.1


def test_of_the_first_strikes_the_network_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes = [(FIRST_NS + at * 500 * MS, 60, 80) for at in range(UNTOLD + 1)]
    lines = []
    for place in (0, 6):
        monkeypatch.setattr(beat_tracking, "beat_network", lambda place=place: certain_of(place))
        lines.append([heard(strikes[:count]).line(strikes[count - 1][0]) for count in (UNTOLD, UNTOLD + 1)])
    assert lines[0][0] == lines[1][0]
    assert lines[0][1] != lines[1][1]


def test_who_asks_in_between_changes_nothing() -> None:
    asked, left_alone = BeatTracker(), BeatTracker()
    for onset_ns, pitch, velocity in MARCH.notes(12, 0):
        asked.receive(onset_ns, pitch, velocity)
        left_alone.receive(onset_ns, pitch, velocity)
        asked.line(onset_ns)
    assert asked.line(onset_ns) == left_alone.line(onset_ns)


def test_after_a_long_silence_everything_begins_anew() -> None:
    notes = MARCH.notes(16, 0)
    tracker = heard(notes)
    end_ns = notes[-1][0]
    assert tracker.line(end_ns + FORGOTTEN_NS) is not None
    assert tracker.line(end_ns + FORGOTTEN_NS + 1) is None
    later_ns = end_ns + 2 * FORGOTTEN_NS
    fresh = BeatTracker()
    for onset_ns, pitch, velocity in WALTZ.notes(12, 1):
        for each in (tracker, fresh):
            each.receive(onset_ns + later_ns, pitch, velocity)
    assert tracker.line(0) == fresh.line(0)


def test_a_chord_is_where_the_mean_of_its_notes_is_and_not_where_the_first_is() -> None:
    """After many in time, one begins 20 ms early, and its other notes with it or 50 ms later."""

    def next_beat_ns(later_ms: int) -> int:
        chord = [(0, 48), (later_ms, 64), (later_ms, 67)]
        notes = [(FIRST_NS + at * 600 * MS, pitch, 80) for at in range(24) for _, pitch in chord]
        begin_ns = FIRST_NS + (24 * 600 - 20) * MS
        line = heard([*notes, *((begin_ns + late * MS, pitch, 80) for late, pitch in chord)]).line(begin_ns + 60 * MS)
        assert line is not None
        return line.next_beat_ns(begin_ns + 100 * MS)

    assert next_beat_ns(50) - next_beat_ns(40) > 5 * MS
    assert next_beat_ns(50) - next_beat_ns(0) > 30 * MS


@pytest.mark.parametrize("period_ms", [600, 640])
def test_chords_that_are_spread_about_their_beats_are_in_time_with_them(period_ms: int) -> None:
    found = []
    for spread_ms in (0, 20):
        chord = [(-spread_ms, 48), (0, 60), (spread_ms, 64)]
        beats = [FIRST_NS + at * period_ms * MS for at in range(24)]
        line = heard([(beat + off * MS, pitch, 80) for beat in beats for off, pitch in chord]).line(beats[-1])
        assert line is not None
        found.append(line)
    together, spread = found
    assert spread.tempo_bpm == pytest.approx(together.tempo_bpm, rel=0.004)
    after_ns = beats[-1] + period_ms // 2 * MS
    assert spread.next_beat_ns(after_ns) == pytest.approx(together.next_beat_ns(after_ns), abs=5 * MS)


@pytest.mark.parametrize("first", [0, 1])
def test_of_equal_notes_the_beat_is_where_they_are_held(first: int) -> None:
    tracker, onset_ns = BeatTracker(), FIRST_NS
    for at in range(40):
        onset_ns = FIRST_NS + at * 300 * MS
        tracker.receive(onset_ns, 60, 80)
        tracker.release(onset_ns + (240 if at % 2 == first else 60) * MS, 60)
    line = tracker.line(onset_ns)
    assert line is not None
    assert line.tempo_bpm == pytest.approx(100, rel=0.04)
    place = (line.next_beat_ns(onset_ns) - FIRST_NS) / (300 * MS) % 2
    assert place == pytest.approx(first, abs=0.2)


def test_the_end_of_a_note_says_nothing_before_the_next_strike() -> None:
    notes = TUNE.notes(12, 0)
    held, ended = heard(notes), heard(notes)
    now_ns = notes[-1][0]
    ended.release(now_ns + MS, notes[-1][1])
    assert ended.line(now_ns + MS) == held.line(now_ns + MS)
    for tracker in (held, ended):
        tracker.receive(now_ns + 300 * MS, 36, 80)
    assert ended.line(now_ns + 300 * MS) != held.line(now_ns + 300 * MS)


def test_the_end_of_a_note_with_an_older_time_counts_as_now() -> None:
    notes = TUNE.notes(12, 0)
    late, plain = heard(notes), heard(notes)
    now_ns = notes[-1][0]
    late.release(now_ns - 400 * MS, notes[-2][1])
    plain.release(now_ns, notes[-2][1])
    for tracker in (late, plain):
        tracker.receive(now_ns + 300 * MS, 36, 80)
    assert late.line(now_ns + 300 * MS) == plain.line(now_ns + 300 * MS)


def test_a_note_that_comes_with_an_older_time_counts_as_now() -> None:
    late, plain = heard(TUNE.notes(8, 0)), heard(TUNE.notes(8, 0))
    last_ns = TUNE.notes(8, 0)[-1][0]
    late.receive(last_ns - 300 * MS, 50, 80)
    plain.receive(last_ns, 50, 80)
    assert late.line(last_ns) == plain.line(last_ns)


@slow_law
@given(notes=st.lists(st.tuples(st.integers(0, 8_000), pitches, velocities), max_size=40))
def test_whatever_is_played_the_line_is_one_that_can_be_followed(notes: list[tuple[int, int, int]]) -> None:
    tracker, now_ns = BeatTracker(), 0
    for gap_ms, pitch, velocity in notes:
        now_ns += gap_ms * MS
        tracker.receive(now_ns, pitch, velocity)
        line = tracker.line(now_ns)
        assert line is None or (40 * 0.99 <= line.tempo_bpm <= 250 * 1.01 and 0 <= line.confidence <= 1)


@slow_law
@given(
    notes=st.lists(st.tuples(st.integers(0, 8_000), pitches, velocities), max_size=40),
    lowest_bpm=st.floats(20, 300),
    ratio=st.floats(1.01, 2),
)
def test_a_tempo_that_is_known_is_not_left(notes: list[tuple[int, int, int]], lowest_bpm: float, ratio: float) -> None:
    """But for what the states are apart, and where there is none so slow or fast."""
    tracker, now_ns = BeatTracker((lowest_bpm, lowest_bpm * ratio)), 0
    for gap_ms, pitch, velocity in notes:
        now_ns += gap_ms * MS
        tracker.receive(now_ns, pitch, velocity)
        line = tracker.line(now_ns)
        assert line is None or min(240, lowest_bpm) * 0.95 <= line.tempo_bpm <= max(40, lowest_bpm * ratio) * 1.05


@pytest.mark.parametrize("known_bpm", [60, 120])
def test_of_equal_notes_the_tempo_that_is_known_says_which_are_the_beat(known_bpm: float) -> None:
    tracker = BeatTracker((known_bpm / 1.2, known_bpm * 1.2))
    for at in range(32):
        tracker.receive(FIRST_NS + at * 500 * MS, 72, 80)
    line = tracker.line(FIRST_NS + 31 * 500 * MS)
    assert line is not None
    assert line.tempo_bpm == pytest.approx(known_bpm, rel=0.04)


@law
@given(
    beat_ns=st.integers(0, 10**13),
    period_ns=st.floats(200e6, 1500e6),
    after_ns=st.integers(0, 10**13),
)
def test_the_next_beat_is_later_and_within_a_period(beat_ns: int, period_ns: float, after_ns: int) -> None:
    beat = FoundBeat(beat_ns, period_ns, 1.0, True).next_beat_ns(after_ns)
    assert after_ns < beat <= after_ns + period_ns + 1


def test_two_trackers_do_not_share_what_they_heard() -> None:
    one, other = heard(MARCH.notes(16, 0)), BeatTracker()
    before = one.line(FIRST_NS)
    for onset_ns, pitch, velocity in WALTZ.notes(16, 3):
        other.receive(onset_ns, pitch, velocity)
    assert one.line(FIRST_NS) == before
    assert other.line(FIRST_NS) != before
