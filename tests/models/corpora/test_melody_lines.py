"""Voices out of a texture, phrases, bar lines."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from models.corpora.bars import Section, cut, steady_sections, strongest_downbeat
from models.corpora.phrasing import phrases
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.corpora.texture import one_keyboard, skyline, split_bass, split_top

BAR = 96

textures = st.lists(
    st.builds(PieceNote, st.integers(0, 200), st.integers(30, 80), st.integers(1, 60), st.none()), max_size=40, unique=True
)


def _quarters(count: int, start: int = 0) -> list[PieceNote]:
    return [PieceNote(start + 24 * i, 60 + i % 5, 24) for i in range(count)]


class TestVoices:
    def test_the_skyline_is_the_highest_note_cut_at_the_next(self) -> None:
        notes = [PieceNote(0, 60, 48), PieceNote(0, 67, 48), PieceNote(24, 65, 24)]
        assert skyline(notes) == (PieceNote(0, 67, 24), PieceNote(24, 65, 24))

    def test_a_key_sounds_once_at_a_time(self) -> None:
        notes = [PieceNote(0, 60, 12), PieceNote(0, 60, 48), PieceNote(24, 60, 24), PieceNote(24, 64, 12)]
        assert one_keyboard(notes) == (PieceNote(0, 60, 24), PieceNote(24, 60, 24), PieceNote(24, 64, 12))

    def test_a_grace_note_gives_way_to_its_note(self) -> None:
        assert skyline([PieceNote(0, 72, 1), PieceNote(0, 71, 24)]) == (PieceNote(0, 71, 24),)

    def test_the_bass_is_the_lowest_note_that_nothing_lower_holds_down(self) -> None:
        held = PieceNote(0, 36, 48)
        notes = [held, PieceNote(0, 60, 24), PieceNote(24, 43, 24), PieceNote(48, 41, 24), PieceNote(72, 57, 24)]
        bass, rest = split_bass(notes)
        assert bass == (held, PieceNote(48, 41, 24))
        assert [note.pitch for note in rest] == [60, 43, 57]

    def test_hands_that_are_not_quite_together_make_one_chord(self) -> None:
        bass, rest = split_bass([PieceNote(0, 45, 20), PieceNote(2, 40, 20)])
        assert [note.pitch for note in bass] == [40]
        assert [note.pitch for note in rest] == [45]

    @given(textures)
    def test_a_split_keeps_every_note_once_and_one_line_apart(self, notes: list[PieceNote]) -> None:
        for line, rest in (split_bass(notes), split_top(notes)):
            assert sorted((n.onset, n.pitch) for n in (*line, *rest)) == sorted((n.onset, n.pitch) for n in notes)
            assert all(a.onset + a.duration <= b.onset for a, b in pairwise(line))


class TestPhrases:
    def test_a_rest_and_a_long_note_end_a_phrase(self) -> None:
        after_rest = _quarters(4, start=144)
        held = PieceNote(240, 60, 72)
        notes = [*_quarters(5), *after_rest, held, *_quarters(4, start=312)]
        assert phrases(notes, BAR) == (0, 144, 312)

    def test_a_tune_without_rests_is_cut_every_four_bars(self) -> None:
        assert phrases(_quarters(48), BAR) == (0, 4 * BAR, 8 * BAR)

    def test_bar_lines_are_counted_from_the_first_downbeat(self) -> None:
        assert phrases(_quarters(49), BAR, bar_offset=24) == (0, 24 + 4 * BAR, 24 + 8 * BAR)

    def test_the_tail_of_a_tune_is_no_phrase_of_its_own(self) -> None:
        assert phrases(_quarters(20), BAR) == (0,)

    def test_no_melody_has_no_phrases(self) -> None:
        assert phrases([], BAR) == ()

    @given(textures)
    def test_phrases_begin_at_notes_and_ascend(self, notes: list[PieceNote]) -> None:
        line = skyline(notes)
        begins = phrases(line, BAR, bar_offset=24)
        assert set(begins) <= {note.onset for note in line}
        assert list(begins) == sorted(set(begins))


class TestBars:
    def test_most_weight_tells_the_downbeat(self) -> None:
        assert strongest_downbeat([(24, 2.0), (120, 2.0), (0, 3.0)], BAR) == 24

    def test_a_full_first_bar_can_be_favoured(self) -> None:
        weighted = [(24, 1.1), (0, 1.0)]
        assert strongest_downbeat(weighted, BAR) == 24
        assert strongest_downbeat(weighted, BAR, favour_start=0.3) == 0

    def test_a_short_bar_cuts_the_work_where_the_new_bars_begin(self) -> None:
        downbeats = [0, 96, 192, 288, 336, 432, 528, 624]
        assert steady_sections(downbeats, BAR, 720) == [Section(0, 336, 0), Section(336, 720, 336)]

    def test_a_stray_downbeat_is_passed_over(self) -> None:
        downbeats = [24, 120, 216, 312, 350, 408, 504, 600, 696]
        assert steady_sections(downbeats, BAR, 800) == [Section(0, 800, 24)]

    def test_no_regular_bars_give_no_section(self) -> None:
        assert steady_sections([0, 50, 130], BAR, 300) == []

    def test_a_section_counts_from_its_own_start(self) -> None:
        whole = Piece(
            corpus="c",
            work="w",
            style="pop",
            tempo_bpm=100,
            beats_per_bar=4,
            bar_offset=0,
            melody=(PieceNote(0, 60, 24), PieceNote(120, 62, 200)),
            parts={Part.BASS: (PieceNote(96, 40, 96),)},
            chords=(ChordSpan(0, 144, ChordSymbol(0)), ChordSpan(144, 400, ChordSymbol(5))),
        )
        part = cut(whole, Section(96, 240, 120))
        assert part.bar_offset == 24
        assert part.melody == (PieceNote(24, 62, 120),)
        assert part.parts[Part.BASS] == (PieceNote(0, 40, 96),)
        assert part.chords == (ChordSpan(0, 48, ChordSymbol(0)), ChordSpan(48, 144, ChordSymbol(5)))
        assert part.phrases == (24,)
