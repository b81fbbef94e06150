"""The one registry of parameters: what can be set, its type, range, unit and default, and a frozen snapshot of the values.

OSC addresses, the web page, controller layouts, configuration files and the manual are all made from this table, so that a
parameter is described, checked and clamped in one place. All of it is pure and frozen: any thread may call, nothing blocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Generic, Literal, TypeVar

from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.harmonizer import MOST_VOICES

Kind = Literal["float", "int", "bool", "choice"]
Value = float | int | bool | str
Reason = Literal["unknown", "type", "not-finite", "choice"]
T = TypeVar("T")

MODES: tuple[str, ...] = ("respond", "accompany", "harmonize", "listen")
CLOCK_SOURCES: tuple[str, ...] = ("internal", "midi", "tap", "follow", "link")
HOPS: dict[str, int] = {"half": PULSES_PER_BEAT // 2, "beat": PULSES_PER_BEAT}
"""Names of the lengths of a planning window, and those lengths in pulses."""

NO_STYLE = "none"
"""The choice of the `style` macro that sets every weight to 0: the model plays without a style."""

NOBODY = -1
"""The note or controller of a function that none is given to."""

MAX_STYLES = 64
_STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_WORDS: dict[str, bool] = {"on": True, "true": True, "off": False, "false": False}


class ParameterError(InputError):
    """A change was refused.

    Attributes:
        name: the parameter, as the caller wrote it.
        reason: "unknown" name, wrong "type", "not-finite" number, or a word that is no "choice".
    """

    def __init__(self, name: str, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Notice:
    """A value was out of range and has been clamped: `asked` became `given`; `text` says so to a person."""

    name: str
    asked: Value
    given: Value
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that can be set.

    Attributes:
        name: also its OSC address below `/livegen/`, such as "tempo/bpm".
        kind: "float", "int", "bool" or "choice".
        default: a legal value.
        low: the least number; 0 for a bool, 0 for a choice (its first index).
        high: the greatest number; 1 for a bool, the last index for a choice.
        unit: "bpm", "beats", "semitones", "%" or "" for a plain number.
        choices: the legal words of a choice, otherwise empty.
        text: one sentence for a musician.
        macro: setting it sets other parameters; it has no value of its own.
    """

    name: str
    kind: Kind
    default: Value
    low: float
    high: float
    unit: str
    choices: tuple[str, ...]
    text: str
    macro: bool = False

    def check(self, value: object) -> tuple[Value, Notice | None]:
        """Convert `value` to this parameter's type and range.

        A float takes any finite number, an int a number without a fraction, a bool also 0, 1, "on", "off", "true" and "false",
        a choice one of its words.

        Returns:
            The value to use, and a notice if it had to be clamped.

        Raises:
            ParameterError: the value has the wrong type, is NaN or infinite, or is no choice.
        """
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(self.name, "not-finite", f"{self.name}: {value} is not a finite number")
        match self.kind:
            case "bool":
                return self._truth(value), None
            case "choice":
                return self._choice(value), None
            case _:
                return self._number(value)

    def _truth(self, value: object) -> bool:
        if isinstance(value, str) and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        if isinstance(value, bool | int | float) and value in (0, 1):
            return bool(value)
        raise ParameterError(self.name, "type", f"{self.name}: wants on or off (1 or 0), not {_shown(value)}")

    def _choice(self, value: object) -> str:
        if not isinstance(value, str):
            raise ParameterError(self.name, "type", f"{self.name}: wants a word, not {_shown(value)}")
        if value not in self.choices:
            raise ParameterError(
                self.name, "choice", f"{self.name}: wants one of {', '.join(self.choices)}, not {_shown(value)}"
            )
        return value

    def _number(self, value: object) -> tuple[Value, Notice | None]:
        # bool is an int in Python, but True beats a minute is somebody's mistake
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(self.name, "type", f"{self.name}: wants a number, not {_shown(value)}")
        if self.kind == "int" and isinstance(value, float) and not value.is_integer():
            raise ParameterError(self.name, "type", f"{self.name}: wants a whole number, not {_shown(value)}")
        convert = int if self.kind == "int" else float
        if value < self.low:
            given, side = convert(self.low), "below"
        elif value > self.high:
            given, side = convert(self.high), "above"
        else:
            return convert(value), None
        unit = f" {self.unit}" if self.unit else ""
        return given, Notice(self.name, value, given, f"{self.name}: {_shown(value)} is {side} {given:g}{unit}, which is used")


def _shown(value: object) -> str:
    """A short form of anything that was asked for, safe to put into a message."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"  # Python refuses to print the longest ones
    text = f"{value:g}" if isinstance(value, float) else ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


@dataclass(frozen=True)
class Registry:
    """All parameters in the order in which they are shown. Made by `build_registry`.

    Attributes:
        parameters: the table.
        styles: names of the model's styles, in the model's order; they identify the registry.
    """

    parameters: tuple[Parameter, ...]
    styles: tuple[str, ...]
    _rows: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", {parameter.name: parameter for parameter in self.parameters})

    def __reduce__(self) -> tuple[Callable[..., Registry], tuple[tuple[str, ...]]]:
        return build_registry, (self.styles,)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises:
            ParameterError: there is none.
        """
        try:
            return self._rows[name]
        except KeyError:
            raise ParameterError(name, "unknown", f"no parameter is named {_shown(name)}") from None

    def defaults(self) -> Settings:
        """The settings before anybody touched anything."""
        return Settings(self, tuple(parameter.default for parameter in self.parameters if not parameter.macro))


