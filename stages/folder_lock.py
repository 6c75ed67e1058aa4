"""Lets only one process at a time write into a folder."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from stages.atomic import make_folder, output_error
from stages.errors import OutputError
from stages.file_lock import lock


class FolderLock:
    """An exclusive lock on a folder, held until it is released or the process dies.

    Args:
        folder: The folder; created if missing.
        setting: Name of the setting that chooses the folder, for the error.
        holder: Returns a description of the process that writes there, for the error.

    Raises:
        OutputError: Another process holds the lock, or the folder cannot be created.
    """

    def __init__(
        self,
        folder: Path,
        *,
        setting: str = "--output",
        holder: Callable[[Path], str] = lambda folder: "another process",
    ) -> None:
        try:
            while True:
                self._made = None if folder.exists() else folder
                make_folder(folder)
                with contextlib.suppress(FileNotFoundError):  # its creator has removed it
                    self._descriptor = lock_folder(folder)
                    break
        except BlockingIOError:
            raise OutputError(
                f"{folder}: {holder(folder)} is writing there; choose another {setting}"
            ) from None
        except OSError as error:
            raise output_error(folder, error) from error

    def release(self) -> None:
        """Releases the lock; removes the folder if it was created here and is empty."""
        if self._made is not None:
            with contextlib.suppress(OSError):
                self._made.rmdir()
        os.close(self._descriptor)


def lock_folder(folder: Path) -> int:
    """Locks a folder, until the descriptor returned is closed or the process dies.

    The folder itself is locked, so no lock file is left behind; see `stages.file_lock.lock`.

    Raises:
        BlockingIOError: Another process holds the lock.
        FileNotFoundError: The folder does not exist, or was removed before it was locked.
        OSError: The folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor)
        if not os.path.samestat(os.fstat(descriptor), folder.stat()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
