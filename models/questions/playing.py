"""Who accompanies in an evaluation, and which songs: what the questions of accompaniment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.parameters import Settings
from livegen.generators.protocol import Generator
from models.baselines.opponents import opponents
from models.baselines.ridge import fit_by_corpus
from models.pool import Progress as Shown
from models.progress import Progress
from models.questions.question import Context
from models.scoring.accompaniment import CORPORA, MakeGenerator, Song, Systems, openings, sampled
from models.scoring.subject import MARKOV, fresh_markov, fresh_model


class Asked(Protocol):
    """How the measurements of `models.scoring` that let somebody accompany are called."""

    def __call__(
        self, songs: Sequence[Song], systems: Systems, settings: Settings, seed: int, progress: Shown, *, workers: int
    ) -> dict[str, Any]:
        """What was found."""
        ...


def songs(context: Context, default: int) -> list[Song]:
    """Songs of works that were never trained on, at most `default` of each corpus unless the context says otherwise."""
    limit = context.works(default)
    every = openings([*context.validation, *context.test])
    return every if limit is None else sampled(every, dict.fromkeys(CORPORA, limit), context.seed)


def settings_of(context: Context) -> Settings:
    """The settings that everybody accompanies with: those of the first model."""
    return context.settings(context.subjects[0], "accompany")


def models(context: Context) -> dict[str, MakeGenerator]:
    """The models under test by name."""
    return {subject.name: partial(_model, subject.place) for subject in context.subjects}


def everybody(context: Context) -> dict[str, MakeGenerator]:
    """The models, the Markov generator, the rules, the ridge fitted on the training part, and the oracle."""
    settings = settings_of(context)
    lookahead = round(settings.lookahead_beats * PULSES_PER_BEAT)
    learned = [piece for piece in context.training if piece.corpus in CORPORA]
    return {**models(context), MARKOV: _markov, **opponents(fit_by_corpus(learned, lookahead, settings.hop_pulses))}


def only(systems: dict[str, MakeGenerator], names: Sequence[str]) -> dict[str, MakeGenerator]:
    """Some of the systems."""
    return {name: systems[name] for name in names}


def played(ask: Asked, context: Context, chosen: Sequence[Song], systems: Systems, steps: int) -> dict[str, Any]:
    """What `ask` finds when these systems accompany these songs, with a progress line of so many steps."""
    progress = Progress(steps)
    found = ask(chosen, systems, settings_of(context), context.seed, progress.show, workers=context.workers)
    progress.close()
    return found


def _model(place: str, song: Song) -> Generator:  # noqa: ARG001 - a model is the same for every song
    return fresh_model(place)


def _markov(song: Song) -> Generator:  # noqa: ARG001 - so is the table
    return fresh_markov()
