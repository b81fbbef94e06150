"""`python -m export CHECKPOINT --name NAME`: a trained checkpoint becomes a model directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.bundle import Exported, export_model, read_checkpoint
from export.rounding import held_out_batches
from livegen.core.errors import ModelError
from livegen.generators.contract import FLOAT32, INT8
from livegen.generators.model_files import bundled_directory
from models.takes.dataset import Batch


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 written, 2 refused."""
    options = _parser().parse_args(arguments)
    try:
        held_out: list[Batch] = []
        if options.data is not None:
            model, extra = read_checkpoint(options.checkpoint)
            recipe = extra.get("training", {}).get("recipe", {})
            corpora = list(recipe.get("data", {}).get("weights", ()))
            held_out = held_out_batches(options.data, corpora, model.config.styles, options.pieces)
        done = export_model(
            options.checkpoint, options.name, options.out, chords=options.chords, weights=options.weights, held_out=held_out
        )
    except (ModelError, ValueError, OSError) as error:
        print(f"not exported: {error}", file=sys.stderr)
        return 2
    print(_said(done, options.checkpoint))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export", description="Export a checkpoint and check it against its source."
    )
    parser.add_argument("checkpoint", type=Path, help="what the training wrote")
    parser.add_argument("--name", required=True, help="name of the model, and of its directory")
    parser.add_argument("--out", type=Path, default=bundled_directory(), help="where the directory goes (default: %(default)s)")
    parser.add_argument("--chords", help="who plans the chords: a chord chooser's checkpoint, or a model whose own is taken")
    parser.add_argument(
        "--weights", choices=(INT8, FLOAT32), default=INT8, help="how the step's matrices are stored (default: %(default)s)"
    )
    parser.add_argument("--data", type=Path, help="corpora; measures on held-out pieces what the rounding costs")
    parser.add_argument("--pieces", type=int, default=100, help="how many held-out pieces (default: %(default)s)")
    return parser


def _said(done: Exported, checkpoint: Path) -> str:
    parity = done.parity
    over = f"over {parity.steps} steps, {parity.rollbacks} rollbacks"
    if parity.exact:
        lines = [f"{done.directory}: the same as {checkpoint} {over}, to {parity.worst:.1e}"]
    else:
        lines = [
            f"{done.directory}: {checkpoint} in eight bits; {over} on random events it differs by at most {parity.worst:.2g}, "
            f"{parity.nats:.2g} nats a note"
        ]
    if done.rounding is not None:
        rounding = done.rounding
        lines.append(
            f"on {rounding.notes} held-out notes of {rounding.takes} takes: {rounding.exported:.4f} nats a note, "
            f"{rounding.source:.4f} before the export ({rounding.loss:+.4f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
