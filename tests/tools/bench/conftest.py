"""A clone of somebody's tracker, and a disk that soon is full."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

# Stands for somebody's tracker: every box keeps the id of its place in the frame.
SORT = """
import numpy as np
class Sort:
    def __init__(self, max_age=1):
        self.max_age = max_age
    def update(self, detections):
        return np.column_stack((detections[:, :4], np.arange(len(detections)) + self.max_age))
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "sort.py").write_text(SORT)
    return tmp_path


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Lets no file become larger than so many bytes, in this process and those that it starts.

    It ends within the test: what pytest writes on it may go into a file, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
