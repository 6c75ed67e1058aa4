"""Controls what glibc's allocator does with freed memory; no effect with other C libraries.

A detector on a CPU keeps freed memory, since the next frame needs the same amount again. A sink
returns it after each part of an overlay, since it needs that much only at the end of the next part.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 1 << 30  # bytes
_MAX_MAPPED = 32 << 20  # bytes; the most that glibc accepts


def keep_freed_memory() -> None:
    """Makes the allocator reuse memory instead of returning it to the kernel, up to a gigabyte.

    On a CPU, PyTorch allocates a new buffer of a few megabytes for every feature map. glibc would
    return each of them to the kernel, which clears every page again when it is next touched.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MAX_MAPPED)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back_freed_memory() -> None:
    """Returns freed memory to the kernel, including memory below a block that is still in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
