"""Lets only one process at a time write below a results folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from pipeline.supervision.runtime_folder import running
from stages.atomic import make_folder, writing
from stages.errors import OutputError


class FolderLock:
    """An exclusive lock on a folder, held until it is released or the process dies.

    The folder itself is locked, so no lock file is left behind. On a file system without such
    locks, such as NFS, nothing is locked.

    Args:
        folder: The results folder; it is created.
        setting: What chooses the folder, for the error.

    Raises:
        OutputError: Another process holds the lock, or the folder cannot be created.
    """

    def __init__(self, folder: Path, *, setting: str = "--output") -> None:
        self._made = None if folder.exists() else folder
        make_folder(folder)
        with writing(folder):
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                _lock(self._descriptor, folder, setting)
        except OutputError:
            self.release()
            raise

    def release(self) -> None:
        """Releases the lock; removes the folder if it was created here and is empty."""
        if self._made is not None:
            with contextlib.suppress(OSError):
                self._made.rmdir()
        os.close(self._descriptor)


def _lock(descriptor: int, folder: Path, setting: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{folder}: {_holder(folder)} is writing there; choose another {setting}"
        ) from None


def _holder(folder: Path) -> str:
    for run in running():
        with contextlib.suppress(OSError):
            if folder.samefile(run.output):
                return f"process {run.pid}"
    return "another process"
