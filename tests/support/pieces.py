"""Random pieces and stagings for the laws of the training side, and takes read back window by window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

from hypothesis import strategies as st

from livegen.core.events import Chord, End, Event, Note, Part, Tick
from livegen.core.harmony import ChordSymbol
from models.corpora.piece import ChordSpan, Piece, PieceNote
from models.takes.slips import Slips
from models.takes.staging import LOOKAHEADS, Ramp, Staging
from models.takes.timeline import HARMONY, Take

seeds = st.integers(0, 2**32)

_rates = st.floats(0.0, 0.25)
ramps = st.builds(
    lambda start, reach, factor: Ramp(start, start + reach, factor), st.floats(0, 1), st.floats(0, 1), st.floats(0.7, 1.4)
)
stagings = st.builds(
    Staging,
    hop=st.sampled_from((12, 24)),
    lookahead=st.sampled_from(LOOKAHEADS),
    tempo=st.floats(0.5, 2.0),
    ramp=st.none() | ramps,
    jitter_ns=st.sampled_from((0.0, 20e6, 200e6)),
    drag_ns=st.floats(-30e6, 30e6),
    free=st.booleans(),
    slips=st.just(Slips()) | st.builds(Slips, _rates, _rates, _rates, _rates),
)


@st.composite
def melodies(draw: st.DrawFn) -> tuple[PieceNote, ...]:
    """One note at a time, some of them repeated at once."""
    steps = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(60, 64)), min_size=1, max_size=30))
    onsets = accumulate((step for step, _, _ in steps), initial=draw(st.integers(0, 30)))
    return tuple(
        PieceNote(onset, pitch, min(length, step)) for onset, (step, length, pitch) in zip(onsets, steps, strict=False)
    )


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """A melody in phrases over chords and a bass that have nothing to do with it; no velocity anywhere."""
    melody = draw(melodies())
    part = st.lists(
        st.builds(PieceNote, st.integers(0, 600), st.integers(30, 50), st.integers(1, 100)), min_size=1, max_size=12
    )
    beats = draw(st.integers(2, 4))
    chords = sorted(draw(st.sets(st.integers(0, 600), max_size=6)))
    return Piece(
        corpus="c", work="w", style="pop", tempo_bpm=draw(st.sampled_from((60.0, 97.3, 120.0))), beats_per_bar=beats,
        bar_offset=draw(st.integers(0, beats * 24 - 1)), melody=melody,
        parts={name: tuple(sorted(set(draw(part)))) for name in HARMONY},
        chords=tuple(ChordSpan(start, end, ChordSymbol(start % 12)) for start, end in pairwise(chords)),
        phrases=tuple(sorted(draw(st.sets(st.sampled_from([note.onset for note in melody]))) | {melody[0].onset})),
    )  # fmt: skip


def windows(take: Take) -> Iterator[tuple[Tick, list[Event]]]:
    """Each window's tick with what the agent says before the next event of somebody else."""
    tick: Tick | None = None
    said: list[Event] = []
    for event in take.events:
        if isinstance(event, Tick):
            assert tick is None, "a window opens inside another"
            tick, said = event, []
        elif isinstance(event, Chord | Note | End):
            assert tick is not None, "the agent speaks outside a window"
            said.append(event)
            if isinstance(event, End):
                yield tick, said
                tick = None
        else:
            assert tick is None, "the player plays inside the agent's turn to speak"
    assert tick is None, "a window is left open"


def notes_of(take: Take, part: Part) -> list[Note]:
    """What the agent plays in one part."""
    return [event for event in take.events if isinstance(event, Note) and event.part == part]
