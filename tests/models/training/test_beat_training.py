"""Training the network that hears beats: what it learns from is right, and what is trained is what plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
import torch

from livegen.core import beat_network as playing
from livegen.core.beat_network import PERIODS_S, BeatNetwork
from livegen.core.events import Part
from livegen.core.strike_features import FEATURES, StrikeFeatures
from livegen.core.strikes import Strikes
from models import beat_network
from models.beat_lessons import Lesson, Lessons, lesson, march, place_of
from models.corpora.kept_beats import keeps_its_beat
from models.corpora.piece import Piece, PieceNote
from models.networks.beat_network import BeatHearing
from models.performances import Manner, line_of, perform
from models.tactus import TAPPED_BPM, Tactus, has_tempo, tapped, written

STRIKE_SIZE, LOWEST_PITCH = 15, 17
"""Among the features."""
EXACT = Manner(noise_s=0.0, depth=0.0)


def piece(onsets: Sequence[int] = tuple(range(0, 960, 12)), tempo_bpm: float = 100.0, **changes: object) -> Piece:
    """A melody with notes at these pulses, and a bass."""
    melody = tuple(PieceNote(onset, 60 + onset // 12 * 5 % 12, 12) for onset in onsets)
    bass = tuple(PieceNote(onset, 36, 24) for onset in range(0, 960, 48))
    return replace(Piece("pop909", "w", "pop", tempo_bpm, 4, 0, melody, {Part.BASS: bass}), **changes)  # type: ignore[arg-type]


def exact(of: Piece, tactus: Tactus | None = None) -> Lesson:
    """What is learnt from its melody played in time."""
    return lesson(perform(of, line_of(of, whole=False), EXACT, np.random.default_rng(0), tactus))


def tap(of: Piece) -> Tactus:
    """Its beat, where nothing is drawn at random."""
    return tapped(of, np.random.default_rng(0))


class TestTactus:
    """The beat that people tap."""

    def test_a_usual_tempo_is_played_as_it_is_written(self) -> None:
        assert tap(piece()) == written(piece()) == Tactus(24, 100.0)

    def test_beats_too_fast_are_taken_together_and_begin_with_the_bar(self) -> None:
        assert tap(piece(tempo_bpm=300.0)) == Tactus(48, 150.0, True)
        assert tap(piece(tempo_bpm=360.0, beats_per_bar=3)) == Tactus(72, pytest.approx(120.0), True)
        assert tap(piece(tempo_bpm=330.0, beats_per_bar=6)) == Tactus(72, pytest.approx(110.0), True)
        assert tap(piece(tempo_bpm=300.0, beats_per_bar=5)) == Tactus(24, 300.0)

    def test_beats_too_slow_are_divided_as_the_notes_divide_them(self) -> None:
        assert tap(piece(tempo_bpm=35.0)) == Tactus(12, 70.0)
        assert tap(piece(range(0, 960, 8), 35.0)) == Tactus(8, 105.0)

    @pytest.mark.parametrize(("corpus", "tempo"), [("irish", 97.0), ("polish", 120.0), ("polish", 80.0), ("mutopia", 30.0)])
    def test_where_no_tempo_is_written_one_is_drawn(self, corpus: str, tempo: float) -> None:
        unknown = piece(corpus=corpus, tempo_bpm=tempo)
        assert not has_tempo(unknown)
        rng = np.random.default_rng(0)
        tempi = [tapped(unknown, rng).tempo_bpm for _ in range(20)]
        assert len(set(tempi)) > 10
        assert all(TAPPED_BPM[0] <= each <= TAPPED_BPM[1] for each in tempi)
        assert has_tempo(piece(corpus="mutopia", tempo_bpm=97.0))


class TestKeepingTheBeat:
    """Which files can be learnt from, and scored."""

    def test_a_piece_on_its_beat_keeps_it_also_in_triplets_and_from_a_pickup_on(self) -> None:
        assert keeps_its_beat(piece())
        assert keeps_its_beat(piece(range(0, 960, 8)))
        assert keeps_its_beat(piece(range(6, 966, 24), bar_offset=6, parts={}))

    def test_off_beats_for_a_while_are_no_slip_and_beats_are_counted_from_the_pickup_on(self) -> None:
        assert keeps_its_beat(piece([*range(12, 780, 24), *range(792, 1176, 24)], bar_offset=12, parts={}))

    def test_notes_that_are_anywhere_have_none(self) -> None:
        anywhere = np.sort(np.random.default_rng(0).integers(0, 2400, 300)).tolist()
        assert not keeps_its_beat(piece(anywhere, parts={}))
        assert not keeps_its_beat(piece((), parts={}))

    def test_a_piece_that_slips_to_the_off_beat_loses_it(self) -> None:
        quarters = [*range(0, 768, 24), *range(780, 1548, 24)]
        assert keeps_its_beat(piece(quarters[:32], parts={}))
        assert not keeps_its_beat(piece(quarters, parts={}))

    def test_off_beats_all_along_are_a_rhythm(self) -> None:
        assert keeps_its_beat(piece(range(12, 1500, 24), parts={}))


class TestLessons:
    """What strikes are labelled with."""

    def test_eighths_are_on_the_beat_and_on_its_half_by_turns(self) -> None:
        taught = exact(piece())
        assert list(taught.places[:6]) == [0, 6, 0, 6, 0, 6]
        assert PERIODS_S[taught.periods] == pytest.approx(0.6, rel=0.03)
        assert taught.features.shape == (80, FEATURES)

    def test_the_place_is_that_in_the_beat_as_it_is_played(self) -> None:
        assert list(exact(piece(), Tactus(48, 50.0, True)).places[:4]) == [0, 3, 6, 9]
        assert set(exact(piece(), Tactus(12, 200.0)).places) == {0}

    def test_places_off_the_grid_are_none(self) -> None:
        assert list(place_of(np.array([0.0, 1 / 3, 0.99, 3.5, 0.05, 5 / 7]))) == [0, 4, 0, 6, 12, 12]

    def test_a_march_has_its_bass_on_the_beat_and_its_chords_between(self) -> None:
        made = march(np.random.default_rng(3), beats=16)
        taught = lesson(perform(made, made.melody, EXACT, np.random.default_rng(0)))
        assert list(taught.places) == [0, 6] * 16

    def test_notes_that_are_early_late_and_spread_keep_their_places(self) -> None:
        """Chords of three notes on every beat, each note for itself off by 15 ms, at a tempo that comes and goes."""
        chords = tuple(PieceNote(beat * 24, pitch, 12) for beat in range(60) for pitch in (60, 64, 67))
        manner = Manner(noise_s=0.015, depth=0.15)
        performance = perform(piece(), chords, manner, np.random.default_rng(4))
        taught = lesson(performance)
        assert len(taught.places) == 60
        assert set(taught.places) == {0}
        spans_s = np.diff(performance.beats_ns)[:58] / 1e9
        assert PERIODS_S[taught.periods[1:59]] == pytest.approx(spans_s, rel=0.06)
        assert np.ptp(PERIODS_S[taught.periods]) > 0.05

    def test_a_piece_is_drawn_in_other_keys(self) -> None:
        one_note = piece(parts={}, melody=tuple(PieceNote(onset, 60, 12) for onset in range(0, 960, 12)))
        drawn = islice(Lessons([one_note], ["pop909"], 0), 40)
        assert len({float(each.features[4, LOWEST_PITCH]) for each in drawn}) > 5

    def test_some_lessons_lack_some_parts(self) -> None:
        """Chords of three notes, a bass and a melody strike together on one pitch, so that one hand has all of them or none."""
        strikes = tuple(PieceNote(onset, 60, 12) for onset in range(0, 960, 24))
        full = piece(melody=strikes, parts={Part.CHORDS: strikes * 3, Part.BASS: strikes})
        drawn = islice(Lessons([full], ["pop909"], 0), 150)
        sizes = {round(3 * float(each.features[:, STRIKE_SIZE].max() + 0.5)) for each in drawn}
        assert {1, 2, 4, 5} <= sizes

    def test_lessons_come_again_among_others(self) -> None:
        drawn = list(islice(beat_network.Drawn([piece()], ["pop909"], 0), 600))
        first: dict[int, int] = {}
        distances = [at - first.setdefault(id(each), at) for at, each in enumerate(drawn)]
        assert len(first) < 550
        assert max(distances) > 100

    def test_the_same_seed_draws_the_same_lessons(self) -> None:
        pieces = [piece(), piece(corpus="irish"), piece(range(0, 960, 8))]
        corpora = [each.corpus for each in pieces]

        def drawn(seed: int) -> list[Lesson]:
            return list(islice(Lessons(pieces, corpora, seed), 6))

        for one, same in zip(drawn(1), drawn(1), strict=True):
            assert np.array_equal(one.features, same.features)
            assert np.array_equal(one.places, same.places)
            assert np.array_equal(one.periods, same.periods)
        assert any(one.features.shape != other.features.shape for one, other in zip(drawn(1), drawn(2), strict=True))


def test_a_lesson_has_what_is_heard_on_stage() -> None:
    """Chords that are spread, keys that are struck again, and ends where there are, one after the other."""
    rng = np.random.default_rng(2)
    performance = perform(piece(), line_of(piece(), whole=True), Manner(noise_s=0.04), rng)
    ear, strikes, rows = StrikeFeatures(), Strikes(), list[playing.Floats]()
    ends = [(note.end_ns, 0, note) for note in performance.notes]
    for time_ns, begins_note, note in sorted(
        [*ends, *((note.onset_ns, 1, note) for note in performance.notes)], key=itemgetter(0)
    ):
        if not begins_note:
            ear.release(time_ns, note.pitch)
            continue
        begins = strikes.begins(time_ns)
        strikes.receive(time_ns)
        ear.receive(time_ns, note.pitch, note.velocity, begins=begins)
        rows = [*(rows if begins else rows[:-1]), ear.features()]
    taught = lesson(performance)
    assert len(taught.features) > 60
    assert taught.features == pytest.approx(np.array(rows)[: len(taught.features)], abs=1e-5)


def test_what_is_trained_says_what_plays() -> None:
    torch.manual_seed(0)
    model = BeatHearing(8).eval()
    network = BeatNetwork(model.arrays() | {"usual_places": np.zeros(playing.PLACES)})
    taught = exact(piece())
    with torch.no_grad():
        places, periods = (
            torch.log_softmax(logits, dim=-1)[0].numpy() for logits in model(torch.tensor(taught.features)[None])
        )
    state = network.silence
    for at, features in enumerate(taught.features.astype(np.float64)):
        state, opinion = network.hear(state, features)
        assert opinion.places == pytest.approx(places[at], abs=1e-5)
        assert opinion.periods == pytest.approx(periods[at], abs=1e-5)


def test_a_network_can_be_gone_on_with() -> None:
    one, other = BeatHearing(8).eval(), BeatHearing(8).eval()
    features = torch.randn(1, 5, FEATURES)
    assert not torch.equal(one(features)[0], other(features)[0])
    other.load(one.arrays())
    assert torch.equal(one(features)[0], other(features)[0])


def test_learning_makes_the_right_places_less_of_a_surprise() -> None:
    torch.manual_seed(0)
    model, batch = BeatHearing(8), beat_network.batch_of([exact(piece()), exact(piece(range(0, 960, 8)))])
    assert (batch.places[:, :4] == -100).all()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    surprises = []
    for _ in range(12):
        places, periods = beat_network.surprise(model, batch)
        optimiser.zero_grad()
        (places + periods).backward()
        optimiser.step()
        surprises.append(places.item())
    assert surprises[-1] < surprises[0] - 0.5


def test_the_command_writes_a_network_that_plays(corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "beats.npz"
    few = ["--data", str(corpora), "--out", str(out), "--steps", "2", "--batch", "2", "--workers", "0"]
    assert beat_network.main([*few, "--units", "8"]) == 0
    assert "validation" in capsys.readouterr().err
    with np.load(out) as archive:
        assert BeatNetwork({name: archive[name] for name in archive.files}).units == 8
    assert beat_network.main(few) == 0
    with np.load(out) as archive:
        assert len(archive["entrance_bias"]) == playing.beat_network().units
    assert beat_network.main(["--data", str(tmp_path / "nothing"), "--out", str(out)]) == 2
    assert "not trained" in capsys.readouterr().err


def test_the_command_wants_something_to_learn_from(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "beats.npz"
    monkeypatch.setattr(beat_network, "split", lambda pieces: ([], list(pieces), []))
    assert beat_network.main(["--data", str(corpora), "--out", str(out), "--workers", "0"]) == 2
    assert "falls into the training part" in capsys.readouterr().err
    assert not out.exists()
