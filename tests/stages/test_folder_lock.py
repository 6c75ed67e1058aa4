import fcntl
import subprocess
import sys

import pytest

from stages.errors import OutputError
from stages.folder_lock import FolderLock


def test_folder_has_one_writer_until_the_lock_is_released(tmp_path):
    first = FolderLock(tmp_path / "out")
    with pytest.raises(OutputError, match="another process is writing there"):
        FolderLock(tmp_path / "out")
    other = FolderLock(tmp_path / "other")
    with pytest.raises(OutputError, match="a camera is writing there"):
        FolderLock(tmp_path / "other" / ".." / "out", holder=lambda folder: "a camera")
    (tmp_path / "other" / "mot.txt").touch()
    first.release()
    other.release()
    FolderLock(tmp_path / "other").release()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mot.txt", "other"]


def test_release_removes_an_empty_folder_that_the_lock_created(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("mine", "new"):
        FolderLock(tmp_path / name).release()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_folder_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch):
    first, flock = FolderLock(tmp_path / "out"), fcntl.flock

    def late(descriptor, operation):
        monkeypatch.undo()
        first.release()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    second = FolderLock(tmp_path / "out")
    with pytest.raises(OutputError, match="another process is writing there"):
        FolderLock(tmp_path / "out")
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_created_is_reported(closed_folder):
    with pytest.raises(OutputError, match=r"cannot write .*/out: permission denied; check"):
        FolderLock(closed_folder / "out")


def test_killed_writer_releases_the_lock(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from stages.folder_lock import FolderLock\n"
        "lock = FolderLock(Path(sys.argv[1])); print('mine', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "mine\n"
        with pytest.raises(OutputError):
            FolderLock(tmp_path)
        holder.kill()
    FolderLock(tmp_path).release()
