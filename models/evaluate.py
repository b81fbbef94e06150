"""Score exported models on held-out works: `python -m models.evaluate MODEL [MODEL...] --data DIR`.

Every question is asked of all models at once, by the code that plays on the stage, beside a Markov table, rules and humans.
What each question is, and what its measures mean, stands in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livegen.core.errors import InputError, LivegenError
from livegen.generators.contract import ModelContract
from models.corpora.piece import Piece
from models.corpora.registry import split
from models.questions import accompaniment, adaptation, continuation, controls, drift, likelihood, originality, styles
from models.questions.question import Context, Question
from models.reporting.page import printed, write_report
from models.scoring.subject import Subject, open_subjects
from models.training.data import read_pieces
from models.training.recipe import read_recipe

QUESTIONS: tuple[Question, ...] = (
    likelihood.QUESTION,
    accompaniment.QUESTION,
    adaptation.QUESTION,
    drift.QUESTION,
    continuation.QUESTION,
    originality.QUESTION,
    controls.QUESTION,
    styles.QUESTION,
)
SLOW = ("drift",)
"""Asked only by name or with `--whole`: each takes many minutes."""


def chosen_questions(names: str | None, *, whole: bool) -> list[Question]:
    """The questions named, separated by commas; without names all, but for the slow ones unless `whole`.

    Raises:
        InputError: there is no such question.
    """
    known = {question.name: question for question in QUESTIONS}
    if names is None:
        return [question for name, question in known.items() if whole or name not in SLOW]
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise InputError(f"there is no question {name!r}; --only takes some of {','.join(known)}")
    return [known[name] for name in known if name in wanted]


def corpora_of(contracts: Sequence[ModelContract], recipe: str | None) -> list[str]:
    """The corpora that the models were trained on, or those of another recipe.

    Raises:
        InputError: a model doesn't say.
    """
    if recipe is not None:
        return list(read_recipe(recipe)["data"]["weights"])
    corpora: dict[str, None] = {}
    for contract in contracts:
        try:
            corpora |= dict.fromkeys(contract.training["recipe"]["data"]["weights"])
        except (KeyError, TypeError):
            raise InputError(f"{contract.name}: its model.json names no corpora; give --recipe") from None
    return list(corpora)


def parts_of(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], list[Piece], list[Piece]]:
    """The training, validation and test part of the split by work; of shards, what was trained on stays on the disk."""
    training, validation, test = split(pieces)
    return training, list(validation), list(test)


def evaluate(context: Context, questions: Sequence[Question], command: str, place: Path | None) -> dict[str, Any]:
    """All findings, written to `place` as JSON after each question, so that a long run is not lost.

    Blocks for minutes; deterministic for the seed but for the seconds that it took.
    """
    findings: dict[str, Any] = {
        "command": command,
        "models": {subject.name: _about(subject) for subject in context.subjects},
        "seed": context.seed,
        "pieces": dict(Counter(piece.corpus for piece in context.test)),
        "seconds": {},
    }
    for question in questions:
        began = time.monotonic()
        findings[question.name] = without_nan(question.ask(context))
        findings["seconds"][question.name] = round(time.monotonic() - began, 1)
        if place is not None:
            place.write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")
    return findings


def _about(subject: Subject) -> dict[str, Any]:
    contract = subject.contract
    return {
        "kind": str(contract.architecture.get("kind", "")),
        "parameters": contract.architecture.get("parameters"),
        "matrices": str(contract.architecture.get("matrices", "float32")),
        "sha256": contract.step.sha256,
        "decoding": dict(contract.decoding),
        "training": {key: value for key, value in contract.training.items() if key != "recipe"},
    }


def without_nan(value: Any) -> Any:
    """The same document with None for NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _parser() -> argparse.ArgumentParser:
    names = ",".join(question.name for question in QUESTIONS)
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description="Score exported models on held-out works.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="name of a bundled model, or the folder of an exported one")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus, or with shards")
    parser.add_argument("--recipe", help="whose corpora to score on, where it is not the models' own")
    parser.add_argument("--only", metavar="NAMES", help=f"some of {names} (default: all but {','.join(SLOW)})")
    parser.add_argument("--limit", type=int, metavar="N", help="works of each corpus, for every question")
    parser.add_argument("--whole", action="store_true", help="all held-out works and all questions: an hour or more")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the playing")
    parser.add_argument("--seed", type=int, default=1, help="of the playing and of the intervals (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes that play, where a question can use them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page with tables and plots")
    parser.add_argument("--card", action="store_true", help="print Markdown tables for CARD.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    options = _parser().parse_args(arguments)
    try:
        questions = chosen_questions(options.only, whole=options.whole)
        context = _context(options)
        command = shlex.join(["python", "-m", "models.evaluate", *(sys.argv[1:] if arguments is None else arguments)])
        findings = evaluate(context, questions, command, options.json)
        if options.report:
            print(f"written: {write_report(options.report, findings, questions)}", file=sys.stderr)
    except (LivegenError, OSError) as error:
        print(f"not evaluated: {error}", file=sys.stderr)
        return 2
    print(printed(findings, questions, card=options.card))
    return 0


def _context(options: argparse.Namespace) -> Context:
    """Open the models and read the pieces that the options name.

    Raises:
        LivegenError: one of them can't be used.
    """
    subjects = open_subjects(options.models)
    pieces = read_pieces(options.data, corpora_of([subject.contract for subject in subjects], options.recipe))
    training, validation, test = parts_of(pieces)
    if not test or options.limit == 0:
        raise InputError(f"{options.data}: no work falls into the held-out part")
    context = Context(
        subjects, training, validation, test, options.set, options.limit, options.whole, options.seed, options.workers
    )
    for subject in subjects:
        context.settings(subject, "accompany")
    return context


if __name__ == "__main__":
    sys.exit(main())
