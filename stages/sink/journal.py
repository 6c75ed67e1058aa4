"""A file of byte strings that may be cut off or damaged anywhere and stays readable up to there."""

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
    """Appends entries; each is with the operating system when `append` returns.

    Args:
        path: The file; its folder exists.
        resume: Bytes to keep of an earlier journal.
        shown: The file that errors name, by default this one.

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
        """Bytes of all entries."""
        return self._file.tell()

    def append(self, entry: bytes) -> None:
        """Adds an entry."""
        with writing(self._shown):
            self._file.write(_PREFIX.pack(len(entry), _checksum(entry)) + entry)
            self._file.flush()

    def clear(self) -> None:
        """Forgets all entries."""
        with writing(self._shown):
            self._file.truncate(0)
            self._file.seek(0)

    def close(self) -> None:
        """Closes the file; what was appended is in it already."""
        with contextlib.suppress(OSError):  # a write that failed before is tried once more
            self._file.close()


def read_journal(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yields every whole entry and the offset of its end; nothing if there is no file.

    Entries that are cut off are left out: their writer was killed or is still writing, or another
    one begins by taking them back. So are a damaged one and all after it, as where a power failure
    left zeros.
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
            if len(prefix) < _PREFIX.size:  # it has been taken back meanwhile
                return
            length, checksum = _PREFIX.unpack(prefix)
            end += _PREFIX.size + length
            entry = file.read(length) if end <= size else b""
            if _checksum(entry) != checksum:
                return
            yield entry, end


def _checksum(entry: bytes) -> int:
    return zlib.crc32(entry, 1)  # zeros are no entry
