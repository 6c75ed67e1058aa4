"""A file of byte strings that stays readable up to where it is cut off or damaged."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from stages.atomic import writing

_PREFIX = struct.Struct("<II")  # length, checksum


class Journal:
    """Appends entries, each handed to the operating system before `append` returns.

    Args:
        path: The file; its folder exists.
        resume: Number of bytes to keep of an earlier journal.
        shown: The file that errors name, by default ``path``.

    Raises:
        OutputError: From all methods, when the file system refuses.
    """

    def __init__(self, path: Path, resume: int = 0, shown: Path | None = None) -> None:
        self.path = path
        self._shown = shown or path
        with writing(self._shown):
            self._file = path.open("r+b" if resume else "wb")
            self._file.truncate(resume)
            self._file.seek(resume)

    @property
    def size(self) -> int:
        """Size of all entries in bytes."""
        return self._file.tell()

    def append(self, entry: bytes) -> None:
        """Adds an entry."""
        with writing(self._shown):
            self._file.write(_PREFIX.pack(len(entry), _checksum(entry)) + entry)
            self._file.flush()

    def clear(self) -> None:
        """Removes all entries."""
        with writing(self._shown):
            self._file.truncate(0)
            self._file.seek(0)

    def close(self) -> None:
        """Closes the file, which already contains all entries."""
        with contextlib.suppress(OSError):  # a write that failed before is tried once more
            self._file.close()


def read_journal(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yields every whole entry and the offset of its end; nothing if there is no file.

    An entry that is cut off is skipped: its writer was killed or is still writing, or a new writer
    is truncating the file. A damaged entry, such as zeros after a power failure, is skipped with
    all that follow.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        end = 0
        while end + _PREFIX.size <= size:
            prefix = file.read(_PREFIX.size)
            if len(prefix) < _PREFIX.size:  # truncated meanwhile
                return
            length, checksum = _PREFIX.unpack(prefix)
            end += _PREFIX.size + length
            entry = file.read(length) if end <= size else b""
            if _checksum(entry) != checksum:
                return
            yield entry, end


def _checksum(entry: bytes) -> int:
    return zlib.crc32(entry, 1)  # 1, so that zeros are not an entry
