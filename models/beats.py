"""Fit the numbers of the beat tracker: `python -m models.beats --data DIR --out livegen/core/beat_statistics.py`.

Training pieces are played with tempi that come and go and notes that are off, and the numbers move so that the tracker,
without its network, believes after each strike in the beat that is. It goes on from the numbers that the tracker has; the same
numbers, pieces and seed give the same ones again.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from livegen.core import beat_statistics as fitted
from livegen.core.beat_grid import NEAR, PERIODS, Layout
from livegen.core.errors import LivegenError
from livegen.core.strikes import FRAME_NS
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.networks.beats import BeatFilter, Heard, heard
from models.performances import Manner, Performance, line_of, perform
from models.progress import Progress
from models.shards import open_pieces

_EACH = 220
"""Pieces of a corpus, at most."""
_BALANCE = 0.6
"""How far small corpora are played as often as large ones: 0 by their pieces, 1 all alike."""
_FEWEST_STRIKES = 12
_NOISE_S = (0.005, 0.015, 0.03, 0.03, 0.03)
_BEATS, _LATE_STARTS = 40, 24
_EARLY_BEATS, _EARLY_WEIGHT, _SILENT_BEATS = 4.0, 0.3, 1.5
"""Beats until which it needn't be sure yet, what these weigh, and how many don't count at all."""
_DOUBT = 0.01
"""So much is never believed against: labels err."""
_AGREE_NS = 60e6


@dataclass(frozen=True, slots=True)
class Lesson:
    """Strikes, the states that are right after each, bool [strikes, states], and what each counts: seconds until the next."""

    strikes: list[Heard]
    right: Tensor
    weights: Tensor


def lesson(performance: Performance, layout: Layout, strikes: int) -> Lesson:
    """The begin of a performance as something to learn from."""
    line, beats = heard(performance)[:strikes], performance.beats_ns
    spans = np.diff(beats)
    right, weights = [], []
    for at, strike in enumerate(line):
        beat = int(np.clip(np.searchsorted(beats, strike.time_ns, side="right") - 1, 0, len(spans) - 1))
        place = beat + (strike.time_ns - beats[beat]) / spans[beat]
        off = np.abs((layout.until - (-place) % 1.0 + 0.5) % 1.0 - 0.5) * layout.period * FRAME_NS
        tempo = np.abs(np.log(layout.period * FRAME_NS / spans[beat])) < NEAR + 0.02
        right.append(tempo & (off < _AGREE_NS))
        seconds = min(line[at + 1].frames, 60) * FRAME_NS / 1e9 if at + 1 < len(line) else 0.4
        weights.append(seconds * (1.0 if place >= _EARLY_BEATS else _EARLY_WEIGHT if place > _SILENT_BEATS else 0.0))
    return Lesson(line, torch.tensor(np.array(right)), torch.tensor(weights, dtype=torch.float32))


def surprise(model: BeatFilter, lessons: Sequence[Lesson]) -> Tensor:
    """Mean negative logarithm of what is believed in the right states, scalar."""
    longest = max(len(each.strikes) for each in lessons)
    right = torch.stack([_padded(each.right, longest) for each in lessons])
    weights = torch.stack([_padded(each.weights, longest) for each in lessons])
    believed = torch.stack(list(model([each.strikes for each in lessons])), dim=1)
    logs = torch.log((believed * right).sum(dim=2) + _DOUBT)
    return -(weights * logs).sum() / weights.sum()


def _padded(values: Tensor, length: int) -> Tensor:
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])


class School:
    """Pieces, drawn and played at random."""

    def __init__(self, pieces: Sequence[Piece], layout: Layout, seed: int, strikes: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._layout, self._strikes = layout, strikes
        counts, chosen = Counter[str](), list[Piece]()
        slowest, fastest = 60e9 / FRAME_NS / PERIODS[[-1, 0]]
        for at in self._rng.permutation(len(pieces)):
            piece = pieces[int(at)]
            if counts[piece.corpus] < _EACH and slowest <= piece.tempo_bpm <= fastest:
                counts[piece.corpus] += 1
                chosen.append(piece)
        self._pieces = chosen
        weights = np.array([counts[piece.corpus] ** -_BALANCE for piece in chosen])
        self._weights = weights / weights.sum()

    def lessons(self, count: int) -> list[Lesson]:
        """So many, of random pieces in random manners."""
        found: list[Lesson] = []
        while len(found) < count:
            piece = self._pieces[int(self._rng.choice(len(self._pieces), p=self._weights))]
            notes = line_of(piece, whole=bool(self._rng.random() < 0.5))
            performance = perform(piece, notes, self._manner(), self._rng)
            if len(performance.notes) > _FEWEST_STRIKES and len(performance.beats_ns) > 2:
                taught = lesson(performance, self._layout, self._strikes)
                if len(taught.strikes) > _FEWEST_STRIKES:
                    found.append(taught)
        return found

    def _manner(self) -> Manner:
        rng = self._rng
        return Manner(
            noise_s=float(rng.choice(_NOISE_S)),
            depth=float(rng.uniform(0, 0.15)) if rng.random() < 0.8 else 0.3,
            roll_s=float(rng.uniform(0, 0.03)) if rng.random() < 0.3 else 0.0,
            first=0 if rng.random() < 0.7 else int(rng.integers(1, _LATE_STARTS)),
            beats=_BEATS,
        )


def fit(model: BeatFilter, school: School, steps: int, batch: int, rate: float) -> None:
    """Change the numbers, with a learning rate that falls to nothing. Blocks for a second or two a step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.98))
    progress = Progress(steps)
    recent = math.nan
    for step in range(steps):
        progress.show(step, f"surprise {recent:.3f}")
        for group in optimiser.param_groups:
            group["lr"] = rate * max(0.03, 1 - step / steps)
        loss = surprise(model, school.lessons(batch))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent = loss.item() if math.isnan(recent) else 0.97 * recent + 0.03 * loss.item()
    progress.show(steps, f"surprise {recent:.3f}")
    progress.close()


