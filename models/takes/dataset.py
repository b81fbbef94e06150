"""Takes as arrays: what the network reads, what it must predict, and batches of it.

Shapes: B sequences, T events, F fields of a row, G columns of `models.networks.blocks.GIVEN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.stream import parts_of
from models.corpora.piece import Piece
from models.networks.blocks import GIVEN
from models.takes.fast_rows import Rows, encode_events
from models.takes.roles import HARMONY, Staging, Take, accompany, draw_take, respond

_HIDDEN_COLUMNS = [v.COLUMN[name] for name in ("root", "quality", "pitch")]
_LEAD_PARTS = np.array([Part.LEAD in parts_of(klass) for klass in range(v.SIZE["parts"])])
"""Whether a class of the field `parts` has the lead among them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one training step.

    Attributes:
        rows: what the network reads, int64 [B, T, F].
        targets: the row after each, int64 [B, T, F]; all zero where the next event is not the agent's.
        given: what the heads are told of the target, int64 [B, T, G].
        changed: whether the target is a chord other than the one before it, bool [B, T].
        style: float32 [B, S].
    """

    rows: Tensor
    targets: Tensor
    given: Tensor
    changed: Tensor
    style: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence, as `Batch` describes it, without the B."""

    rows: Rows
    targets: Rows
    given: Rows
    changed: npt.NDArray[np.bool_]
    style: npt.NDArray[np.float32]


def stack(examples: Iterable[Example]) -> Batch:
    """A batch of examples of one length."""
    columns = zip(*(tuple(getattr(one, field.name) for field in fields(one)) for one in examples), strict=True)
    return Batch(*(torch.from_numpy(np.stack(column)) for column in columns))


def encode(take: Take) -> Rows:
    """Rows of a take, int64 [events, F], with the velocity absent where the source has none."""
    rows = encode_events(take.events)
    rows[np.asarray(take.silent, dtype=np.bool_), v.COLUMN["velocity"]] = 0
    return rows


def transpose(rows: Rows, semitones: int) -> Rows:
    """All pitches but the drums' and all roots moved; moved the other octave round where a pitch would leave 0..127."""
    rows = rows.copy()
    pitch = rows[:, v.COLUMN["pitch"]]
    tonal = (pitch > 0) & (rows[:, v.COLUMN["part"]] != 1 + Part.DRUMS)
    if semitones > 0 and pitch[tonal].max(initial=0) + semitones > 128:
        semitones -= 12
    elif semitones < 0 and pitch[tonal].min(initial=128) + semitones < 1:
        semitones += 12
    pitch[tonal] += semitones
    root = rows[:, v.COLUMN["root"]]
    named = (root > 0) & (root < v.NO_ROOT)
    root[named] = (root[named] - 1 + semitones) % 12 + 1
    return rows


def hide_history(rows: Rows) -> Rows:
    """What the network reads where it must listen to the player: its own chords and pitches are absent.

    As on the stage, this is so in the windows in which it accompanies; where it has the lead, it must know what it played.
    """
    rows = rows.copy()
    agent = (rows[:, 0] == v.KIND["CHORD"]) | (rows[:, 0] == v.KIND["NOTE"])
    rows[np.ix_(agent & ~_leads(rows), _HIDDEN_COLUMNS)] = 0
    return rows


def _leads(rows: Rows) -> npt.NDArray[np.bool_]:
    """Whether the agent has the lead in the window that each event stands in, [T]; not before the first."""
    tick = rows[:, 0] == v.KIND["TICK"]
    window = np.maximum.accumulate(np.where(tick, np.arange(len(rows)), -1))
    lead: npt.NDArray[np.bool_] = _LEAD_PARTS[rows[window, v.COLUMN["parts"]]] & (window >= 0)
    return lead


def chord_changes(rows: Rows) -> npt.NDArray[np.bool_]:
    """Whether the next event is a chord other than the last chord, [T - 1]; the first is a change."""
    changed = np.zeros(len(rows), dtype=np.bool_)
    (chords,) = np.nonzero(rows[:, 0] == v.KIND["CHORD"])
    symbols = rows[chords][:, [v.COLUMN["root"], v.COLUMN["quality"]]]
    changed[chords] = np.concatenate([np.ones(min(1, len(chords)), np.bool_), (symbols[1:] != symbols[:-1]).any(axis=1)])
    return changed[1:]


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
    """Training sequences: piece by corpus weight, staging and role, transposition, hidden history.

    Each is a pure function of the seed, the step and its place in the step.

    Args:
        pieces: what may be drawn; those without a melody are not.
        weights: share of the sequences by corpus; corpora that are not named are not drawn.
        styles: names behind the style weights, in order; a piece of a style that is not named has none.
        length: events a sequence, T.
        seed: the same seed draws the same sequences.
        roles: weights of the roles by name, instead of their own.

    Raises:
        InputError: there is no piece of any of the named corpora.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        weights: Mapping[str, float],
        styles: Iterable[str],
        *,
        length: int,
        seed: int,
        roles: Mapping[str, float] | None = None,
    ) -> None:
        self.styles, self.length, self.seed, self.roles = tuple(styles), length, seed, roles
        self.pieces = pieces
        by_corpus: dict[str, list[int]] = {name: [] for name in weights}
        for index, piece in enumerate(pieces):
            if piece.melody and piece.corpus in by_corpus:
                by_corpus[piece.corpus].append(index)
        self.groups = [group for group in by_corpus.values() if group]
        if not self.groups:
            raise InputError(f"there is no piece to train on of {', '.join(weights)}")
        shares = np.array([weights[name] for name, group in by_corpus.items() if group])
        self.shares = shares / shares.sum()

    def batch(self, step: int, indices: Iterable[int]) -> Batch:
        """The sequences of a step that stand at `indices`."""
        return stack(self._example(np.random.default_rng([self.seed, step, index])) for index in indices)

    def _example(self, rng: np.random.Generator) -> Example:
        group = self.groups[int(rng.choice(len(self.groups), p=self.shares))]
        style = ""
        takes: list[Rows] = []
        hidden = bool(rng.random() < 0.5)
        while sum(map(len, takes)) <= self.length:
            piece = self.pieces[group[int(rng.integers(len(group)))]]
            if not style or piece.style == style:
                style = piece.style
                takes.append(transpose(encode(draw_take(piece, self.length, rng, self.roles)), int(rng.integers(-6, 6))))
        rows = np.concatenate(takes)[: self.length + 1]
        # No style at all is a style too.
        named = rng.random() >= 0.1
        return example_of(rows, hidden, style_weights(style if named else "", self.styles))


def example_of(rows: Rows, hidden: bool, style: npt.NDArray[np.float32]) -> Example:
    """What is read and what is to be predicted of T + 1 events; `hidden`: the network does not see its own harmony."""
    targets, given = targets_and_given(rows)
    seen = hide_history(rows) if hidden else rows
    return Example(seen[:-1], targets, given, chord_changes(rows), style)


def style_weights(name: str, styles: Iterable[str]) -> npt.NDArray[np.float32]:
    """One-hot; all zero for a style that is not among them."""
    return np.array([name == style for style in styles], dtype=np.float32)
