"""The delays that were measured: kept by what is stable of a port's name, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.errors import ConfigError
from livegen.runtime.delays import NOTHING_MEASURED, Delays, delays_file, read_delays, write_delays

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "livegen" / "delays.toml"


class TestPlace:
    @pytest.mark.parametrize(
        ("system", "environment", "expected"),
        [
            ("linux", {}, "/home/ann/.config/livegen/delays.toml"),
            ("linux", {"XDG_CONFIG_HOME": "/etc/ann"}, "/etc/ann/livegen/delays.toml"),
            ("linux", {"XDG_CONFIG_HOME": "not/absolute"}, "/home/ann/.config/livegen/delays.toml"),
            ("linux", {"XDG_CONFIG_HOME": ""}, "/home/ann/.config/livegen/delays.toml"),
            ("darwin", {}, "/home/ann/Library/Application Support/livegen/delays.toml"),
            ("darwin", {"XDG_CONFIG_HOME": "/etc/ann"}, "/etc/ann/livegen/delays.toml"),
            ("win32", {"APPDATA": "/roaming"}, "/roaming/livegen/delays.toml"),
            ("win32", {}, "/home/ann/AppData/Roaming/livegen/delays.toml"),
        ],
    )
    def test_it_is_the_system_s_folder_for_configurations(
        self, system: str, environment: dict[str, str], expected: str
    ) -> None:
        assert delays_file(system, environment, Path("/home/ann")).as_posix() == expected

    def test_the_tests_leave_the_user_s_own_alone(self) -> None:
        assert not delays_file().is_relative_to(Path.home())


class TestKeeping:
    def test_what_was_written_is_read(self, path: Path) -> None:
        write_delays(path, NOTHING_MEASURED.with_delay("Prophet", 12.34).with_delay("livegen out", 0.0))
        delays = read_delays(path)
        assert (delays.of("Prophet"), delays.of("livegen out"), delays.of("another")) == (12.34, 0.0, 0.0)
        assert [file.name for file in path.parent.iterdir()] == ["delays.toml"]

    @given(by_port=st.dictionaries(names, st.integers(0, 50_000).map(lambda hundredths: hundredths / 100)))
    @law
    def test_any_name_survives(self, tmp_path_factory: pytest.TempPathFactory, by_port: dict[str, float]) -> None:
        path = tmp_path_factory.mktemp("names") / "delays.toml"
        write_delays(path, Delays(by_port))
        assert read_delays(path) == Delays(by_port)

    @pytest.mark.parametrize(
        ("measured", "now"),
        [
            ("Prophet 6:Prophet 6 MIDI 1 20:0", "Prophet 6:Prophet 6 MIDI 1 24:0"),
            ("synth:midi in", "synth-02:midi in"),
        ],
    )
    def test_numbers_that_change_when_a_device_comes_back_do_not_count(self, measured: str, now: str) -> None:
        assert NOTHING_MEASURED.with_delay(measured, 5.0).of(now) == 5.0

    def test_measured_again_the_newer_counts(self) -> None:
        assert NOTHING_MEASURED.with_delay("synth:in", 5.0).with_delay("synth-01:in", 6.0) == Delays({"synth:in": 6.0})

    def test_without_a_file_nothing_is_known(self, path: Path, tmp_path: Path) -> None:
        assert read_delays(path) == NOTHING_MEASURED
        (tmp_path / "file").write_text("")
        assert read_delays(tmp_path / "file" / "delays.toml") == NOTHING_MEASURED


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[delay_ms]\na = \nb = 1", "line 2"),
            ("delay_ms = 3", r"something else than the table \[delay_ms\]"),
            ("[delays]\na = 3", r"something else than the table \[delay_ms\]"),
            ('[delay_ms]\na = "3"', r"delay_ms\.'a': wants a number 0\.\.500, not '3'"),
            ("[delay_ms]\na = true", r"wants a number 0\.\.500, not True"),
            ("[delay_ms]\na = -1", r"wants a number 0\.\.500, not -1"),
            ("[delay_ms]\na = 501", r"wants a number 0\.\.500, not 501"),
            ("[delay_ms]\na = nan", r"wants a number 0\.\.500, not nan"),
            ("[delay_ms]\n[delay_ms.a]\nb = 1", r"wants a number"),
            (b"\xff", "decode"),
        ],
    )
    def test_a_broken_file_is_refused_with_what_to_do(self, path: Path, text: str | bytes, complaint: str) -> None:
        path.parent.mkdir()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError, match=complaint) as refused:
            read_delays(path)
        assert str(refused.value).startswith(f"{path}: ")
        assert "delete it and measure the outputs again with `livegen calibrate`" in str(refused.value)

    def test_a_folder_in_its_place_cannot_be_read(self, path: Path) -> None:
        path.mkdir(parents=True)
        with pytest.raises(ConfigError, match="cannot be read"):
            read_delays(path)

    def test_what_cannot_be_written_leaves_the_old_as_it_was(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_delays(path, Delays({"a": 1.0}))

        def full(number: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(ConfigError, match="cannot be written: No space left"):
            write_delays(path, Delays({"b": 2.0}))
        assert read_delays(path) == Delays({"a": 1.0})
        assert [file.name for file in path.parent.iterdir()] == ["delays.toml"]

    def test_without_a_home_it_says_where_to_put_it(self) -> None:
        with pytest.raises(ConfigError, match=r"home folder is not known.*XDG_CONFIG_HOME"):
            write_delays(delays_file("linux", {}, Path("~")), NOTHING_MEASURED)
