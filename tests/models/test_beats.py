"""Fitting and scoring the beat tracker: performances made from pieces, what is learnt from them, and what is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from support.performances import MARCH, Player

from livegen.core import beat_statistics as fitted
from livegen.core.beat_grid import Floats, Knowledge
from livegen.core.beat_tracking import BeatTracker, FoundBeat
from livegen.core.events import Part
from livegen.core.strikes import TOGETHER
from models import beat_evaluation, beats
from models.beats import School, fit, lesson, page, surprise
from models.corpora.piece import Piece, PieceNote
from models.networks.beats import BeatFilter, Heard, heard
from models.performances import Manner, Performance, Played, improvise, line_of, perform, without_metre
from models.scoring.beats import MEASURES, Metronome, announced, announced_without_ends, f_measure, followed, refusals, score

S = 1_000_000_000
EXACT = Manner(noise_s=0.0, depth=0.0)


def piece(work: str = "w", beats: int = 40) -> Piece:
    """A beat at a time, a bass on every other one, at 100 bpm; the first beat is at pulse 6."""
    melody = tuple(PieceNote(6 + beat * 24, 60 + beat * 5 % 12, 24) for beat in range(beats))
    bass = tuple(PieceNote(6 + beat * 24, 36 + beat % 5, 48, 90) for beat in range(0, beats, 2))
    drums = tuple(PieceNote(6 + beat * 24, 35, 6) for beat in range(beats))
    return Piece("leadsheets", work, "jazz", 100.0, 4, 6, melody, {Part.BASS: bass, Part.DRUMS: drums})


def played(player: Player, beats_: int, seed: int = 0) -> Performance:
    """A player's notes, a tenth of a second long, and beats."""
    notes = tuple(Played(*note, end_ns=note[0] + S // 10) for note in player.notes(beats_, seed))
    return Performance(notes, np.array(player.beats_ns(beats_)).astype(np.int64))


class Told:
    """A tracker that always says the same."""

    def __init__(self, line: FoundBeat | None) -> None:
        self._line = line

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
        """Nothing is heard."""

    def release(self, time_ns: int, pitch: int) -> None:
        """Nor this."""

    def line(self, now_ns: int) -> FoundBeat | None:
        """What was given."""
        return self._line


def test_without_noise_notes_fall_on_their_places() -> None:
    performance = perform(piece(), line_of(piece(), whole=False), EXACT, np.random.default_rng(0))
    assert len(performance.notes) == 40
    assert [note.onset_ns for note in performance.notes] == pytest.approx(list(performance.beats_ns[:40]), abs=2)
    assert np.diff(performance.beats_ns) == pytest.approx(0.6 * S, abs=2)


def test_all_parts_are_those_with_pitches() -> None:
    assert len(line_of(piece(), whole=True)) == 60
    assert len(line_of(piece(), whole=False)) == 40


def test_the_tempo_goes_as_far_as_the_manner_says_and_no_further() -> None:
    performance = perform(piece(), line_of(piece(), whole=False), Manner(noise_s=0.0, depth=0.15), np.random.default_rng(3))
    tempi = 60 * S / np.diff(performance.beats_ns)
    assert 0.1 < np.abs(tempi / 100 - 1).max() <= 0.1501


def test_notes_are_off_by_the_normal_law_or_evenly_and_no_further() -> None:
    melody = tuple(PieceNote(beat * 24, 60, 24) for beat in range(400))
    long = Piece("leadsheets", "w", "jazz", 100.0, 4, 0, melody)

    def off_s(*, even: bool) -> Floats:
        manner = Manner(noise_s=0.03, even=even, depth=0.0, beats=400)
        performance = perform(long, melody, manner, np.random.default_rng(0))
        return (np.array([note.onset_ns for note in performance.notes]) - performance.beats_ns[:400]) / S

    assert off_s(even=False).std() == pytest.approx(0.03, rel=0.1)
    assert np.abs(off_s(even=False)).max() > 0.06
    assert off_s(even=True).std() == pytest.approx(0.03 / np.sqrt(3), rel=0.1)
    assert np.abs(off_s(even=True)).max() <= 0.03


def test_notes_are_held_for_the_same_share_of_what_is_written_more_or_less() -> None:
    def shares(held: float) -> Floats:
        performance = perform(
            piece(), line_of(piece(), whole=False), replace(EXACT, held=(held, held)), np.random.default_rng(0)
        )
        return np.array([note.end_ns - note.onset_ns for note in performance.notes]) / (0.6 * S)

    assert np.median(shares(0.5)) == pytest.approx(0.5, rel=0.1)
    assert 0.02 < shares(0.5).std() < 0.15
    assert shares(0.9).mean() > shares(0.5).mean()


def test_a_key_comes_up_before_it_is_struck_again() -> None:
    repeated = tuple(PieceNote(at * 12, 60, 240) for at in range(20))
    performance = perform(piece(), repeated, Manner(), np.random.default_rng(0))
    assert all(0 < other.onset_ns - one.end_ns <= 25_000_000 for one, other in pairwise(performance.notes))


def test_each_note_comes_with_those_that_have_ended_by_then_and_none_ends_twice() -> None:
    performance = perform(piece(), line_of(piece(), whole=True), Manner(), np.random.default_rng(0))
    ended: list[Played] = []
    for ended_since, note in performance.with_ends():
        assert all(each.end_ns <= note.onset_ns for each in ended_since)
        ended += ended_since
        assert {id(each) for each in ended} == {id(each) for each in performance.notes if each.end_ns <= note.onset_ns}
    assert len(ended) == len({id(each) for each in ended}) > 20


def test_beats_can_be_left_out_at_the_begin_and_at_the_end() -> None:
    performance = perform(
        piece(), line_of(piece(), whole=False), Manner(noise_s=0.0, depth=0.0, first=10, beats=8), np.random.default_rng(0)
    )
    assert len(performance.notes) == 8
    assert performance.notes[0].pitch == 60 + 50 % 12
    assert perform(piece(), line_of(piece(), whole=False), Manner(first=99), np.random.default_rng(0)).notes == ()


@pytest.mark.parametrize("kind", beat_evaluation.FREE)
def test_playing_without_a_beat_has_notes_in_order_and_no_beats(kind: str) -> None:
    free = improvise(kind, np.random.default_rng(0))
    assert all(one.onset_ns < other.onset_ns for one, other in pairwise(free.notes))
    assert len(free.beats_ns) == 0


def test_a_piece_without_metre_keeps_its_notes_but_not_its_beats() -> None:
    notes = line_of(piece(), whole=False)
    free = without_metre(piece(), notes, np.random.default_rng(0))
    assert [note.pitch for note in free.notes] == [note.pitch for note in notes]
    gaps = np.diff([note.onset_ns for note in free.notes])
    assert gaps.max() > 2 * gaps.min()


def believed(line: Sequence[Heard]) -> list[Floats]:
    """What the tracker's filter believes after each strike, its numbers as they are fitted, [states]."""
    known, found = Knowledge(), list[Floats]()
    mass = known.first
    for at, strike in enumerate(line):
        if at:
            mass = known.passed(mass, TOGETHER, charged=False)
            mass = known.passed(mass, strike.frames - TOGETHER, charged=True) * known.rate
        for late, count in enumerate(strike.spread):
            mass = mass * known.spread[TOGETHER + late] ** count
        mass = mass / mass.sum()
        found.append(mass.sum(axis=0))
    return found


def test_what_is_fitted_believes_what_the_trackers_filter_does() -> None:
    """Where strikes are taken for their first notes.

    Of two performances at once, of which one ends sooner, with chords, and silences longer than a stride.
    """
    rng = np.random.default_rng(5)
    onsets = 3 * S + np.cumsum(rng.choice([0.02, 0.05, 0.12, 0.3, 0.5, 1.4], 40)) * S
    odd = tuple(Played(int(at), int(rng.integers(40, 80)), int(rng.integers(30, 110)), int(at) + S) for at in onsets)
    lines = [heard(Performance(odd, np.zeros(0, dtype=np.int64))), heard(played(MARCH, 6))]
    with torch.no_grad():
        filtered = torch.stack(list(BeatFilter()(lines)), dim=1).numpy()
    for line, ours in zip(lines, filtered, strict=True):
        for strike, theirs in enumerate(believed(line)):
            assert ours[strike] == pytest.approx(theirs, abs=1e-4)


def test_a_lesson_is_right_where_the_beat_is() -> None:
    model = BeatFilter()
    taught = lesson(played(MARCH, 12), model.layout, 16)
    period = model.layout.period[taught.right[0].numpy()] * 0.02
    assert period == pytest.approx(60 / MARCH.bpm[0], rel=0.11)
    until = model.layout.until[taught.right[1].numpy()]
    assert until == pytest.approx(0.5, abs=0.2)
    assert taught.weights[0] == 0
    assert taught.weights[-1] > 0


def test_fitting_makes_the_right_beat_less_of_a_surprise_and_can_be_repeated() -> None:
    pieces = [piece(f"{at}") for at in range(3)]

    def fitted_once() -> tuple[float, float, str]:
        model = BeatFilter()
        school = School(pieces, model.layout, 1, 16)
        lessons = School(pieces, model.layout, 2, 16).lessons(4)
        with torch.no_grad():
            before = surprise(model, lessons).item()
        fit(model, school, 6, 3, 0.1)
        with torch.no_grad():
            return before, surprise(model, lessons).item(), page(model.numbers())

    before, after, written = fitted_once()
    assert after < before
    assert fitted_once()[2] == written


def test_the_page_says_the_numbers_again() -> None:
    space: dict[str, object] = {}
    exec(page(BeatFilter().numbers()), space)  # noqa: S102 - it is the source of a module
    assert np.asarray(space["STRIKES"]) == pytest.approx(fitted.STRIKES, abs=0.002)
    assert space["DRIFT"] == pytest.approx(fitted.DRIFT, rel=0.01)
    assert space["PLACES"] == fitted.PLACES


def test_the_f_measure_counts_each_beat_once() -> None:
    times = np.array([1, 2, 3, 4]) * S
    assert f_measure(times, times + 60_000_000) == 1
    assert f_measure(times, times + 80_000_000) == 0
    assert f_measure(times, times[::2]) == pytest.approx(2 / 3)
    assert f_measure(times, np.concatenate([times, times + 1000])) == pytest.approx(2 / 3)
    assert f_measure(times, times[:0]) == 0


def test_who_is_told_no_note_offs_hears_no_note_end() -> None:
    march = played(MARCH, 8)
    assert all(not ended for ended, _ in march.without_ends().with_ends())
    told = announced_without_ends(BeatTracker(), march, 8 * S)
    assert told == announced(BeatTracker(), march.without_ends(), 8 * S) != announced(BeatTracker(), march, 8 * S)


def test_beats_are_announced_as_the_notes_before_them_had_it() -> None:
    notes = tuple(Played(at * S, 60, 80, (at + 1) * S) for at in range(3))
    told = announced(Told(FoundBeat(S // 4, S / 2, 0.9, True)), Performance(notes, np.zeros(0, dtype=np.int64)), 3 * S)
    assert [beat.time_ns for beat in told] == [S // 4 + half * S // 2 for half in range(6)]
    assert announced(Told(None), Performance(notes, np.zeros(0, dtype=np.int64)), 3 * S) == []


def test_a_beat_that_an_early_note_shows_to_be_past_is_announced_with_the_note() -> None:
    """It was foretold for 1 s; at .96 s it becomes clear that it was at .95 s."""

    class Corrected(Told):
        def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
            self._line = FoundBeat(0 if onset_ns < 0.9 * S else int(0.95 * S), S / 2, 0.9, True)

    notes = tuple(Played(at, 60, 80, at + 1) for at in (int(0.1 * S), int(0.96 * S)))
    told = announced(Corrected(None), Performance(notes, np.zeros(0, dtype=np.int64)), 2 * S)
    assert [beat.time_ns / S for beat in told] == pytest.approx([0.5, 0.96, 1.45, 1.95])


def test_music_that_follows_has_the_beats_of_the_player_and_none_before() -> None:
    march = played(MARCH, 32)
    assert score(followed, march)["f"] > 0.9
    assert followed(march, int(march.beats_ns[-1]))[0].time_ns > march.beats_ns[1]


def test_music_seldom_begins_to_follow_what_has_no_beat() -> None:
    """More than a minute of each, which is time enough for an accident."""
    free = [improvise("uniform", np.random.default_rng(seed)) for seed in range(12)]
    assert sum(not followed(each, each.notes[-1].onset_ns + S) for each in free) >= 7


def test_a_metronome_is_right_where_the_music_is_one() -> None:
    steady = played(Player([(0, (60,))], [120], 1), 32)
    assert score(partial(announced, Metronome()), steady) == dict(
        zip(MEASURES, (1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0), strict=True)
    )
    slow = score(partial(announced, Metronome()), played(Player([(0, (60,))], [60], 1), 32))
    assert slow["f"] == pytest.approx(2 / 3, abs=0.02)
    assert (slow["tempo_right"], slow["double"]) == (0.0, 1.0)


def test_a_short_performance_says_nothing_and_silence_scores_nothing() -> None:
    assert all(np.isnan(value) for value in score(partial(announced, Metronome()), played(MARCH, 8)).values())
    assert set(score(partial(announced, Told(None)), played(MARCH, 24)).values()) == {0.0}


def test_refusals_are_counted_note_by_note() -> None:
    free = improvise("uniform", np.random.default_rng(0))
    assert refusals(lambda: Told(None), free, 0) == 1
    assert refusals(Metronome, free, 0) == 0
    assert refusals(BeatTracker, free, 6 * S) > 0.5


def test_pieces_are_chosen_that_keep_their_beat_and_all_of_them_unless_told_otherwise() -> None:
    slipped = tuple(PieceNote(at, 60, 24) for at in (*range(0, 768, 24), *range(780, 1548, 24)))
    pieces = [
        piece("a", 48),
        piece("b", 48),
        piece("too short", 20),
        replace(piece("slips"), bar_offset=0, melody=slipped, parts={}),
    ]
    assert {each.work for each in beat_evaluation.chosen_pieces(pieces, 0)} == {"a", "b"}
    assert len(beat_evaluation.chosen_pieces(pieces, 0, limit=1)) == 1


def test_the_commands_run_on_a_folder_of_corpora(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat_evaluation, "_FEWEST_NOTES", 8)
    written = tmp_path / "found.json"
    plain = ["--data", str(corpora), "--limit", "1", "--part", "validation", "--json", str(written)]
    assert beat_evaluation.main(plain) == 0
    found = json.loads(written.read_text())
    assert found["pieces"] > 0
    assert set(found["played"]) == set(beat_evaluation.PARTS)
    assert not found["written"]
    assert not found["even"]
    assert "Beats of" in capsys.readouterr().out
    for option in ("written", "even"):
        assert beat_evaluation.main([*plain, f"--{option}"]) == 0
        otherwise = json.loads(written.read_text())
        assert otherwise[option]
        assert otherwise["played"] != found["played"]
    assert beat_evaluation.main(["--data", str(tmp_path / "nothing")]) == 2
    assert "not evaluated" in capsys.readouterr().err
    assert beats.main(["--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "numbers.py")]) == 2
    assert beats.main(["--data", str(corpora), "--out", str(tmp_path / "numbers.py"), "--steps", "1", "--batch", "2"]) == 0
    assert "STRIKES" in (tmp_path / "numbers.py").read_text()
