"""Python's cyclic garbage, in steps that are too small to be heard."""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (300, 2, 1000)
"""Objects that begin a step, young steps that begin a longer one, and longer ones that begin a look through everything. With
Python's own, 700, 10 and 10, a longer step takes 1 ms, and everything is looked through every some seconds."""


def settle() -> None:
    """Never look through again what is there now, and look through what comes in small steps; the process's, any thread."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
