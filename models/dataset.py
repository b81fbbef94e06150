"""Takes as arrays: what the network reads, what it must predict, and batches of it.

Shapes: B sequences, T events, F fields of a row, G columns of `models.network.GIVEN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.stream import StreamEncoder
from models.corpora.piece import Piece
from models.network import GIVEN
from models.roles import Staging, Take, accompany, cut, draw_staging, length_of, respond

Rows = npt.NDArray[np.int64]
HARMONY = frozenset({Part.CHORDS, Part.BASS})
_HIDDEN_COLUMNS = [v.COLUMN[name] for name in ("root", "quality", "pitch")]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one training step.

    Attributes:
        rows: what the network reads, int64 [B, T, F].
        targets: the row after each, int64 [B, T, F]; all zero where the next event is not the agent's.
        given: what the heads are told of the target, int64 [B, T, G].
        style: float32 [B, S].
    """

    rows: Tensor
    targets: Tensor
    given: Tensor
    style: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, name).to(device) for name in ("rows", "targets", "given", "style")))


def encode(take: Take) -> Rows:
    """Rows of a take, int64 [events, F], with the velocity absent where the source has none."""
    encoder = StreamEncoder()
    rows = np.array([encoder.encode(event) for event in take.events], dtype=np.int64).reshape(-1, len(v.FIELDS))
    rows[np.asarray(take.silent, dtype=np.bool_), v.COLUMN["velocity"]] = 0
    return rows


def transpose(rows: Rows, semitones: int) -> Rows:
    """All pitches and roots moved; moved the other octave round where a pitch would leave 0..127."""
    rows = rows.copy()
    pitch = rows[:, v.COLUMN["pitch"]]
    if semitones > 0 and pitch.max(initial=0) + semitones > 128:
        semitones -= 12
    elif semitones < 0 and pitch[pitch > 0].min(initial=128) + semitones < 1:
        semitones += 12
    pitch[pitch > 0] += semitones
    root = rows[:, v.COLUMN["root"]]
    named = (root > 0) & (root < v.NO_ROOT)
    root[named] = (root[named] - 1 + semitones) % 12 + 1
    return rows


def hide_history(rows: Rows) -> Rows:
    """What the network reads where it must listen to the player: its own chords and pitches are absent."""
    rows = rows.copy()
    agent = (rows[:, 0] == v.KIND["CHORD"]) | (rows[:, 0] == v.KIND["NOTE"])
    rows[np.ix_(agent, _HIDDEN_COLUMNS)] = 0
    return rows


def targets_and_given(rows: Rows) -> tuple[Rows, Rows]:
    """For each event but the last: the next row if it is the agent's (else zeros), and what its heads are given.

    Returns:
        targets int64 [T - 1, F] and given int64 [T - 1, G].
    """
    following = rows[1:]
    agent = np.isin(following[:, 0], (v.KIND["CHORD"], v.KIND["NOTE"], v.KIND["END"]))
    targets = np.where(agent[:, None], following, 0)
    chord = _window_chord(rows)[1:]
    given = np.zeros((len(following), len(GIVEN)), dtype=np.int64)
    for index, name in enumerate(GIVEN):
        if name.startswith("chord_"):
            given[:, index] = chord[:, ("chord_root", "chord_quality").index(name)]
        else:
            given[:, index] = targets[:, v.COLUMN[name]]
    return targets, given


def _window_chord(rows: Rows) -> Rows:
    """Root and quality of the chord of the window that each event stands in, [T, 2]; zeros before it is known."""
    chord = np.zeros((len(rows), 2), dtype=np.int64)
    current = (0, 0)
    for index, kind in enumerate(rows[:, 0]):
        chord[index] = current
        if kind == v.KIND["CHORD"]:
            current = (rows[index, v.COLUMN["root"]], rows[index, v.COLUMN["quality"]])
        elif kind in (v.KIND["TICK"], v.KIND["END"]):
            current = (0, 0)
    return chord


def held_out_takes(piece: Piece, lookahead: int = 6) -> Iterator[tuple[str, Rows]]:
    """The fixed takes that a piece is scored on: as `accompany` where it has harmony, as `respond` where it has phrases.

    Deterministic: no augmentation, and turns drawn from the work's name alone.
    """
    rng = np.random.default_rng([len(piece.melody), *piece.work.encode()])
    staging = Staging(lookahead=lookahead)
    if piece.parts:
        yield "accompany", encode(accompany(piece, staging, HARMONY & piece.parts.keys(), rng))
    if len(piece.phrases) > 2:
        yield "respond", encode(respond(piece, staging, rng))


