"""Irish dance tunes: a melody by itself, made from ABC by abc2midi, which marks the beats by velocity."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from models.corpora.bars import cut, steady_sections
from models.corpora.midi_file import quantised, read_midi
from models.corpora.piece import Piece
from models.corpora.source import Corpus, QuarantinedError, Reading, Work, indexed_works, long_enough, require_melody
from models.corpora.texture import skyline

DOWNBEAT_VELOCITY = 105
"""abc2midi plays the first note of each bar at 105, other beats at 95, the rest at 80."""

_GRAM = 5
"""Intervals in an n-gram: long enough to be a tune's own, short enough to survive a player's ornaments."""

_SAME = 0.4
"""Share of the shorter tune's n-grams in the longer one from which two tunes count as one."""


def read(work: Work) -> Reading:
    """The tune on channel 0 (a few files hold guitar chords on others), cut where its bar lines jump."""
    score = read_midi(work.path)
    if len(score.metres) != 1:
        raise QuarantinedError("metre missing or changing")
    metre = score.metres[0][1]
    raw = [note for track in score.tracks for note in track.notes if note.channel == 0]
    melody = skyline(quantised(score, raw, metre))
    require_melody(melody)
    accents = [score.pulses(note.onset, metre) for note in raw if note.velocity == DOWNBEAT_VELOCITY]
    end = melody[-1].onset + melody[-1].duration
    whole = Piece(
        corpus="irish",
        work=work.group,
        style="folk",
        tempo_bpm=score.tempo_bpm(metre),
        beats_per_bar=metre.beats_per_bar,
        bar_offset=0,
        melody=melody,
    )
    # The first note is accented even if it is a pickup.
    sections = steady_sections(sorted(set(accents[1:])), metre.bar_pulses, end)
    return long_enough(cut(whole, section) for section in sections)


def drop_duplicates(pieces: Sequence[Piece]) -> tuple[list[Piece], list[tuple[Piece, str]]]:
    """Keeps the first of tunes that share most of their interval n-grams: tunes recur in other keys under other names.

    Returns:
        The pieces to keep and the others with the reason, both in the order given. Pieces of one work don't count as twins.
    """
    kept: list[Piece] = []
    dropped: list[tuple[Piece, str]] = []
    sizes: list[int] = []
    holders: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for piece in pieces:
        grams = _interval_grams(piece)
        shared: Counter[int] = Counter()
        for gram in grams:
            shared.update(holders[gram])
        twin = next(
            (
                kept[index]
                for index, count in shared.most_common()
                if kept[index].work != piece.work and count >= _SAME * min(len(grams), sizes[index])
            ),
            None,
        )
        if twin is not None:
            dropped.append((piece, f"near-duplicate: of {twin.work}"))
            continue
        for gram in grams:
            holders[gram].append(len(kept))
        kept.append(piece)
        sizes.append(len(grams))
    return kept, dropped


def _interval_grams(piece: Piece) -> set[tuple[int, ...]]:
    intervals = [after.pitch - before.pitch for before, after in pairwise(piece.melody)]
    return {tuple(intervals[begin : begin + _GRAM]) for begin in range(len(intervals) - _GRAM + 1)}


CORPUS = Corpus(
    name="irish",
    style="folk",
    home="https://github.com/polifonia-project/folk_ngram_analysis",
    licence="CC BY 4.0",
    works=partial(indexed_works, group_column="work_group"),
    read=read,
    prune=drop_duplicates,
)
