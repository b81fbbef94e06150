"""Parameters: what is accepted, what is clamped, what is refused, and that a batch is all or nothing."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from livegen.core.errors import InputError
from livegen.core.events import Part
from livegen.core.parameters import NO_STYLE, ParameterError, Registry, Settings, Value, build_registry

STYLES = ("pop", "jazz", "folk-1")
REGISTRY = build_registry(STYLES)
DEFAULTS = REGISTRY.defaults()
NAMES = [parameter.name for parameter in REGISTRY]
anything = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.sampled_from(("respond", "jazz", "half", "on")),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
)


def through_a_pipe(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes, as between our own processes


def change(name: str, value: object) -> Value:
    return DEFAULTS.with_changes({name: value})[0][name]


def test_the_table_holds_every_promised_parameter_with_its_default() -> None:
    expected: dict[str, Value] = {
        "mode": "respond",
        "temperature": 0.8,
        "top_p": 0.95,
        "min_p": 0.02,
        "density": 0.0,
        "register": 0.0,
        "guidance": 3.0,
        "tempo/bpm": 120.0,
        "clock/source": "internal",
        "follow/within": 0.0,
        "tap/note": -1,
        "tap/control": -1,
        "clock/send": False,
        "click": False,
        "click/channel": 15,
        "beats_per_bar": 4,
        "lookahead": 0.25,
        "lookahead/most": 1.0,
        "style": NO_STYLE,
        "style/pop": 0.0,
        "style/jazz": 0.0,
        "style/folk-1": 0.0,
        "part/lead": True,
        "part/chords": True,
        "part/bass": True,
        "part/drums": True,
        "answer/max_beats": 8.0,
        "phrase/gap": 0.35,
        "harmonize/voices": 2,
        "thru": False,
        "echo/guard": True,
        "input/sensing": True,
        "hop": "beat",
    }
    assert {name: DEFAULTS[name] for name in NAMES} == expected


@pytest.mark.parametrize("name", NAMES)
def test_each_row_describes_itself(name: str) -> None:
    """The default is legal as it stands, the range holds it, and there is a sentence for the manual."""
    parameter = REGISTRY[name]
    assert parameter.check(parameter.default) == (parameter.default, None)
    assert type(parameter.check(parameter.default)[0]) is type(parameter.default)
    assert parameter.low <= parameter.high
    assert parameter.text.endswith(".")
    assert (parameter.kind == "choice") == bool(parameter.choices)
    if parameter.kind == "choice":
        assert parameter.high == len(parameter.choices) - 1


@pytest.mark.parametrize(
    ("name", "asked", "given_"),
    [
        ("temperature", 1, 1.0),
        ("temperature", 2.0, 2.0),
        ("beats_per_bar", 3.0, 3),
        ("beats_per_bar", 12, 12),
        ("thru", True, True),
        ("thru", 1, True),
        ("thru", 1.0, True),
        ("thru", "on", True),
        ("thru", "TRUE", True),
        ("part/bass", 0, False),
        ("part/bass", "off", False),
        ("mode", "accompany", "accompany"),
        ("hop", "half", "half"),
    ],
)
def test_what_a_controller_plausibly_sends_is_taken(name: str, asked: object, given_: Value) -> None:
    value = change(name, asked)
    assert value == given_
    assert type(value) is type(given_)


@pytest.mark.parametrize(
    ("name", "asked", "given_"),
    [
        ("temperature", 2.5, 2.0),
        ("temperature", -1, 0.0),
        ("top_p", 0.0, 0.05),
        ("density", -3, -1.0),
        ("register", 36, 24.0),
        pytest.param("tempo/bpm", 10**5000, 300.0, id="a number too long to print"),
        ("tempo/bpm", -1e300, 20.0),
        ("beats_per_bar", 99, 12),
        ("beats_per_bar", 1e300, 12),
        ("style/jazz", 1.5, 1.0),
    ],
)
def test_out_of_range_is_clamped_and_said(name: str, asked: float, given_: Value) -> None:
    settings, notices = DEFAULTS.with_changes({name: asked})
    assert settings[name] == given_
    assert type(settings[name]) is type(given_)
    (notice,) = notices
    assert (notice.name, notice.asked, notice.given) == (name, asked, given_)
    assert notice.text.startswith(f"{name}: ")
    assert len(notice.text) < 120


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("temperature", math.nan, "not-finite"),
        ("temperature", math.inf, "not-finite"),
        ("beats_per_bar", -math.inf, "not-finite"),
        ("thru", math.nan, "not-finite"),
        ("mode", math.nan, "not-finite"),
        ("temperature", "1", "type"),
        ("temperature", True, "type"),
        ("beats_per_bar", 2.5, "type"),
        ("thru", 2, "type"),
        ("thru", "maybe", "type"),
        ("mode", 1, "type"),
        ("mode", "Accompany", "choice"),
        ("style", "polka", "choice"),
        ("volume", 1, "unknown"),
        ("", 1, "unknown"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_reason(name: str, asked: object, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        DEFAULTS.with_changes({name: asked})
    assert caught.value.name == name
    assert caught.value.reason == reason
    assert isinstance(caught.value, InputError)


def test_a_batch_with_one_illegal_change_changes_nothing() -> None:
    with pytest.raises(ParameterError):
        DEFAULTS.with_changes([("temperature", 1.5), ("mode", "polka"), ("thru", True)])
    assert REGISTRY.defaults() == DEFAULTS


def test_a_batch_is_applied_in_its_order() -> None:
    settings, _ = DEFAULTS.with_changes([("temperature", 0.1), ("temperature", 0.2)])
    assert settings.temperature == 0.2


def test_the_style_macro_sets_one_weight_and_clears_the_others() -> None:
    settings, _ = DEFAULTS.with_changes([("style/pop", 0.7), ("style", "jazz")])
    assert settings.style_weights == (0.0, 1.0, 0.0)
    assert settings["style"] == "jazz"
    settings, _ = settings.with_changes({"style": NO_STYLE})
    assert settings == DEFAULTS
    assert settings["style"] == NO_STYLE


def test_the_style_macro_then_weights_is_a_mixture_and_reads_as_the_heaviest() -> None:
    settings, _ = DEFAULTS.with_changes([("style", "jazz"), ("style/jazz", 0.25), ("style/folk-1", 0.5)])
    assert settings.style_weights == (0.0, 0.25, 0.5)
    assert settings["style"] == "folk-1"


def test_a_model_without_styles_still_has_a_registry() -> None:
    settings = build_registry().defaults()
    assert settings.style_weights == ()
    assert settings["style"] == NO_STYLE


@pytest.mark.parametrize(
    "styles", [("none",), ("a", "a"), ("Jazz",), ("a/b",), ("",), ("a b",), ("é",), ("x" * 33,), tuple(map(str, range(65)))]
)
def test_a_style_name_that_could_not_be_an_address_is_refused(styles: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        build_registry(styles)


def test_readings_are_typed() -> None:
    settings, _ = DEFAULTS.with_changes(
        {"mode": "listen", "part/drums": False, "hop": "half", "beats_per_bar": 3.0, "lookahead": 2, "thru": 1}
    )
    assert settings.mode == "listen"
    assert settings.parts == {Part.LEAD, Part.CHORDS, Part.BASS}
    assert settings.hop_pulses == 12
    assert settings.beats_per_bar == 3
    assert settings.lookahead_beats == 2.0
    assert settings.thru is True
    assert (settings.temperature, settings.top_p, settings.min_p) == (0.8, 0.95, 0.02)
    assert (settings.tempo_bpm, settings.answer_max_beats, settings.phrase_gap_beats) == (120.0, 8.0, 0.35)


def test_reading_an_unknown_name_raises() -> None:
    with pytest.raises(ParameterError):
        DEFAULTS["volume"]
    assert "volume" not in REGISTRY
    assert "style" in REGISTRY


def test_changes_since_names_what_differs() -> None:
    settings, _ = DEFAULTS.with_changes({"style": "jazz", "thru": True, "temperature": 0.8})
    assert settings.changes_since(DEFAULTS) == (("style/jazz", 1.0), ("thru", True))
    assert settings.changes_since(settings) == ()


def test_settings_are_small_on_the_wire_and_share_the_table_on_arrival() -> None:
    settings, _ = DEFAULTS.with_changes({"style": "jazz"})
    arrived = through_a_pipe(settings)
    assert len(pickle.dumps(settings)) < 500
    assert arrived == settings
    assert arrived.registry is REGISTRY
    assert through_a_pipe(REGISTRY) is REGISTRY


@hypothesis_settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=12)), anything), max_size=6))
def test_any_batch_either_raises_or_leaves_legal_settings(changes: list[tuple[str, object]]) -> None:
    """Whatever is asked, each value stays of its type, inside its range, and survives a round trip."""
    try:
        settings, notices = DEFAULTS.with_changes(changes)
    except ParameterError:
        return
    legal(settings, REGISTRY)
    assert DEFAULTS.with_changes(settings.items()) == (settings, ())
    assert through_a_pipe(settings) == settings
    assert {notice.name for notice in notices} <= {name for name, _ in changes}


def legal(settings: Settings, registry: Registry) -> None:
    for parameter in registry:
        value = settings[parameter.name]
        assert type(value) is type(parameter.default)
        if isinstance(value, str):
            assert value in parameter.choices
        else:
            assert parameter.low <= value <= parameter.high


@hypothesis_settings(deadline=None)
@given(st.sampled_from([p for p in REGISTRY if p.kind == "float"]), st.floats(allow_nan=False, allow_infinity=False))
def test_clamping_is_idempotent_and_speaks_only_when_it_acts(parameter, asked: float) -> None:
    value, notice = parameter.check(asked)
    assert parameter.check(value) == (value, None)
    assert (notice is None) == (value == asked)