class Takes:
    """Draws training sequences for ever: piece by corpus weight, role, staging, transposition, hidden history.

    Args:
        pieces: what may be drawn.
        weights: share of the sequences by corpus; corpora that are not named are not drawn.
        styles: names behind the style weights, in order.
        length: events a sequence, T.
        seed: the same seed draws the same sequences.

    Raises:
        InputError: there is no piece of any of the named corpora.
    """

    def __init__(
        self, pieces: Sequence[Piece], weights: Mapping[str, float], styles: Sequence[str], length: int, seed: int
    ) -> None:
        self.styles, self.length = tuple(styles), length
        self.by_corpus = {name: [piece for piece in pieces if piece.corpus == name] for name in weights}
        self.by_corpus = {name: group for name, group in self.by_corpus.items() if group}
        if not self.by_corpus:
            raise InputError(f"there is no piece to train on of {', '.join(weights)}")
        total = sum(weights[name] for name in self.by_corpus)
        self.shares = [weights[name] / total for name in self.by_corpus]
        self.rng = np.random.default_rng(seed)

    def batch(self, size: int) -> Batch:
        """The next `size` sequences."""
        drawn = [self._sequence() for _ in range(size)]
        rows, targets, given, style = (np.stack(column) for column in zip(*drawn, strict=True))
        return Batch(*map(torch.from_numpy, (rows, targets, given, style.astype(np.float32))))

    def _sequence(self) -> tuple[Rows, Rows, Rows, npt.NDArray[np.float64]]:
        rng = self.rng
        corpus = list(self.by_corpus)[int(rng.choice(len(self.shares), p=self.shares))]
        style = ""
        pieces: list[Rows] = []
        hidden = bool(rng.random() < 0.5)
        while sum(map(len, pieces)) <= self.length:
            piece = self.by_corpus[corpus][int(rng.integers(len(self.by_corpus[corpus])))]
            if not style or piece.style == style:
                style = piece.style
                pieces.append(transpose(encode(self._take(piece)), int(rng.integers(-6, 6))))
        rows = np.concatenate(pieces)[: self.length + 1]
        targets, given = targets_and_given(rows)
        seen = hide_history(rows) if hidden and not _leads(rows) else rows
        return seen[:-1], targets, given, self._style(style)

    def _take(self, piece: Piece) -> Take:
        rng = self.rng
        staging = draw_staging(rng)
        piece = _excerpt(piece, self.length, rng)
        has_harmony = any(piece.parts.values())
        if not has_harmony or (len(piece.phrases) > 2 and rng.random() < 0.35):
            return respond(piece, staging, rng)
        available = HARMONY & piece.parts.keys()
        alone = frozenset({sorted(available)[int(rng.integers(len(available)))]})
        return accompany(piece, staging, available if rng.random() < 0.75 else alone, rng)

    def _style(self, name: str) -> npt.NDArray[np.float64]:
        """One-hot; all zero in a tenth, so that no style at all is a style too."""
        weights = np.zeros(len(self.styles))
        if self.rng.random() >= 0.1:
            weights[self.styles.index(name)] = 1.0
        return weights


def _leads(rows: Rows) -> bool:
    """Whether the agent has a lead part anywhere: it must know what it played."""
    return bool((rows[:, v.COLUMN["part"]] == 1 + Part.LEAD).any())


def _excerpt(piece: Piece, events: int, rng: np.random.Generator) -> Piece:
    """A stretch from a random bar on, long enough for about `events` events; the whole piece where that is shorter."""
    notes = len(piece.melody) * 2 + sum(map(len, piece.parts.values()))
    bar = piece.beats_per_bar * PULSES_PER_BEAT
    length = length_of(piece)
    wanted = int(length * 1.2 * events / max(1, notes)) + bar
    if wanted >= length:
        return piece
    bars = (length - wanted) // bar
    start = piece.bar_offset + int(rng.integers(bars + 1)) * bar
    return cut(piece, start, start + wanted)
