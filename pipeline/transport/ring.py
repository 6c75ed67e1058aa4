"""Frame memory shared by the processes of a host.

A ring is an anonymous memory file (``memfd``) that the supervisor owns and every stage maps through
``/proc``. It has no name in any file system, so a killed process leaves nothing behind in
``/dev/shm``, and a container's small ``/dev/shm`` does not limit it.
"""

from __future__ import annotations

import errno
import math
import mmap
import os

import numpy as np

from stages.errors import OutputError
from stages.records import UInt8Array

FILE_LIMIT = "raise the limit of file sizes (ulimit -f), which counts for shared memory too"
"""Advice to the user if a memory file fails with EFBIG."""

_PAGE = 4096


def create_memory_file(name: str) -> tuple[int, str]:
    """Creates an empty memory file; returns its descriptor and its path for other processes."""
    descriptor = os.memfd_create(f"spotstream-{name}", os.MFD_CLOEXEC)
    return descriptor, f"/proc/{os.getpid()}/fd/{descriptor}"


class FrameRing:
    """Numbered slots of equal size in a memory file.

    Args:
        path: A memory file, see `create_memory_file`.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR)
        self._map: mmap.mmap | None = None

    def reserve(self, slots: int, slot_bytes: int) -> None:
        """Allocates the memory of ``slots`` slots of ``slot_bytes`` each, rather than on demand.

        Raises:
            OutputError: The machine does not have that much free memory, or a limit is lower.
        """
        size = slots * _slot_size(slot_bytes)
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError as error:
            advice = FILE_LIMIT if error.errno == errno.EFBIG else "lower runtime.slots"
            raise OutputError(
                f"cannot reserve {size / 2**20:.0f} MiB of frame memory ({error.strerror}); "
                f"{advice}"
            ) from error

    def slot(self, number: int, shape: tuple[int, ...]) -> UInt8Array:
        """Returns the uint8 array of ``shape`` in slot ``number``.

        Raises:
            ValueError: The slot lies outside the ring.
        """
        count = math.prod(shape)
        start = number * _slot_size(count)
        if number < 0 or start + count > self._mapped(start + count):
            raise ValueError(f"slot {number} of {count} bytes lies outside the ring")
        assert self._map is not None
        return np.frombuffer(self._map, np.uint8, count, start).reshape(shape)

    def _mapped(self, wanted: int) -> int:
        if self._map is None or len(self._map) < wanted:
            size = os.fstat(self._descriptor).st_size
            self._map = mmap.mmap(self._descriptor, size)
        return len(self._map)

    def close(self) -> None:
        """Closes the descriptor; arrays handed out stay valid as long as they are referenced."""
        os.close(self._descriptor)
        self._map = None


def _slot_size(slot_bytes: int) -> int:
    return -(-slot_bytes // _PAGE) * _PAGE
