"""Shards: built once, the same bytes for the same input, whole or not there, and refused when damaged."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import mido
import pytest

from livegen.core.errors import InputError
from models.corpora.registry import load_corpora, split
from models.sharding import build as build_module
from models.sharding.build import Workshop, build
from models.sharding.collection import MANIFEST, Shards
from models.shards import main, open_pieces

SHAPE = (0, 4, 2, 7, 5, 9, 11, 4, 12, 7, 5, 2)
NAMES = ("hymns", "irish", "mine")


def _write(path: Path, seed: int, notes: int = 48, tracks: int = 1) -> None:
    """A melody of its own for each seed, in quarters, over a slow line for each further track."""
    file = mido.MidiFile(
        ticks_per_beat=96, tracks=[mido.MidiTrack([mido.MetaMessage("time_signature", numerator=4, denominator=4)])]
    )
    for below in range(tracks):
        track = mido.MidiTrack()
        for at in range(notes):
            pitch = 60 - 9 * below + SHAPE[(at * (1 + seed) + at * at // (5 + seed)) % 12]
            track.append(mido.Message("note_on", note=pitch, velocity=105 if at % 4 == 0 else 80, time=0))
            track.append(mido.Message("note_off", note=pitch, time=96))
        file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three corpora: tunes, of which one is damaged; hymns, of which one is a tune as well; and a folder of somebody's own."""
    root = tmp_path / "data"
    for seed in range(4):
        _write(root / "irish" / f"{seed}.mid", seed)
    (root / "irish" / "bad.mid").write_bytes(b"?")
    _write(root / "hymns" / "a.mid", 7, tracks=4)
    _write(root / "hymns" / "b.mid", 2, tracks=4)
    _write(root / "mine" / "jazz" / "c.mid", 9)
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "shards"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_shards_hold_exactly_what_reading_gives(data: Path, out: Path) -> None:
    build(data, out, NAMES)
    loaded, shards = load_corpora(data, NAMES), Shards(out).only(NAMES)
    assert list(shards) == list(loaded)
    assert [shards[index] for index in range(len(shards))] == list(loaded)
    assert shards[-1].style == "jazz"
    assert shards[1:3].labels() == [(piece.corpus, piece.work, piece.style) for piece in loaded[1:3]]
    with pytest.raises(IndexError):
        shards[len(shards)]


def test_the_same_input_gives_the_same_files_for_any_number_of_workers(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "one", NAMES, Workshop(workers=1))
    build(data, tmp_path / "two", NAMES[::-1], Workshop(workers=2))
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two")


def test_what_is_left_out_stands_in_the_manifest(data: Path, out: Path) -> None:
    manifest = build(data, out, NAMES)
    entry = manifest["corpora"]["irish"]
    assert entry["works"] == 5
    assert entry["notes"]["melody"] == 4 * 48
    assert [path for path, _ in entry["left_out"]] == ["bad.mid"]
    assert entry["inputs"]["sources"]["files"] == 5
    assert (manifest["order"], list(manifest["twins"])) == (["irish", "hymns", "mine"], ["hymns"])
    assert manifest["twins"]["hymns"] == {"1": "near-duplicate: of irish/2"}


class TestGoingOn:
    def _said(self, data: Path, out: Path, names: tuple[str, ...] = NAMES) -> list[str]:
        lines: list[str] = []
        build(data, out, names, Workshop(say=lines.append))
        return [line for line in lines if not line.endswith("as before")]

    def test_what_is_finished_is_not_read_again(self, data: Path, out: Path) -> None:
        assert len(self._said(data, out)) == 3
        before = _contents(out)
        assert self._said(data, out) == []
        assert _contents(out) == before

    def test_a_corpus_whose_files_changed_is_read_again_and_its_old_shard_goes(self, data: Path, out: Path) -> None:
        self._said(data, out)
        _write(data / "mine" / "d.mid", 13)
        assert self._said(data, out) == ["mine: 2 pieces from 2 works"]
        assert len(list(out.glob("*.shard"))) == 3

    def test_after_a_change_of_the_reader_all_is_read_again(self, data: Path, out: Path, monkeypatch) -> None:
        self._said(data, out)
        monkeypatch.setattr(build_module, "reader_version", lambda: "another")
        assert len(self._said(data, out)) == 3

    def test_corpora_can_be_added_and_the_others_stay(self, data: Path, out: Path) -> None:
        self._said(data, out, ("irish",))
        assert self._said(data, out, ("hymns",)) == ["hymns: 2 pieces from 2 works"]
        assert [name for name, _, _ in Shards(out).labels()] == ["irish"] * 4 + ["hymns"]

    def test_a_damaged_shard_is_made_again(self, data: Path, out: Path) -> None:
        self._said(data, out)
        shard = next(out.glob("mine-*.shard"))
        shard.write_bytes(shard.read_bytes()[:-1])
        assert self._said(data, out) == ["mine: 1 pieces from 1 works"]
        assert len(Shards(out)) == 6

    def test_a_build_that_was_killed_goes_on_and_leaves_nothing_half(self, data: Path, tmp_path: Path, out: Path) -> None:
        """A real process is killed while it reads the last corpus, which never comes to an end."""
        command = [sys.executable, "-c", _BUILD_FOR_EVER, str(data), str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(3)] == [
                "irish: 4 pieces from 5 works\n",
                "hymns: 2 pieces from 2 works\n",
                "mine\n",
            ]
            process.kill()
        (out / ".mine-0123.shard.9.part").write_bytes(b"half")
        with pytest.raises(InputError, match="has not ended; run it again"):
            Shards(out)
        assert self._said(data, out, ("irish", "hymns", "mine")) == ["mine: 1 pieces from 1 works"]
        build(data, tmp_path / "unbroken", NAMES)
        assert _contents(out) == _contents(tmp_path / "unbroken")

    def test_a_folder_of_other_things_is_refused(self, data: Path, out: Path) -> None:
        out.mkdir()
        (out / "thesis.txt").touch()
        with pytest.raises(InputError, match=r"holds other things \(thesis.txt\)"):
            build(data, out, NAMES)


