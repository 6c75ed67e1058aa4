"""Files that get their final name only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path

from stages.errors import OutputError
from stages.file_lock import lock

# Not "another --output": sheets, reports, checkpoints and calibrated weights have other options.
_ADVICE = {
    errno.ENOSPC: "free some space or choose another place",
    errno.EDQUOT: "free some space or choose another place",
    errno.EACCES: "check the permissions or choose another place",
    errno.EPERM: "check the permissions or choose another place",
    errno.EROFS: "choose another place",
    errno.ENOTDIR: "choose another place",
    errno.ELOOP: "choose another place",
    errno.EEXIST: "a file is where a folder should be; choose another place",
    errno.EFBIG: "the file system, or ulimit -f, allows no larger file; those of a run are shorter "
    "with sink.overlay_minutes and sink.text_minutes",
}

# Some file systems (vboxsf, 9p) cannot sync folders; nothing more can be done for names there.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)


def output_error(path: Path, error: OSError) -> OutputError:
    """Returns an error of one line: which file cannot be written, why, and what to do."""
    code = error.errno
    reason = os.strerror(code).lower() if code else str(error)
    advice = _ADVICE.get(code or 0)
    if code == errno.EEXIST and path.is_symlink() and not path.exists():
        advice = "it is a link to a folder that is not there"
    failure = OutputError(f"cannot write {path}: {reason}" + (f"; {advice}" if advice else ""))
    failure.errno = code or 0
    return failure


@contextlib.contextmanager
def writing(path: Path) -> Generator[None, None, None]:
    """Turns file system errors raised while writing ``path`` into `OutputError`."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def part_path(path: Path) -> Path:
    """Returns the hidden file in the same folder where ``path`` is written until complete."""
    return path.with_name(f".{path.name}.part")


def final_path(path: Path) -> Path:
    """Returns the final path of a part file; any other path unchanged."""
    return path.with_name(re.sub(r"^\.(.*)\.part$", r"\1", path.name))


def sync(path: Path) -> None:
    """Forces a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: Path) -> None:
    """Forces the names in a folder to the disk if its file system supports that."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def give_final_name(path: Path) -> None:
    """Gives the completed and synced part file of ``path`` its final name.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(path):
        part_path(path).replace(path)
        sync_names(path.parent)


def make_folder(folder: Path) -> None:
    """Creates ``folder`` and its parents.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def remove_file(path: Path) -> None:
    """Removes a file, if it is there.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(path):
        path.unlink(missing_ok=True)


def file_size(path: Path) -> int:
    """Returns the size of a file in bytes; 0 if it has been removed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def replacing(path: Path, *, synced: bool = True) -> Generator[Path, None, None]:
    """Yields the part file of ``path``, which takes its final name when the block ends.

    An exception in the block, including an interrupt, removes the part file and leaves ``path``
    unchanged. If ``path`` is a link, its target is written. Only one process at a time may write a
    file: otherwise the rows of one would get the final name of the other.

    Args:
        path: Final name; its folder is created if missing.
        synced: Wait until its bytes are on the disk.

    Raises:
        OutputError: The file system refuses, another process is writing ``path``, or ``path`` is a
            device or a pipe.
    """
    with writing(path):
        if _is_special_file(path):
            raise OutputError(f"cannot write {path}: it is not a file; choose another place")
        _check_target(path)
    if path.is_symlink():
        path = path.resolve()
    make_folder(path.parent)
    part = part_path(path)
    with writing(path):
        descriptor = _open_locked(path)
    try:
        yield part
        if synced:
            sync(part)
            give_final_name(path)
        else:
            part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """Opens the part file of ``path``, empty, and locks it until it is closed."""
    part = part_path(path)
    while True:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            lock(descriptor)
            if os.path.samestat(os.fstat(descriptor), part.stat()):
                os.ftruncate(descriptor, 0)
                return descriptor
        except FileNotFoundError:
            pass  # another process has just given it its final name
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise OutputError(
                    f"cannot write {path}: another process is writing it; choose another place"
                ) from error
            raise
        os.close(descriptor)


class AtomicFile:
    """A text file written aside and renamed when complete.

    ``mot.txt`` is written as ``.mot.txt.part`` in the same folder; an older ``mot.txt`` stays
    unchanged until `commit`.

    Args:
        path: Final name; its folder is created if missing.
        resume: Number of bytes to keep of the part file that an earlier process left.

    Raises:
        OutputError: From every method that writes, when the file system refuses.
    """

    def __init__(self, path: Path, resume: int = 0) -> None:
        self.path = path
        self.part = part_path(path)
        self._complete = False
        make_folder(path.parent)
        with writing(path):
            # The part file outlives this function, so it is not closed here.
            self._file = self.part.open("r+b" if resume else "wb")
            self._file.truncate(resume)
            self._file.seek(resume)

    def write(self, text: str) -> None:
        """Appends ``text`` as UTF-8."""
        with writing(self.path):
            self._file.write(text.encode())

    def flush(self) -> None:
        """Hands written text to the operating system: it then survives a crash of this process."""
        with writing(self.path):
            self._file.flush()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def complete(self) -> None:
        """Syncs the part file to the disk and closes it; the name does not change yet."""
        if self._complete:
            return
        with writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._complete = True

    def commit(self) -> None:
        """Completes the file and gives it its final name."""
        self.complete()
        give_final_name(self.path)

    def close(self) -> None:
        """Closes the part file and keeps what could be written of it."""
        with contextlib.suppress(OSError):
            # Closing flushes, which fails again if the disk is full.
            self._file.close()

    def discard(self) -> None:
        """Removes the part file; an older file under the final name stays."""
        self.close()
        with contextlib.suppress(OSError):
            self.part.unlink()


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file that gets its final name only when it is complete.

    Anything but a regular file, such as ``/dev/stdout`` or a pipe, is written directly.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(path):
        if _is_special_file(path):
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
            return
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def check_writable(path: Path) -> None:
    """Checks that a file can be written before the work to produce it starts; leaves no trace.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(path):
        _check_target(path)
        if not _is_special_file(path):
            _try_to_write(path.absolute().parent)


def check_folder_writable(folder: Path) -> None:
    """Checks that files can be written in a folder, which need not exist yet; leaves no trace.

    Raises:
        OutputError: The file system refuses.
    """
    with writing(folder):
        _try_to_write(folder.absolute())


def _try_to_write(folder: Path) -> None:
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    tempfile.TemporaryFile(dir=nearest).close()


def _check_target(path: Path) -> None:
    """Raises an `OSError` if the path is a folder, or a link that leads to itself."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):  # "." has no name to derive that of a part file from
            raise IsADirectoryError(errno.EISDIR, "")


def _is_special_file(path: Path) -> bool:
    """Returns whether the path is a device, a pipe or the like, or an open file of the process."""
    if path.parent in (Path("/dev"), Path("/dev/fd")):
        return path.exists()
    return path.exists() and not path.is_file() and not path.is_dir()
