"""Train a model, or train one on.

`python -m models.train RECIPE --data DIR` trains a recipe, which may begin `--from` a model of its sizes; `python -m
models.train finetune --data DIR --from NAME` trains a finished model on other music. Under `torchrun` the processes share the
work of one run. Each run writes `RUNS/NAME/best.pt` (lowest validation nats a note: what is exported), `last.pt` (to go on
from with `--resume`), `log.jsonl` and scalars for TensorBoard.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from livegen.core.errors import InputError, ModelError
from models.corpora.registry import STYLES
from models.networks.checkpoint import build, parameter_count
from models.training.data import divide, read_pieces
from models.training.finetune import FINETUNE, begin_from, prepare
from models.training.ranks import Ranks, joined
from models.training.recipe import read_recipe
from models.training.run import Run, Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused, 130 interrupted."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    # Denormal numbers, in which fading values end, take a CPU a hundred times as long.
    torch.set_flush_denormal(True)
    with joined() as ranks:
        try:
            _train(options, ranks)
        except (InputError, ModelError, OSError) as error:
            print(f"not trained: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nstopped; --resume goes on from the last checkpoint", file=sys.stderr)
            return 130
    return 0


def _train(options: argparse.Namespace, ranks: Ranks) -> None:
    """Set a run up as the options say, and run it."""
    if options.recipe == FINETUNE:
        recipe, model, data = prepare(options.data, options.base, options.steps, options.name)
    else:
        recipe = read_recipe(options.recipe)
        torch.manual_seed(recipe["seed"])
        model = build(recipe["model"], STYLES)
        if options.base is not None:
            model, recipe["base"] = begin_from(options.base, model), options.base
        data = divide(read_pieces(options.data, list(recipe["data"]["weights"])))
    settings = Settings(options.runs / recipe["name"], options.workers, 60.0 * options.save_every)
    run = Run(recipe, model, data, ranks, settings)
    if options.resume:
        run.resume()
    if ranks.first:
        where = f"{ranks.device}" if ranks.count == 1 else f"{ranks.count} processes"
        print(
            f"{recipe['name']}: {len(data.training)} pieces to train on, {len(data.held_out)} to validate on; "
            f"{parameter_count(model)} parameters on {where}; files in {settings.folder}",
            file=sys.stderr,
        )
    run.go()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help=f"name in models/recipes, a path to a .toml file, or `{FINETUNE}`")
    parser.add_argument("--data", type=Path, required=True, help="folder of shards, of corpora, or of MIDI files")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the folder of the run goes (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process (%(default)s)")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that draw the training data ahead; 0 for none (%(default)s)"
    )
    parser.add_argument("--save-every", type=float, default=5.0, metavar="MINUTES", help="write last.pt so often (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt")
    parser.add_argument(
        "--from",
        dest="base",
        metavar="MODEL",
        help=f"begin with its weights (a recipe may, {FINETUNE} must): a bundled model, the directory of an exported one, or a "
        "checkpoint",
    )
    tuning = parser.add_argument_group(FINETUNE)
    tuning.add_argument("--steps", type=int, default=300, help="at the most (%(default)s)")
    tuning.add_argument("--name", default=FINETUNE, help="of the run (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