class _Reading(Generic[T]):
    """A typed attribute of `Settings` that answers one parameter's value; range and meaning stand in its row of the table."""

    def __init__(self, name: str, convert: Callable[[Value], T]) -> None:
        self._name = name
        self._convert = convert

    def __get__(self, settings: Settings, owner: type[Settings]) -> T:
        return self._convert(settings._table[self._name])


@dataclass(frozen=True)
class Settings:
    """A frozen snapshot of every parameter's value; pickles to a few hundred bytes (style names and values, not the table).

    Attributes:
        registry: the table that the values belong to.
        values: one value for each parameter that is no macro, in the registry's order.
    """

    registry: Registry
    values: tuple[Value, ...]
    _table: Mapping[str, Value] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = (parameter.name for parameter in self.registry if not parameter.macro)
        object.__setattr__(self, "_table", dict(zip(names, self.values, strict=True)))

    def __reduce__(self) -> tuple[Callable[..., Settings], tuple[Registry, tuple[Value, ...]]]:
        return Settings, (self.registry, self.values)

    def __getitem__(self, name: str) -> Value:
        """The value of a parameter; of the `style` macro, the heaviest style, or "none" while all weights are 0.

        Raises:
            ParameterError: no parameter has that name.
        """
        if name in self._table:
            return self._table[name]
        return self.heaviest_style if self.registry[name].macro else self._table[name]

    def items(self) -> tuple[tuple[str, Value], ...]:
        """Names and values of everything but macros, in the registry's order; feeding them to `with_changes` restores them."""
        return tuple(self._table.items())

    def with_changes(self, changes: Mapping[str, object] | Iterable[tuple[str, object]]) -> tuple[Settings, tuple[Notice, ...]]:
        """Apply a batch of changes, all or none, in their order.

        Args:
            changes: names and values; a later one wins, so `style` before `style/<name>` sets a mixture.

        Returns:
            The new settings, and a notice for each value that was clamped.

        Raises:
            ParameterError: a name is unknown or a value is illegal; then nothing of the batch is used.
        """
        table = dict(self._table)
        notices = []
        for name, asked in changes.items() if isinstance(changes, Mapping) else changes:
            parameter = self.registry[name]
            given, notice = parameter.check(asked)
            if parameter.macro:
                table.update((f"style/{style}", float(style == given)) for style in self.registry.styles)
            else:
                table[name] = given
            if notice is not None:
                notices.append(notice)
        return Settings(self.registry, tuple(table.values())), tuple(notices)

    def changes_since(self, older: Settings) -> tuple[tuple[str, Value], ...]:
        """Names and new values of what differs from `older`, which belongs to the same registry."""
        return tuple((name, value) for name, value in self._table.items() if older._table[name] != value)

    mode = _Reading("mode", str)
    temperature = _Reading("temperature", float)
    top_p = _Reading("top_p", float)
    min_p = _Reading("min_p", float)
    density = _Reading("density", float)
    register = _Reading("register", float)
    guidance = _Reading("guidance", float)
    tempo_bpm = _Reading("tempo/bpm", float)
    beats_per_bar = _Reading("beats_per_bar", int)
    clock_source = _Reading("clock/source", str)
    clock_send = _Reading("clock/send", bool)
    click = _Reading("click", bool)
    click_channel = _Reading("click/channel", int)
    follow_within_percent = _Reading("follow/within", float)
    tap_note = _Reading("tap/note", int)
    tap_control = _Reading("tap/control", int)
    lookahead_beats = _Reading("lookahead", float)
    most_lookahead_beats = _Reading("lookahead/most", float)
    answer_max_beats = _Reading("answer/max_beats", float)
    phrase_gap_beats = _Reading("phrase/gap", float)
    harmonize_voices = _Reading("harmonize/voices", int)
    thru = _Reading("thru", bool)
    echo_guard = _Reading("echo/guard", bool)
    input_sensing = _Reading("input/sensing", bool)

    @property
    def style_weights(self) -> tuple[float, ...]:
        """The weight 0..1 of each style in the registry's order, not normalised; all 0 means that no style is given."""
        return tuple(float(self._table[f"style/{style}"]) for style in self.registry.styles)

    @property
    def heaviest_style(self) -> str:
        """The style of the greatest weight, the first of equals; "none" while all are 0."""
        weights = self.style_weights
        heaviest = max(weights, default=0.0)
        return self.registry.styles[weights.index(heaviest)] if heaviest > 0.0 else NO_STYLE

    @cached_property
    def parts(self) -> frozenset[Part]:
        """The agent's parts that may play."""
        return frozenset(part for part in Part if self._table[f"part/{part.label}"])

    @property
    def hop_pulses(self) -> int:
        """The length of a planning window in pulses, 12 or 24."""
        return HOPS[str(self._table["hop"])]


