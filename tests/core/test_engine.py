"""The engine: no note hangs, nothing goes out early, nothing late, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.laws import tempi, velocities
from support.stage import (
    BASS,
    BEAT,
    BEAT_NS,
    CHORDS,
    LEAD,
    PLAYER,
    Sent,
    Stage,
    lead,
    messages,
    note_offs,
    note_ons,
    plan_for,
    settings_with,
)

from livegen.core.effects import CountIn, GeneratorLost, InputLost, Panic, SessionBeat, Stopgap, Tap, Unplanned
from livegen.core.engine import LATE_NS, LONGEST_PULSES, Engine
from livegen.core.errors import InputError
from livegen.core.events import Note, Off, On, Part
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.ledger import Owner
from livegen.core.midi import (
    CLOCK,
    CONTINUE,
    START,
    STOP,
    Control,
    NoteOff,
    NoteOn,
    Other,
    Realtime,
    SongPosition,
)
from livegen.core.parameters import CLOCK_SOURCES, Settings
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator, in_turn

C, F = ChordSymbol(0), ChordSymbol(5)
PEDAL_DOWN, PEDAL_UP = Control(PLAYER, 64, 127), Control(PLAYER, 64, 0)

few_channels, few_pitches = st.sampled_from([LEAD, CHORDS, PLAYER]), st.integers(60, 62)
few_notes = st.lists(
    st.builds(Note, st.sampled_from(list(Part)), st.integers(0, 11), few_pitches, st.integers(1, 48), velocities), max_size=5
)
changes = st.one_of(
    st.fixed_dictionaries({"tempo/bpm": tempi}),
    st.fixed_dictionaries({"mode": st.sampled_from(["respond", "accompany", "harmonize", "listen"])}),
    st.fixed_dictionaries({"thru": st.booleans()}),
    st.fixed_dictionaries({"hop": st.sampled_from(["half", "beat"]), "lookahead": st.floats(0.1, 2)}),
    st.fixed_dictionaries({"part/lead": st.booleans(), "part/bass": st.booleans()}),
    st.fixed_dictionaries({"beats_per_bar": st.integers(1, 12)}),
    st.fixed_dictionaries({"click": st.booleans(), "click/channel": st.integers(1, 16)}),
    st.fixed_dictionaries({"clock/source": st.sampled_from(CLOCK_SOURCES), "clock/send": st.booleans()}),
)
advances_ms = st.sampled_from([0, 0, 7, 150, 500])
clock_messages = st.sampled_from(
    [Realtime(CLOCK), Realtime(START), Realtime(CONTINUE), Realtime(STOP), SongPosition(0), SongPosition(37)]
)


class AnyPerformance(RuleBasedStateMachine):
    """A player, a generator that answers on time, late, twice, wrongly or never, a desk, and all that can break.

    `Stage` and `Wire` check at every step: note-on and note-off alternate on each channel and pitch, the ledger says what
    sounds, nothing goes out before its time, no note-on of the agent goes out late, nothing that is due is left undone.
    """

    @initialize(mode=st.sampled_from(["respond", "accompany"]), thru=st.booleans(), advance_ms=advances_ms)
    def begin(self, mode: str, thru: bool, advance_ms: int) -> None:
        self.stage = Stage(settings_with(mode=mode, thru=thru), advance_ns=advance_ms * 1_000_000)
        self.quiet = False

    # --- the player ---

    @rule(channel=few_channels, pitch=few_pitches, velocity=velocities)
    def press(self, channel: int, pitch: int, velocity: int) -> None:
        self.quiet = False
        self.stage.press(pitch, channel, velocity)
        if self.stage.engine.settings.mode == "respond":
            assert not list(self.stage.ledger.sounding(Owner.GENERATED))

    @rule(channel=few_channels, pitch=few_pitches)
    def release(self, channel: int, pitch: int) -> None:
        self.stage.release(pitch, channel)

    @rule(
        channel=few_channels, control=st.sampled_from([1, 64, 120, 121, 123]), value=st.sampled_from([0, 127])
    )  # fmt: skip
    def turn(self, channel: int, control: int, value: int) -> None:
        self.stage.receive(Control(channel, control, value))

    # --- time ---

    @rule(beats=st.floats(0, 2))
    def play_on(self, beats: float) -> None:
        before = len(self.stage.sent)
        self.stage.advance(beats)
        assert not (self.quiet and note_ons(self.stage.sent[before:]))

    @rule(delta_ns=st.integers(0, 2 * BEAT_NS))
    def oversleep(self, delta_ns: int) -> None:
        sent = self.stage.sleep(delta_ns)
        assert not (self.quiet and note_ons(sent))

    # --- a clock ---

    @rule(message=clock_messages)
    def clock(self, message: Realtime | SongPosition) -> None:
        self.stage.receive(message)

    @rule(periods_ns=st.lists(st.integers(100_000_000, 1_500_000_000), min_size=1, max_size=4))
    def tap(self, periods_ns: list[int]) -> None:
        for period_ns in periods_ns:
            self.stage.sleep(period_ns)
            self.stage.receive(Tap())

    @rule(beat=st.floats(-8, 1000), age_ns=st.integers(0, 50_000_000), tempo_bpm=st.floats(20, 999))
    def session_beat(self, beat: float, age_ns: int, tempo_bpm: float) -> None:
        self.stage.receive(SessionBeat(beat, max(0, self.stage.now_ns - age_ns), tempo_bpm, 1))

    @rule()
    def count_in(self) -> None:
        self.quiet = False
        self.stage.receive(CountIn())

    @rule(count=st.integers(1, 60), period_ns=st.integers(8_000_000, 60_000_000))
    def ticks(self, count: int, period_ns: int) -> None:
        for _ in range(count):
            self.stage.sleep(period_ns)
            self.stage.receive(Realtime(CLOCK))

    # --- the generator ---

    @precondition(lambda self: self.stage.asked)
    @rule(index=st.integers(1, 4), notes=few_notes, chord=st.sampled_from([None, NO_CHORD, C, F]))
    def plan(self, index: int, notes: list[Note], chord: ChordSymbol | None) -> None:
        """Any request of late: open, overdue, stale or answered before."""
        asked = self.stage.asked
        sent = self.stage.receive(replace(plan_for(asked[-min(index, len(asked))], notes), chord=chord))
        assert not (self.quiet and note_ons(sent))

    @precondition(lambda self: self.stage.asked)
    @rule(note=st.sampled_from([lead(0, 128), lead(99, 60), lead(0, 60, velocity=0), lead(0, 60, duration=0)]))
    def plan_badly(self, note: Note) -> None:
        self.stage.receive(plan_for(self.stage.asked[-1], [note]))

    @precondition(lambda self: self.stage.overdue)
    @rule(index=st.integers(1, 4), notes=few_notes, chord=st.sampled_from([None, C, F]))
    def stop_the_gap(self, index: int, notes: list[Note], chord: ChordSymbol | None) -> None:
        overdue = self.stage.overdue
        plan = replace(plan_for(overdue[-min(index, len(overdue))], notes), chord=chord)
        assert not (self.quiet and note_ons(self.stage.receive(Stopgap(plan))))

    @precondition(lambda self: self.stage.asked)
    @rule(index=st.integers(1, 4))
    def leave_unplanned(self, index: int) -> None:
        """Before it is overdue the generator is not there, after it the fallback is not either."""
        asked = self.stage.asked
        assert not (self.quiet and note_ons(self.stage.receive(Unplanned(asked[-min(index, len(asked))].plan_id))))

    @rule()
    def lose_the_generator(self) -> None:
        self.stage.receive(GeneratorLost())

    # --- commands ---

    @rule(change=changes)
    def change(self, change: dict[str, object]) -> None:
        mode = self.stage.engine.settings.mode
        self.quiet = self.quiet and not change.get("click")
        self.stage.change(**change)
        now = self.stage.engine.settings
        assert now.mode == mode or not list(self.stage.ledger.sounding(Owner.GENERATED))
        assert now.thru or self.nothing_is_passed_through()

    @rule(advance_ms=advances_ms)
    def find_another_output(self, advance_ms: int) -> None:
        self.stage.engine.send_earlier(advance_ms * 1_000_000)
        self.stage.tick()

    @rule()
    def lose_the_keyboard(self) -> None:
        self.stage.receive(InputLost())
        assert self.nothing_is_passed_through()

    @rule()
    def panic(self) -> None:
        self.stage.receive(Panic())
        assert not self.stage.wire.sounding
        assert not self.stage.wire.pedals
        # A click that is switched on goes on: it is the player's own.
        self.quiet = not self.stage.engine.settings.click

    def nothing_is_passed_through(self) -> bool:
        return not self.stage.wire.pedals and not list(self.stage.ledger.sounding(Owner.THRU))

    def teardown(self) -> None:
        """Every note of the agent ends of itself; the end of the run ends the player's."""
        if hasattr(self, "stage"):
            if self.stage.engine.settings.mode == "harmonize":
                # What is added to the player's notes ends with them.
                self.stage.receive(InputLost())
            self.stage.advance(60)
            assert not list(self.stage.ledger.sounding(Owner.GENERATED))
            self.stage.close()
            assert not self.stage.wire.pedals


