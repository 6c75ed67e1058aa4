"""Boxes and helpers to track them; reference outputs of SORT, kept beside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trackers import Tracker

PARITY = Path(__file__).parents[3] / "shared" / "parity" / "sort"
SEQUENCES = ("ETH-Sunnyday", "KITTI-17", "PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte")

BOX = np.array([[100.0, 100, 140, 180]])

Frames = list[tuple[np.ndarray, np.ndarray]]


def track(tracker: Tracker, boxes: np.ndarray | list, score: float = 0.9) -> list[int]:
    """Tracks one frame whose detections have one score; returns the ids of the reported tracks."""
    return tracker.update(boxes, np.full(len(boxes), score)).ids.tolist()


def moved(x: float, y: float = 0.0) -> np.ndarray:
    """Returns the box, shifted right by ``x`` and down by ``y``."""
    return BOX + np.array([x, y, x, y])


def crowd(count: int = 12, seed: int = 0) -> np.ndarray:
    """Returns boxes of one size, spread over a frame of 1000x500."""
    corners = np.random.default_rng(seed).uniform((150, 100), (800, 350), (count, 2))
    return np.hstack((corners, corners + np.array([30, 20])))


def read_detections(sequence: str) -> Frames:
    """Boxes (left, top, right, bottom) and scores of every frame of a public MOT15 sequence."""
    path = PARITY / "det" / f"{sequence}.txt"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    table = np.loadtxt(path, delimiter=",")
    table[:, 4:6] += table[:, 2:4]
    frames = [table[table[:, 0] == number] for number in range(1, int(table[:, 0].max()) + 1)]
    return [(rows[:, 2:6], rows[:, 6]) for rows in frames]
