"""The rules, the ridge and the oracle that a model is compared with."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law, pitches, slow_law

from livegen.core.errors import InputError
from livegen.core.events import Off, On, Part, Tick
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import Plan, PlanRequest, check_plan
from livegen.generators.protocol import Generator
from models.baselines import ridge
from models.baselines.heard import REMEMBERED, TRIADS, Heard, best_triad
from models.baselines.opponents import RULES, opponents
from models.baselines.oracle import CHORDS, Oracle, best_chords
from models.baselines.ridge import Ridge, RidgeRule, fit, fit_by_corpus
from models.baselines.rules import Chaser, HoldTonic, LastBar, RandomInKey, Rule, Silence, estimated_key
from models.corpora.piece import Piece, PieceNote
from models.scoring.accompaniment import opening
from models.scoring.metrics import melody_frames

C, D, E, F, G, A, B = 60, 62, 64, 65, 67, 69, 71
BEAT, BAR = 24, 96
BEAT_NS = 500_000_000
C_MAJOR, F_MAJOR, A_MINOR = ChordSymbol(0), ChordSymbol(5), ChordSymbol(9, "min")
HARMONY = frozenset({Part.CHORDS, Part.BASS})


def request(window: int = BEAT, parts: frozenset[Part] = HARMONY, plan_id: int = 1, hop: int = BEAT) -> PlanRequest:
    """For a window at 120 BPM in four, asked for a quarter of a beat ahead; pulse 0 is at time 0."""
    tick = Tick((window - 6) * BEAT_NS // BEAT, window % BAR // 12, 4, 120.0, 6, hop, parts)
    return PlanRequest(plan_id, window, tick)


def heard(rule: Rule, *pitches: int, start: int = 0) -> Rule:
    """After a note a beat."""
    for beat, pitch in enumerate(pitches, start):
        rule.observe(On(beat * BEAT_NS, pitch, 80))
        rule.observe(Off(beat * BEAT_NS + BEAT_NS // 2, pitch))
    return rule


def tones(plan: Plan) -> set[int]:
    return {note.pitch % 12 for note in plan.notes}


class TestKey:
    @pytest.mark.parametrize("tonic", range(12))
    def test_a_scale_tells_its_key(self, tonic: int) -> None:
        counts = np.zeros(12)
        np.add.at(counts, [(tonic + step) % 12 for step in (0, 0, 0, 2, 4, 4, 5, 7, 7, 9, 11)], 1)
        assert estimated_key(counts) == ChordSymbol(tonic, "maj")
        minor = np.zeros(12)
        np.add.at(minor, [(tonic + step) % 12 for step in (0, 0, 0, 2, 3, 3, 5, 7, 7, 8, 10)], 1)
        assert estimated_key(minor) == ChordSymbol(tonic, "min")

    def test_silence_has_no_key(self) -> None:
        assert estimated_key([0] * 12) == NO_CHORD
        plan = HoldTonic().plan(request())
        assert (plan.chord, plan.notes) == (NO_CHORD, ())


class TestRules:
    def test_the_tonic_is_held(self) -> None:
        plan = heard(HoldTonic(), C, E, G, C, D, B, C).plan(request())
        assert plan.chord == C_MAJOR
        assert tones(plan) == {0, 4, 7}
        assert {(note.onset, note.duration) for note in plan.notes} == {(0, 24)}
        (bass,) = (note for note in plan.notes if note.part == Part.BASS)
        assert bass.pitch % 12 == 0

    def test_the_chaser_is_on_the_last_note_in_the_key(self) -> None:
        rule = heard(Chaser(), C, E, G, C, D, B, C, F)
        assert rule.plan(request()).chord == F_MAJOR
        assert heard(rule, A).plan(request()).chord == A_MINOR

    def test_silence_is_silent(self) -> None:
        plan = heard(Silence(), C, E, G).plan(request())
        assert (plan.chord, plan.notes) == (NO_CHORD, ())

    def test_random_is_in_the_key_and_holds_for_a_bar(self) -> None:
        """Six triads of C major, a new draw at each bar line, the same for the same request."""
        rule = heard(RandomInKey(), C, E, G, C, D, B, C)
        drawn = [rule.plan(request(window, plan_id=window)).chord for window in range(0, 40 * BAR, BEAT)]
        assert all(len(set(drawn[bar * 4 : bar * 4 + 4])) == 1 for bar in range(40))
        assert {(chord.root, chord.quality) for chord in drawn} == {
            (0, "maj"), (2, "min"), (4, "min"), (5, "maj"), (7, "maj"), (9, "min"),
        }  # fmt: skip
        again = heard(RandomInKey(), C, E, G, C, D, B, C)
        assert [again.plan(request(window, plan_id=window)).chord for window in range(0, 40 * BAR, BEAT)] == drawn

    def test_the_last_bar_comes_again_note_for_note(self) -> None:
        """Beat 4 is beat 0, whatever was played since; a half beat takes the notes of its own half."""
        rule = heard(LastBar(), C, E, G, A)
        rule.observe(On(2 * BEAT_NS + BEAT_NS // 2, B, 80))
        assert [note.pitch for note in rule.plan(request(4 * BEAT)).notes] == [C]
        third = rule.plan(request(6 * BEAT))
        assert [(note.onset, note.pitch, note.duration) for note in third.notes] == [(0, G, 12), (12, B, 12)]
        half = rule.plan(request(6 * BEAT + 12, hop=12))
        assert [(note.onset, note.pitch, note.duration) for note in half.notes] == [(0, B, 12)]
        assert LastBar().plan(request()).notes == ()

    def test_the_last_bars_chord_holds_most_of_it(self) -> None:
        rule = LastBar()
        for index, pitch in enumerate((C, E, G)):
            rule.observe(On(index * BEAT_NS // 4, pitch, 80))
        assert rule.plan(request(4 * BEAT)).chord == C_MAJOR

    @pytest.mark.parametrize("rule", RULES)
    def test_only_parts_that_are_wanted_play(self, rule: type[Rule]) -> None:
        plan = heard(rule(), C, E, G, C).plan(request(4 * BEAT, frozenset({Part.BASS})))
        assert {note.part for note in plan.notes} <= {Part.BASS}

    @pytest.mark.parametrize("rule", RULES)
    def test_they_are_generators(self, rule: type[Rule]) -> None:
        made: Generator = heard(rule(), C, E, G)
        before = made.snapshot()
        heard(made, A)
        made.restore(before)
        assert made.snapshot() == before
        made.reset()
        assert made.plan(request()).notes == ()
        with pytest.raises(InputError, match=f"a context of {rule.name} is needed"):
            made.restore(None)


class TestHeard:
    def test_notes_are_placed_by_the_tempo(self) -> None:
        rule = heard(HoldTonic(), C, E)
        rule.plan(request(2 * BEAT))
        assert rule.snapshot().notes == ((0.0, C), (24.0, E))
        assert rule.snapshot().waiting == ()

    def test_the_last_note_is_known_before_and_after_a_window(self) -> None:
        rule = heard(HoldTonic(), C, E)
        assert rule.snapshot().last == 4
        rule.plan(request(2 * BEAT))
        assert rule.snapshot().last == 4
        assert Heard().last is None

    def test_a_key_is_down_until_it_comes_up(self) -> None:
        state = Heard().after(On(0, C, 80)).after(On(1, E, 80)).after(On(2, C, 80))
        assert state.down == (E, C)
        assert state.after(Off(3, C)).down == (E,)

    def test_memory_is_bounded(self) -> None:
        rule = heard(HoldTonic(), *[C] * (REMEMBERED + 50))
        rule.plan(request((REMEMBERED + 50) * BEAT))
        rule = heard(rule, E, start=REMEMBERED + 50)
        rule.plan(request((REMEMBERED + 51) * BEAT))
        assert len(rule.snapshot().notes) == REMEMBERED
        assert rule.snapshot().notes[-1] == ((REMEMBERED + 50) * 24.0, E)

    @law
    @given(st.lists(st.floats(-1, 1), min_size=12, max_size=12))
    def test_the_best_triad_is_worth_most(self, worth: list[float]) -> None:
        table = np.array(worth)
        best = best_triad(table)
        assert all(table[list(best.pitch_classes)].sum() >= table[list(triad.pitch_classes)].sum() - 1e-9 for triad in TRIADS)

    def test_what_sounds_is_held_for_its_price(self) -> None:
        worth = np.zeros(12)
        worth[[0, 4, 7]], worth[[5, 9]] = 0.3, 0.25
        assert best_triad(worth) == C_MAJOR
        assert best_triad(worth, F_MAJOR, hold=0.05) == C_MAJOR
        assert best_triad(worth, F_MAJOR, hold=0.2) == F_MAJOR


def in_two_chords(work: str = "a song", corpus: str = "leadsheets", transposed: int = 0) -> Piece:
    """A bar of C and a bar of F, in arpeggios, eight times."""
    bars = [(C, E, G, E), (F, A, F, A)] * 8
    notes = [PieceNote(index * BEAT, pitch + transposed, 20) for index, pitch in enumerate(sum(bars, ()))]
    return Piece(corpus, work, "pop", 120.0, 4, 0, tuple(notes))


class TestRidge:
    def test_it_has_the_weights_that_it_says(self) -> None:
        assert ridge.WEIGHTS * 12 == 1884
        assert "1,884 weights" in str(ridge.__doc__)
        assert fit([in_two_chords()], 6).weights.shape == (ridge.WEIGHTS,)

    def test_it_learns_what_comes_next(self) -> None:
        """In the key that it learned in and in another, its chord fits the note that comes."""
        learned = fit([in_two_chords(str(number)) for number in range(20)], 6)
        for semitones in (0, 5):
            piece = in_two_chords(transposed=semitones)
            rule = RidgeRule(learned)
            fits = []
            for beat, note in enumerate(piece.melody):
                chord = rule.plan(request(beat * BEAT)).chord
                fits.append(note.pitch % 12 in chord.pitch_classes)
                heard(rule, note.pitch, start=beat)
            assert not fits[0]
            assert all(fits[32:])

    def test_it_plays_by_what_it_was_trained_on(self) -> None:
        """The features of the stage, where one event comes after the other, are those of training."""
        piece = in_two_chords()
        examples = [found for found, _ in ridge._examples(piece, 6, BEAT)]
        seen: list[ridge.Array] = []

        class Spy(Ridge):
            def expected(self, heard: ridge.Array) -> ridge.Array:
                seen.append(heard)
                return super().expected(heard)

        rule = RidgeRule(Spy(np.zeros(ridge.WEIGHTS)))
        for beat, note in enumerate(piece.melody[:-1]):
            rule.observe(On(beat * BEAT_NS, note.pitch, 80))
            rule.plan(request((beat + 1) * BEAT))  # at pulse 18 of the beat, when the key is still down
            rule.observe(Off(beat * BEAT_NS + BEAT_NS * 20 // 24, note.pitch))
        assert len(seen) == len(examples)
        for found, expected in zip(seen, examples, strict=True):
            assert found == pytest.approx(expected)

    @slow_law
    @given(st.lists(pitches, min_size=1, max_size=30), st.integers(1, 11))
    def test_twelve_keys_are_one(self, line: list[int], semitones: int) -> None:
        """Whatever was heard: played higher, it is expected higher."""
        weights = Ridge(np.random.default_rng(0).normal(size=ridge.WEIGHTS))
        pulses = np.arange(len(line)) * 24.0
        here, there = (
            weights.expected(
                ridge.features(
                    pulses, (np.array(line) + up) % 12, [(line[-1] + up) % 12],
                    now=len(line) * 24 - 6, window=len(line) * 24, hop=24, bar=96,
                )
            )
            for up in (0, semitones)
        )  # fmt: skip
        assert np.roll(here, semitones) == pytest.approx(there)

    def test_the_future_is_not_learned_from(self) -> None:
        """Notes at and after the planning are in what is wanted, never in what is known."""
        piece = in_two_chords()
        changed = replace(
            piece, melody=(*piece.melody[:8], *(replace(note, pitch=note.pitch + 1) for note in piece.melody[8:]))
        )
        one, other = (list(ridge._examples(chosen, 6, BEAT)) for chosen in (piece, changed))
        assert all(np.array_equal(mine[0], theirs[0]) for mine, theirs in zip(one[:7], other[:7], strict=True))
        assert not np.array_equal(one[8][0], other[8][0])

    def test_one_piece_a_work_counts(self) -> None:
        one, other = in_two_chords(), in_two_chords(transposed=1)
        other = replace(other, melody=tuple(replace(note, pitch=note.pitch * 7 % 12 + 60) for note in other.melody))
        assert np.array_equal(fit([one, other], 6).weights, fit([one], 6).weights)

    def test_each_corpus_has_its_own(self) -> None:
        found = fit_by_corpus([in_two_chords(), in_two_chords(corpus="pop909", transposed=3)], 6)
        assert list(found) == ["leadsheets", "pop909"]
        with pytest.raises(InputError, match="no training piece"):
            fit([], 6)


class TestOracle:
    def test_it_plays_what_will_fit(self) -> None:
        """It begins with the first chord before a note of it was heard, and changes with the melody."""
        song = opening(in_two_chords())
        rule = Oracle(song.melody)
        chords = [rule.plan(request(beat * BEAT)).chord for beat in range(64)]
        assert chords == ([C_MAJOR] * 4 + [F_MAJOR] * 4) * 8
        assert rule.plan(request(70 * BEAT)).chord == F_MAJOR

    def test_a_change_has_its_price(self) -> None:
        """A passing note is no chord."""
        passing = melody_frames(
            [
                (beat * 24 + 12 * half, pitch, 12)
                for beat, pair in enumerate([(C, E), (G, E), (D, E), (C, G)])
                for half, pitch in enumerate(pair)
            ],
            16,
        )
        assert set(best_chords(passing)) == {C_MAJOR}

    def test_a_seventh_is_played_where_it_is_struck_enough(self) -> None:
        melody = melody_frames([(index * 6, (G, B, D, F)[index % 4], 6) for index in range(32)], 32)
        assert set(best_chords(melody)) == {ChordSymbol(7, "dom7")}

    def test_no_melody_no_chords(self) -> None:
        assert best_chords(melody_frames([], 0)) == []
        assert len(best_chords(melody_frames([], 8))) == 2
        assert set(TRIADS) < set(CHORDS)


class TestOpponents:
    def test_each_song_meets_its_own(self) -> None:
        song = opening(in_two_chords())
        makers = opponents(fit_by_corpus([in_two_chords()], 6))
        assert list(makers) == [
            "silence", "random in key", "repeat the last bar", "chaser", "hold-tonic", "ridge", "oracle",
        ]  # fmt: skip
        for name, make in pickle.loads(pickle.dumps(makers)).items():  # noqa: S301 - written here
            made = make(song)
            assert made.name == name
            assert made is not make(song)
            plan = made.plan(request())
            check_plan(plan, request())

    def test_a_corpus_without_a_ridge_is_refused(self) -> None:
        makers = opponents({})
        with pytest.raises(InputError, match="there is no ridge for leadsheets"):
            makers["ridge"](opening(in_two_chords()))
