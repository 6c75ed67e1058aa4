"""Data sets of a few small images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.datasets.sample import DataSet, Sample

SHARED = Path(__file__).parents[4] / "shared" / "data"


def write_image(path: Path, width: int = 96, height: int = 54) -> Path:
    """Writes a grey image with a horizontal gradient."""
    path.parent.mkdir(parents=True, exist_ok=True)
    slope = np.linspace(40, 200, width).astype(np.uint8)
    image = np.repeat(np.tile(slope, (height, 1))[..., None], 3, axis=2)
    assert cv2.imwrite(str(path), image)
    return path


def make_sample(
    path: Path,
    *boxes: tuple[float, ...],
    labels: tuple[str, ...] = (),
    scene: str = "",
    frame: int | None = None,
    conditions: dict[str, str] | None = None,
) -> Sample:
    """Returns a sample of the size of `write_image`; its boxes are visible cars by default."""
    return Sample(
        path,
        scene or path.stem,
        frame,
        96,
        54,
        np.array(boxes, np.float32).reshape(-1, 4),
        labels or ("car",) * len(boxes),
        np.zeros(len(boxes), np.float32),
        conditions=conditions or {},
    )


def problems(data_set: DataSet) -> list[tuple[str, str]]:
    """Returns kinds and locations, without the temporary folder."""
    root = f"{data_set.root}/"
    return sorted((p.kind.name, p.location.replace(root, "")) for p in data_set.problems)


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Finds a folder of real data, or skips the test."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"{SHARED / name} is not there")
        return SHARED / name

    return find
