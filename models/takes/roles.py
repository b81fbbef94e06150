"""From a piece to what the stage would hear: who is the player and who is the agent.

A role casts a piece: it says what the player plays, when the agent has a turn, and what it plays there. `draw_take` draws all
that there is to draw: the stretch of the piece, its variation, the role, the staging.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from models.corpora.piece import Piece, PieceNote
from models.corpora.texture import one_keyboard
from models.takes.casting import Cast, Turn
from models.takes.excerpts import chord_at, cut, excerpt, length_of
from models.takes.passing import (
    GAPS_PULSES,
    first_window,
    heard_out,
    last_end,
    passing,
    phrase_starts,
    released,
    stints,
    within,
)
from models.takes.staging import Staging, draw_staging
from models.takes.timeline import HARMONY, Take, perform
from models.takes.variations import varied

__all__ = [
    "HARMONY", "ROLES", "Role", "Staging", "Take", "accompany", "chord_at", "cut", "draw_staging", "draw_take", "length_of",
    "respond",
]  # fmt: skip

LEAD = frozenset({Part.LEAD})
_NOBODY: frozenset[Part] = frozenset()

_ALONE_SHARE = 0.25
_DRUMS_SHARE = 0.3


def accompany(piece: Piece, staging: Staging, parts: frozenset[Part], rng: np.random.Generator) -> Take:
    """The player has the melody, the agent `parts` in every window from the first to the last."""
    turn = Turn(piece.bar_offset % PULSES_PER_BEAT, length_of(piece), frozenset(parts))
    return perform(Cast(piece, piece.melody, (turn,), piece.parts), staging, rng, "accompany")


def respond(piece: Piece, staging: Staging, rng: np.random.Generator) -> Take:
    """Phrases of the melody in turn: one to three for the player, then one or two for the agent, and so on."""
    return perform(cast_respond(piece, rng), staging, rng, "respond")


def cast_accompany(piece: Piece, rng: np.random.Generator) -> Cast:
    """The agent has chords and bass, or one of them, under the player's melody; the drums too in some where there are any."""
    parts = harmony_of(piece)
    if rng.random() < _ALONE_SHARE:
        parts = _one_of(parts, rng)
    if piece.parts.get(Part.DRUMS) and rng.random() < _DRUMS_SHARE:
        parts |= {Part.DRUMS}
    return Cast(piece, piece.melody, stints(piece.melody, parts, piece), piece.parts)


def cast_two_hands(piece: Piece, rng: np.random.Generator) -> Cast:
    """The player has the melody and the chords or the bass under it, the agent what is left."""
    parts = harmony_of(piece)
    agent = _one_of(parts, rng)
    player = one_keyboard([*piece.melody, *_notes(piece, parts - agent)])
    return Cast(piece, player, stints(player, agent, piece), piece.parts)


def cast_solo(piece: Piece, rng: np.random.Generator) -> Cast:
    """The player has chords and bass, or one of them, the agent the melody over it, and in some the bass that is left."""
    parts = harmony_of(piece)
    player = _one_of(parts, rng) if rng.random() < _ALONE_SHARE else parts
    agent = LEAD | (parts - player - {Part.CHORDS} if rng.random() < 0.5 else _NOBODY)
    notes = one_keyboard(_notes(piece, player))
    return Cast(piece, notes, stints(notes, agent, piece), {**piece.parts, Part.LEAD: piece.melody})


def cast_respond(piece: Piece, rng: np.random.Generator) -> Cast:
    """One to three phrases for the player, then one or two for the agent, who waits for the player's silence."""
    player: list[PieceNote] = []
    turns = []
    stretches = passing(piece, (1, 3), (1, 2), rng)
    for stretch in stretches:
        if stretch.agents:
            window = first_window(stretch.start, piece)
            gap = int(rng.integers(GAPS_PULSES[0], GAPS_PULSES[1] + 1))
            player = released(player, window - gap - int(rng.integers(PULSES_PER_BEAT)))
            turns.append(Turn(stretch.start, last_end(piece.melody, stretch), LEAD, heard_out(player, gap, window)))
        else:
            player += within(piece.melody, [stretch])
    return Cast(piece, player, turns, {Part.LEAD: within(piece.melody, [stretch for stretch in stretches if stretch.agents])})


def cast_continue(piece: Piece, rng: np.random.Generator) -> Cast:
    """The player's melody is handed to the agent for two to six phrases, at the pedal's word."""
    return _handed_over(piece, _NOBODY, rng)


def cast_take_over(piece: Piece, rng: np.random.Generator) -> Cast:
    """The player plays the whole texture, and the agent carries all of it on."""
    return _handed_over(piece, harmony_of(piece), rng)


