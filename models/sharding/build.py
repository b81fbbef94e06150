"""From a folder of corpora to a folder of shards: corpus by corpus, finished ones kept, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getfile
from pathlib import Path
from typing import Any

from livegen.core import events, harmony, vocabulary
from livegen.core.errors import InputError
from livegen.core.events import Part
from models.corpora import source
from models.corpora.duplicates import Tune, twin_reason
from models.corpora.loading import CorpusReading, read_corpus
from models.corpora.reading import LIMIT_S
from models.corpora.registry import CORPORA, corpus_of, twins_by_rank, works_of
from models.corpora.source import Corpus, Work
from models.sharding import arrays as arrays_module
from models.sharding.arrays import LINES, packed
from models.sharding.collection import FORMAT, MANIFEST, Shard, read_manifest
from models.sharding.files import ShardFile, map_arrays, sha256_of, write_arrays, write_json

Say = Callable[[str], None]
Show = Callable[[int, int, str], None]
"""(works done, works in all, corpus)."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """How to build.

    Attributes:
        workers: processes that read; with 0, this one reads, without a limit of time.
        limit_s: seconds that a file may take.
        say: called with a line for the user when a corpus is done.
        show: called as the reading goes on.
    """

    workers: int = 0
    limit_s: float = LIMIT_S
    say: Say = lambda _line: None
    show: Show = lambda _done, _total, _name: None


def build(root: Path, out: Path, names: Sequence[str], workshop: Workshop = Workshop()) -> dict[str, Any]:
    """Builds the shards of these corpora, beside those that `out` holds already; returns the manifest.

    A corpus is not read again if its files, the code that reads it and its shard are what they were. May be killed at any time
    and called again. Blocks for minutes.

    Raises:
        InputError: a corpus is unknown, missing or empty, or `out` holds something else.
    """
    out.mkdir(parents=True, exist_ok=True)
    manifest = _manifest_to_go_on_from(out)
    version = reader_version()
    jobs = [_Job.of(name, root) for name in names]
    total = sum(len(job.works) for job in jobs)
    before = 0
    for job in jobs:
        inputs = {"reader": version, "style": job.corpus.style, "sources": source_digest(job.corpus.path(root))}
        entry = manifest["corpora"].get(job.corpus.name)
        if entry is not None and entry["inputs"] == inputs and _is_whole(out, entry):
            workshop.say(f"{job.corpus.name}: {entry['pieces']} pieces, as before")
        else:
            _mark_incomplete(out, manifest)
            reading = read_corpus(
                job.corpus, job.works, workshop.workers, workshop.limit_s, _shown(workshop, before, total, job)
            )
            manifest["corpora"][job.corpus.name] = _entry(out, root, job.corpus, reading, inputs)
            write_json(out / MANIFEST, manifest)
            workshop.say(f"{job.corpus.name}: {len(reading.pieces)} pieces from {reading.works} works")
        before += len(job.works)
    _finish(out, manifest)
    return manifest


@dataclass(frozen=True, slots=True)
class _Job:
    corpus: Corpus
    works: list[Work]

    @classmethod
    def of(cls, name: str, root: Path) -> _Job:
        corpus = corpus_of(name, root)
        return cls(corpus, works_of(corpus, root))


def _shown(workshop: Workshop, before: int, total: int, job: _Job) -> Callable[[int], None]:
    return lambda done: workshop.show(before + done, total, job.corpus.name)


def _manifest_to_go_on_from(out: Path) -> dict[str, Any]:
    """What an earlier build left, finished or not; a new one where there is none or it cannot be used.

    Raises:
        InputError: the folder holds other things, which must not be mixed with shards.
    """
    new: dict[str, Any] = {"format": FORMAT, "complete": False, "corpora": {}, "order": [], "twins": {}}
    if not (out / MANIFEST).exists():
        strange = [path.name for path in out.iterdir() if not path.name.endswith((".shard", ".part"))]
        if strange:
            raise InputError(f"{out} holds other things ({strange[0]}); give an empty or a new folder")
        return new
    try:
        return read_manifest(out, complete=False)
    except InputError:
        return new


def _mark_incomplete(out: Path, manifest: dict[str, Any]) -> None:
    if manifest["complete"]:
        manifest["complete"] = False
        write_json(out / MANIFEST, manifest)


def _is_whole(out: Path, entry: Mapping[str, Any]) -> bool:
    try:
        map_arrays(out, ShardFile.from_json(entry))
    except (InputError, KeyError, TypeError, ValueError):
        return False
    return True


def _entry(out: Path, root: Path, corpus: Corpus, reading: CorpusReading, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a corpus's shard; returns what the manifest says of it."""
    arrays = packed(reading.pieces)
    lengths = [len(piece.melody) for piece in reading.pieces]
    notes = {"melody": sum(lengths)}
    notes |= {part.label: sum(len(piece.parts.get(part, ())) for piece in reading.pieces) for part in Part}
    assert len(arrays["line_end"]) == LINES * len(reading.pieces)  # noqa: S101 - what all readers rely on
    left_out = [[_relative(entry.path, corpus.path(root)), entry.reason] for entry in reading.left_out]
    return {
        **write_arrays(out, corpus.name, arrays).as_json(),
        "inputs": dict(inputs),
        "home": corpus.home,
        "licence": corpus.licence,
        "works": reading.works,
        "pieces": len(reading.pieces),
        "notes": notes,
        "chords": len(arrays["chord_root"]),
        "phrases": len(arrays["phrase"]),
        "left_out": left_out,
    }


