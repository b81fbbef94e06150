"""Generators by the names that people type."""

from __future__ import annotations

from pathlib import Path

import pytest

from livegen.core.errors import ConfigError, ModelError
from livegen.generators.markov import MarkovGenerator
from livegen.generators.model_files import bundled_directory, list_models
from livegen.generators.neural import NeuralGenerator
from livegen.generators.open_generator import WITHOUT_NETWORK, open_generator, styles_of
from livegen.generators.scripted import ScriptedGenerator
from livegen.runtime.config import DEFAULTS


@pytest.mark.parametrize(("name", "kind"), [("markov", MarkovGenerator), ("scripted", ScriptedGenerator)])
def test_generators_without_a_network_need_no_file(name: str, kind: type) -> None:
    generator = open_generator(name)
    assert isinstance(generator, kind)
    assert generator.name == name
    assert styles_of(name) == ()


@pytest.mark.parametrize("name", list(WITHOUT_NETWORK))
def test_each_call_gives_a_generator_of_its_own(name: str) -> None:
    assert open_generator(name) is not open_generator(name)


def test_the_default_is_bundled_and_opens() -> None:
    generator = open_generator(DEFAULTS.model)
    assert isinstance(generator, NeuralGenerator)
    assert generator.name == DEFAULTS.model
    assert "jazz" in styles_of(DEFAULTS.model)


def test_a_folder_is_as_good_as_a_name() -> None:
    folder = str(bundled_directory() / DEFAULTS.model)
    assert open_generator(folder).name == DEFAULTS.model
    assert styles_of(folder) == styles_of(DEFAULTS.model)


def test_no_bundled_model_hides_a_generator_without_a_network() -> None:
    assert not {listing.name for listing in list_models()} & set(WITHOUT_NETWORK)


@pytest.mark.parametrize("ask", [open_generator, styles_of])
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere", "there is no model 'nowhere'"),
        ("Markov", "there is no model 'Markov'"),
        ("", "model.json: cannot be read"),
        ("../first", "there is no model"),
        (__file__, "is a file; a model is a directory"),
        (str(Path(__file__).parent), "model.json: cannot be read"),
    ],
)
def test_what_is_no_model_is_refused(ask, name: str, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        ask(name)


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(ConfigError, match="abacus"):
        open_generator(DEFAULTS.model, "abacus")
