"""The page that says what shards hold: tables in Markdown, plots in SVG beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livegen.runtime.svg import Plot
from models.corpora.registry import STYLES
from models.reporting.plots import bars, shades
from models.sharding.collection import Shards
from models.sharding.files import replace_file
from models.sharding.statistics import KEY_NAMES, LINE_NAMES, TEMPO_BINS, Statistics, statistics_of, total

PAGE = "report.md"
_COMMON_METRES = 7
"""Bars of more beats share a column."""


def write_page(shards: Shards, folder: Path) -> Path:
    """Writes `report.md` and its plots into a folder, which is made; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    counted = statistics_of(shards)
    plots = _plots({name: one for name, one in counted.items() if one.pieces})
    for plot in plots:
        replace_file(folder / f"{plot.name}.svg", plot.svg.encode())
    replace_file(folder / PAGE, _page(shards, counted, plots).encode())
    return folder / PAGE


def _page(shards: Shards, counted: Mapping[str, Statistics], plots: Sequence[Plot]) -> str:
    whole = total(counted.values())
    lines_there = _lines_there(counted)
    lines = [
        "# What the shards hold",
        "",
        f"{whole.pieces:,} pieces of {whole.works:,} works, {whole.hours:.0f} hours, {whole.all_notes:,} notes. Made by"
        " `python -m models.shards --report` from the shards alone; the same shards give the same page. A piece is a stretch"
        " of a work in one metre.",
        "",
        "## Notes, parts and time",
        "",
        *_table(
            ("corpus", "pieces", "works", "hours", *(f"{line} notes" for line in lines_there), "with velocity", "chords known"),
            [_notes_row(name, one, lines_there) for name, one in (*counted.items(), ("**all**", whole))],
        ),
    ]
    for title, plot in zip(_HEADINGS, plots, strict=True):
        lines += ["", f"## {title}", "", f"![{plot.title}]({plot.name}.svg)"]
        if plot.name == "keys":
            lines += [
                "",
                "In percent of the pieces:",
                "",
                *_table(("corpus", *KEY_NAMES), [_keys_row(*item) for item in counted.items()]),
            ]
    lines += ["", "## What was left out", "", *_left_out(counted), "", "## The shards", "", *_hashes(shards.manifest), ""]
    return "\n".join(lines)


_HEADINGS = ("Notes by part", "Parts", "Styles", "Keys", "Metres", "Tempi")


def _plots(counted: Mapping[str, Statistics]) -> list[Plot]:
    names = list(counted)
    whole = total(counted.values())
    return [
        bars(
            "notes",
            "Notes by corpus and part",
            names,
            {line: [float(one.notes[line]) / 1000 for one in counted.values()] for line in _lines_there(counted)},
            "thousand notes",
        ),
        _shares("parts", "Share of the pieces that have a part", counted, _lines_there(counted), lambda one: one.with_line),
        _shares("styles", "Share of the pieces of each style", counted, STYLES, lambda one: one.styles),
        bars("keys", "Pieces by key", KEY_NAMES, {"all corpora": [float(whole.keys[key]) for key in KEY_NAMES]}, "pieces"),
        _shares("metres", "Share of the pieces by beats in a bar", counted, _METRES, _metres),
        _shares("tempi", "Share of the pieces by beats a minute", counted, _TEMPI, _tempi),
    ]


_METRES = (*(str(beats) for beats in range(1, _COMMON_METRES + 1)), f"{_COMMON_METRES + 1}+")
_TEMPI = (
    f"<{TEMPO_BINS[1]}",
    *(str(low) for low in TEMPO_BINS[1:-2]),
    f"{TEMPO_BINS[-2]}+",
)
"""Each class by its lower bound."""


def _metres(one: Statistics) -> Counter[str]:
    counts: Counter[str] = Counter()
    for beats, pieces in one.metres.items():
        counts[_METRES[min(beats, _COMMON_METRES + 1) - 1]] += pieces
    return counts


def _tempi(one: Statistics) -> Counter[str]:
    return Counter({_TEMPI[number]: pieces for number, pieces in one.tempi.items()})


def _shares(
    name: str,
    title: str,
    counted: Mapping[str, Statistics],
    columns: Sequence[str],
    counts: Callable[[Statistics], Counter[str]],
) -> Plot:
    rows = [[counts(one)[column] / one.pieces for column in columns] for one in counted.values()]
    return shades(name, title, list(counted), columns, rows)


def _lines_there(counted: Mapping[str, Statistics]) -> list[str]:
    """The lines that any corpus has."""
    return [line for line in LINE_NAMES if any(one.notes[line] for one in counted.values())]


def _notes_row(name: str, one: Statistics, lines: Sequence[str]) -> list[str]:
    notes = (f"{one.notes[line]:,}" for line in lines)
    heard = 100 * one.with_velocity / max(1, one.all_notes)
    return [
        name,
        f"{one.pieces:,}",
        f"{one.works:,}",
        f"{one.hours:.1f}",
        *notes,
        f"{heard:.0f} %",
        f"{100 * one.chord_share:.0f} %",
    ]


def _keys_row(name: str, one: Statistics) -> list[str]:
    return [name, *(f"{100 * one.keys[key] / max(1, one.keys.total()):.0f}" for key in KEY_NAMES)]


def _left_out(counted: Mapping[str, Statistics]) -> list[str]:
    rows = [
        (name, reason, str(count))
        for name, one in counted.items()
        for reason, count in sorted(one.left_out.items(), key=lambda item: (-item[1], item[0]))
    ]
    return _table(("corpus", "reason", "times"), rows) if rows else ["Nothing."]


def _hashes(manifest: Mapping[str, Any]) -> list[str]:
    rows = []
    for name in manifest["order"]:
        entry = manifest["corpora"][name]
        sources = entry["inputs"]["sources"]
        rows.append(
            (
                name,
                f"{sources['files']:,}",
                f"`{sources['sha256'][:16]}`",
                f"{entry['bytes'] / 1e6:.1f} MB",
                f"`{entry['sha256'][:16]}`",
            )
        )
    return _table(("corpus", "files read", "SHA-256 of the files", "shard", "SHA-256 of the shard"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
