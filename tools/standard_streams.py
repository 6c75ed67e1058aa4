"""Standard output and error that may break: a full disk, a reader or a terminal that is gone."""

from __future__ import annotations

import io
from typing import Any, TextIO


class _LossyFile(io.FileIO):
    """Loses what cannot be written."""

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


def lossy(stream: TextIO) -> TextIO:
    """The same stream, which loses what cannot be written instead of raising an error.

    One without a file, such as a test's, is given back as it is.
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
