"""A small benchmark to tune on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

FEW = {"min_score": (0.1, 0.3, 0.45, 0.6), "max_age": (1, 5, 10), "min_hits": (0, 1, 3)}
"""A grid for `sort` whose search ends in a second."""


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """Three sequences: a vehicle at score 0.5 that blinks, and clutter at score 0.2."""
    rng = np.random.default_rng(1)
    for folder in ("gt", "det"):
        (tmp_path / folder).mkdir()
    for name in ("A", "B", "C"):
        truth, found = [], []
        for frame in range(1, 41):
            truth.append(f"{frame},1,{100 + 4 * frame},50,40,30,1,1,-1")
            if rng.random() < 0.8:
                found.append(f"{frame},-1,{100 + 4 * frame},50,40,30,0.5,1,-1")
            found += [
                f"{frame},-1,{left:.0f},{top:.0f},30,30,0.2,1,-1"
                for left, top in rng.uniform((0, 100), (900, 500), (6, 2))
            ]
        (tmp_path / "gt" / f"{name}_gt.txt").write_text("\n".join(truth) + "\n")
        (tmp_path / "det" / f"{name}.txt").write_text("\n".join(found) + "\n")
    return tmp_path
