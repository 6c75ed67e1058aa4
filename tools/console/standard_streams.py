"""Standard output and error that tolerate a full disk or a vanished reader or terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO, cast

PATIENCE_SECONDS = 5.0
"""How long a command's last output waits for a terminal or reader that accepts nothing."""


class _LossyFile(io.FileIO):
    """Discards what cannot be written."""

    def write(self, data: Any) -> int:
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) or len(left) :]
        except OSError:
            pass
        return memoryview(data).nbytes


def open_missing() -> None:
    """Opens ``/dev/null`` for each standard stream that is closed, as in ``spotstream run >&-``.

    Python sets such a stream to None, and the next file that this process or one of its stages
    opens would get the stream's descriptor, and with it whatever libraries print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free number
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def lossy(stream: TextIO) -> TextIO:
    """Wraps a stream to discard what cannot be written instead of raising an error.

    A stream without a file descriptor, such as a test's, is returned unchanged.
    """
    try:
        file = _LossyFile(stream.fileno(), "w", closefd=False)
    except OSError:
        return stream
    # Unbuffered: a thread that waits for a terminal would hold the buffer's lock even at exit.
    return io.TextIOWrapper(
        cast(io.BufferedWriter, file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
