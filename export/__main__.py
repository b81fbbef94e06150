"""`python -m export CHECKPOINT --name NAME [--out DIR]`: a trained checkpoint becomes a model directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.bundle import export_model
from livegen.core.errors import ModelError
from livegen.generators.model_files import bundled_directory


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 written, 2 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m export", description="Export a checkpoint and check it against its source."
    )
    parser.add_argument("checkpoint", type=Path, help="what the training wrote")
    parser.add_argument("--name", required=True, help="name of the model, and of its directory")
    parser.add_argument("--out", type=Path, default=bundled_directory(), help="where the directory goes (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        target, parity = export_model(options.checkpoint, options.name, options.out)
    except (ModelError, ValueError, OSError) as error:
        print(f"not exported: {error}", file=sys.stderr)
        return 2
    worst = max(parity.hidden, parity.state, parity.logits)
    print(f"{target}: the same as {options.checkpoint} over {parity.steps} steps, {parity.rollbacks} rollbacks, to {worst:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
