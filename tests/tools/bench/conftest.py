"""A clone of a third-party tracker."""

from __future__ import annotations

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
