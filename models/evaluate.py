"""Score an exported model on held-out works: `python -m models.evaluate MODEL --data DIR`.

Two questions, both by the code that plays on the stage: how well it predicts what the agent's parts do (nats a note, beside an
order-2 Markov table and a uniform model), and how well it accompanies (note-in-chord measures, beside rules and the arranger).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livegen.core import vocabulary as v
from livegen.core.errors import InputError, LivegenError
from livegen.core.parameters import Settings, build_registry
from livegen.generators.contract import ModelContract
from livegen.generators.markov import MarkovGenerator, load_table
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.neural import NeuralGenerator
from livegen.generators.ngram import Ngram
from livegen.generators.session import StepSession
from models import accompaniment, likelihood, metrics
from models.accompaniment import MEASURES, MakeGenerator
from models.baselines import Chaser, HoldTonic
from models.corpora.piece import Piece
from models.corpora.registry import load_corpora, split
from models.likelihood import HIDDEN, MARKOV, SHOWN, SYSTEMS, TakeScores
from models.losses import Score
from models.progress import Progress
from models.tables import tables
from models.train import read_recipe

MARKOV_NOTE = "the bundled table, fitted by `python -m models.markov` on the training part of the same split"
QUESTIONS = ("likelihood", "accompaniment")


@dataclass(frozen=True, slots=True)
class Subject:
    """The model under test: contract, session, and the Markov table beside it."""

    contract: ModelContract
    session: StepSession
    table: Ngram

    @property
    def deployed(self) -> str:
        """Which of the two ways of decoding the daemon uses for accompaniment."""
        return HIDDEN if self.contract.decoding["hide_history"] else SHOWN

    def generator(self, hide_history: bool) -> NeuralGenerator:
        """The model as the daemon plays it, with its own history hidden or shown."""
        decoding = {**self.contract.decoding, "hide_history": hide_history}
        return NeuralGenerator(self.session, replace(self.contract, decoding=decoding))

    def markov(self) -> MarkovGenerator:
        """A Markov generator that has not learned from anybody yet."""
        return MarkovGenerator(Ngram({name: counts.copy() for name, counts in self.table.tables.items()}))

    def systems(self) -> dict[str, MakeGenerator]:
        """Who accompanies, by name."""
        return {
            HIDDEN: lambda: self.generator(True),
            SHOWN: lambda: self.generator(False),
            "Markov generator": self.markov,
            HoldTonic.name: HoldTonic,
            Chaser.name: Chaser,
        }


def open_subject(model: str) -> Subject:
    """Find, check and open a model.

    Raises:
        ModelError: it, or the Markov table, can't be used.
    """
    contract = load_contract(find_model(model))
    return Subject(contract, StepSession(contract), load_table())


def corpora_of(contract: ModelContract, recipe: str | None) -> list[str]:
    """The corpora that the model was trained on, or those of another recipe.

    Raises:
        InputError: the model doesn't say.
    """
    if recipe is not None:
        return list(read_recipe(recipe)["data"]["weights"])
    try:
        return list(contract.training["recipe"]["data"]["weights"])
    except (KeyError, TypeError):
        raise InputError(f"{contract.name}: its model.json names no corpora; give --recipe") from None


def limited(pieces: Iterable[Piece], limit: int | None) -> list[Piece]:
    """The pieces of the first `limit` works of each corpus."""
    works: dict[str, dict[str, None]] = {}
    kept = []
    for piece in pieces:
        seen = works.setdefault(piece.corpus, {})
        if limit is None or piece.work in seen or len(seen) < limit:
            seen[piece.work] = None
            kept.append(piece)
    return kept


def settings_of(contract: ModelContract, changes: Sequence[str]) -> Settings:
    """The daemon's default settings in mode accompany, with NAME=VALUE changes.

    Raises:
        InputError: a change is no NAME=VALUE, or the registry refuses it.
    """
    settings = build_registry(contract.styles).defaults().with_changes({"mode": "accompany"})[0]
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise InputError(f"--set takes NAME=VALUE, not {change!r}")
        settings = settings.with_changes({name: _number_or_word(value)})[0]
    return settings


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def described(settings: Settings) -> str:
    """The settings that shape accompaniment, in words."""
    playing = f"temperature {settings.temperature:g}, lookahead {settings.lookahead_beats:g} beats"
    return f"{playing}, hop {settings.hop_pulses} pulses, style {settings.heaviest_style}"


def likelihood_findings(scores: Sequence[TakeScores], seed: int) -> dict[str, Any]:
    """Sums by corpus and role, by role, and in all, with the difference to Markov."""
    groups: dict[str, list[TakeScores]] = {}
    for take in scores:
        for group in (f"{take.corpus}, {take.role}", take.role, "all"):
            groups.setdefault(group, []).append(take)
    order = sorted(groups, key=lambda group: ("," not in group, group == "all"))
    return {group: _group_findings(groups[group], seed) for group in order}


def _group_findings(takes: Sequence[TakeScores], seed: int) -> dict[str, Any]:
    totals = {name: total(take.scores[name] for take in takes) for name in SYSTEMS}
    by_work: dict[tuple[str, str], list[TakeScores]] = {}
    for take in takes:
        by_work.setdefault((take.corpus, take.work), []).append(take)
    return {
        "works": len(by_work),
        "notes": totals[MARKOV].notes,
        "systems": {name: _score_findings(score) for name, score in totals.items()},
        "difference": {name: _difference(list(by_work.values()), name, seed) for name in (HIDDEN, SHOWN)},
    }


def total(scores: Iterable[Score]) -> Score:
    """The sum of scores."""
    whole = Score()
    for score in scores:
        whole += score
    return whole


def _score_findings(score: Score) -> dict[str, Any]:
    fields = {
        name: {
            "nats_per_note": score.nats[name] / max(1, score.notes),
            "nats_per_target": score.nats[name] / max(1, score.count[name]),
            "targets": score.count[name],
        }
        for name in v.HEADS
    }
    return {"nats_per_note": score.nats_per_note, "fields": fields}


def _difference(works: Sequence[Sequence[TakeScores]], system: str, seed: int) -> list[float]:
    """Nats a note of a system minus Markov's, and its interval over works."""
    ours, theirs = ([total(take.scores[name] for take in takes) for takes in works] for name in (system, MARKOV))
    nats = [sum(mine.nats.values()) - sum(other.nats.values()) for mine, other in zip(ours, theirs, strict=True)]
    notes = [score.notes for score in theirs]
    return [sum(nats) / max(1, sum(notes)), *metrics.ratio_interval(nats, notes, seed)]


