"""The grammar of a window, without a model: whatever is chosen among what is allowed, the law holds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livegen.core import vocabulary as v
from livegen.core.events import Note, Part
from livegen.core.vocabulary import KIND
from livegen.generators.window import MAX_NOTES, WindowGrammar

PARTS = st.frozensets(st.sampled_from(list(Part)))


def assert_lawful(notes: tuple[Note, ...], hop: int, parts: frozenset[Part], opening: bool) -> None:
    order = [(note.part, note.onset, note.pitch) for note in notes]
    assert order == sorted(set(order))
    assert len(notes) <= MAX_NOTES
    for index, note in enumerate(notes):
        assert note.part in parts
        assert 0 <= note.onset < hop
        assert 0 <= note.pitch <= 127
        assert note.duration in v.DURATIONS
        assert 1 <= note.velocity <= 127
        for earlier in notes[:index]:
            still = earlier.part == note.part and earlier.onset + earlier.duration > note.onset
            assert not (still and earlier.pitch == note.pitch)
    if opening and parts:
        assert notes
        assert notes[0].onset == 0
        assert notes[0].part == Part.LEAD or Part.LEAD not in parts


@given(st.sampled_from(v.HOPS), PARTS, st.booleans(), st.integers(0, 2**32 - 1), st.sampled_from(["any", "first", "last"]))
def test_every_choice_among_the_allowed_is_lawful(
    hop: int, parts: frozenset[Part], opening: bool, seed: int, taste: str
) -> None:
    rng = np.random.default_rng(seed)
    grammar = WindowGrammar(hop, parts, opening)

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
        grammar.add(Note(part, onset, pitch, int(rng.choice(v.DURATIONS)), 64))
    assert_lawful(grammar.notes, hop, parts, opening)


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
