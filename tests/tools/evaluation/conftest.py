"""Sequences to score: small handmade ones, and SORT's reference outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trackers.conftest import PARITY
from tools.annotations.mot_file import read_mot, read_mot_ground_truth
from tools.annotations.trajectories import Trajectories
from tools.evaluation.comparison import Comparison, compare

SAMPLES = ("TUD-Campus", "TUD-Stadtmitte")  # that come with py-motmetrics


def tracks(*frames: dict[int, float]) -> Trajectories:
    """Boxes of 10 × 10 pixels: for each frame, the left edge of every id."""
    return Trajectories.from_frames(
        [[(left, 0, left + 10, 10) for left in frame.values()] for frame in frames],
        [list(frame) for frame in frames],
    )


def reference_outputs(sequence: str, ages: tuple[int, int]) -> tuple[Trajectories, Trajectories]:
    """SORT's tracks at two settings; one serves as ground truth for the other."""
    paths = [PARITY / "expected" / f"{sequence}_age{age}.txt" for age in ages]
    if not paths[0].exists():
        pytest.skip(f"{paths[0]} is not there")
    return read_mot(paths[0]), read_mot(paths[1])


def motmetrics_sample(name: str) -> tuple[Trajectories, Trajectories]:
    """Ground truth and result of a sequence that comes with py-motmetrics."""
    motmetrics = pytest.importorskip("motmetrics")
    folder = Path(motmetrics.__file__).parent / "data" / name
    return read_mot_ground_truth(folder / "gt.txt", name).tracks, read_mot(folder / "test.txt")


def without_gaps(trajectories: Trajectories) -> Trajectories:
    """The same boxes with a new id after every gap of a track."""
    order = np.lexsort((trajectories.frames, trajectories.ids))
    frames, ids = trajectories.frames[order], trajectories.ids[order]
    starts = (np.diff(ids, prepend=-1) != 0) | (np.diff(frames, prepend=-1) != 1)
    return Trajectories.from_arrays(frames, np.cumsum(starts), trajectories.boxes[order])


def noisy(trajectories: Trajectories, seed: int) -> Trajectories:
    """The boxes shifted, one in ten of them lost, and one in ten given an unrelated id."""
    rng = np.random.default_rng(seed)
    count = len(trajectories)
    sizes = np.tile(trajectories.boxes[:, 2:] - trajectories.boxes[:, :2], 2)
    boxes = trajectories.boxes + rng.normal(0, 0.12, (count, 4)) * sizes
    ids = np.where(rng.random(count) < 0.1, trajectories.ids + 1000, trajectories.ids)
    kept = (rng.random(count) < 0.9) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Trajectories.from_arrays(trajectories.frames[kept], ids[kept], boxes[kept])


def compared(
    truth: tuple[dict[int, float], ...], result: tuple[dict[int, float], ...]
) -> Comparison:
    return compare(tracks(*truth), tracks(*result))
