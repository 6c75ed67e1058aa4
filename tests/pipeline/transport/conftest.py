from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file, and no memory file, may be larger than 16 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def times_open(name: str) -> int:
    """How often this process has a memory file open; a map of it counts, too."""
    open_files = [descriptor.resolve().name for descriptor in Path("/proc/self/fd").iterdir()]
    return sum(name in file for file in open_files)
