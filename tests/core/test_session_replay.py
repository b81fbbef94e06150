"""A recorded session comes out again byte for byte, whatever happened in it; where it does not, the place is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize
from support.laws import slow_law
from support.logged import LoggedStage, log_of, replay_of, signed
from support.stage import PLAYER, note_ons, settings_with
from test_engine import AnyPerformance, advances_ms

from livegen.core.effects import Tap, Unplanned
from livegen.core.engine import Engine
from livegen.core.errors import InputError
from livegen.core.midi import NoteOn
from livegen.core.session_lines import LineReader
from livegen.core.session_log import Closed, Did, Received, Ticked
from livegen.core.session_replay import MOST_PAUSE_NS
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator


class AnyLoggedPerformance(AnyPerformance):
    """All that the engine's own test does, with a log: it must come out again."""

    @initialize(mode=st.sampled_from(["respond", "accompany"]), thru=st.booleans(), advance_ms=advances_ms)
    def begin(self, mode: str, thru: bool, advance_ms: int) -> None:
        self.stage = LoggedStage(settings_with(mode=mode, thru=thru), advance_ns=advance_ms * 1_000_000)
        self.quiet = False

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "stage"):
            replay = replay_of(log_of(self.stage.log))
            assert replay.difference is None
            assert replay.ended


AnyLoggedPerformance.TestCase.settings = hypothesis_settings(deadline=None, max_examples=20, stateful_step_count=40)
TestAnyLoggedPerformance = AnyLoggedPerformance.TestCase


def played(mode: str = "respond") -> LoggedStage:
    """A phrase, an answer and the end."""
    stage = LoggedStage(settings_with(mode=mode, click=True), Band(ScriptedGenerator()), seed=7)
    for pitch in (60, 62, 64):
        stage.play(pitch, 0.5)
    stage.advance(6)
    stage.change(temperature=0.5)
    stage.close()
    return stage


STAGE = played()
LINES = log_of(STAGE.log)


class TestReplay:
    def test_the_same_comes_out(self) -> None:
        replay = replay_of(LINES)
        assert replay.difference is None
        assert replay.ended
        assert replay.counts["notes in"] == 3
        assert replay.counts["changes"] == 1
        assert replay.counts["lines"] == len(LINES)
        assert replay.counts["messages out"] == len(STAGE.sent)
        assert replay.counts["notes out"] == len(note_ons(STAGE.sent))
        assert replay.time_ns == STAGE.now_ns

    @slow_law
    @given(st.integers(1, len(LINES)))
    def test_a_log_that_breaks_off_comes_out_as_far_as_it_goes(self, count: int) -> None:
        replay = replay_of(LINES[:count])
        assert replay.difference is None
        assert replay.counts["lines"] == count

    def test_an_illegal_input_changes_nothing_then_as_now(self) -> None:
        stage = LoggedStage()
        with pytest.raises(InputError):
            stage.engine.send_earlier(10**12)
        stage.receive(Tap())
        assert replay_of(log_of(stage.log)).difference is None


class TestDifferences:
    def test_an_engine_that_plays_another_note_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a later version may, or one that is broken."""
        honest = Engine._strike

        def strike(self: Engine, owner: object, note: NoteOn, *rest: object) -> None:
            honest(self, owner, NoteOn(note.channel, note.pitch ^ 1, note.velocity), *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(Engine, "_strike", strike)
        difference = replay_of(LINES).difference
        assert difference is not None
        with_notes = [
            line for line, entry in enumerate(STAGE.log, start=1) if isinstance(entry, Did) and "NoteOn" in repr(entry)
        ]
        assert difference.line == with_notes[0]
        assert difference.logged is not None
        assert difference.played is not None
        assert difference.logged != difference.played
        assert 0 <= difference.time_ns <= STAGE.now_ns

    def test_an_engine_that_plays_less_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Engine, "tick", lambda self, now_ns: [])
        difference = replay_of(LINES).difference
        assert difference is not None
        assert difference.played is None

    def test_an_engine_that_plays_more_is_found_out(self) -> None:
        """What the log lacks here went out now."""
        without = [entry for entry in STAGE.log if not isinstance(entry, Did)]
        difference = replay_of(log_of(without)).difference
        assert difference is not None
        assert difference.played is not None
        assert difference.played.startswith('["out"')

    def test_what_an_engine_fails_with_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Engine, plan_id: int, beats_per_bar: int) -> None:
            raise ZeroDivisionError("of course")

        stage = LoggedStage()
        monkeypatch.setattr("livegen.core.score.Score.do_without", fail)
        with pytest.raises(ZeroDivisionError):
            stage.receive(Unplanned(1))
        difference = replay_of(log_of(stage.log)).difference
        assert difference is not None
        assert difference.line == len(stage.log)
        assert difference.failure == "ZeroDivisionError: of course"

    def test_only_the_first_is_told(self) -> None:
        without = [entry for entry in STAGE.log if not isinstance(entry, Did)]
        replay = replay_of(log_of(without))
        assert replay.difference is not None
        assert replay.counts["lines"] == replay.difference.line


def test_a_log_from_before_there_was_a_setting_comes_out_again() -> None:
    """It plays with the setting's default."""
    reader = LineReader()
    first, *others = [reader.take(line).text for line in LINES]
    word, form, table = json.loads(first)
    del table["settings"]["follow/within"]
    replay = replay_of(signed(json.dumps([word, form, table], separators=(",", ":")), *others))
    assert replay.difference is None
    assert replay.ended


class TestStrangers:
    def test_a_time_out_of_all_reason_is_refused(self) -> None:
        """The engine would play a century of clicks."""
        entries = [*LoggedStage(settings_with(click=True)).log, Ticked(MOST_PAUSE_NS + 1)]
        with pytest.raises(InputError, match="more than a day"):
            replay_of(log_of(entries))

    @slow_law
    @given(st.data())
    def test_lines_that_somebody_has_put_together_are_played_or_refused(self, data: st.DataObject) -> None:
        """With checksums that are right: each line is an entry, their order makes no sense."""
        texts = [LineReader().take(LINES[0]).text]
        reader = LineReader()
        known = [reader.take(line).text for line in LINES][1:]
        texts += data.draw(st.lists(st.sampled_from(known), max_size=30))
        lines = signed(*texts)
        refused = ""
        try:
            replay = replay_of(lines)
        except InputError as error:
            refused = str(error)
        assert refused or replay.difference is not None or replay.counts["lines"] == len(lines)


@pytest.mark.parametrize("entry", [Received(0, NoteOn(PLAYER, 60, 80)), Closed(0)])
def test_nothing_comes_before_the_beginning(entry: object) -> None:
    with pytest.raises(InputError, match="beginning"):
        log_of([entry])  # type: ignore[list-item]