def _handed_over(piece: Piece, harmony: frozenset[Part], rng: np.random.Generator) -> Cast:
    stretches = passing(piece, (1, 4), (2, 6), rng)
    own = [stretch for stretch in stretches if stretch.agents]
    player: list[PieceNote] = []
    turns = []
    for stretch in stretches:
        if stretch.agents:
            player = released(player, stretch.start)
            since = first_window(stretch.start, piece) - int(rng.integers(2, PULSES_PER_BEAT + 1))
            end = stretch.end if harmony else last_end(piece.melody, stretch)
            turns.append(Turn(stretch.start, end, LEAD | harmony, since))
        else:
            player += one_keyboard(within(sorted([*piece.melody, *_notes(piece, harmony)], key=_order), [stretch]))
    lines = {part: within(notes, own) for part, notes in piece.parts.items()}
    return Cast(piece, player, turns, {**lines, Part.LEAD: within(piece.melody, own)})


def cast_trade(piece: Piece, rng: np.random.Generator) -> Cast:
    """The agent accompanies, and leads some phrases itself; its chords go on under its lead, or stop."""
    harmony = harmony_of(piece)
    leading = LEAD | (harmony if rng.random() < 0.7 else _NOBODY)
    stretches = passing(piece, (1, 3), (1, 2), rng)
    own = [stretch for stretch in stretches if stretch.agents]
    turns: list[Turn] = []
    player: list[PieceNote] = []
    for stretch in stretches:
        if stretch.agents:
            turns.append(Turn(stretch.start, stretch.end, leading))
            player = released(player, stretch.start)
            continue
        notes = within(piece.melody, [stretch])
        player += notes
        if turns:
            turns.append(Turn(stretch.start, stretch.end, harmony))
        elif notes:
            turns += [Turn(turn.start, stretch.end, harmony, turn.since) for turn in stints(notes[:1], harmony, piece)[:1]]
    lines = {**piece.parts, Part.LEAD: within(piece.melody, own)}
    return Cast(piece, player, turns, lines)


@dataclass(frozen=True, slots=True)
class Role:
    """A way to cast a piece: how often beside the others, for which pieces, how, and whether its parts are played at all."""

    weight: float
    suits: Callable[[Piece], bool]
    cast: Callable[[Piece, np.random.Generator], Cast]
    parts: bool = True


def harmony_of(piece: Piece) -> frozenset[Part]:
    """Chords and bass, as far as the piece has them."""
    return frozenset(part for part in HARMONY if piece.parts.get(part))


def _accompanied(piece: Piece) -> bool:
    return bool(harmony_of(piece))


def _in_phrases(piece: Piece) -> bool:
    return len(phrase_starts(piece)) > 1


def _full(piece: Piece) -> bool:
    return _accompanied(piece) and _in_phrases(piece)


ROLES: dict[str, Role] = {
    "accompany": Role(0.52, _accompanied, cast_accompany),
    "two hands": Role(0.06, lambda piece: harmony_of(piece) == HARMONY, cast_two_hands),
    "solo": Role(0.08, _accompanied, cast_solo),
    "trade": Role(0.08, _full, cast_trade),
    "respond": Role(0.14, _in_phrases, cast_respond, parts=False),
    "continue": Role(0.05, _in_phrases, cast_continue, parts=False),
    "take over": Role(0.07, _full, cast_take_over),
}
"""All roles by name. Weights count among the roles that suit a piece."""


def draw_take(piece: Piece, events: int, rng: np.random.Generator, weights: Mapping[str, float] | None = None) -> Take:
    """A take of about `events` events: a stretch of the piece, varied, cast and staged at random.

    Args:
        piece: what is played.
        events: how long the stretch should be; the whole piece where that is shorter.
        rng: the same state draws the same take.
        weights: of the roles by name, instead of their own; a role that is not named is not drawn.

    Raises:
        InputError: nobody can be cast: the piece has no melody.
    """
    if not piece.melody:
        raise InputError(f"{piece.corpus}/{piece.work}: there is no melody, so the player has nothing to play")
    name = _drawn_role(piece, weights, rng)
    piece = varied(excerpt(piece, events, rng, ROLES[name].parts), rng)
    if not ROLES[name].suits(piece):
        # The stretch lacks what the whole has, such as a second phrase.
        name = _drawn_role(piece, weights, rng)
    return perform(ROLES[name].cast(piece, rng), draw_staging(rng), rng, name)


def _drawn_role(piece: Piece, weights: Mapping[str, float] | None, rng: np.random.Generator) -> str:
    """A role that suits the piece; to respond suits a player who is only heard out."""
    weights = {name: role.weight for name, role in ROLES.items()} if weights is None else weights
    names = [name for name in weights if ROLES[name].suits(piece)] or ["respond"]
    shares = np.array([weights.get(name, 1.0) for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def _one_of(parts: frozenset[Part], rng: np.random.Generator) -> frozenset[Part]:
    return frozenset({sorted(parts)[int(rng.integers(len(parts)))]})


def _notes(piece: Piece, parts: frozenset[Part]) -> list[PieceNote]:
    return [note for part in sorted(parts) for note in piece.parts[part]]


def _order(note: PieceNote) -> tuple[int, int]:
    return (note.onset, note.pitch)
