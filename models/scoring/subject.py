"""Who is evaluated: an exported model, opened as the daemon opens it, and the Markov generator beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from livegen.core.errors import InputError
from livegen.core.parameters import Settings, build_registry
from livegen.generators.contract import ModelContract
from livegen.generators.markov import MarkovGenerator, load_table
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.neural import NeuralGenerator, open_neural
from livegen.generators.ngram import Ngram
from livegen.generators.session import StepSession

MARKOV = "Markov, order 2"
MARKOV_NOTE = "the bundled table, fitted by `python -m models.markov` on the training part of the same split"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under test.

    Attributes:
        name: how the tables call it; no other subject has it.
        place: the bundled name or the folder that it was opened by.
        contract: what its files promise.
        session: its graphs, for scoring.
    """

    name: str
    place: str
    contract: ModelContract
    session: StepSession

    def generator(self) -> NeuralGenerator:
        """The model as the daemon plays it, having heard nothing."""
        return fresh_model(self.place)

    @property
    def hides_history(self) -> bool:
        """Whether the daemon hides the model's own chords and pitches from it while it accompanies."""
        return bool(self.contract.decoding["hide_history"])


def open_subjects(places: Sequence[str]) -> tuple[Subject, ...]:
    """Find, check and open models; two of the same name are told apart by a number.

    Raises:
        ModelError: one of them can't be used.
    """
    subjects: list[Subject] = []
    seen: Counter[str] = Counter()
    for place in places:
        contract = load_contract(find_model(place))
        seen[contract.name] += 1
        name = contract.name if seen[contract.name] == 1 else f"{contract.name} ({seen[contract.name]})"
        subjects.append(Subject(name, place, contract, StepSession(contract)))
    return tuple(subjects)


def fresh_model(place: str) -> NeuralGenerator:
    """A model that has heard nothing. One a process and place: asking again ends what was played before."""
    generator = _opened(place)
    generator.reset()
    return generator


@cache
def _opened(place: str) -> NeuralGenerator:
    return open_neural(place)


def fresh_markov() -> MarkovGenerator:
    """A Markov generator that has not learned from anybody yet."""
    return MarkovGenerator(Ngram({name: counts.copy() for name, counts in bundled_table().tables.items()}))


@cache
def bundled_table() -> Ngram:
    """The Markov table that livegen ships; not to be written to."""
    return load_table()


def settings_of(contract: ModelContract, changes: Sequence[str]) -> Settings:
    """The daemon's default settings for a model, with NAME=VALUE changes.

    Raises:
        InputError: a change is no NAME=VALUE, or the registry refuses it.
    """
    settings = build_registry(contract.styles).defaults()
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
    """The settings that shape what is played, in words."""
    playing = f"temperature {settings.temperature:g}, lookahead {settings.lookahead_beats:g} beats"
    return f"{playing}, hop {settings.hop_pulses} pulses, style {settings.heaviest_style}"
