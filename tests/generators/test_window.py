"""The grammar of a window, without a model: whatever is chosen among what is allowed, the law holds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livegen.core import vocabulary as v
from livegen.core.events import Note, Part
from livegen.core.vocabulary import KIND
from livegen.generators.window import FULL, HOLDING, MAX_NOTES, WindowGrammar

PARTS = st.frozensets(st.sampled_from(list(Part)))
CHORDS = frozenset({Part.CHORDS})


def assert_lawful(notes: tuple[Note, ...], hop: int, parts: frozenset[Part], opening: bool) -> None:
    order = [(note.part, note.onset, note.pitch) for note in notes]
    assert order == sorted(set(order))
    assert len(notes) <= MAX_NOTES
    for index, note in enumerate(notes):
        assert note.part in parts
        assert 0 <= note.onset < hop
        assert 0 <= note.pitch <= 127
        assert note.duration >= 1
        assert 1 <= note.velocity <= 127
        for earlier in notes[:index]:
            still = earlier.part == note.part and earlier.onset + earlier.duration > note.onset
            assert not (still and earlier.pitch == note.pitch)
    if opening and parts:
        assert notes
        assert notes[0].onset == 0
        assert notes[0].part == Part.LEAD or Part.LEAD not in parts


@given(
    hop=st.sampled_from(v.HOPS),
    parts=PARTS,
    opening=st.booleans(),
    striking=st.none() | st.sampled_from([Part.CHORDS, Part.BASS]),
    holding=st.sampled_from([frozenset(), HOLDING]),
    seed=st.integers(0, 2**32 - 1),
    taste=st.sampled_from(["any", "first", "last"]),
)
def test_every_choice_among_the_allowed_is_lawful(
    *, hop: int, parts: frozenset[Part], opening: bool, striking: Part | None, holding: frozenset[Part], seed: int, taste: str
) -> None:
    rng = np.random.default_rng(seed)
    grammar = WindowGrammar(hop, parts, opening, striking=striking, holding=holding)

    def pick(mask: np.ndarray) -> int:
        classes = np.flatnonzero(mask)
        assert classes.size, "where a note may come, each of its fields has a choice"
        return int({"any": rng.choice(classes), "first": classes[0], "last": classes[-1]}[taste])

    while grammar.kinds()[KIND["NOTE"]]:
        if grammar.kinds()[KIND["END"]] and rng.random() < 0.05:
            break
        part = Part(pick(grammar.parts()) - 1)
        onset = pick(grammar.onsets(part)) - 1
        pitch = pick(grammar.pitches(part, onset)) - 1
        duration = v.DURATIONS[pick(grammar.durations(part, onset)) - 1]
        assert part not in holding or onset + duration >= hop
        grammar.add(Note(part, onset, pitch, duration, 64))
    assert_lawful(grammar.notes, hop, parts, opening)
    if striking is not None and striking in parts and striking == min(parts):
        struck = [note for note in grammar.notes if note.part == striking and note.onset == 0]
        assert len({note.pitch % 12 for note in struck}) >= FULL.get(striking, 1)


def test_the_highest_pitch_at_the_last_onset_of_the_last_part_ends_the_window() -> None:
    grammar = WindowGrammar(12, frozenset({Part.LEAD, Part.BASS}), opening=False)
    grammar.add(Note(Part.BASS, 11, 127, 1, 64))
    assert not grammar.kinds()[KIND["NOTE"]]
    assert grammar.kinds()[KIND["END"]]


def test_the_highest_pitch_leaves_later_onsets_and_parts() -> None:
    grammar = WindowGrammar(12, frozenset({Part.LEAD, Part.BASS}), opening=False)
    grammar.add(Note(Part.LEAD, 4, 127, 1, 64))
    assert np.flatnonzero(grammar.onsets(Part.LEAD)).tolist() == list(range(1 + 5, 1 + 12))
    assert np.flatnonzero(grammar.onsets(Part.BASS)).tolist() == list(range(1, 1 + 12))


def test_nobody_wanted_leaves_only_the_end() -> None:
    grammar = WindowGrammar(24, frozenset(), opening=True)
    assert np.flatnonzero(grammar.kinds()).tolist() == [KIND["END"]]


class TestStriking:
    """A chord that changes is heard at once, and whole."""

    def test_the_end_and_later_parts_wait_for_it(self) -> None:
        grammar = WindowGrammar(24, frozenset({Part.LEAD, Part.CHORDS, Part.BASS}), opening=False, striking=Part.CHORDS)
        assert not grammar.kinds()[KIND["END"]]
        assert np.flatnonzero(grammar.parts()).tolist() == [1 + Part.LEAD, 1 + Part.CHORDS]
        assert np.flatnonzero(grammar.onsets(Part.CHORDS)).tolist() == [1]

    def test_it_takes_three_pitch_classes_and_then_is_free(self) -> None:
        grammar = WindowGrammar(24, CHORDS | {Part.BASS}, opening=False, striking=Part.CHORDS)
        for pitch in (60, 64):
            grammar.add(Note(Part.CHORDS, 0, pitch, 24, 80))
            assert not grammar.kinds()[KIND["END"]]
            assert not grammar.pitches(Part.CHORDS, 0)[1 + 72], "an octave makes a chord no fuller"
        grammar.add(Note(Part.CHORDS, 0, 67, 24, 80))
        assert grammar.kinds()[KIND["END"]]
        assert grammar.parts()[1 + Part.BASS]
        assert grammar.pitches(Part.CHORDS, 0)[1 + 72]

    def test_another_part_strikes_after_it(self) -> None:
        parts = CHORDS | {Part.BASS}
        grammar = WindowGrammar(24, parts, opening=False, striking=Part.CHORDS, then=Part.BASS, tones=frozenset({0, 4}))
        for pitch in (60, 64):
            grammar.add(Note(Part.CHORDS, 0, pitch, 24, 80))
        assert not grammar.kinds()[KIND["END"]]
        assert np.flatnonzero(grammar.onsets(Part.BASS)).tolist() == [1]
        grammar.add(Note(Part.BASS, 0, 36, 24, 80))
        assert grammar.kinds()[KIND["END"]]

    def test_where_the_tones_are_named_it_takes_all_of_them_and_no_other(self) -> None:
        seventh = frozenset({7, 11, 2, 5})
        grammar = WindowGrammar(24, CHORDS, opening=False, striking=Part.CHORDS, tones=seventh)
        for struck in range(4):
            pitch = int(np.flatnonzero(grammar.pitches(Part.CHORDS, 0)[1 + 48 :])[0]) + 48
            assert not grammar.kinds()[KIND["END"]], f"{struck} of four tones"
            grammar.add(Note(Part.CHORDS, 0, pitch, 24, 80))
        assert {note.pitch % 12 for note in grammar.notes} == seventh
        assert grammar.kinds()[KIND["END"]]

    def test_its_first_note_leaves_room_for_the_others(self) -> None:
        grammar = WindowGrammar(24, CHORDS, opening=False, striking=Part.CHORDS)
        assert np.flatnonzero(grammar.pitches(Part.CHORDS, 0))[-1] == 1 + 125

    def test_where_there_is_no_room_it_is_content_with_less(self) -> None:
        only_middle_c = np.arange(v.SIZE["pitch"]) == 1 + 60
        playable = {Part.CHORDS: only_middle_c}
        grammar = WindowGrammar(24, CHORDS, opening=False, striking=Part.CHORDS, playable=playable)
        assert np.flatnonzero(grammar.pitches(Part.CHORDS, 0)).tolist() == [1 + 60]
        grammar.add(Note(Part.CHORDS, 0, 60, 24, 80))
        assert grammar.kinds()[KIND["END"]]

    def test_a_part_that_does_not_play_cannot_be_waited_for(self) -> None:
        assert WindowGrammar(24, frozenset({Part.LEAD}), opening=False, striking=Part.CHORDS).kinds()[KIND["END"]]


class TestHolding:
    def test_a_tone_that_is_struck_anew_ends_the_one_before(self) -> None:
        grammar = WindowGrammar(24, CHORDS, opening=False, holding=HOLDING)
        grammar.add(Note(Part.CHORDS, 0, 60, 48, 80))
        grammar.add(Note(Part.CHORDS, 0, 64, 48, 80))
        assert grammar.pitches(Part.CHORDS, 12)[1 + 60]
        grammar.add(Note(Part.CHORDS, 12, 60, 36, 80))
        assert [(note.onset, note.pitch, note.duration) for note in grammar.notes] == [(0, 60, 12), (0, 64, 48), (12, 60, 36)]

    def test_others_may_be_short(self) -> None:
        grammar = WindowGrammar(24, CHORDS | {Part.BASS}, opening=False, holding=HOLDING)
        assert np.flatnonzero(grammar.durations(Part.BASS, 0))[0] == 1
        assert v.DURATIONS[np.flatnonzero(grammar.durations(Part.CHORDS, 14))[0] - 1] == 10
