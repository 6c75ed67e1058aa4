"""A clone of a third-party tracker, and a limit on file sizes."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

# Stands for a third-party tracker: a box's id is its position in the list of its frame.
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
    """Limits files to ``size`` bytes, in this process and those that it starts.

    The limit must end within the test, since pytest's own output may go to a file, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
