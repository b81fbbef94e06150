"""Continuation: eight bars are heard, eight are asked for by the daemon's planner, and human and machine are measured alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from livegen.core.events import Note, Part, PlayerEvent
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.parameters import Settings, build_registry
from livegen.core.plans import Plan, PlanRequest
from livegen.generators.band import Band
from models.corpora.piece import Piece, PieceNote
from models.questions.continuation import PROMPT_AGAIN, plots, tables
from models.scoring import continuation
from models.scoring.continuation import BARS, Task, styled, tasks
from models.scoring.human_interval import compared
from models.scoring.music_measures import MEASURES

BAR = 96
SETTINGS = build_registry(("a", "b")).defaults()


class Quarters:
    """Plays one pitch at the begin of every window, and keeps what it heard and what it was asked."""

    name = "quarters"
    notice: str | None = None

    def __init__(self, pitch: int = 72) -> None:
        self.pitch = pitch
        self.heard: list[PlayerEvent] = []
        self.asked: list[PlanRequest] = []

    def observe(self, event: PlayerEvent) -> None:
        self.heard.append(event)

    def plan(self, request: PlanRequest) -> Plan:
        self.asked.append(request)
        tick = request.tick
        notes = tuple(Note(part, 0, self.pitch, tick.hop, 64) for part in sorted(tick.parts))
        return Plan(request.plan_id, request.window, tick.hop, NO_CHORD, notes)

    def snapshot(self) -> object:
        return None

    def restore(self, state: object) -> None:
        pass

    def reset(self) -> None:
        self.heard.clear()


def piece(bars: int = 2 * BARS, **changes: object) -> Piece:
    """A scale in quarters, with a chord a bar."""
    melody = tuple(PieceNote(24 * beat, 60 + (0, 2, 4, 5, 7, 9, 11)[beat % 7], 24) for beat in range(4 * bars))
    chords = tuple(PieceNote(BAR * bar, pitch, BAR) for bar in range(bars) for pitch in (48, 52, 55))
    made = Piece("leadsheets", "w", "b", 120.0, 4, 0, melody, {Part.CHORDS: chords})
    return replace(made, **changes)


def task_of(made: Piece) -> Task:
    (task,) = tasks([made])
    return task


class TestTasks:
    def test_a_task_begins_at_the_bar_line_of_the_first_note(self) -> None:
        late = [PieceNote(note.onset + 5 * BAR + 24, note.pitch, 24) for note in piece(17).melody]
        assert task_of(piece(melody=tuple(late), parts={})).piece.melody[0].onset == 24

    def test_both_halves_have_eight_bars(self) -> None:
        task = task_of(piece())
        assert task.half == BARS * BAR
        halves = [task.stretch(task.written([Part.LEAD]), first).notes for first in (0, task.half)]
        assert [len(half) for half in halves] == [32, 32]
        assert halves[1][0].onset == 0

    def test_what_is_too_short_or_too_empty_is_no_task(self) -> None:
        sparse = tuple(note for note in piece().melody if note.onset < 8 * BAR or note.onset % (2 * BAR) == 0)
        assert tasks([piece(15), piece(melody=sparse), piece(melody=())]) == []

    def test_one_task_a_work(self) -> None:
        found = tasks([piece(15), piece(), piece(work="another"), piece(20)])
        assert [task.name for task in found] == ["leadsheets/w", "leadsheets/another"]

    def test_the_key_is_that_of_the_prompt(self) -> None:
        """What comes after it is in another key, and does not count."""
        made = piece()
        later = tuple(replace(note, pitch=note.pitch + 6) if note.onset >= BARS * BAR else note for note in made.melody)
        assert task_of(replace(made, melody=later)).key == ChordSymbol(0)

    def test_notes_with_and_without_dynamics_stand_side_by_side(self) -> None:
        """The same pitch in chords and bass, one played and one from a score."""
        made = piece()
        doubled = tuple(replace(note, velocity=64) for note in made.parts[Part.CHORDS])
        task = task_of(replace(made, parts={**made.parts, Part.BASS: doubled}))
        assert len(task.written([Part.CHORDS, Part.BASS])) == 2 * 3 * 2 * BARS

    def test_harmony_must_be_in_both_halves(self) -> None:
        made = piece()
        half = tuple(note for note in made.parts[Part.CHORDS] if note.onset < BARS * BAR)
        assert task_of(made).has_harmony
        assert not task_of(replace(made, parts={Part.CHORDS: half})).has_harmony
        assert not task_of(replace(made, parts={})).has_harmony


class TestLead:
    def test_every_beat_of_the_continuation_is_asked_for_once(self) -> None:
        generator = Quarters()
        notes = continuation.lead(task_of(piece()), generator, SETTINGS, seed=1)
        assert [note.onset for note in notes] == [BARS * BAR + 24 * beat for beat in range(4 * BARS)]
        assert all(request.tick.parts == {Part.LEAD} for request in generator.asked)
        assert [request.opening for request in generator.asked] == [True] + [False] * (4 * BARS - 1)

    def test_the_future_of_the_player_is_not_heard(self) -> None:
        """Only what is over when a window is planned; the human continuation never."""
        heard: list[list[int]] = []

        class Listening(Quarters):
            def plan(self, request: PlanRequest) -> Plan:
                heard.append([event.time_ns for event in self.heard])
                assert all(event.time_ns <= request.tick.time_ns for event in self.heard)
                return super().plan(request)

        continuation.lead(task_of(piece()), Listening(), SETTINGS, seed=1)
        assert len(heard[-1]) == 2 * 32, "32 keys down and up"
        assert max(heard[-1]) == 32 * 500_000_000
        assert len(heard[0]) < len(heard[1]) == len(heard[-1]), "the last key comes up when the first window is planned already"

    def test_settings_reach_the_generator(self) -> None:
        generator = Quarters()
        settings = SETTINGS.with_changes({"temperature": 0.3, "style": "a", "lookahead": 0.5})[0]
        continuation.lead(task_of(piece()), generator, settings, seed=7)
        request = generator.asked[0]
        assert (request.sampling.temperature, dict(request.style), request.seed) == (0.3, {"a": 1.0, "b": 0.0}, 7)
        assert request.tick.lookahead == 12

    def test_the_band_forgets_what_it_heard_before(self) -> None:
        generator = Quarters()
        for _ in range(2):
            requests = continuation.requests(piece(2), (2 * BAR, 3 * BAR), Band(generator), SETTINGS, 1)
            next(requests)
        assert len(generator.heard) == 15, "eight keys down and seven up"


def test_the_accompaniment_is_heard_through_the_engine() -> None:
    notes = continuation.accompaniment(task_of(piece()), Quarters(50), SETTINGS.with_changes({"mode": "accompany"})[0], seed=1)
    onsets = {note.onset for note in notes}
    assert onsets >= {24 * beat for beat in range(1, 8 * BARS)}
    assert {note.pitch for note in notes} == {50}
    assert len(notes) == 2 * len(onsets), "chords and bass"


class TestStyle:
    def test_a_work_is_continued_in_its_own_style(self) -> None:
        assert styled(SETTINGS, piece()).heaviest_style == "b"
        assert styled(SETTINGS, piece(style="unheard")).heaviest_style == "none"

    def test_a_style_that_was_asked_for_stays(self) -> None:
        asked: Settings = SETTINGS.with_changes({"style": "a"})[0]
        assert styled(asked, piece()).heaviest_style == "a"


def findings(human: Sequence[float], ours: Sequence[float]) -> dict:
    rows, mine = ([dict.fromkeys(MEASURES, value) for value in values] for values in (human, ours))
    measures = compared(rows, {"ours": mine, PROMPT_AGAIN: rows}, 1)
    return {
        "lead": {"works": len(human), "bars": 8, "measures": measures},
        "accompaniment": {"works": 0, "bars": 8, "measures": {}},
    }


class TestShown:
    def test_the_table_says_whether_it_is_human(self) -> None:
        (table,) = tables(findings([1.0, 2.0, 3.0], [7.0, 8.0, 9.0]))
        row = dict(zip(table.header, table.rows[0], strict=True))
        assert row["human"].startswith("2.00 [")
        assert row["ours"].startswith("8.00 [")
        assert [cell for cell in table.rows[0] if cell in ("above", "within")] == ["above", "within"]

    def test_the_plot_counts_in_half_widths(self) -> None:
        (plot,) = plots(findings([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))
        assert plot.name == "continuation-lead"

    def test_a_measure_that_never_varies_has_no_width(self) -> None:
        assert plots(findings([1.0, 1.0], [2.0, 2.0]))
