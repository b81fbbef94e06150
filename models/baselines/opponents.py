"""All baselines by name, each made for the song that it is to play."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from livegen.core.errors import InputError
from livegen.generators.protocol import Generator
from models.baselines.oracle import Oracle
from models.baselines.ridge import Ridge, RidgeRule
from models.baselines.rules import Chaser, HoldTonic, LastBar, RandomInKey, Rule, Silence
from models.scoring.accompaniment import MakeGenerator, Song

RULES: tuple[type[Rule], ...] = (Silence, RandomInKey, LastBar, Chaser, HoldTonic)


def opponents(ridges: Mapping[str, Ridge]) -> dict[str, MakeGenerator]:
    """The rules, the ridge fitted on the song's corpus, and the oracle; all can be sent to another process."""
    made: dict[str, MakeGenerator] = {rule.name: partial(_rule, rule) for rule in RULES}
    return made | {RidgeRule.name: partial(_ridge, ridges), Oracle.name: _oracle}


def _rule(rule: type[Rule], song: Song) -> Generator:  # noqa: ARG001 - a rule is the same for every song
    return rule()


def _ridge(ridges: Mapping[str, Ridge], song: Song) -> Generator:
    if song.piece.corpus not in ridges:
        raise InputError(f"there is no ridge for {song.piece.corpus}: fit one on its training part")
    return RidgeRule(ridges[song.piece.corpus])


def _oracle(song: Song) -> Generator:
    return Oracle(song.melody)
