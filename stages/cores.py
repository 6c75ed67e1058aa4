"""The processor's cores."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Returns how many cores this process may use; in a container often not all."""
    return len(os.sched_getaffinity(0))