_PAGE = '''"""How strikes lie in beats, as the corpora have it: the numbers of the beat tracker.

Fitted by `python -m models.beats --data DIR --out livegen/core/beat_statistics.py`.
"""

from __future__ import annotations

import numpy as np

PLACES = {PLACES}
"""Of a beat, in pulses."""

KINDS = {KINDS}
"""Of the places: 0 the beat, 1 its half, 2 its thirds, 3 all others."""

TEMPI_BPM = {TEMPI_BPM}
"""Between these what depends on the tempo is interpolated over its logarithm, and beyond them it stays."""

# fmt: off
STRIKES = np.array({STRIKES})
"""Chance of a strike, [patterns, places]."""

TRANSITIONS = np.array({TRANSITIONS})
"""Logarithm of how much a pattern, by row, likes another to follow it, [patterns, patterns]."""

PATTERN_BY_TEMPO = np.array({PATTERN_BY_TEMPO})
"""What the tempo adds to that, [tempi, patterns]."""

FIRST_PATTERN = np.array({FIRST_PATTERN})
"""Logarithm of how much the first beat likes a pattern, [patterns]."""

TEMPO = np.array({TEMPO})
"""Logarithm of how likely a tempo is, [tempi]."""

GROWTH = np.array({GROWTH})
"""What each beat adds for a tempo, so that neither too few nor too many are counted, [tempi]."""
# fmt: on

FIRST_PLACE = {FIRST_PLACE}
"""Logarithm of how likely the first strike is on a place, by kind."""

CHORDS = {CHORDS}
"""How likely a further note of a strike is at a place, by kind."""

CHORD_FLOOR = {CHORD_FLOOR}
"""The same, anywhere."""

CHORD_WEIGHT = {CHORD_WEIGHT}
"""How much that says: the notes of a strike aren't placed independently."""

STRAY = {STRAY}
"""Strikes a second that fall on no place."""

SPREAD_NS = {SPREAD_NS}
"""Standard deviation of strikes around their places."""

DRIFT = {DRIFT}
"""Standard deviation of the tempo's logarithm from a beat to the next."""

OCTAVE = {OCTAVE}
"""Chance, from a beat to the next, that it is better counted twice or half as fast."""

JUMP = {JUMP}
"""Chance, from a beat to the next, that the tempo is any other."""
'''


def page(numbers: dict[str, Any]) -> str:
    """The source of `livegen.core.beat_statistics` with these numbers."""
    fixed = {name: str(getattr(fitted, name)) for name in ("PLACES", "KINDS", "TEMPI_BPM")}
    return _PAGE.format(**fixed, **{name: _text(name, value) for name, value in numbers.items()})


def _text(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray):
        digits = 3 if name == "STRIKES" else 2
        text = np.array2string(np.round(value, digits) + 0.0, separator=", ", max_line_width=120, floatmode="maxprec")
        return "\n    ".join(line for line in text.splitlines() if line)
    if isinstance(value, list):
        return f"({', '.join(f'{number:.3g}' for number in value)})"
    return f"{value:.0f}" if name == "SPREAD_NS" else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m models.beats", description="Fit the numbers of the beat tracker.")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--out", type=Path, required=True, help="the module to write")
    parser.add_argument("--steps", type=int, default=1500, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="performances a step (default: %(default)s)")
    parser.add_argument("--strikes", type=int, default=60, help="of a performance, at most (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.05, help="learning rate at first (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        training, _, _ = split(open_pieces(options.data))
        model = BeatFilter()
        fit(model, School(training, model.layout, options.seed, options.strikes), options.steps, options.batch, options.rate)
        options.out.write_text(page(model.numbers()), encoding="utf-8")
    except (LivegenError, OSError) as error:
        print(f"not fitted: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
