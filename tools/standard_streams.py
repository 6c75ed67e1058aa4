"""Standard output and error that tolerate a full disk or a vanished reader or terminal."""

from __future__ import annotations

import io
from typing import Any, TextIO


class _LossyFile(io.FileIO):
    """Discards what cannot be written."""

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


def lossy(stream: TextIO) -> TextIO:
    """Wraps a stream to discard what cannot be written instead of raising an error.

    A stream without a file descriptor, such as a test's, is returned unchanged.
    """
    try:
        file = _LossyFile(stream.fileno(), "w", closefd=False)
    except OSError:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