def accompaniment_findings(
    songs: Sequence[accompaniment.Song], measured: Mapping[str, Sequence[Mapping[str, float]]], seed: int
) -> dict[str, Any]:
    """Means over songs by corpus, and in all, with intervals."""
    findings = {}
    for corpus in [*dict.fromkeys(song.piece.corpus for song in songs), "all"]:
        chosen = [index for index, song in enumerate(songs) if corpus in (song.piece.corpus, "all")]
        findings[corpus] = {
            "songs": len(chosen),
            "beats": accompaniment.BEATS,
            "systems": {
                system: {name: _with_interval([rows[index][name] for index in chosen], seed) for name in MEASURES}
                for system, rows in measured.items()
            },
        }
    return findings


def _with_interval(values: Sequence[float], seed: int) -> list[float]:
    return [metrics.mean(values), *metrics.mean_interval(values, seed)]


def without_nan(value: Any) -> Any:
    """The same document with None for NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def evaluate(
    subject: Subject, pieces: Sequence[Piece], settings: Settings, questions: Sequence[str], seed: int
) -> dict[str, Any]:
    """All findings on these pieces, ready for JSON. Blocks for minutes; deterministic for the seed."""
    findings: dict[str, Any] = {
        "model": subject.contract.name,
        "training": {key: value for key, value in subject.contract.training.items() if key != "recipe"},
        "deployed": subject.deployed,
        "markov": MARKOV_NOTE,
        "settings": described(settings),
        "seed": seed,
        "pieces": dict(Counter(piece.corpus for piece in pieces)),
    }
    if "likelihood" in questions:
        progress = Progress(len(pieces))
        scores = likelihood.evaluate(pieces, subject.session, subject.table, progress.show)
        progress.close()
        findings["likelihood"] = likelihood_findings(scores, seed)
    if "accompaniment" in questions and (songs := accompaniment.openings(pieces)):
        progress = Progress(len(songs))
        measured = accompaniment.evaluate(songs, subject.systems(), settings, seed, progress.show)
        progress.close()
        findings["accompaniment"] = accompaniment_findings(songs, measured, seed)
    cleaned: dict[str, Any] = without_nan(findings)
    return cleaned


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description="Score an exported model on held-out works.")
    parser.add_argument("model", help="name of a bundled model, or the folder of an exported one")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a corpus")
    parser.add_argument("--recipe", help="whose corpora to score on, where it is not the model's own")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N held-out works of each corpus")
    parser.add_argument("--only", choices=QUESTIONS, help="only one of the two questions")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the accompaniment")
    parser.add_argument("--seed", type=int, default=1, help="of the playing and of the intervals (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--card", action="store_true", help="print Markdown tables for CARD.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 2 refused."""
    options = _parser().parse_args(arguments)
    try:
        subject = open_subject(options.model)
        settings = settings_of(subject.contract, options.set)
        print("reading the corpora", file=sys.stderr)
        loaded = load_corpora(options.data, corpora_of(subject.contract, options.recipe))
        print(loaded.report.summary(), file=sys.stderr)
        pieces = limited(split(loaded)[2], options.limit)
        if not pieces:
            raise InputError(f"{options.data}: no work falls into the held-out part")
        questions = [options.only] if options.only else QUESTIONS
        findings = evaluate(subject, pieces, settings, questions, options.seed)
        if options.json:
            options.json.write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")
    except (LivegenError, OSError) as error:
        print(f"not evaluated: {error}", file=sys.stderr)
        return 2
    print("\n\n".join(table.markdown() if options.card else table.plain() for table in tables(findings)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
