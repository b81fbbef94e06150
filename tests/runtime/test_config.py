"""The configuration: checked once, with the place and the remedy in the message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.core.engine import CHANNELS
from livegen.core.errors import ConfigError
from livegen.core.events import Part
from livegen.core.parameters import build_registry
from livegen.runtime.config import BACKENDS, PROVIDERS, Config, checked, read_config, with_place, with_table
from livegen.runtime.config_lines import line_of

REGISTRY = build_registry(("jazz",))


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "livegen.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


WHOLE = """
name = "second"
backend = "jack"
input = "Keystation"
output = "Synth"
output_delay_ms = 12.5
model = "markov"
provider = "cuda"
seed = 7
osc_host = "0.0.0.0"
osc_port = 9000
osc_allow = ["10.0.0.0/24", "10.0.1.7"]
session_log = "gigs"
session_log_mb = 50

[channels]
bass = 5

[parameters]
mode = "accompany"
temperature = 1
"style/jazz" = 0.5

[parameters.tempo]
bpm = 97.5
"""


class TestReading:
    def test_every_key_can_be_set(self, write) -> None:
        config = read_config(write(WHOLE))
        assert config == Config(
            name="second",
            backend="jack",
            input="Keystation",
            output="Synth",
            output_delay_ms=12.5,
            model="markov",
            provider="cuda",
            seed=7,
            osc_host="0.0.0.0",  # noqa: S104 - only read
            osc_port=9000,
            osc_allow=("10.0.0.0/24", "10.0.1.7"),
            session_log="gigs",
            session_log_mb=50,
            channels={**CHANNELS, Part.BASS: 4},
            parameters={"mode": "accompany", "temperature": 1, "style/jazz": 0.5, "tempo/bpm": 97.5},
        )

    def test_what_is_not_said_keeps_its_default(self, write) -> None:
        assert read_config(write("")) == Config()
        assert read_config(write("seed = 3")) == Config(seed=3)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"nowhere\.toml: there is no such file"):
            read_config(tmp_path / "nowhere.toml")

    def test_a_folder_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            read_config(tmp_path)

    def test_bytes_that_are_no_text_cannot_be_read(self, write) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            read_config(write(b'model = "\xff\xfe"'))

    @pytest.mark.parametrize(
        ("text", "line"),
        [("seed = 1\nmodel = first\n", 2), ("seed = 1\n\n\n[channels\n", 4), ("seed = 1\nseed = 2\n", 2), ('a = "x\n', 1)],
    )
    def test_what_is_not_toml_is_refused_with_its_line(self, write, text: str, line: int) -> None:
        with pytest.raises(ConfigError, match=rf"livegen\.toml: not TOML: .*line {line}"):
            read_config(write(text))

    @pytest.mark.parametrize(
        ("text", "line", "complaint"),
        [
            ("seed = -1", 1, "seed: -1 is negative"),
            ('# a comment with modle = 1\n\nmodle = "edge"', 3, "unknown key 'modle'"),
            ("seed = 1\n[channels]\nlead = 1\n  bass = 17 # too many", 4, r"channels\.bass"),
            ("channels = {lead = 0}", 1, r"channels\.lead"),
            ("channels.lead = 0", 1, r"channels\.lead"),
            ('model = """\na = 1\nb"""\nosc_port = 70000', 4, "osc_port: 70000"),
            ("\n[sound]\nloud = 1", 2, "unknown key 'sound'"),
        ],
    )
    def test_what_is_wrong_inside_names_the_file_and_the_line(self, write, text: str, line: int, complaint: str) -> None:
        with pytest.raises(ConfigError, match=rf"livegen\.toml, line {line}: {complaint}"):
            read_config(write(text))

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[parameters]\ntemperature = 1.0\n'tempo/bpm' = 5", 3),
            ("[parameters.tempo]\nbpm = 5", 2),
            ("[parameters]\n\ntempo.bpm = 5", 3),
        ],
    )
    def test_a_parameter_that_is_wrong_has_its_line_too(self, write, text: str, line: int) -> None:
        path = write(text)
        config = read_config(path)
        with pytest.raises(ConfigError) as caught:
            config.settings(REGISTRY)
        placed = with_place(caught.value, path, config, REGISTRY)
        assert str(placed).startswith(f"{path}, line {line}: [parameters] tempo/bpm: 5 is below 20")

    @pytest.mark.parametrize("value", ["nan", "inf"])
    def test_so_has_what_is_no_number_at_all(self, write, value: str) -> None:
        path = write(f"[parameters]\n\ntemperature = {value}")
        config = read_config(path)
        with pytest.raises(ConfigError) as caught:
            config.settings(REGISTRY)
        placed = with_place(caught.value, path, config, REGISTRY)
        assert str(placed) == f"{path}, line 3: [parameters] temperature: {value} is not a finite number"

    def test_what_an_option_has_set_is_not_the_file_s_fault(self, write) -> None:
        path = write("[parameters]\ntemperature = 1.0")
        config = replace(read_config(path), parameters={"temperature": 9.0})
        error = ConfigError("as it was")
        assert with_place(error, path, config, REGISTRY) is error

    @given(st.text("[]=.#\"'ab \n", max_size=60), st.tuples(st.text("ab", min_size=1)))
    def test_any_text_has_lines(self, text: str, key: tuple[str]) -> None:
        line = line_of(text, key)
        assert line is None or 1 <= line <= len(text.splitlines())


class TestValues:
    def test_an_unknown_key_is_refused_and_the_known_are_listed(self) -> None:
        with pytest.raises(ConfigError, match=r"unknown key 'modle'; there are name, backend, input, .*parameters"):
            with_table(Config(), {"modle": "edge"})

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"seed": "7"}, "seed: wants a whole number, not '7'"),
            ({"seed": 7.0}, "seed: wants a whole number, not 7.0"),
            ({"seed": True}, "seed: wants a whole number, not True"),
            ({"model": 3}, "model: wants a text in quotes, not 3"),
            ({"input": ["a"]}, "input: wants a text in quotes"),
            ({"channels": 4}, "channels: wants a table, not 4"),
            ({"parameters": "tempo"}, "parameters: wants a table"),
            ({"channels": {"lead": "1"}}, r"channels\.lead: wants a MIDI channel 1\.\.16, not '1'"),
            ({"channels": {"lead": True}}, r"channels\.lead: wants a MIDI channel"),
            ({"channels": {"lead": 0}}, r"channels\.lead: wants a MIDI channel"),
            ({"channels": {"lead": 17}}, r"channels\.lead: wants a MIDI channel"),
            ({"channels": {"guitar": 1}}, r"channels\.guitar: unknown part; there are lead, chords, bass, drums"),
            ({"backend": "oss"}, f"backend: 'oss' is not one of {', '.join(BACKENDS)}"),
            ({"provider": "gpu"}, f"provider: 'gpu' is not one of {', '.join(PROVIDERS)}"),
            ({"osc_allow": "10.0.0.1"}, "osc_allow: wants a list of texts, not '10.0.0.1'"),
            ({"osc_allow": [10]}, r"osc_allow: wants a list of texts, not \[10\]"),
            ({"osc_allow": ["tablet"]}, "osc_allow: 'tablet' is neither an address like 192.168.1.20 nor a network"),
            ({"osc_port": -1}, r"osc_port: -1 is not in 0\.\.65535"),
            ({"session_log_mb": 0}, r"session_log_mb: 0 is not in 1\.\.100000"),
            ({"session_log": ""}, "session_log: '' is no folder; leave it out to record nothing"),
            ({"session_log": True}, "session_log: wants a text in quotes, not True"),
            ({"osc_port": 65536}, r"osc_port: 65536 is not in 0\.\.65535"),
            ({"seed": -1}, "seed: -1 is negative"),
            ({"output_delay_ms": "12"}, "output_delay_ms: wants a number, not '12'"),
            ({"output_delay_ms": True}, "output_delay_ms: wants a number, not True"),
            ({"output_delay_ms": -1}, r"output_delay_ms: -1 is not in 0\.\.500"),
            ({"output_delay_ms": 500.5}, r"output_delay_ms: 500\.5 is not in 0\.\.500"),
            ({"output_delay_ms": float("nan")}, r"output_delay_ms: nan is not in 0\.\.500"),
        ],
    )
    def test_a_wrong_value_is_refused_with_its_name_and_what_is_wanted(self, table: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            with_table(Config(), table)

    def test_channels_are_counted_from_1_by_people_and_from_0_inside(self) -> None:
        channels = with_table(Config(), {"channels": {"lead": 16, "drums": 1}}).channels
        assert channels == {**CHANNELS, Part.LEAD: 15, Part.DRUMS: 0}

    def test_a_table_goes_over_what_was_set_before(self) -> None:
        """As options of the command line go over the file."""
        config = with_table(with_table(Config(), {"seed": 1, "model": "markov"}), {"seed": 2})
        assert (config.seed, config.model) == (2, "markov")

    def test_a_whole_number_is_a_number(self) -> None:
        assert with_table(Config(), {"output_delay_ms": 12}).output_delay_ms == 12

    @pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "../x", "x" * 32, "\u00e9", "a\n", "-a", " a", "a "])
    def test_a_name_is_fit_for_ports_and_files(self, name: str) -> None:
        with pytest.raises(ConfigError, match="name: "):
            with_table(Config(), {"name": name})
        assert with_table(Config(), {"name": "second set-2.b"}).port_names == ("second set-2.b in", "second set-2.b out")

    def test_options_are_checked_too(self) -> None:
        with pytest.raises(ConfigError, match="backend"):
            checked(Config(backend="oss"))
        assert checked(Config()) == Config()


class TestParameters:
    def test_they_become_the_settings_to_begin_with(self) -> None:
        config = with_table(Config(), {"parameters": {"tempo": {"bpm": 90}, "part": {"lead": False}, "style/jazz": 1.0}})
        settings = config.settings(build_registry(("jazz",)))
        assert (settings.tempo_bpm, settings["part/lead"], settings.heaviest_style) == (90.0, False, "jazz")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"tempo": {"bmp": 90}}, r"\[parameters\] no parameter is named 'tempo/bmp'"),
            ({"style/jazz": 1.0}, r"\[parameters\] no parameter is named 'style/jazz'"),
            ({"mode": "duel"}, r"\[parameters\] mode: wants one of"),
            ({"thru": [1]}, r"\[parameters\] thru: wants on or off"),
            ({"temperature": "hot"}, r"\[parameters\] temperature: wants a number"),
            ({"tempo": {"bpm": 900}}, r"\[parameters\] tempo/bpm: 900 is above 300 bpm.*write a value in range"),
        ],
    )
    def test_what_the_stage_would_clamp_the_file_must_not_hold(self, parameters: dict[str, object], message: str) -> None:
        """At start every fault is fatal: nobody should find out on stage that the file says something else."""
        config = with_table(Config(), {"parameters": parameters})
        with pytest.raises(ConfigError, match=message):
            config.settings(build_registry())
