"""What an evaluation found, as tables for a terminal or for a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.accompaniment import MEASURES
from models.likelihood import SYSTEMS

Findings = Mapping[str, Any]
"""What `models.evaluate` writes with `--json`; an interval is [value, low, high], a figure that there isn't is None."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; the first column is text, the others are figures."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """Aligned columns."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            return "  ".join(
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
            )

        return "\n".join([self.title, *(line(row).rstrip() for row in (self.header, *self.rows))])

    def markdown(self) -> str:
        """A paragraph and a Markdown table."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        return "\n".join([self.title, "", *("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))])


def tables(findings: Findings) -> list[Table]:
    """Everything that was found, a table a question."""
    made = []
    if likelihood := findings.get("likelihood"):
        made.append(_nats_table(likelihood, findings))
        made += [_field_table(group, likelihood[group]["systems"]) for group in ("accompany", "respond") if group in likelihood]
    for corpus, found in (findings.get("accompaniment") or {}).items():
        made.append(_accompaniment_table(corpus, found, findings))
    return made


def _nats_table(likelihood: Mapping[str, Any], findings: Findings) -> Table:
    deployed = findings["deployed"]
    title = (
        f"Nats a note on held-out works. Deployed: {deployed} in role accompany, history shown in role respond. "
        f"Markov: {findings['markov']}. Model - Markov: of the deployed one, with a 95 % interval over works."
    )
    header = ("takes", "works", "notes", *SYSTEMS, "model - Markov")
    rows = [
        (
            group, *(str(found[key]) for key in ("works", "notes")),
            *(figure(found["systems"][name]["nats_per_note"], 3) for name in SYSTEMS),
            interval(found["difference"][deployed], 2),
        )
        for group, found in likelihood.items()
    ]  # fmt: skip
    return Table(title, header, rows)


def _field_table(role: str, systems: Mapping[str, Any]) -> Table:
    title = f"The same in role {role} by field: nats a note, adding up to the row `{role}` above."
    rows = [
        (name, *(figure(systems[system]["fields"][name]["nats_per_note"], 3) for system in SYSTEMS))
        for name, field in systems[SYSTEMS[0]]["fields"].items()
        if field["targets"]
    ]
    return Table(title, ("field", *SYSTEMS), rows)


def _accompaniment_table(corpus: str, found: Mapping[str, Any], findings: Findings) -> Table:
    title = (
        f"Accompaniment of {corpus}: {found['songs']} held-out songs, {found['beats']} beats each, {findings['settings']}. "
        "Mean over songs with a 95 % interval."
    )
    rows = [
        (_marked(system, findings), *(interval(measures[name], 2) for name in MEASURES))
        for system, measures in found["systems"].items()
    ]
    return Table(title, ("system", *MEASURES), rows)


def _marked(system: str, findings: Findings) -> str:
    return f"{system} (deployed)" if system == findings["deployed"] else system


def figure(value: float | None, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(value: Sequence[float | None], digits: int) -> str:
    """A number with its interval, such as `.49 [.45, .53]`."""
    middle, low, high = (figure(number, digits) for number in value)
    return middle if value[0] is None or value[1] is None else f"{middle} [{low}, {high}]"
