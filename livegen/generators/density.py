"""The density knob: more or fewer notes, without touching what they are.

What comes next in a window is its end, or a note of a part at an onset. A generator predicts it in three fields (kind, part,
pulse), and none of them alone says how busy the music is: the kind ends the window, the part can leave the others behind, and a
note at the onset of the last one makes a chord fuller, not the music denser. So the three are put together, the whole is tilted
(exponentially, by how many strikes a choice stands for), and taken apart again.

A network that is sure of its rhythm leaves nothing to tilt: what has no chance stays without. So the knob first gives a little
of the chance to what it asks for, a strike on the grid or an end. And a network that is kept from its bass notes takes the
chords for all there is, strikes them more and thickens them: where it is sparse, a strike that joins another part's costs less,
and a full chord seldom grows. Else how full a chord is stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.events import PULSES_PER_BEAT, Note, Part
from livegen.generators.window import Mask, WindowGrammar

Predict = Callable[[str, Mapping[str, int]], npt.ArrayLike]
"""Logits of a field over its classes, given the classes of the event's fields that are known (others are missing)."""

Logits = npt.NDArray[np.float64]

_DOUBLINGS = np.log2([1, *v.DURATIONS])

MORE, FEWER = 2.5, 1.5
"""Nats that a strike gains at density 1, and loses at -1. It takes more to bring out what a model was not about to do."""

DOUBT = 0.03
"""Share of the chance that goes to an end at density -1, and 1.5 times that to each part at 1, whatever the network says."""

GRID: dict[int, float] = {0: 0.5, PULSES_PER_BEAT // 4: 0.25, PULSES_PER_BEAT // 2: 0.5, 3 * PULSES_PER_BEAT // 4: 0.25}
"""Where in the beat a doubted strike falls, in pulses, and how much of the share each part has there."""

FULLER = 4.0
"""Nats that one more tone in a chord that has its three costs at density -1."""

LONGER = 4.0
"""Nats that each doubling of its length costs a held note at density 1, and gains it at -1: who is held is not struck."""


TRIAD = 3
"""Pitch classes of a full chord."""

_GRID = np.zeros(v.SIZE["pulse"])
_GRID[[1 + onset for onset in GRID]] = list(GRID.values())


class Tilt:
    """Logits of `kind`, `part` and `pulse` of the next event, tilted. Costs a prediction for each part that may play.

    Args:
        predict: what the untilted logits come from.
        given: the window's chord, as classes.
        grammar: the window so far.
        density: -1..1.
    """

    def __init__(self, predict: Predict, given: Mapping[str, int], grammar: WindowGrammar, density: float) -> None:
        allowed = grammar.kinds()
        kinds = _probabilities(predict("kind", given), allowed)
        end, note = kinds[v.KIND["END"]], kinds[v.KIND["NOTE"]]
        joint = np.zeros((v.SIZE["part"], v.SIZE["pulse"]))  # what the next note is, if there is one
        doubted = np.zeros_like(joint)
        wanted = grammar.parts()
        if wanted.any():
            parts = _probabilities(predict("part", given), wanted)
            for klass in np.flatnonzero(wanted):
                onsets = grammar.onsets(Part(int(klass) - 1))
                joint[klass] = note * parts[klass] * _probabilities(predict("pulse", {**given, "part": int(klass)}), onsets)
                doubted[klass] = np.where(onsets, _GRID, 0.0)
        strikes, joined = joint.copy(), 0.0
        if grammar.notes:
            last = (1 + grammar.notes[-1].part, 1 + grammar.notes[-1].onset)
            joined = joint[last]
            strikes[last] = doubted[last] = 0.0
        doubt = DOUBT * abs(density) * (end + strikes.sum())
        if density > 0:
            strikes += doubt * doubted
        elif allowed[v.KIND["END"]]:
            end += doubt
        if density > 0:
            strikes *= np.exp(MORE * density * _strikes(wanted, grammar.hop))
        else:
            strikes *= np.exp(FEWER * density * _strikes(wanted, grammar.hop) * _alone(grammar))
        if density < 0 and _full(grammar.notes):
            joined *= np.exp(FULLER * density)
        # What is not joined to the last note shares what it had between an end and a strike.
        share = (1.0 - joined) / max(end + strikes.sum(), np.finfo(float).tiny)
        joint = strikes * share
        if grammar.notes:
            joint[last] = joined
        kind = np.zeros(v.SIZE["kind"])
        kind[v.KIND["END"]], kind[v.KIND["NOTE"]] = end * share, joint.sum()
        self._density = density
        self.kind = _log(kind)
        self.part = _log(joint.sum(axis=1))
        self._pulses = _log(joint)

    def duration(self, logits: npt.ArrayLike) -> Logits:
        """Logits of the duration of a note that is held until another is struck, [classes], from untilted ones."""
        tilted: Logits = np.asarray(logits, dtype=np.float64) - LONGER * self._density * _DOUBLINGS
        return tilted

    def pulse(self, part: int) -> Logits:
        """Logits of the onset, [classes], given the class of the part."""
        pulses: Logits = self._pulses[part]
        return pulses


def _alone(grammar: WindowGrammar) -> Logits:
    """What share of a strike counts, [parts, pulses]: half where another part strikes too, so that it stays along."""
    share = np.ones((v.SIZE["part"], v.SIZE["pulse"]))
    for note in grammar.notes:
        share[np.arange(len(share)) != 1 + note.part, 1 + note.onset] = 0.5
    return share


def _full(notes: Sequence[Note]) -> bool:
    """Whether the last note completed a chord, or made a full one fuller."""
    return len({note.pitch % 12 for note in notes if (note.part, note.onset) == (notes[-1].part, notes[-1].onset)}) >= TRIAD


def _strikes(wanted: Mask, hop: int) -> Logits:
    """How many strikes a choice stands for, [parts, pulses]: itself, the room that it leaves, and the parts after it."""
    room = 1.0 - (np.arange(v.SIZE["pulse"]) - 1) / hop
    after = wanted.sum() - np.cumsum(wanted)
    strikes: Logits = 1.0 + room[np.newaxis, :] + after[:, np.newaxis]
    return strikes


def _probabilities(logits: npt.ArrayLike, allowed: Mask) -> Logits:
    """Softmax over what is allowed and finite, [classes]; all 0 where nothing is."""
    scores = np.asarray(logits, dtype=np.float64)
    scores = np.where(allowed & np.isfinite(scores), scores, -np.inf)
    if not np.isfinite(scores).any():
        return np.zeros_like(scores)
    weights: Logits = np.exp(scores - scores.max())
    weights /= weights.sum()
    return weights


def _log(probabilities: Logits) -> Logits:
    with np.errstate(divide="ignore"):
        logits: Logits = np.log(probabilities)
    return logits
