"""Returning memory to the system."""

from __future__ import annotations

import ctypes


def give_back_memory() -> None:
    """Returns freed memory to the system, which glibc keeps where it lies below a used block.

    Does nothing with another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
