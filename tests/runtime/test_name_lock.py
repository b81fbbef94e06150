"""One daemon a name: who is second is told who is first, and a killed holder hinders nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.core.errors import DeviceError
from livegen.runtime.name_lock import NameLock, lock_folder

HOLD = """
import sys
from pathlib import Path
from livegen.runtime.name_lock import NameLock

NameLock(sys.argv[1], Path(sys.argv[2])).take()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_is_first_and_what_to_do(tmp_path: Path) -> None:
    first, second = NameLock("stage", tmp_path), NameLock("stage", tmp_path)
    first.take()
    with pytest.raises(DeviceError, match=rf"process {os.getpid()}\) .*'stage in' and 'stage out': stop it, .*--name"):
        second.take()
    first.release()
    first.release()
    second.take()
    second.release()


def test_two_names_do_not_disturb_each_other(tmp_path: Path) -> None:
    locks = [NameLock(name, tmp_path) for name in ("livegen", "second set")]
    for lock in locks:
        lock.take()
    for name in ("livegen", "second set"):
        with pytest.raises(DeviceError):
            NameLock(name, tmp_path).take()
    locks[0].release()
    with pytest.raises(DeviceError):
        NameLock("second set", tmp_path).take()
    locks[1].release()


def test_a_killed_holder_is_named_as_long_as_it_lives_and_no_longer(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, "livegen", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DeviceError, match=f"process {holder.pid}"):
            NameLock("livegen", tmp_path).take()
        holder.kill()
        holder.wait(10)
        lock = NameLock("livegen", tmp_path)
        lock.take()
        lock.release()


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = NameLock("livegen", tmp_path)
    lock.take()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        other = NameLock("livegen", tmp_path)
        other.take()
        other.release()
        assert child.stdin is not None
        child.stdin.write(b"\n")


@pytest.mark.parametrize("left", ["", "4711\n", "no number", "9" * 1000])
def test_whatever_a_predecessor_left_is_no_hindrance(tmp_path: Path, left: str) -> None:
    (tmp_path / "livegen.lock").write_text(left)
    lock = NameLock("livegen", tmp_path)
    lock.take()
    assert (tmp_path / "livegen.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_holder_that_has_not_said_its_number_yet_is_another_livegen(tmp_path: Path) -> None:
    first = NameLock("livegen", tmp_path)
    first.take()
    (tmp_path / "livegen.lock").write_text("")
    with pytest.raises(DeviceError, match="another livegen runs under the name 'livegen'"):
        NameLock("livegen", tmp_path).take()
    first.release()


class TestFolder:
    def test_it_is_made_for_this_user_alone(self, tmp_path: Path) -> None:
        lock = NameLock("livegen", tmp_path / "new")
        lock.take()
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        lock.release()

    def test_a_link_that_somebody_laid_there_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(PermissionError, match="belongs to somebody else"):
            NameLock("livegen", tmp_path / "folder").take()
        (tmp_path / "elsewhere" / "livegen.lock").symlink_to(tmp_path / "victim")
        with pytest.raises(OSError, match=r"livegen\.lock"):
            NameLock("livegen", tmp_path / "elsewhere").take()
        assert not (tmp_path / "victim").exists()

    def test_a_file_in_its_place_is_an_error_of_the_system(self, tmp_path: Path) -> None:
        (tmp_path / "folder").write_text("")
        with pytest.raises(OSError, match="folder"):
            NameLock("livegen", tmp_path / "folder").take()

    def test_it_is_the_system_s_for_what_runs(self) -> None:
        assert lock_folder("linux", {"XDG_RUNTIME_DIR": "/run/user/1"}) == Path("/run/user/1/livegen")
        assert lock_folder("linux", {"XDG_RUNTIME_DIR": "not/absolute"}).is_absolute()
        assert lock_folder("linux", {}).name in ("livegen", f"livegen-{os.getuid()}")
        assert lock_folder("darwin", {}).name == lock_folder("win32", {}).name == "livegen"
