import numpy as np
import pytest

from stages.detector.ignored import outside
from stages.records import Detections, FrameHeader

BOXES = np.float32([[0, 0, 20, 20], [10, 0, 30, 20], [100, 100, 140, 120], [10, 50, 30, 70]])


@pytest.mark.parametrize(
    ("regions", "kept"),
    [
        ([], [0, 1, 2, 3]),
        ([[0, 0, 15, 15]], [1, 2, 3]),
        ([[0, 0, 20, 10], [120, 110, 130, 130]], [3]),  # the edge counts as inside
        ([[0, 0, 200, 200]], []),
    ],
)
def test_detections_centred_in_a_region_are_removed(regions, kept):
    scores = np.float32([0.9, 0.8, 0.7, 0.6])
    motion = np.eye(2, 3, dtype=np.float32)
    header = FrameHeader.of_image(200, 200)
    found = Detections(header, BOXES, scores, np.int16([0, 1, 2, 3]), motion)
    left = outside(found, np.float32(regions).reshape(-1, 4))
    np.testing.assert_array_equal(left.boxes, BOXES[kept])
    np.testing.assert_array_equal(left.scores, scores[kept])
    np.testing.assert_array_equal(left.classes, kept)
    assert left.motion is motion


def test_no_detections_remain_no_detections():
    found = Detections(
        FrameHeader.of_image(9, 9),
        np.empty((0, 4), np.float32),
        np.empty(0, np.float32),
        np.empty(0, np.int16),
    )
    assert len(outside(found, np.float32([[0, 0, 9, 9]]))) == 0
