"""Virtual time: deterministic, causal to the bit, and the same law as on the stage: one note-off for each note-on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.stage import BEAT, Wire, performance, settings_with

from livegen.core.events import Part
from livegen.core.midi import Control, Message, NoteOn
from livegen.core.parameters import Settings
from livegen.generators.band import Band
from livegen.generators.markov import MarkovGenerator
from livegen.generators.protocol import Generator
from livegen.generators.scripted import ScriptedGenerator
from livegen.runtime.midi_files import Performance
from livegen.runtime.simulation import TAIL_BEATS, Session, Simulation

GENERATORS: dict[str, Callable[[], Generator]] = {"scripted": ScriptedGenerator, "markov": MarkovGenerator}
PHRASES = performance(
    (0, 60, 0.5), (0.5, 64, 0.5), (1, 67, 1.0), (7, 72, 0.75), (8, 71, 0.25), (8.25, 67, 1.5), (8.5, 64, 1.0), (16, 60, 2)
)  # fmt: skip

generators = pytest.mark.parametrize("name", list(GENERATORS))
modes = pytest.mark.parametrize("mode", ["respond", "accompany"])
few_notes = st.lists(
    st.tuples(st.integers(0, 96), st.integers(48, 72), st.integers(1, 48)).map(
        lambda note: (note[0] / 8, note[1], note[2] / 12),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


def simulate(name: str, played: Performance, settings: Settings, seed: int = 0) -> Session:
    return Simulation(played, settings, Band(GENERATORS[name]()), seed).run()


def before(session: Session, pulse: Fraction | int) -> dict[Part, list[tuple[Fraction, Message]]]:
    """What went out before a position."""
    return {part: [item for item in track if item[0] < pulse] for part, track in session.tracks.items()}


def cut(played: Performance, pulse: Fraction | int) -> Performance:
    """The performance up to a position; what falls on it is left out."""
    return replace(
        played,
        messages=tuple(item for item in played.messages if item[0] < pulse),
        tempi=tuple(item for item in played.tempi if item[0] < pulse),
    )


class TestCausality:
    """The future changes nothing in the past, not by one bit."""

    @generators
    @modes
    @hypothesis_settings(deadline=None, max_examples=12)
    @given(
        notes=few_notes,
        at=st.fractions(0, 14, max_denominator=48),
        tempi=st.lists(st.integers(40, 240), min_size=1, max_size=3),
    )
    def test_cutting_the_performance_changes_nothing_before_the_cut(
        self, *, name: str, mode: str, notes: list[tuple[float, int, float]], at: Fraction, tempi: list[int]
    ) -> None:
        bent = tuple((Fraction(5 * index * BEAT), float(bpm)) for index, bpm in enumerate(tempi))
        played = performance(*notes, tempi=bent)
        pulse = at * BEAT
        settings = settings_with(mode=mode)
        whole = simulate(name, played, settings)
        part = simulate(name, replace(cut(played, pulse), tempi=cut(played, pulse).tempi or bent[:1]), settings)
        end = min(pulse, (part_end(played, pulse) + TAIL_BEATS * BEAT))
        assert strip(before(part, end)) == strip(before(whole, end))

    @generators
    @modes
    def test_another_ending_changes_nothing_before_it(self, name: str, mode: str) -> None:
        settings = settings_with(mode=mode)
        other = performance((0, 60, 0.5), (0.5, 64, 0.5), (1, 67, 1.0), (7, 40, 4))
        one, another = (simulate(name, played, settings) for played in (PHRASES, other))
        assert strip(before(one, 7 * BEAT)) == strip(before(another, 7 * BEAT)) != {}
        assert strip(before(one, 99 * BEAT)) != strip(before(another, 99 * BEAT))


def strip(tracks: dict[Part, list[tuple[Fraction, Message]]]) -> dict[Part, list[tuple[Fraction, Message]]]:
    return {part: track for part, track in tracks.items() if track}


def part_end(played: Performance, pulse: Fraction | int) -> Fraction:
    """Where the cut performance ends; what it rings on for is over `TAIL_BEATS` after that."""
    return cut(played, pulse).end


class TestDeterminism:
    @generators
    @modes
    def test_the_same_run_gives_the_same_session(self, name: str, mode: str) -> None:
        one, other = (simulate(name, PHRASES, settings_with(mode=mode), seed=5) for _ in range(2))
        assert one == other

    @modes
    def test_another_seed_gives_other_notes(self, mode: str) -> None:
        one, other = (simulate("markov", PHRASES, settings_with(mode=mode), seed=seed) for seed in (1, 2))
        assert one.tracks != other.tracks


class TestSession:
    @generators
    @modes
    @pytest.mark.parametrize("bpm", [20.0, 97.0, 120.0, 300.0])
    def test_every_note_ends_and_lies_within_the_tail(self, name: str, mode: str, bpm: float) -> None:
        session = simulate(name, replace(PHRASES, tempi=((Fraction(0), bpm),)), settings_with(mode=mode))
        assert any(session.notes.values())
        for track in session.tracks.values():
            wire = Wire()
            for _, message in track:
                wire.hear(message)
            assert wire.sounding == set()
            positions = [pulse for pulse, _ in track]
            assert positions == sorted(positions)
            assert positions[-1] <= PHRASES.end + TAIL_BEATS * BEAT

    def test_each_part_has_its_track(self) -> None:
        session = simulate("markov", PHRASES, settings_with(mode="accompany"))
        assert set(session.notes) == {"chords", "bass", "drums"}
        assert {message.channel for _, message in session.tracks[Part.DRUMS] if isinstance(message, NoteOn)} == {9}

    @generators
    def test_every_phrase_is_answered_within_a_beat(self, name: str) -> None:
        session = simulate(name, PHRASES, settings_with(mode="respond"))
        assert [answer.phrase_end_beat for answer in session.answers] == [2.0, 9.75, 18.0]
        for answer in session.answers:
            assert 0 < answer.delay_beats <= 1
            assert answer.start_beat == pytest.approx(answer.phrase_end_beat + answer.delay_beats, abs=1e-3)
            assert answer.delay_ms == pytest.approx(500 * answer.delay_beats, abs=0.1)

    def test_the_scripted_agent_answers_with_the_players_notes(self) -> None:
        """What anybody can check by ear."""
        session = simulate("scripted", performance((0, 60, 0.5), (0.5, 64, 0.4)), settings_with())
        begun = [(pulse, message.pitch) for pulse, message in session.tracks[Part.LEAD] if isinstance(message, NoteOn)]
        assert begun[:4] == [(36, 60), (48, 64), (60, 60), (72, 64)]

    def test_notes_lie_on_their_pulses_through_changes_of_tempo(self) -> None:
        tempi = tuple((Fraction(24 * beat), 60.0 + 17 * beat) for beat in range(10))
        session = simulate("scripted", replace(PHRASES, tempi=tempi), settings_with(mode="accompany"))
        for track in session.tracks.values():
            assert all(pulse.denominator == 1 for pulse, _ in track[:-2])

    def test_tempo_and_metre_come_from_the_performance(self) -> None:
        played = replace(PHRASES, tempi=((Fraction(0), 90.0),), beats_per_bar=3)
        session = simulate("scripted", played, settings_with(mode="accompany", tempo__bpm=200))
        kicks = {
            pulse % 72 for pulse, message in session.tracks[Part.DRUMS] if isinstance(message, NoteOn) and message.pitch == 36
        }
        assert kicks == {0}

    def test_the_players_own_notes_are_not_taken_for_the_agents(self) -> None:
        """Also where playing through is on and the player's channel is the lead's."""
        on_lead = tuple((pulse, replace(message, channel=0)) for pulse, message in PHRASES.messages)
        played = replace(PHRASES, messages=on_lead)
        assert simulate("scripted", played, settings_with(mode="listen", thru=True)).notes == {}

    def test_pedals_are_heard(self) -> None:
        """A phrase ends with the keys; the context is told when the pedal comes up."""
        heard: list[object] = []
        generator = ScriptedGenerator()
        generator.observe = heard.append  # type: ignore[method-assign]
        down, up = Control(5, 64, 127), Control(5, 64, 0)
        played = replace(PHRASES, messages=((Fraction(0), down), *PHRASES.messages[:2], (Fraction(40), up)))
        Simulation(played, settings_with(mode="listen"), Band(generator)).run()
        assert [type(event).__name__ for event in heard] == ["On", "Off"]
        assert heard[1].time_ns == pytest.approx(40 * 500_000_000 / 24, abs=1)

    def test_a_performance_of_nothing_is_silence(self) -> None:
        session = simulate("markov", Performance(()), settings_with(mode="accompany"))
        assert (session.notes, session.plans, session.answers) == ({}, [], [])

    def test_progress_ends_at_1(self) -> None:
        shares: list[float] = []
        Simulation(PHRASES, settings_with(), Band(ScriptedGenerator())).run(shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_counters_are_the_engines(self) -> None:
        counters = simulate("scripted", PHRASES, settings_with()).counters
        assert counters["messages_in"] == len(PHRASES.messages)
        assert counters.get("notes_late_dropped", 0) == counters.get("plans_overdue", 0) == counters.get("panics", 0) == 0
