"""What glibc's allocator does with freed memory; with another C library, nothing changes.

A detector on a CPU keeps it, since the next frame needs as much again; a sink gives it back after
each part of an overlay, since it needs as much again only at the end of the next part.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 1 << 30  # bytes
_LARGEST_MAPPED = 32 << 20  # bytes; the most that glibc accepts


def keep_freed_memory() -> None:
    """Makes the allocator reuse memory instead of returning it to the kernel, up to a gigabyte.

    PyTorch on a CPU allocates every feature map anew, a few megabytes each. glibc would return each
    of them to the kernel, which clears every page again when it is next touched.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MAPPED)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back_freed_memory() -> None:
    """Returns freed memory to the kernel, which glibc keeps where it lies below a used block."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
