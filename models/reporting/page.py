"""Findings as a page: report.md with its tables, and an SVG file a plot."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from livegen.runtime.svg import Plot
from models.questions.question import Findings, Question
from models.reporting.tables import Table

PAGE = "report.md"


def write_report(folder: Path, findings: Findings, questions: Sequence[Question]) -> Path:
    """Write the page and its pictures; returns the page's path.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# Evaluation of {', '.join(findings['models'])}", "", *_about(findings)]
    for question in questions:
        if not (found := findings.get(question.name)):
            continue
        lines += ["", f"## {question.name.capitalize()}", "", question.text, ""]
        for plot in map(_safely_named, question.plots(found)):
            (folder / f"{plot.name}.svg").write_text(plot.svg, encoding="utf-8")
            lines += [f"![{plot.title}]({plot.name}.svg)", ""]
        lines.append("\n\n".join(table.markdown() for table in question.tables(found)))
    page = folder / PAGE
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _about(findings: Findings) -> list[str]:
    """What was evaluated, on what, and what it took."""
    pieces: Mapping[str, int] = findings["pieces"]
    held_out = ", ".join(f"{corpus} {count}" for corpus, count in pieces.items())
    about = [
        f"Written by `{findings['command']}`. Seed {findings['seed']}. Held-out pieces (test part of the split): {held_out}.",
        "What the measures are stands in docs/evaluation.md.",
        "",
    ]
    rows = [
        (name, model["kind"], str(model["parameters"]), model["matrices"], model["sha256"][:12])
        for name, model in findings["models"].items()
    ]
    return [*about, Table("Models.", ("model", "kind", "parameters", "matrices", "SHA-256 of the step"), rows).markdown()]


def _safely_named(plot: Plot) -> Plot:
    return replace(plot, name=re.sub(r"[^A-Za-z0-9_-]+", "-", plot.name).strip("-"))


def printed(findings: Findings, questions: Sequence[Question], *, card: bool) -> str:
    """All tables, for a terminal or, with `card`, for CARD.md."""
    tables = [table for question in questions if (found := findings.get(question.name)) for table in question.tables(found)]
    return "\n\n".join(table.markdown() if card else table.plain() for table in tables)
