"""`livegen models`: what is bundled, and whether it can be used."""

from __future__ import annotations

import argparse
import json
from typing import Any

from livegen.cli.options import Subparsers
from livegen.generators.model_files import ModelListing, list_models
from livegen.generators.open_generator import WITHOUT_NETWORK


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("models", help="list models")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List bundled models; exit code 1 if one is damaged."""
    listings = list_models()
    rows = [_row(listing) for listing in listings]
    rows += [{"name": name, "architecture": "no network", "styles": [], "parts": []} for name in WITHOUT_NETWORK]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(_line(row))
    return int(any(listing.problem for listing in listings))


def _row(listing: ModelListing) -> dict[str, Any]:
    contract = listing.contract
    if contract is None:
        return {"name": listing.name, "problem": listing.problem}
    return {
        "name": contract.name,
        "architecture": contract.architecture["kind"],
        "parameters": contract.architecture["parameters"],
        "megabytes": round(sum(graph.size_bytes for graph in contract.graphs) / 1e6, 1),
        "styles": list(contract.styles),
        "parts": sorted(part.label for part in contract.parts),
    }


def _line(row: dict[str, Any]) -> str:
    if row.get("problem"):
        return f"{row['name']}: cannot be used: {row['problem']}"
    size = f", {row['parameters']:,} parameters, {row['megabytes']} MB" if "parameters" in row else ""
    styles = f"; styles: {', '.join(row['styles'])}" if row["styles"] else ""
    return f"{row['name']}: {row['architecture']}{size}{styles}"