def build_registry(styles: Sequence[str] = ()) -> Registry:
    """The table for a model with these styles; the same names give the same object.

    Args:
        styles: at most 64 names in the model's order, each of a-z, 0-9, "_" and "-", at most 32 characters.

    Raises:
        InputError: a style's name is illegal, reserved ("none") or given twice, or there are too many.
    """
    return _registry(tuple(styles))


@lru_cache(maxsize=16)
def _registry(styles: tuple[str, ...]) -> Registry:
    if len(styles) > MAX_STYLES or len(set(styles)) != len(styles):
        raise InputError(f"a model has at most {MAX_STYLES} styles, each named once, not {styles!r}")
    for style in styles:
        if style == NO_STYLE or not _STYLE_NAME.fullmatch(style):
            raise InputError(f"{style!r} cannot name a style: use a-z, 0-9, _ and -, at most 32, and not {NO_STYLE!r}")
    return Registry((*_PLAYING, *_style_rows(styles), *_PARTS, *_HABITS), styles)


def _style_rows(styles: tuple[str, ...]) -> Iterator[Parameter]:
    words = (NO_STYLE, *styles)
    text = "Plays in one style: its weight becomes 1, all others 0."
    yield Parameter("style", "choice", NO_STYLE, 0, len(styles), "", words, text, macro=True)
    for style in styles:
        text = f"How much of the style {style} goes into the mixture."
        yield Parameter(f"style/{style}", "float", 0.0, 0, 1, "", (), text)


# fmt: off
_PLAYING = (
    Parameter("mode", "choice", "respond", 0, len(MODES) - 1, "", MODES, "Answers, accompanies, harmonizes or only listens."),
    Parameter("temperature", "float", 0.8, 0, 2, "", (), "How bold the choice of notes is: 0 plays safe, 2 is wild."),
    Parameter("top_p", "float", 0.95, 0.05, 1, "", (), "Keeps the likeliest notes up to this share of probability."),
    Parameter("min_p", "float", 0.02, 0, 1, "", (), "Drops notes less likely than this share of the likeliest."),
    Parameter("density", "float", 0.0, -1, 1, "", (), "How many notes: -1 few, 0 as many as comes naturally, 1 many."),
    Parameter("register", "float", 0.0, -24, 24, "semitones", (), "Plays so much higher or lower; notes move by octaves."),
    Parameter("guidance", "float", 3.0, 0, 4, "", (), "How strongly a style is followed: 1 as it was learnt, 4 too much."),
    Parameter("tempo/bpm", "float", 120.0, 20, 300, "bpm", (), "The tempo."),
    Parameter("clock/source", "choice", "internal", 0, len(CLOCK_SOURCES) - 1, "", CLOCK_SOURCES,
              "What gives the beat: our tempo, a MIDI clock, taps, what you play, or Link."),
    Parameter("follow/within", "float", 0.0, 0, 50, "%", (),
              "Where you give the beat by playing: how far your tempo may be from tempo/bpm; 0 is anywhere."),
    Parameter("tap/note", "int", NOBODY, NOBODY, 127, "", (), "The key that taps, where taps give the beat; -1 is none."),
    Parameter("tap/control", "int", NOBODY, NOBODY, 127, "", (), "The controller that taps, as it gets to 64; -1 is none."),
    Parameter("clock/send", "bool", False, 0, 1, "", (), "Sends a MIDI clock to the output, with start and stop."),
    Parameter("click", "bool", False, 0, 1, "", (), "Clicks on every beat."),
    Parameter("click/channel", "int", 15, 1, 16, "", (), "The MIDI channel of the click."),
    Parameter("beats_per_bar", "int", 4, 1, 12, "beats", (), "The number of beats in a bar."),
    Parameter("lookahead", "float", 0.25, 0.1, 2, "beats", (), "How far ahead music is planned, if the model is quick enough."),
    Parameter("lookahead/most", "float", 1.0, 0.1, 2, "beats", (), "How far ahead it is planned at most, for a slow model."),
)
_PARTS = tuple(
    Parameter(f"part/{part.label}", "bool", True, 0, 1, "", (), f"Whether the {part.label} may play.") for part in Part
)
_HABITS = (
    Parameter("answer/max_beats", "float", 8.0, 1, 32, "beats", (), "The longest answer to a phrase."),
    Parameter("phrase/gap", "float", 0.35, 0.1, 1, "beats", (), "The silence that ends your phrase."),
    Parameter("harmonize/voices", "int", 2, 1, MOST_VOICES, "notes", (), "How many notes are added to each that you play."),
    Parameter("thru", "bool", False, 0, 1, "", (), "Passes your own notes on to the output."),
    Parameter("echo/guard", "bool", True, 0, 1, "", (), "Knows its own notes when they come back to its input."),
    Parameter("input/sensing", "bool", True, 0, 1, "", (), "Lets go of your keys when a keyboard's active sensing stops."),
    Parameter("hop", "choice", "beat", 0, 1, "", tuple(HOPS), "Plans the accompaniment beat by beat or in half beats."),
)
# fmt: on
