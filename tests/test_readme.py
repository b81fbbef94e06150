"""The README, run: its commands, its tables, its examples and its links."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from textwrap import dedent

import mido
import pytest
from support.live import daemon

from livegen.cli.main import build_parser
from livegen.cli.options import config_of, parameters_of
from livegen.core import vocabulary as v
from livegen.core.engine import CHANNELS
from livegen.core.parameters import Parameter, Value, build_registry
from livegen.desk.commands import Command
from livegen.desk.endpoint import Endpoint, Reply
from livegen.desk.osc_codec import decode, encode
from livegen.generators.open_generator import styles_of
from livegen.runtime.config import DEFAULTS, Config, read_config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md"), *ROOT.glob("livegen/pretrained/**/*.md")])
REGISTRY = build_registry(styles_of(DEFAULTS.model))
PITCHES = (64, 64, 65, 67, 67, 65, 64, 62, 60, 60, 62, 64)


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, those inside lists too."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [dedent(block) for block in found]


def lines() -> list[str]:
    """Every line of every sh block, without comments."""
    return [line for block in blocks("sh") for line in block.splitlines() if line and not line.startswith("#")]


def commands(*beginning: str) -> list[list[str]]:
    """The words of every command in the sh blocks that begins so, one for each that `&&` joins."""
    split = [shlex.split(part, comments=True) for line in lines() for part in line.split("&&")]
    return [words for words in split if tuple(words[: len(beginning)]) == beginning]


def shown(words: list[str]) -> str:
    return " ".join(words)


def run(*words: str, folder: Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)


def livegen(words: list[str], folder: Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a `livegen ...` of the README with this Python."""
    return run(sys.executable, "-m", "livegen", *words[1:], folder=folder, seconds=seconds)


class TestCommands:
    @pytest.mark.parametrize("line", ["pip install . && livegen demo", "pip install -e '.[dev]' && pytest"])
    def test_the_two_install_lines_stand_there(self, line: str) -> None:
        assert line in lines()

    @pytest.mark.parametrize("words", commands("livegen"), ids=shown)
    def test_it_is_understood(self, words: list[str]) -> None:
        options = build_parser().parse_args(words[1:])
        assert options.command == words[1]

    def test_every_subcommand_is_shown(self) -> None:
        parser = build_parser()
        with pytest.raises(SystemExit):
            parser.parse_args(["no such command"])
        listed = {words[1] for words in commands("livegen")}
        assert listed >= {"run", "demo", "simulate", "calibrate", "bench", "doctor", "ports", "models", "replay", "service"}

    @pytest.mark.parametrize("words", [*commands("livegen", "run"), *commands("livegen", "simulate")], ids=shown)
    def test_its_values_exist(self, words: list[str]) -> None:
        options = build_parser().parse_args(words[1:])
        options.config = None  # the file is an example of its own
        config = config_of(options) if options.command == "run" else Config(parameters=parameters_of(options))
        assert config.settings(REGISTRY).items()

    def test_models(self, tmp_path: Path) -> None:
        (words,) = commands("livegen", "models")
        done = livegen(words, tmp_path)
        assert done.returncode == 0, done.stderr
        assert {line.split(":")[0] for line in done.stdout.splitlines()} >= {DEFAULTS.model, "markov", "scripted"}

    def test_doctor_says_something_of_everything_that_is_needed(self, tmp_path: Path) -> None:
        (words,) = commands("livegen", "doctor")
        done = livegen(words, tmp_path)
        assert done.returncode in (0, 1), done.stderr
        assert [line[3:].split(":")[0].strip() for line in done.stdout.splitlines()] == ["machine", "MIDI", "model", "OSC"]

    def test_ports_lists_or_says_why_it_cannot(self, tmp_path: Path) -> None:
        (words,) = commands("livegen", "ports")
        done = livegen(words, tmp_path)
        assert "to listen to (--in)" in done.stdout or (done.returncode == 2 and "no MIDI system is there" in done.stderr)

    @pytest.mark.parametrize("words", commands("livegen", "simulate"), ids=shown)
    def test_simulate(self, words: list[str], tmp_path: Path) -> None:
        options = build_parser().parse_args(words[1:])
        write_tune(tmp_path / options.input)
        done = livegen(words, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "player" in track_names(tmp_path / options.out)
        assert not options.report or (tmp_path / options.report).exists()

    @pytest.mark.parametrize("words", commands("python", "-m"), ids=shown)
    def test_a_module_knows_its_options(self, words: list[str]) -> None:
        done = run(sys.executable, *words[1:3], "--help", folder=ROOT, seconds=110)
        assert done.returncode == 0, done.stderr
        for option in (word for word in words if word.startswith("--")):
            assert option in done.stdout


def write_tune(path: Path) -> None:
    """Twelve quarters of a well-known melody."""
    track = mido.MidiTrack()
    for pitch in PITCHES:
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=480))
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=[track]).save(path)


