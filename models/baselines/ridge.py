"""Linear ridge: what the next window's melody will hold, straight from what was heard, and the triad that fits it best.

It is the honest opponent: it listens, it remembers the form, and it has 1,884 weights. They are fitted by least squares on the
training part of the same corpora, at the lookahead at which it will play. Every pitch class is predicted by the same weights,
turned to begin at that pitch class; so 157 of them are free, and all twelve keys are one.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.plans import PlanRequest
from models.baselines.heard import REMEMBERED, Heard, best_triad
from models.baselines.rules import Rule
from models.corpora.piece import Piece

FADING_BEATS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
"""Time constants with which a heard note fades."""
LAST_NOTES = 3
LAGS_BARS = (4, 8)
"""How far back it looks for what was played at this place in the form."""
CHANNELS = len(FADING_BEATS) + LAST_NOTES + 1 + len(LAGS_BARS)
WEIGHTS = CHANNELS * 12 + 1

PENALTY = 30.0
HOLD = 0.08
"""What the sounding triad is worth more, so that it changes about once a bar."""

BEATS_A_PIECE = 128
"""Of each work so much is learned from, so that long ones don't drown the others."""

_SHARE_FLOOR = 0.3
_RATES = 1.0 / np.array(FADING_BEATS)[:, np.newaxis]
_ONE_HOT = np.eye(12)
_TURNED = (np.arange(12)[:, np.newaxis] + np.arange(12)) % 12
"""Row p: the pitch classes from p up."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ridge:
    """Fitted weights of one pitch class, [WEIGHTS]: those of `features` from that pitch class up, and a constant."""

    weights: Array

    def expected(self, heard: Array) -> Array:
        """The share of the window's note-ons that each pitch class is expected to have, [12], from `features`."""
        return _rows(heard) @ self.weights


class RidgeRule(Rule):
    """Plays the triad that the ridge expects most of. See `Generator`."""

    name = "ridge"

    def __init__(self, ridge: Ridge) -> None:
        super().__init__()
        self._ridge = ridge

    def _chord(self, heard: Heard, request: PlanRequest) -> ChordSymbol:
        if not heard.notes:
            return NO_CHORD
        tick = request.tick
        pulses, pitches = (np.array(column) for column in zip(*heard.notes, strict=True))
        bar = (tick.beats_per_bar or 4) * PULSES_PER_BEAT
        now = request.window - tick.lookahead
        down = [pitch % 12 for pitch in heard.down]
        found = features(pulses, pitches % 12, down, now=now, window=request.window, hop=tick.hop, bar=bar)
        return best_triad(self._ridge.expected(found), heard.chord, HOLD)


def features(
    pulses: npt.NDArray[np.float64],
    pitch_classes: npt.NDArray[np.int64],
    down: Iterable[int],
    *,
    now: float,
    window: int,
    hop: int,
    bar: int,
) -> Array:
    """What is heard at pulse `now` of a player, by channel and pitch class, 0..1, [CHANNELS, 12].

    Args:
        pulses: of all note-ons before `now`, ascending, [notes].
        pitch_classes: theirs, [notes].
        down: pitch classes that sound at `now`.
        now: when it is planned.
        window: first pulse of what is planned.
        hop: its length in pulses.
        bar: pulses of a bar.
    """
    table = np.zeros((CHANNELS, 12))
    ages = (pulses - now) / PULSES_PER_BEAT
    counts = np.exp(ages * _RATES) @ _ONE_HOT[pitch_classes]
    table[: len(FADING_BEATS)] = counts / (counts.sum(axis=1, keepdims=True) + _SHARE_FLOOR)
    row = len(FADING_BEATS)
    for index, pitch_class in enumerate(pitch_classes[: -1 - LAST_NOTES : -1]):
        table[row + index, pitch_class] = 1.0
    row += LAST_NOTES
    table[row, list(down)] = 1.0
    for index, bars in enumerate(LAGS_BARS, start=row + 1):
        then = window - bars * bar
        first, last = np.searchsorted(pulses, (then, then + hop))
        table[index, pitch_classes[first:last]] = 1.0
    return table


def _rows(heard: Array) -> Array:
    """Features [..., CHANNELS, 12] from each pitch class up, and a one, [..., 12, WEIGHTS]."""
    turned = np.moveaxis(heard[..., _TURNED], -2, -3)
    rows = turned.reshape(*turned.shape[:-2], -1)
    return np.concatenate([rows, np.ones((*rows.shape[:-1], 1))], axis=-1)


def fit(pieces: Iterable[Piece], lookahead: int, hop: int = PULSES_PER_BEAT) -> Ridge:
    """Least squares over the windows of these pieces in which a melody note begins.

    Args:
        pieces: with a melody; of several pieces of one work only the first counts.
        lookahead: pulses between planning and the window.
        hop: length of a window in pulses.

    Raises:
        InputError: there is nothing to learn from.
    """
    gram, right = np.zeros((WEIGHTS, WEIGHTS)), np.zeros(WEIGHTS)
    for piece in {piece.work: piece for piece in reversed(list(pieces))}.values():
        if examples := list(_examples(piece, lookahead, hop)):
            heard, wanted = (np.array(column) for column in zip(*examples, strict=True))
            rows = _rows(heard).reshape(-1, WEIGHTS)
            gram += rows.T @ rows
            right += rows.T @ wanted.reshape(-1)
    if not gram.any():
        raise InputError("the ridge baseline has no training piece to learn from")
    weights: Array = np.linalg.solve(gram + PENALTY * np.eye(WEIGHTS), right).astype(np.float64)
    return Ridge(weights)


def fit_by_corpus(pieces: Iterable[Piece], lookahead: int, hop: int = PULSES_PER_BEAT) -> Mapping[str, Ridge]:
    """A ridge for each corpus among these pieces; see `fit`."""
    by_corpus: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_corpus.setdefault(piece.corpus, []).append(piece)
    return {corpus: fit(chosen, lookahead, hop) for corpus, chosen in by_corpus.items()}


def _examples(piece: Piece, lookahead: int, hop: int) -> Iterator[tuple[Array, Array]]:
    """Features of each window, and the share of its note-ons that each pitch class has, [12]."""
    notes = [note for note in piece.melody if note.onset < piece.melody[0].onset + BEATS_A_PIECE * PULSES_PER_BEAT]
    onsets = [note.onset for note in notes]
    pulses, pitch_classes = np.array(onsets, dtype=np.float64), np.array([note.pitch % 12 for note in notes], dtype=np.int64)
    grid = piece.bar_offset % hop
    first = onsets[0] - (onsets[0] - grid) % hop + hop
    for window in range(first, onsets[-1] + 1, hop):
        begin, end = bisect.bisect_left(onsets, window), bisect.bisect_left(onsets, window + hop)
        known = bisect.bisect_left(onsets, window - lookahead)
        if begin == end or not known:
            continue
        now, oldest = window - lookahead, max(0, known - REMEMBERED)
        down = [note.pitch % 12 for note in notes[max(0, known - 8) : known] if note.onset + note.duration >= now]
        bar = piece.beats_per_bar * PULSES_PER_BEAT
        found = features(pulses[oldest:known], pitch_classes[oldest:known], down, now=now, window=window, hop=hop, bar=bar)
        yield found, np.bincount(pitch_classes[begin:end], minlength=12) / (end - begin)
