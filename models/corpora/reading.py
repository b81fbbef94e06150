"""Reading many works in worker processes: a file that hangs or kills its reader costs one file, never the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from models.corpora.keys import key_of
from models.corpora.piece import Piece
from models.corpora.source import QuarantinedError, Read, Reading, Work

LIMIT_S = 60.0
"""Seconds that one work may take. The longest of our corpora take two or three."""

_START_S = 30.0
"""Seconds within which a worker must say that it begins to read: a new one has to load what it reads with."""

_GRACE_S = 1.0
"""Seconds that a worker has to end by itself."""

Outcome = Reading | str
"""What a work gave, or the reason why it gave nothing."""


def read_one(read: Read, work: Work) -> Outcome:
    """Reads a work; each piece has its key after it, estimated where the loader gave none. Never raises."""
    try:
        reading = read(work)
    except QuarantinedError as error:
        return str(error)
    except (MemoryError, RecursionError) as error:
        return f"too much for the reader: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001 - a file must not end the run, whatever it does to a reader
        return f"the reader failed: {type(error).__name__}: {error}"
    return replace(reading, pieces=[keyed(piece) for piece in reading.pieces])


def keyed(piece: Piece) -> Piece:
    """The piece with its key, estimated where there is none."""
    return piece if piece.key is not None else replace(piece, key=key_of(piece.pitched))


def read_works(
    read: Read,
    works: Sequence[Work],
    workers: int = 0,
    limit_s: float = LIMIT_S,
    shown: Callable[[int], None] = lambda _done: None,
) -> list[Outcome]:
    """What each work gave, in the order of `works`; the result does not depend on the number of workers.

    Blocks until all is read.

    Args:
        read: the corpus's reader, a function that can be pickled.
        works: what to read.
        workers: processes that read; with 0 the caller does, without a time limit.
        limit_s: seconds that a work may take in a worker.
        shown: called with the number of works that are done.
    """
    if workers < 1:
        outcomes = []
        for done, work in enumerate(works):
            shown(done)
            outcomes.append(read_one(read, work))
        return outcomes
    by_place: dict[int, Outcome] = {}
    for place, outcome in _in_workers(read, works, min(workers, len(works)), limit_s):
        by_place[place] = outcome
        shown(len(by_place))
    return [by_place[place] for place in range(len(works))]


@dataclass(slots=True)
class _Worker:
    """A process, the line to it, the place of the work that it reads, and when that must be done (monotonic seconds)."""

    process: BaseProcess
    line: Connection
    place: int | None = None
    due_s: float = 0.0


def _in_workers(read: Read, works: Sequence[Work], workers: int, limit_s: float) -> Iterator[tuple[int, Outcome]]:
    """(place, outcome) of each work, as they come."""
    todo = iter(range(len(works)))
    crew = [_hire(read) for _ in range(workers)]
    try:
        for worker, place in zip(crew, todo, strict=False):
            _assign(worker, place, works[place], limit_s)
        while busy := [(worker, worker.place) for worker in crew if worker.place is not None]:
            soonest = min(worker.due_s for worker, _ in busy)
            ready = wait([worker.line for worker, _ in busy], timeout=max(0.0, soonest - time.monotonic()))
            for worker, place in busy:
                outcome = _outcome(worker, ready=worker.line in ready, limit_s=limit_s)
                if outcome is None:
                    continue
                yield place, outcome
                worker.place = None
                following = next(todo, None)
                if following is not None:
                    if worker.line.closed:
                        crew.append(_hire(read))
                    _assign(crew[-1] if worker.line.closed else worker, following, works[following], limit_s)
    finally:
        for worker in crew:
            _dismiss(worker)


def _outcome(worker: _Worker, *, ready: bool, limit_s: float) -> Outcome | None:
    """What came over the line; a reason if the worker died or is overdue (it is ended then); None if it is still reading."""
    if ready:
        try:
            outcome: Outcome | None = worker.line.recv()
        except (EOFError, OSError):
            worker.process.join(_GRACE_S)
            code = worker.process.exitcode
            _dismiss(worker)
            return f"the reader died of it: exit code {code}"
        if outcome is None:
            worker.due_s = time.monotonic() + limit_s
        return outcome
    if time.monotonic() < worker.due_s:
        return None
    _dismiss(worker)
    return f"it took longer to read than allowed: {limit_s:g} s"


def _hire(read: Read) -> _Worker:
    # Spawned, not forked: a fork would copy the threads that numpy and torch may hold.
    context = get_context("spawn")
    line, far_end = context.Pipe()
    process = context.Process(target=_work, args=(far_end, read), daemon=True)
    process.start()
    far_end.close()
    return _Worker(process, line)


def _assign(worker: _Worker, place: int, work: Work, limit_s: float) -> None:
    worker.place = place
    worker.due_s = time.monotonic() + max(limit_s, _START_S)
    with suppress(OSError):  # A worker that is dead already is seen when its answer is waited for.
        worker.line.send(work)


def _dismiss(worker: _Worker) -> None:
    worker.line.close()
    worker.process.kill()
    worker.process.join()


def _work(line: Connection, read: Read) -> None:
    """The worker's life: a work comes in, word that it is begun and then what it gave go out, until the line closes."""
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            work = line.recv()
            line.send(None)
            line.send(read_one(read, work))
