"""The same work on many items, here or in worker processes; the results don't depend on which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[int, str], object]
"""Is given how many items are done, and the next one's name."""


def each(
    work: Callable[[Item], Result], items: Sequence[Item], names: Sequence[str], progress: Progress, workers: int = 1
) -> list[Result]:
    """`work` of every item, in their order.

    Args:
        work: a function without memory; with several workers it must pickle, and so must items and results.
        items: what is worked on.
        names: of the items, for `progress`.
        progress: is told before each item, and when all are done.
        workers: processes; with 1 all is done in this one.
    """
    results: list[Result] = []
    if workers > 1:
        # Spawned, not forked: a fork would copy the threads that onnxruntime and torch may hold.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for name, result in zip(names, pool.map(work, items), strict=True):
                progress(len(results), name)
                results.append(result)
    else:
        for name, item in zip(names, items, strict=True):
            progress(len(results), name)
            results.append(work(item))
    progress(len(results), "")
    return results