def _finish(out: Path, manifest: dict[str, Any]) -> None:
    """Finds the near-duplicates across all corpora, closes the manifest, removes shards that it no longer names."""
    known = [name for name in CORPORA if name in manifest["corpora"]]
    order = known + sorted(name for name in manifest["corpora"] if name not in CORPORA)
    hashes = [manifest["corpora"][name]["sha256"] for name in order]
    if not manifest["complete"] or manifest["order"] != order or manifest.get("twins_of") != hashes:
        manifest["twins"] = _twins(out, manifest["corpora"], order)
        manifest |= {"order": order, "twins_of": hashes, "complete": True}
        write_json(out / MANIFEST, manifest)
    named = {entry["file"] for entry in manifest["corpora"].values()}
    for path in out.iterdir():
        if path.suffix == ".part" or (path.suffix == ".shard" and path.name not in named):
            path.unlink(missing_ok=True)


def _twins(out: Path, entries: Mapping[str, Any], order: Sequence[str]) -> dict[str, dict[str, str]]:
    """By corpus and number of the piece, why it is left out."""
    places: list[tuple[str, int]] = []
    tunes: list[Tune] = []
    for name in order:
        shard = Shard.open(out, entries[name], check=False)
        for index in range(len(shard)):
            corpus, work, _ = shard.label(index)
            places.append((name, index))
            tunes.append(Tune(corpus, work, shard.pitches(index)))
    twins: dict[str, dict[str, str]] = {}
    for index, twin in twins_by_rank(tunes).items():
        name, place = places[index]
        twins.setdefault(name, {})[str(place)] = twin_reason(f"{tunes[twin].corpus}/{tunes[twin].work}")
    return twins


def source_digest(folder: Path) -> dict[str, Any]:
    """How many files a corpus's folder holds, their size, and a SHA-256 over the names and contents of all of them."""
    total = hashlib.sha256()
    count = size = 0
    for path in _files(folder):
        total.update(f"{sha256_of(path)}  {_relative(path, folder)}\n".encode())
        count += 1
        size += path.stat().st_size
    return {"files": count, "bytes": size, "sha256": total.hexdigest()}


def _files(folder: Path) -> Iterator[Path]:
    """Plain files below a folder, hidden ones left out, in one order on every machine."""
    found = [path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder))]
    yield from sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _is_hidden(inside: Path) -> bool:
    return any(part.startswith(".") for part in inside.parts)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def reader_version() -> str:
    """A SHA-256 over the code that decides what is read from a file: after a change of it, shards are built anew."""
    modules = (events, harmony, vocabulary, arrays_module)
    paths = [*sorted(Path(getfile(source)).parent.glob("*.py")), *(Path(getfile(module)) for module in modules)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
