"""Lets the process keep the memory that it frees."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 1 << 30  # bytes
_LARGEST_MAPPED = 32 << 20  # bytes; the most that glibc accepts


def keep_freed_memory() -> None:
    """Makes glibc's allocator reuse memory instead of returning it to the kernel, up to a gigabyte.

    PyTorch on a CPU allocates every feature map anew, a few megabytes each. glibc would return each
    of them to the kernel, which clears every page again when it is next touched. Without glibc,
    nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MAPPED)
        mallopt(_TRIM_THRESHOLD, _KEPT)
