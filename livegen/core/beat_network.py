"""What strikes say of the beat: a recurrent network that hears one strike after the other.

Two layers of gated recurrent units (Cho et al., 2014) over `strike_features`, trained by `python -m models.beat_network`. After
each strike it says on which place of its beat that is, and how long the beat is. It keeps no tempo and no grid: what it says is
evidence for the beat tracker, which holds it against what it knows already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from livegen.core import beat_statistics as fitted
from livegen.core.archives import read_arrays
from livegen.core.errors import ModelError
from livegen.core.strike_features import FEATURES

Floats = npt.NDArray[np.float64]
State = tuple[Floats, ...]
"""What it remembers after a strike, [units] each layer."""

FILE = "beats.npz"
"""Among the pretrained models of this package."""
PLACES: Final = len(fitted.PLACES) + 1
"""How many: those of `beat_statistics.PLACES`, and all others as the last."""
PERIODS_S: Floats = np.geomspace(60 / 260, 60 / 44, 48)
"""Of beats: 260 to 44 a minute."""
UNTOLD = 4
"""Strikes at the beginning of which it says nothing that counts: it isn't taught to."""
LAYERS = 2
_AGAIN = "install livegen again, or train it again"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a strike says.

    Attributes:
        places: logarithm of how much likelier each place is than it usually is, [13].
        periods: logarithm of how likely the beat is to be as long as each of `PERIODS_S`, [48].
    """

    places: Floats
    periods: Floats


class BeatNetwork:
    """Immutable: who asks keeps the state. Any thread; about 0.2 ms a strike.

    Args:
        arrays: by name as `shapes` has them.

    Raises:
        ModelError: one is missing, has another shape, or something in it is no finite number.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        units = len(arrays["entrance_bias"]) if "entrance_bias" in arrays else 0
        for name, shape in shapes(units).items():
            if name not in arrays or arrays[name].shape != shape:
                found = arrays[name].shape if name in arrays else "missing"
                raise ModelError(f"the beat network's {name} is {found}, not {shape}")
            if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
                raise ModelError(f"the beat network's {name} has something that is no number")
        self.units: Final = units
        self.arrays: Final = {name: arrays[name].astype(np.float64) for name in shapes(units)}
        self.silence: State = (np.zeros(units),) * LAYERS

    def hear(self, state: State, features: Floats) -> tuple[State, Opinion]:
        """What a strike says after those before it, [FEATURES], and the state after it."""
        weights = self.arrays
        value = _gelu(weights["entrance"] @ features + weights["entrance_bias"])
        after = []
        for layer, before in enumerate(state):
            into = weights[f"into_{layer}"] @ value + weights[f"into_bias_{layer}"]
            back = weights[f"back_{layer}"] @ before + weights[f"back_bias_{layer}"]
            reset, update, _ = np.split(_sigmoid(into + back), 3)
            new = np.tanh(np.split(into, 3)[2] + reset * np.split(back, 3)[2])
            value = new + update * (before - new)
            after.append(value)
        places = _logs(weights["places"] @ value + weights["places_bias"]) - weights["usual_places"]
        return tuple(after), Opinion(places, _logs(weights["periods"] @ value + weights["periods_bias"]))


def shapes(units: int) -> dict[str, tuple[int, ...]]:
    """The arrays of a network with so many units a layer."""
    layers = {
        f"{name}_{layer}": shape
        for layer in range(LAYERS)
        for name, shape in {
            "into": (3 * units, units),
            "into_bias": (3 * units,),
            "back": (3 * units, units),
            "back_bias": (3 * units,),
        }.items()
    }
    return {
        "entrance": (units, FEATURES),
        "entrance_bias": (units,),
        **layers,
        "places": (PLACES, units),
        "places_bias": (PLACES,),
        "usual_places": (PLACES,),
        "periods": (len(PERIODS_S), units),
        "periods_bias": (len(PERIODS_S),),
    }


@cache
def beat_network() -> BeatNetwork:
    """The one that comes with livegen. Reads its file the first time.

    Raises:
        ModelError: the file is missing or damaged.
    """
    with as_file(files("livegen") / "pretrained" / FILE) as path:
        return read_network(path)


def read_network(path: Path) -> BeatNetwork:
    """The one in a file.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        return BeatNetwork(read_arrays(path, "a beat network"))
    except ModelError as error:
        raise ModelError(f"{error}: {_AGAIN}") from error


def _sigmoid(value: Floats) -> Floats:
    """Without overflow."""
    found: Floats = 0.5 * (1 + np.tanh(0.5 * value))
    return found


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(value: Floats) -> Floats:
    found: Floats = value * 0.5 * (1 + _erf(value / math.sqrt(2)))
    return found


def _logs(value: Floats) -> Floats:
    """Of shares that sum to 1."""
    found: Floats = value - np.logaddexp.reduce(value)
    return found