_BUILD_FOR_EVER = """
import sys, threading
from pathlib import Path
from models.sharding import build as module

read_corpus = module.read_corpus

def reading(corpus, *others):
    if corpus.name == "mine":
        print("mine", flush=True)
        threading.Event().wait()
    return read_corpus(corpus, *others)

module.read_corpus = reading
data, out = map(Path, sys.argv[1:])
module.build(data, out, ["irish", "hymns", "mine"], module.Workshop(say=lambda line: print(line, flush=True)))
"""


class TestOpening:
    @pytest.fixture(autouse=True)
    def built(self, data: Path, out: Path) -> None:
        build(data, out, NAMES)

    def test_a_byte_that_changed_is_found(self, out: Path) -> None:
        shard = next(out.glob("irish-*.shard"))
        content = bytearray(shard.read_bytes())
        content[100] ^= 1
        shard.write_bytes(content)
        with pytest.raises(InputError, match=r"irish-\w+\.shard does not have the SHA-256 of the manifest: damaged"):
            Shards(out)

    def test_a_missing_or_short_file_is_found(self, out: Path) -> None:
        shard = next(out.glob("irish-*.shard"))
        whole = shard.read_bytes()
        shard.write_bytes(whole[:-9])
        with pytest.raises(InputError, match=rf"has {len(whole) - 9} bytes, not {len(whole)}"):
            Shards(out)
        shard.unlink()
        with pytest.raises(InputError, match="No such file"):
            Shards(out)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda manifest: manifest.clear(), "is damaged"),
            (lambda manifest: manifest.update(format=99), "has format 99"),
            (lambda manifest: manifest["corpora"]["irish"].pop("arrays"), "is damaged"),
            (lambda manifest: manifest["corpora"]["irish"].update(file="../x.shard"), "is damaged"),
            (lambda manifest: manifest["corpora"]["irish"]["arrays"].update(onset=[0, 1 << 40]), "lies outside of the file"),
        ],
    )
    def test_a_damaged_manifest_is_refused(self, out: Path, change, message: str) -> None:
        manifest = json.loads((out / MANIFEST).read_text())
        change(manifest)
        (out / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(InputError, match=message):
            Shards(out)

    def test_they_survive_pickling(self, out: Path) -> None:
        chosen = Shards(out)[2:5]
        assert list(pickle.loads(pickle.dumps(chosen))) == list(chosen)  # noqa: S301 - pickled on the line itself

    def test_the_split_is_that_of_the_pieces_and_makes_none(self, out: Path) -> None:
        shards = Shards(out)
        assert [list(part) for part in split(shards)] == [list(part) for part in split(list(shards))]
        assert all(isinstance(part, Shards) for part in split(shards))

    def test_pieces_open_from_shards_and_from_corpora_alike(self, data: Path, out: Path, capsys) -> None:
        assert list(open_pieces(out, ["mine", "irish"])) == list(open_pieces(data, ["mine", "irish"]))
        assert "left out of irish: 1 x unreadable" in capsys.readouterr().err
        assert len(open_pieces(out)) == 6

    def test_a_corpus_that_was_not_built_is_refused(self, out: Path) -> None:
        with pytest.raises(InputError, match="holds no shard of 'pop909', only of irish, hymns, mine"):
            open_pieces(out, ["pop909"])


class TestCommand:
    def test_it_builds_and_writes_the_page(self, data: Path, out: Path, capsys) -> None:
        arguments = ["--data", str(data), "--out", str(out), "--corpora", "irish, hymns,mine", "--workers", "1", "--report"]
        assert main(arguments) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[:3] == ["irish: 4 pieces from 5 works", "hymns: 2 pieces from 2 works", "mine: 1 pieces from 1 works"]
        assert said[-1].startswith("6 pieces without 1 near-duplicates; manifest.json ")
        page = (out / "report" / "report.md").read_text()
        assert "| irish | 4 | 4 |" in page
        assert "| hymns | near-duplicate | 1 |" in page
        for plot in (out / "report").glob("*.svg"):
            assert f"({plot.name})" in page
        assert len(list((out / "report").glob("*.svg"))) == 6
        assert len(Shards(out)) == 6

    def test_a_page_does_not_stand_in_the_way_of_going_on(self, data: Path, out: Path, capsys) -> None:
        arguments = ["--data", str(data), "--out", str(out), "--corpora", "irish", "--workers", "1", "--report"]
        assert main(arguments) == main(arguments) == 0
        assert "irish: 4 pieces, as before" in capsys.readouterr().out

    def test_what_is_wrong_is_said_in_one_line(self, data: Path, out: Path, capsys) -> None:
        assert main(["--data", str(data), "--out", str(out), "--corpora", "lieder"]) == 2
        assert capsys.readouterr().err.startswith("not built: ")
