from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stages.atomic import (
    AtomicFile,
    check_writable,
    make_folder,
    output_error,
    part_path,
    replacing,
    write_atomically,
)
from stages.errors import OutputError
from tests.stages.sink.conftest import names_in


def test_final_name_appears_only_on_commit(tmp_path: Path) -> None:
    file = AtomicFile(tmp_path / "a" / "b" / "mot.txt")
    file.write("1,2\n")
    file.complete()
    assert names_in(tmp_path) == {"a/b/.mot.txt.part"}
    file.commit()
    assert names_in(tmp_path) == {"a/b/mot.txt"}
    assert file.path.read_text() == "1,2\n"


def test_existing_file_survives_flush_and_discard(tmp_path: Path) -> None:
    path = tmp_path / "mot.txt"
    path.write_text("old")
    file = AtomicFile(path)
    file.write("new")
    file.flush()
    assert path.read_text() == "old"
    file.discard()
    assert names_in(tmp_path) == {"mot.txt"}
    assert path.read_text() == "old"


def test_killed_process_leaves_only_the_part_file(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from stages.atomic import AtomicFile\n"
        "file = AtomicFile(Path(sys.argv[1])); file.write('row\\n'); file.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "mot.txt")], cwd=root, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert names_in(tmp_path) == {".mot.txt.part"}
    assert (tmp_path / ".mot.txt.part").read_text() == "row\n"


def test_full_disk_error_is_one_clear_line(full_disk: Path) -> None:
    path = full_disk / "mot.txt"
    file = AtomicFile(path)
    with pytest.raises(OutputError) as caught:
        file.write("x" * 100_000)
    file.discard()
    with pytest.raises(OutputError, match=re.escape(str(caught.value))):
        write_atomically(path, "x" * 100_000)
    assert str(caught.value) == (
        f"cannot write {path}: no space left on device; free some space or choose another place"
    )
    assert names_in(full_disk) == set()


def test_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write .*taken.*: .*another place"):
        AtomicFile(tmp_path / "taken" / "mot.txt")


def test_folder_that_is_a_dangling_link_is_reported(tmp_path: Path) -> None:
    """For example a link to a disk that is not mounted."""
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with pytest.raises(OutputError, match=r"file exists; it is a link to a folder that is not t"):
        make_folder(tmp_path / "link")


def test_permission_error_says_what_to_do(tmp_path: Path) -> None:
    error = output_error(tmp_path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    assert "permission denied; check the permissions or choose another place" in str(error)


@pytest.mark.parametrize("synced", [True, False])
def test_a_file_is_replaced_only_when_the_new_one_is_complete(tmp_path, synced):
    path = tmp_path / "new" / "weights.bin"

    def write(content, failure=None):
        with replacing(path, synced=synced) as part:
            part.write_bytes(content)
            if failure is not None:
                raise failure

    write(b"all")
    for failure in (ValueError, KeyboardInterrupt, OSError):
        with pytest.raises(OutputError if failure is OSError else failure):
            write(b"half", failure)
    assert path.read_bytes() == b"all"
    assert [file.name for file in path.parent.iterdir()] == ["weights.bin"]


def test_file_that_another_process_is_writing_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as part:
        part.write_text("one")
        with pytest.raises(OutputError, match=r"a\.txt: another process is writing it; choose"):
            write_atomically(path, "two")
    assert path.read_text() == "one"
    write_atomically(path, "two")
    assert path.read_text() == "two"
    assert names_in(tmp_path) == {"a.txt"}


def test_error_while_opening_releases_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", fail)
        with pytest.raises(OutputError, match="input/output error"):
            write_atomically(tmp_path / "a.txt", "one")
    write_atomically(tmp_path / "a.txt", "two")
    assert (tmp_path / "a.txt").read_text() == "two"


def test_part_file_renamed_before_locking_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, renamed = tmp_path / "a.txt", []

    def lock_late(descriptor: int) -> None:
        if not renamed:
            renamed.append(part_path(path).replace(path))  # by the process that held the lock

    part_path(path).write_text("one")
    monkeypatch.setattr("stages.atomic.lock", lock_late)
    with replacing(path) as part:
        part.write_text("tw")
        assert path.read_text() == "one"
    assert path.read_text() == "tw"


def test_part_file_left_by_a_killed_process_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    part_path(path).write_text("much more than there is now")
    with replacing(path) as part, part.open("r+") as file:
        file.write("now")
    assert path.read_text() == "now"


def test_link_to_itself_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.symlink_to(path)
    for write in (check_writable, lambda path: write_atomically(path, "row")):
        with pytest.raises(OutputError, match=r"a\.txt: too many levels of symbolic links; choose"):
            write(path)
    assert path.is_symlink()


def test_content_is_synced_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    synced = []

    def record(descriptor):
        status = os.fstat(descriptor)
        is_folder = os.path.samestat(status, tmp_path.stat())
        synced.append(("folder" if is_folder else status.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    write_atomically(path, "text")
    path.unlink()
    with replacing(path) as part:
        part.write_text("text")
    assert synced == [(4, False), ("folder", True)] * 2


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF])
def test_folder_that_does_not_support_sync_is_not_an_error(tmp_path, refuse_sync, code):
    refuse_sync(stat.S_ISDIR, code)
    write_atomically(tmp_path / "run.json", "text")
    assert (tmp_path / "run.json").read_text() == "text"


@pytest.mark.parametrize(
    ("kind", "code"), [(stat.S_ISREG, errno.EINVAL), (stat.S_ISDIR, errno.EIO)]
)
def test_a_failed_sync_is_an_error(tmp_path, refuse_sync, kind, code):
    refuse_sync(kind, code)
    with pytest.raises(OutputError, match=os.strerror(code).lower()):
        write_atomically(tmp_path / "run.json", "text")


def test_writing_replaces_the_previous_text_completely(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.json"
    write_atomically(path, "a long first text\n")
    write_atomically(path, "é\n")
    assert path.read_text(encoding="utf-8") == "é\n"
    assert [each.name for each in path.parent.iterdir()] == ["scores.json"]
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError):
        write_atomically(path, "text")
    assert [each.name for each in path.parent.iterdir()] == ["scores.json"]


@pytest.mark.parametrize("name", [".", "/", "folder"])
def test_folder_as_target_is_rejected(tmp_path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=f"cannot write {name}: is a directory"):
        write_atomically(Path(name), "text")


def test_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    target = tmp_path / "there" / "scores.json"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / "scores.json"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert names_in(tmp_path) == {"scores.json", "there/scores.json"}


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    write_atomically(pipe, "text")
    assert reader.communicate(timeout=100)[0] == b"text"
    assert pipe.is_fifo()
    with pytest.raises(OutputError, match=r"pipe: it is not a file"), replacing(pipe):
        pytest.fail("entered")
    assert pipe.is_fifo()


def test_redirected_standard_output_is_appended_to(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from stages.atomic import write_atomically; "
        "print('before', flush=True); write_atomically(Path('/dev/stdout'), 'text')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\ntext"


def test_check_writable_detects_errors_and_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b" / "scores.json")
    check_writable(Path("/dev/null"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match=f"cannot write {tmp_path}: is a directory"):
        check_writable(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a directory"):
        check_writable(tmp_path / "file" / "scores.json")


def test_check_writable_detects_a_closed_folder(closed_folder: Path) -> None:
    with pytest.raises(OutputError, match="permission denied; check the permissions"):
        check_writable(closed_folder / "scores.json")
