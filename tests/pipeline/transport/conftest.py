from __future__ import annotations

from pathlib import Path


def times_open(name: str) -> int:
    """How often this process has a memory file open; a map of it counts, too."""
    open_files = [descriptor.resolve().name for descriptor in Path("/proc/self/fd").iterdir()]
    return sum(name in file for file in open_files)
