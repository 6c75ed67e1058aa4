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
    """A grey image with a slope in it."""
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
    """An image like those of `write_image`; its boxes are cars unless told, and none is hidden."""
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
    """Kind and place, without the part of the path that differs from run to run."""
    root = f"{data_set.root}/"
    return sorted((p.kind.name, p.location.replace(root, "")) for p in data_set.problems)


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """A folder of real data."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"{SHARED / name} is not there")
        return SHARED / name

    return find
