"""The chord chooser: the same from every root, and what songs teach it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmonic_memory import CHANNELS, PLACES
from livegen.core.harmony import QUALITIES, ChordSymbol
from models.chord_training import NONE, Lessons, Owned, Songs, measures, played, written_past
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.networks.chords import CLASSES, ChordNet, chord_class, chord_of_class, chord_tones, lesson
from models.progress import Progress
from models.takes.chord_lessons import VARIANTS, erring, lessons, modulating

BEAT = PULSES_PER_BEAT
RECIPE = {
    "name": "test", "seed": 1, "model": {"width": 32, "dropout": 0.0},
    "loss": {"fit": 10.0, "later": 0.5, "tone": 0.06, "stay": 0.03},
    "train": {
        "rounds": 2, "steps": 40, "batch": 64, "learning_rate": 5e-3, "weight_decay": 0.0,
        "own_history": 0.75, "forget_own": 0.1,
    },
}  # fmt: skip


def song(key: int = 0, bars: int = 16) -> Piece:
    """Two bars of C and two of G7, as broken chords in quarters."""
    chords = [ChordSymbol((key + 7 * (bar // 2 % 2)) % 12, ("maj", "dom7")[bar // 2 % 2]) for bar in range(bars)]
    tones = [(0, 4, 7, 4), (7, 11, 2, 5)]
    melody = tuple(
        PieceNote((4 * bar + beat) * BEAT, 60 + key + tones[bar // 2 % 2][beat], BEAT)
        for bar in range(bars)
        for beat in range(4)
    )
    spans = tuple(ChordSpan(4 * bar * BEAT, 4 * (bar + 1) * BEAT, chord) for bar, chord in enumerate(chords))
    return Piece("leadsheets", f"song {key}", "jazz", 120.0, 4, 0, melody, {}, spans, ())


def test_classes_are_chords() -> None:
    """Every class is a chord and back; the network's order of classes is the daemon's."""
    assert [chord_class(chord_of_class(klass)) for klass in range(CLASSES)] == list(range(CLASSES))
    assert chord_of_class(7 * len(QUALITIES) + 2) == ChordSymbol(7, "dom7")
    assert chord_class(ChordSymbol(None)) == -1
    assert list(np.flatnonzero(chord_tones()[chord_class(ChordSymbol(7, "dom7"))])) == [2, 5, 7, 11]


@pytest.mark.parametrize("semitones", [1, 5, 11])
def test_the_network_hears_the_same_in_every_key(semitones: int) -> None:
    """What was heard, moved up, gives the same logits for the chords moved up."""
    torch.manual_seed(1)
    net = ChordNet(width=16, members=2).eval()
    heard, place = torch.rand(3, CHANNELS, 12), torch.rand(3, PLACES)
    low = net(heard, place).unflatten(1, (12, -1))
    high = net(heard.roll(semitones, dims=2), place).unflatten(1, (12, -1))
    torch.testing.assert_close(low.roll(semitones, dims=1), high)


def test_several_networks_agree_on_the_mean() -> None:
    torch.manual_seed(1)
    nets = [ChordNet(width=16).eval() for _ in range(3)]
    heard, place = torch.rand(3, CHANNELS, 12), torch.rand(3, PLACES)
    joined = ChordNet.of(nets).eval()
    torch.testing.assert_close(joined(heard, place), sum(net(heard, place) for net in nets) / 3)


def test_a_lesson_says_what_was_written_and_what_fits() -> None:
    taught = lesson(song())
    assert list(taught.chords[:12]) == [0] * 8 + [chord_class(ChordSymbol(7, "dom7"))] * 4
    assert [int(row.argmax()) for row in taught.hits[:4]] == [0, 4, 7, 4]


def test_a_lesson_hears_the_player_and_is_asked_about_the_melody() -> None:
    """With a wrong note played, what was heard changes from then on, and what fits does not."""
    piece = song()
    wrong = [PieceNote(note.onset, note.pitch + (index == 8), note.duration) for index, note in enumerate(piece.melody)]
    right, erred = lesson(piece), lesson(piece, player=wrong)
    np.testing.assert_array_equal(right.hits, erred.hits)
    np.testing.assert_array_equal(right.heard[:9], erred.heard[:9])
    assert (right.heard[9] != erred.heard[9]).any()


def test_a_change_of_key_moves_melody_and_chords_alike() -> None:
    piece = song(bars=32)
    moved, changes = modulating(piece, np.random.default_rng(3))
    assert changes
    assert [note.pitch for note in moved.melody if note.onset < changes[0]] == [
        note.pitch for note in piece.melody if note.onset < changes[0]
    ]
    by = moved.melody[-1].pitch - piece.melody[-1].pitch
    assert moved.chords[-1].symbol == piece.chords[-1].symbol.transposed(by)
    assert sum(span.end - span.start for span in moved.chords) == sum(span.end - span.start for span in piece.chords)


def test_errors_come_at_the_rate_asked_for() -> None:
    """At no rate, all is right; at a high one, some notes are missing and some are beside."""
    piece, rng = song(bars=64), np.random.default_rng(1)
    assert tuple(erring(piece, rng, 0.0)) == piece.melody
    played_notes = erring(piece, rng, 0.3)
    assert 0.02 < 1 - len(played_notes) / len(piece.melody) < 0.2


def test_lessons_are_the_same_for_any_number_of_processes() -> None:
    pieces = [song(key) for key in range(2)]
    alone, together = lessons(pieces, len(VARIANTS), 1), lessons(pieces, len(VARIANTS), 2)
    assert len(alone) == len(together) == 2 * len(VARIANTS)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.heard, other.heard)


def test_the_past_is_written_in_where_it_was_blank() -> None:
    """A class of the past shows its tones, root and age; none shows as none."""
    songs = Songs.of([lesson(song())])
    past = written_past(songs)
    assert past.chord[0] == NONE
    assert past.held[:10].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 1]
    heard, place = Owned()(songs.heard, songs.place, past.chord, past.held)
    assert not heard[0, -2:].any()
    assert heard[1, -1].nonzero().flatten().tolist() == [0]
    assert (place[:, -9:].sum(dim=1) == 1).all()
    assert not songs.heard[:, -2:].any()


def test_it_learns_to_follow_and_lives_with_its_own_chords() -> None:
    """After a few steps on songs in four keys it accompanies another key better than before, by its own past."""
    torch.manual_seed(1)
    songs = Songs.of(lessons([song(key) for key in (0, 2, 5, 9)], 3, 1))
    unseen = Songs.of([lesson(song(7))])
    run = Lessons(RECIPE, songs, torch.ones(len(songs.written)))
    before = measures(run.net, unseen)
    for _ in range(2):
        run.round(Progress(run.steps))
    after = measures(run.net, unseen)
    assert after["onset-NiC"] > max(0.6, before["onset-NiC"])


def test_going_through_the_songs_is_deterministic_and_keeps_the_past() -> None:
    """The past of a beat is what was chosen in the beat before it."""
    songs = Songs.of(lessons([song(0), song(5, bars=8)], 1, 1))
    torch.manual_seed(1)
    net = ChordNet(width=16)
    chosen, past = played(net, songs, 0.5, torch.Generator().manual_seed(1))
    again, _ = played(net, songs, 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(chosen, again)
    first = set(songs.bounds[:-1].tolist())
    assert all(past.chord[at] == (NONE if at in first else chosen[at - 1]) for at in range(len(chosen)))
