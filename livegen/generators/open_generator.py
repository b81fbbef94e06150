"""Open a generator by the name that a configuration gives."""

from __future__ import annotations

from collections.abc import Callable

from livegen.generators.markov import MarkovGenerator
from livegen.generators.model_files import find_model, load_contract
from livegen.generators.neural import open_neural
from livegen.generators.protocol import Generator
from livegen.generators.scripted import ScriptedGenerator

WITHOUT_NETWORK: dict[str, Callable[[], Generator]] = {"markov": MarkovGenerator, "scripted": ScriptedGenerator}
"""Generators that need no model file."""


def open_generator(name: str, provider: str = "cpu") -> Generator:
    """A bundled model's name, a folder with a model, "markov" or "scripted". Blocks while a model loads.

    Raises:
        ModelError: the model cannot be used; the text says why and what to do.
        ConfigError: there is no such provider.
    """
    if name in WITHOUT_NETWORK:
        return WITHOUT_NETWORK[name]()
    return open_neural(name, provider)


def styles_of(name: str) -> tuple[str, ...]:
    """Names of the styles that a generator knows, in order; reads only the model's contract.

    Raises:
        ModelError: as `open_generator`.
    """
    return () if name in WITHOUT_NETWORK else load_contract(find_model(name)).styles
