"""`livegen replay` as a person meets it: what it says, its exit codes, and what becomes of files that are damaged."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.logged import LoggedStage, log_of
from support.stage import settings_with

from livegen import __version__
from livegen.cli.main import main
from livegen.core.session_log import Beginning, Did
from livegen.core.vocabulary import HASH
from livegen.generators.band import Band
from livegen.generators.scripted import ScriptedGenerator


def played() -> list[bytes]:
    """A phrase, an answer and the end, as this version writes it."""
    stage = LoggedStage(settings_with(), Band(ScriptedGenerator()))
    for pitch in (60, 62, 64):
        stage.play(pitch, 0.5)
    stage.advance(6)
    stage.close()
    first = stage.log[0]
    assert isinstance(first, Beginning)
    ours = Beginning(__version__, HASH, first.settings, first.start_ns, first.seed, first.channels)
    ENTRIES.extend([ours, *stage.log[1:]])
    return log_of(ENTRIES)


ENTRIES: list = []
LINES = played()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "gig.livegen"
    path.write_bytes(b"".join(LINES))
    return path


def replay(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main(["replay", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_what_the_session_was_and_that_the_same_came_out(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = replay(capsys, log)
    assert (code, err) == (0, "")
    assert "0:03.750, 3 notes played" in out
    assert out.endswith("the same came out, byte for byte\n")
    assert "recorded by" not in out
    assert "orderly" not in out


def test_it_writes_a_midi_file(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = replay(capsys, log, "--midi", tmp_path / "gig.mid")
    assert code == 0
    assert "gig.mid: player 3, lead " in out
    assert [track.name for track in mido.MidiFile(tmp_path / "gig.mid").tracks[1:]] == ["player", "lead"]


def test_a_difference_is_shown_with_its_time_and_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The MIDI file is what the log says was played."""
    silent = [entry for entry in ENTRIES if not (isinstance(entry, Did) and "NoteOn" in repr(entry))]
    path = tmp_path / "gig.livegen"
    path.write_bytes(b"".join(log_of(silent)))
    code, out, _ = replay(capsys, path, "--midi", tmp_path / "gig.mid")
    assert code == 1
    assert "something else came out: line " in out
    assert " after the beginning\n  log: [" in out
    assert '  now: ["out"' in out
    assert (tmp_path / "gig.mid").exists()


def test_a_line_that_is_cut_off_is_ignored_and_said(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = log.read_bytes()
    log.write_bytes(data[:-5])
    code, out, _ = replay(capsys, log)
    assert code == 0
    assert f"the last {len(LINES[-1]) - 5} bytes are of a line that was cut off, and were ignored" in out


def test_an_end_that_was_not_orderly_is_said(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(b"".join(LINES[:-3]))
    code, out, _ = replay(capsys, log)
    assert code == 0
    assert "the log ends without an orderly end" in out


def test_a_log_of_another_version_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ENTRIES[0]
    other = Beginning("9.9.9", first.vocabulary, first.settings, first.start_ns, first.seed, first.channels)
    path = tmp_path / "gig.livegen"
    path.write_bytes(b"".join(log_of([other, *ENTRIES[1:]])))
    code, out, _ = replay(capsys, path)
    assert code == 0
    assert f"recorded by livegen 9.9.9, this is {__version__}" in out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a session log of livegen"),
        (b"MThd\x00\x00\x00\x06", "not a session log of livegen"),
        (b"tempo = 5\n", "line 1: not a session log of livegen"),
        (b"".join(LINES[:3]) + LINES[4], "line 4: damaged"),
        (b"".join(LINES[:3]) + b"x" * 3_000_000, "line 4: damaged"),
        (LINES[0][:40], "cut off before its first line ended"),
    ],
    ids=["empty", "midi", "text", "a line lost", "endless line", "no first line"],
)
def test_what_is_no_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, says: str) -> None:
    path = tmp_path / "gig.livegen"
    path.write_bytes(data)
    code, out, err = replay(capsys, path)
    assert (code, out) == (2, "")
    assert err.startswith("livegen replay: ")
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("name", "says"), [("nowhere", "there is no such file"), (".", "cannot be read")])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, says: str) -> None:
    code, _, err = replay(capsys, tmp_path / name)
    assert code == 2
    assert says in err


def test_a_midi_file_that_cannot_be_written_is_refused(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = replay(capsys, log, "--midi", tmp_path / "no" / "folder.mid")
    assert code == 2
    assert "cannot be written" in err


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes changed, cut out, put in or doubled: a clear word, or what is whole of it comes out again."""
    whole = b"".join(LINES)
    begin, length = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 300))
    instead = data.draw(st.binary(max_size=20) | st.just(whole[begin : begin + 2 * length]) | st.just(b"\0" * length))
    path = tmp_path / "gig.livegen"
    path.write_bytes(whole[:begin] + instead + whole[begin + length :])
    code, out, err = replay(capsys, path)
    assert (code == 0 and "the same came out" in out) or (code == 2 and len(err.splitlines()) == 1)