def track_names(path: Path) -> list[str]:
    return [track.name for track in mido.MidiFile(path).tracks]


@pytest.mark.processes
def test_the_demo_does_and_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """Half a minute of music in real time, then its picture."""
    (words,) = commands("livegen", "demo")[:1]
    done = livegen(words, tmp_path, seconds=110)
    assert done.returncode == 0, done.stdout + done.stderr
    delays = [float(beats) for beats in re.findall(r"= ([\d.]+) beats after", done.stdout)]
    assert len(delays) == 3
    assert max(delays) <= 1.0
    assert without_numbers(done.stdout) in [without_numbers(block) for block in blocks("text")]
    assert {"player", "lead"} <= set(track_names(tmp_path / "demo.mid"))
    (drawing,) = commands("python", "docs/piano_roll.py")
    picture = tmp_path / "demo.svg"
    drawn = run(sys.executable, str(ROOT / drawing[1]), "demo.mid", str(picture), folder=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    drawn_parts = {element.get("class") for element in ET.parse(picture).iter()}  # noqa: S314 - our own file
    assert {"player", "lead"} <= drawn_parts


def without_numbers(text: str) -> str:
    return re.sub(r"[\d.]+", "#", text)


class TestOsc:
    def test_the_table_is_the_registry(self) -> None:
        assert between("parameters") == parameter_table(), f"README.md must hold this table:\n{parameter_table()}"

    @pytest.mark.parametrize("words", commands("oscsend"), ids=shown)
    def test_an_example_is_obeyed(self, words: list[str]) -> None:
        _, host, port, address, *rest = words
        assert (host, port) == ("localhost", str(DEFAULTS.osc_port))
        outcomes = endpoint().receive(encode(address, *arguments(rest)), ("127.0.0.1", 9), 0)
        assert outcomes, "nothing came of it"
        for outcome in outcomes:
            assert isinstance(outcome, Command) or decode(outcome.packet)[0].address != "/livegen/error"

    @pytest.mark.parametrize("address", re.findall(r"^\| `(/livegen/\w+)`", README, re.MULTILINE), ids=str)
    def test_an_address_is_known(self, address: str) -> None:
        """Also those that only answer, which are silently passed over."""
        for outcome in endpoint().receive(encode(address), ("127.0.0.1", 9), 0):
            assert not isinstance(outcome, Reply) or decode(outcome.packet)[0].address != "/livegen/error"

    @pytest.mark.processes
    def test_the_python_example_is_answered(self, tmp_path: Path) -> None:
        (example,) = [block for block in blocks("python") if "pythonosc" in block]
        port = free_port()
        with daemon("--backend", "none", "--osc-port", str(port)):
            done = run(sys.executable, "-c", example.replace(str(DEFAULTS.osc_port), str(port)), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("/livegen/health ['notes_out', 0")


def endpoint() -> Endpoint:
    return Endpoint(REGISTRY.defaults(), version="0", started_ns=0)


def arguments(words: list[str]) -> Iterator[Value]:
    """What oscsend makes of a string of types and the values."""
    if not words:
        return
    values = iter(words[1:])
    for kind in words[0]:
        match kind:
            case "T" | "F":
                yield kind == "T"
            case "i":
                yield int(next(values))
            case "f":
                yield float(next(values))
            case _:
                yield next(values)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def between(mark: str) -> str:
    """The text between `<!-- mark -->` and `<!-- /mark -->`."""
    return README.partition(f"<!-- {mark} -->\n")[2].partition(f"\n<!-- /{mark} -->")[0]


def parameter_table() -> str:
    """The registry as the README shows it."""
    rows = [
        f"| `/livegen/{one.name}` | {kind_of(one)} | {range_of(one)} | {value_of(one.default)} | {one.text} |"
        for one in REGISTRY
    ]
    return "\n".join(["| address | value | range | default | what it does |", "|---|---|---|---|---|", *rows])


def kind_of(parameter: Parameter) -> str:
    return {"float": "number", "int": "whole number", "bool": "switch", "choice": "word"}[parameter.kind]


def range_of(parameter: Parameter) -> str:
    if parameter.kind == "choice":
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.kind == "bool":
        return "1 or 0"
    return f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".strip()


def value_of(value: Value) -> str:
    match value:
        case bool():
            return "1" if value else "0"
        case str():
            return f"`{value}`"
        case _:
            return f"{value:g}"


class TestConfiguration:
    @pytest.fixture
    def example(self) -> str:
        (example,) = blocks("toml")
        return example

    def test_it_is_accepted(self, example: str, tmp_path: Path) -> None:
        path = tmp_path / "stage.toml"
        path.write_text(example, encoding="utf-8")
        assert read_config(path).settings(REGISTRY)["style/folk"] == 0.4

    def test_it_shows_every_key(self, example: str) -> None:
        assert tomllib.loads(example).keys() == {field.name for field in fields(Config)}

    def test_its_channels_are_the_defaults(self, example: str) -> None:
        assert tomllib.loads(example)["channels"] == {part.label: channel + 1 for part, channel in CHANNELS.items()}


def weights_of(recipe: str) -> dict[str, float]:
    """The corpora of a recipe and their shares."""
    text = (ROOT / f"models/recipes/{recipe}.toml").read_text(encoding="utf-8")
    weights: dict[str, float] = tomllib.loads(text)["data"]["weights"]
    return weights


class TestCorpora:
    def test_each_is_named_with_its_source(self) -> None:
        notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
        for name in weights_of("edge"):
            row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
            (home,) = re.findall(r"\((https://[^)]+)\)", row)
            assert home in notice, f"NOTICE does not name {home}"

    @pytest.mark.parametrize(
        ("page", "column", "recipe"),
        [
            ("docs/corpora.md", -1, "edge"),
            ("docs/corpora.md", -2, "stage-small"),
            ("livegen/pretrained/edge/CARD.md", -1, "edge"),
            ("livegen/pretrained/stage/CARD.md", -1, "stage-small"),
        ],
    )
    def test_their_shares_are_those_of_the_recipe(self, page: str, column: int, recipe: str) -> None:
        rows = re.findall(r"^\|.*\| \d+ % \|$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        shown = [int(line.strip("|").split("|")[column].strip(" %")) for line in rows]
        assert sorted(shown) == sorted(round(100 * share) for share in weights_of(recipe).values())


class TestDesign:
    @pytest.fixture
    def design(self) -> str:
        return (ROOT / "docs/design.md").read_text(encoding="utf-8")

    def test_its_fields_are_the_vocabulary(self, design: str) -> None:
        shown = re.findall(r"^\| `(\w+)` \| (\d+) \|", design, re.MULTILINE)
        assert [(name, int(size)) for name, size in shown] == [(field.name, field.size) for field in v.FIELDS]

    def test_its_events_are_the_grammar(self, design: str) -> None:
        shown = re.findall(r"^\| `([A-Z]+)` \|([\w, ]*)\|", design, re.MULTILINE)
        assert {kind: tuple(filter(None, listed.strip().split(", "))) for kind, listed in shown} == v.GRAMMAR


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = page if not path else page.parent / path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    """What the headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
