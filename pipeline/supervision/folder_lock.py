"""One process at a time writes below a results folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from pipeline.supervision.runtime_folder import running
from stages.atomic import make_folder, output_error
from stages.errors import OutputError


class FolderLock:
    """The right to write below a folder, gone when it is released or the process dies.

    It is a lock on the folder itself: no file is left behind. Where the file system knows no such
    locks, as NFS does not, there is none.

    Args:
        folder: The results folder; it is made.

    Raises:
        OutputError: Another process holds it, or it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._made = None if folder.exists() else folder
        make_folder(folder)
        try:
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise output_error(folder, error) from error
        try:
            with contextlib.suppress(OSError):
                _lock(self._descriptor, folder)
        except OutputError:
            self.release()
            raise

    def release(self) -> None:
        """Lets others write there; a folder that was made and is empty goes."""
        if self._made is not None:
            with contextlib.suppress(OSError):
                self._made.rmdir()
        os.close(self._descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{folder}: {_holder(folder)} is writing there; choose another --output"
        ) from None


def _holder(folder: Path) -> str:
    for run in running():
        with contextlib.suppress(OSError):
            if folder.samefile(run.output):
                return f"process {run.pid}"
    return "another process"