AnyPerformance.TestCase.settings = hypothesis_settings(deadline=None, max_examples=60, stateful_step_count=40)
TestAnyPerformance = AnyPerformance.TestCase


@pytest.fixture
def stage() -> Stage:
    """In `respond`, at the moment where the answer's first window, from beat 1 to 2, has been asked for."""
    stage = Stage()
    stage.play(60, 0.25)
    stage.advance(0.5)
    assert [request.window for request in stage.asked] == [BEAT]
    return stage


class TestPlayingPlans:
    def test_notes_go_out_on_their_pulses(self, stage: Stage) -> None:
        stage.answer(lead(0, 64, 6), lead(12, 67, 30))
        stage.advance(3)
        pulses = [(stage.engine.transport.whole_pulse_at(item.time_ns), item.message) for item in stage.sent]
        assert pulses == [
            (24, NoteOn(LEAD, 64, 80)),
            (30, NoteOff(LEAD, 64)),
            (36, NoteOn(LEAD, 67, 80)),
            (66, NoteOff(LEAD, 67)),
        ]
        assert all(item.time_ns == item.due_ns for item in stage.sent)

    def test_every_part_has_its_channel(self, stage: Stage) -> None:
        stage.answer(*(Note(part, 0, 60, 6, 80) for part in Part))
        assert [message.channel for message in note_ons(stage.advance(1))] == [LEAD, CHORDS, BASS, 9]

    def test_channels_can_be_set(self) -> None:
        engine = Engine(
            settings_with(mode="accompany"), 0, channels={Part.LEAD: 3, Part.CHORDS: 4, Part.BASS: 4, Part.DRUMS: 5}
        )
        stage = Stage()
        stage.engine = engine
        stage.ledger = engine.ledger
        stage.press(60)
        stage.advance(0.4)
        stage.answer(Note(Part.CHORDS, 0, 48, 24, 80), Note(Part.BASS, 6, 48, 6, 80))
        assert messages(stage.advance(0.6)) == [
            NoteOn(4, 48, 80), NoteOff(4, 48), NoteOn(4, 48, 80), NoteOff(4, 48)
        ]  # fmt: skip

    def test_a_pitch_that_is_struck_again_ends_before_it_begins(self, stage: Stage) -> None:
        """And then rings for as long as the second note says."""
        stage.answer(lead(0, 64, 24), lead(6, 64, 6))
        sent = stage.advance(2)
        assert messages(sent) == [NoteOn(LEAD, 64, 80), NoteOff(LEAD, 64), NoteOn(LEAD, 64, 80), NoteOff(LEAD, 64)]
        assert [stage.engine.transport.whole_pulse_at(item.due_ns) for item in sent] == [24, 30, 30, 36]

    def test_where_one_ends_as_the_next_begins_the_end_comes_first(self, stage: Stage) -> None:
        stage.answer(lead(0, 64, 6), lead(6, 64, 6))
        assert messages(stage.advance(2)) == [NoteOn(LEAD, 64, 80), NoteOff(LEAD, 64), NoteOn(LEAD, 64, 80), NoteOff(LEAD, 64)]

    def test_a_plan_counts_once(self, stage: Stage) -> None:
        plan = plan_for(stage.asked[0], [lead(0, 64)])
        stage.receive(plan)
        stage.receive(replace(plan, notes=(lead(0, 67),)))
        assert note_ons(stage.advance(1)) == [NoteOn(LEAD, 64, 80)]
        assert (stage.engine.counters["plans"], stage.engine.counters["plans_stale"]) == (1, 1)

    def test_a_plan_that_cannot_be_played_goes_to_the_fallback(self, stage: Stage) -> None:
        """It harms nothing, it is counted, and the request is open still."""
        stage.receive(plan_for(stage.asked[0], [lead(0, 64), lead(0, 200)]))
        assert stage.engine.counters["plans_failed"] == 1
        stage.advance(0.25)
        assert stage.overdue == stage.asked[:1]
        assert note_ons(stage.receive(plan_for(stage.overdue[0], [lead(0, 67)]))) == [NoteOn(LEAD, 67, 80)]

    def test_an_answer_is_reported_when_its_first_note_goes_out(self, stage: Stage) -> None:
        stage.answer(lead(0, 64), lead(0, 67))
        stage.advance(1)
        (answer,) = stage.answers
        assert (answer.phrase_end_ns, answer.due_ns) == (BEAT_NS // 4, BEAT_NS)


class TestLateness:
    def test_a_note_on_that_is_too_late_is_dropped_and_counted(self, stage: Stage) -> None:
        stage.answer(lead(0, 64, 6), lead(12, 67, 6))
        stage.sleep(BEAT_NS // 4 + LATE_NS + 1)
        assert stage.sent == []
        assert stage.engine.counters["notes_late_dropped"] == 1
        assert messages(stage.advance(1)) == [NoteOn(LEAD, 67, 80), NoteOff(LEAD, 67)]
        assert stage.engine.counters["notes_out"] == 1

    def test_one_that_is_just_in_time_is_played(self, stage: Stage) -> None:
        stage.answer(lead(0, 64))
        (sent,) = stage.sleep(BEAT_NS // 4 + LATE_NS)
        assert (sent.message, sent.time_ns - sent.due_ns) == (NoteOn(LEAD, 64, 80), LATE_NS)

    def test_a_note_off_is_never_dropped(self, stage: Stage) -> None:
        stage.answer(lead(0, 64, 6))
        stage.advance(0.3)
        assert stage.wire.sounding == {(LEAD, 64)}
        assert messages(stage.sleep(100 * BEAT_NS)) == [NoteOff(LEAD, 64)]

    def test_a_plan_that_comes_in_the_middle_of_its_window_plays_the_rest_of_it(self, stage: Stage) -> None:
        stage.advance(0.75)
        assert stage.overdue == stage.asked[:1]
        stage.answer(lead(0, 64), lead(18, 67))
        stage.advance(1)
        assert note_ons(stage.sent) == [NoteOn(LEAD, 67, 80)]
        assert stage.engine.counters["notes_late_dropped"] == 1

    def test_after_a_long_sleep_there_is_no_burst(self) -> None:
        """What should have been is gone; the music goes on."""
        stage = Stage(settings_with(mode="accompany"), Band(ScriptedGenerator()))
        stage.press(60)
        stage.advance(2.1)
        sent = stage.sleep(50 * BEAT_NS)
        assert note_ons(sent) == []
        assert note_ons(stage.advance(2))


class TestTempo:
    def test_planned_notes_move_with_the_tempo(self, stage: Stage) -> None:
        """Also the end of what sounds."""
        stage.answer(lead(0, 64, 12), lead(12, 67, 12))
        stage.advance(0.25)
        stage.change(tempo__bpm=60)
        stage.advance(1)
        times = [item.due_ns / BEAT_NS for item in stage.sent]
        assert times == [1.0, 2.0, 2.0, 3.0]

    def test_the_engine_wakes_when_the_tempo_says(self, stage: Stage) -> None:
        stage.answer(lead(0, 64))
        due_ns = stage.engine.next_deadline_ns()
        assert due_ns is not None
        stage.change(tempo__bpm=240)
        sooner_ns = stage.engine.next_deadline_ns()
        assert sooner_ns is not None
        assert sooner_ns < due_ns

    def test_an_illegal_tempo_changes_nothing(self, stage: Stage) -> None:
        """The registry never lets one pass; should one come, settings and transport stay together."""
        before = (stage.engine.settings, stage.engine.transport)
        illegal = tuple(20_000.0 if name == "tempo/bpm" else value for name, value in before[0].items())
        with pytest.raises(InputError, match="tempo"):
            stage.receive(Settings(before[0].registry, illegal))
        assert (stage.engine.settings, stage.engine.transport) == before


class TestThru:
    @pytest.fixture
    def thru(self) -> Stage:
        return Stage(settings_with(mode="listen", thru=True))

    def test_what_the_player_does_passes_at_once_and_as_it_is(self, thru: Stage) -> None:
        heard = [NoteOn(PLAYER, 60, 33), Control(PLAYER, 1, 5), Other(b"\xe5\x00\x40"), NoteOff(PLAYER, 60, 77)]
        assert [message for item in heard for message in messages(thru.receive(item))] == heard

    def test_clocks_do_not_pass(self, thru: Stage) -> None:
        assert thru.receive(Realtime(0xF8)) == []

    def test_without_it_nothing_passes(self) -> None:
        stage = Stage()
        assert stage.press(60) == stage.release(60) == stage.receive(PEDAL_DOWN) == []

    def test_a_key_that_is_struck_twice_and_released_once_does_not_hang(self, thru: Stage) -> None:
        thru.press(60)
        assert messages(thru.press(60)) == [NoteOff(PLAYER, 60), NoteOn(PLAYER, 60, 80)]
        assert note_offs(thru.release(60)) == [NoteOff(PLAYER, 60)]
        assert thru.release(60) == []

    def test_a_release_without_a_press_does_not_pass(self, thru: Stage) -> None:
        assert thru.release(60) == []

    def test_turning_it_off_releases_keys_and_pedal(self, thru: Stage) -> None:
        thru.press(60)
        thru.receive(PEDAL_DOWN)
        assert messages(thru.change(thru=False)) == [NoteOff(PLAYER, 60), PEDAL_UP]
        assert thru.release(60) == []

    def test_a_lost_keyboard_releases_keys_and_pedal(self, thru: Stage) -> None:
        """And the generator is told that the notes have ended."""
        thru.receive(PEDAL_DOWN)
        thru.press(60)
        assert messages(thru.receive(InputLost())) == [NoteOff(PLAYER, 60), PEDAL_UP]
        assert [type(event) for event in thru.observed] == [On, Off]

    def test_all_notes_off_ends_what_passed_on_its_channel(self, thru: Stage) -> None:
        thru.press(60, channel=3)
        thru.press(60, channel=4)
        assert messages(thru.receive(Control(3, 123, 0))) == [NoteOff(3, 60), Control(3, 123, 0)]
        assert thru.wire.sounding == {(4, 60)}

    def test_player_and_agent_on_one_pitch_are_counted_apart(self) -> None:
        """The pitch is struck anew by whoever comes, and rings until both have let go."""
        stage = Stage(settings_with(mode="accompany", thru=True))
        stage.press(60, channel=CHORDS)
        stage.advance(0.4)
        stage.answer(Note(Part.CHORDS, 0, 60, 6, 70))
        assert messages(stage.advance(0.2)) == [NoteOff(CHORDS, 60), NoteOn(CHORDS, 60, 70)]
        assert stage.ledger.holds(Owner.THRU, CHORDS, 60)
        assert stage.ledger.holds(Owner.GENERATED, CHORDS, 60)
        assert stage.release(60, channel=CHORDS) == []
        assert messages(stage.advance(0.3)) == [NoteOff(CHORDS, 60)]

    def test_yielding_leaves_the_players_notes_alone(self) -> None:
        stage = Stage(settings_with(thru=True))
        stage.play(60, 0.25)
        stage.advance(0.6)
        stage.answer(lead(0, 64, 24), lead(0, 67, 24))
        stage.advance(0.3)
        sent = stage.press(64, channel=LEAD)
        assert messages(sent) == [NoteOff(LEAD, 64), NoteOff(LEAD, 67), NoteOn(LEAD, 64, 80)]
        assert stage.wire.sounding == {(LEAD, 64)}


class TestEndings:
    def test_panic_ends_what_sounds_and_lifts_every_pedal(self, stage: Stage) -> None:
        stage.answer(lead(0, 64, 24), lead(12, 67, 24))
        stage.advance(0.3)
        sent = messages(stage.receive(Panic()))
        assert sent[0] == NoteOff(LEAD, 64)
        assert {message.channel for message in sent if isinstance(message, Control) and message.control == 64} == set(range(16))
        assert stage.wire.sounding == set()

    def test_after_a_panic_nothing_plays_until_the_player_does(self, stage: Stage) -> None:
        stage.receive(Panic())
        stage.answer(lead(0, 64))
        assert note_ons(stage.advance(20)) == []
        assert stage.engine.next_deadline_ns() is None
        stage.play(60, 0.25)
        stage.advance(0.4)
        stage.answer(lead(0, 64))
        assert note_ons(stage.advance(1))

    def test_a_panic_frees_a_key_that_hangs_at_the_players_end(self) -> None:
        """A keyboard that lost a note-off would otherwise keep the agent waiting for ever."""
        stage = Stage(band=Band(ScriptedGenerator()))
        stage.press(61)
        stage.play(60, 0.25)
        assert note_ons(stage.advance(4)) == []
        stage.receive(Panic())
        stage.play(60, 0.25)
        assert note_ons(stage.advance(4))

    def test_a_lost_generator_lets_go_of_what_sounds_and_its_open_plans_go_to_the_fallback_at_once(self) -> None:
        stage = Stage(settings_with(lookahead=2.0))
        stage.play(60, 0.25)
        stage.advance(0.5)
        first, *others = stage.asked
        assert others
        stage.receive(plan_for(first, [lead(0, 64, 24)]))
        stage.advance(0.3)
        asked = [request for request in stage.asked if request != first]
        assert messages(stage.receive(GeneratorLost())) == [NoteOff(LEAD, 64)]
        assert stage.overdue == asked
        stage.receive(plan_for(asked[0], [lead(0, 67)]))
        assert note_ons(stage.advance(1)) == [NoteOn(LEAD, 67, 80)]

    def test_what_was_planned_before_the_generator_was_lost_is_played(self, stage: Stage) -> None:
        stage.answer(lead(0, 64))
        stage.receive(GeneratorLost())
        assert note_ons(stage.advance(1)) == [NoteOn(LEAD, 64, 80)]

    def test_closing_ends_everything(self) -> None:
        stage = Stage(settings_with(thru=True, mode="accompany"))
        stage.press(60)
        stage.receive(PEDAL_DOWN)
        stage.advance(0.4)
        stage.answer(Note(Part.BASS, 0, 40, 24, 80))
        stage.advance(0.2)
        sent = messages(stage.close())
        assert sent[:2] == [NoteOff(BASS, 40), NoteOff(PLAYER, 60)]
        assert stage.wire.pedals == set()
        assert stage.engine.counters["panics"] == 0
        assert stage.engine.next_deadline_ns() is None


def chords(*pitches: int, onset: int = 0, duration: int = 48) -> list[Note]:
    return [Note(Part.CHORDS, onset, pitch, duration, 80) for pitch in pitches]


def bass(pitch: int, onset: int = 0, duration: int = 48) -> Note:
    return Note(Part.BASS, onset, pitch, duration, 80)


class TestHarmony:
    """What rings on must not sour the next chord, and nothing may pile up."""

    @pytest.fixture
    def band(self) -> Stage:
        """In `accompany`, with one window asked for, that begins on beat 1."""
        stage = Stage(settings_with(mode="accompany"))
        stage.advance(0.6)
        stage.press(60)
        stage.advance(0.3)
        assert [request.window for request in stage.asked] == [BEAT]
        return stage

    def play(self, stage: Stage, chord: ChordSymbol | None, *notes: Note) -> list[Sent]:
        """Answer the window that is asked for and play until the next one has been."""
        stage.receive(replace(plan_for(stage.asked.pop(0), notes), chord=chord))
        return stage.advance(1)

    def sounding(self, stage: Stage) -> set[int]:
        return {pitch for _, pitch in stage.wire.sounding}

    def test_a_change_ends_what_is_not_in_the_new_chord_on_its_beat(self, band: Stage) -> None:
        """What both chords share rings on, and so do other parts."""
        self.play(band, C, *chords(60, 64, 67), bass(36), lead(0, 71, duration=48))
        sent = self.play(band, F)
        ended = {item.message.pitch: item.due_ns / BEAT_NS for item in sent if isinstance(item.message, NoteOff)}
        assert ended == {64: 2.0, 67: 2.0}
        assert self.sounding(band) == {60, 36, 71}

    def test_the_new_chord_is_struck_after_the_old_has_ended(self, band: Stage) -> None:
        self.play(band, C, *chords(60, 64, 67))
        sent = self.play(band, F, *chords(60, 65, 69))
        assert messages(sent) == [
            NoteOff(CHORDS, 64), NoteOff(CHORDS, 67),
            NoteOff(CHORDS, 60), NoteOn(CHORDS, 60, 80), NoteOn(CHORDS, 65, 80), NoteOn(CHORDS, 69, 80),
        ]  # fmt: skip

    @pytest.mark.parametrize("next_chord", [C, NO_CHORD, None])
    def test_without_a_change_everything_rings(self, band: Stage, next_chord: ChordSymbol | None) -> None:
        """A passing note of the same chord too; and where no chord is planned, nothing says what clashes."""
        self.play(band, C, *chords(60, 64, 67), bass(38))
        assert self.play(band, next_chord) == []
        assert self.sounding(band) == {60, 64, 67, 38}

    def test_a_plan_that_is_taken_back_ends_nothing(self, band: Stage) -> None:
        band.receive(replace(plan_for(band.asked.pop(0), chords(60, 64, 67, duration=96)), chord=C))
        band.advance(1)
        band.receive(replace(plan_for(band.asked.pop(0)), chord=F))
        band.change(part__chords=False, part__bass=False, part__drums=False)
        assert note_offs(band.advance(1)) == []

    def test_a_bass_plays_one_note_at_a_time(self, band: Stage) -> None:
        """The newer one, and of two that are struck together the first."""
        sent = self.play(band, C, bass(36, duration=24), bass(48), bass(43, onset=12))
        assert messages(sent) == [NoteOn(BASS, 36, 80), NoteOff(BASS, 36), NoteOn(BASS, 43, 80)]
        assert band.engine.counters["notes_crowded_out"] == 1

    def test_chords_do_not_pile_up(self, band: Stage) -> None:
        """The oldest go first."""
        for onset in range(4):
            low = 48 + 4 * onset
            self.play(band, C, *chords(low, low + 1, low + 2, low + 3, duration=192))
        assert self.sounding(band) == set(range(56, 64))

    def test_no_note_is_endless(self, band: Stage) -> None:
        self.play(band, C, bass(36, duration=10**9))
        band.advance(LONGEST_PULSES / BEAT)
        assert note_offs(band.sent) == [NoteOff(BASS, 36)]


class TestContext:
    """What the generator is told."""

    def test_a_yield_takes_back_what_was_planned_before_the_player_is_heard(self) -> None:
        stage = Stage(settings_with(lookahead=2.0))
        stage.play(60, 0.25)
        stage.advance(0.5)
        first = stage.asked[0].plan_id
        told = len(stage.observed)
        stage.press(62)
        assert stage.discarded == [first]
        assert stage.observed[told:] == [On(stage.now_ns, 62, 80, 18)]

    def test_a_window_that_has_begun_is_not_taken_back(self, stage: Stage) -> None:
        stage.answer(lead(0, 64))
        stage.advance(0.3)
        assert [request.plan_id for request in stage.asked] == []
        stage.press(62)
        assert stage.discarded == []

    def test_a_window_of_which_nothing_was_played_is_taken_back(self, stage: Stage) -> None:
        """The player comes in just after it began, before the engine woke to play it."""
        stage.answer(lead(0, 64))
        stage.clock.set(BEAT_NS + 1)
        assert note_ons(stage.press(62)) == []
        assert stage.discarded == [1]

    def test_an_answer_that_ends_takes_back_what_never_came(self, stage: Stage) -> None:
        """The stage was silent then, so the context must be."""
        stage.advance(8)
        assert stage.discarded == [1]

    @pytest.mark.parametrize("end", [lambda stage: stage.change(mode="listen"), lambda stage: stage.receive(Panic())])
    def test_mode_changes_and_panics_take_plans_back(self, stage: Stage, end: Callable[[Stage], object]) -> None:
        end(stage)
        assert stage.discarded == [1]


def test_a_script_is_played_window_by_window() -> None:
    """The whole way from keys to notes, with a band that answers at once."""
    script = in_turn([[lead(0, 64)], [lead(6, 65)], [lead(0, 67)]])
    stage = Stage(band=Band(ScriptedGenerator(script)))
    stage.play(60, 2.2)
    stage.advance(6)
    begun = [(item.due_ns / BEAT_NS, item.message.pitch) for item in stage.sent if isinstance(item.message, NoteOn)]
    assert begun == [(3.0, 64), (4.25, 65), (5.0, 67)]


def test_the_same_performance_has_the_same_effects() -> None:
    def play() -> list[object]:
        stage = Stage(settings_with(mode="accompany"), Band(ScriptedGenerator()), seed=3)
        for pitch in (60, 64, 67):
            stage.play(pitch, 0.7)
        stage.advance(12)
        return [stage.sent, stage.observed, stage.discarded]

    assert play() == play()
