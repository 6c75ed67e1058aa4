import numpy as np
import pytest

from tools.bench.masks import boxes_alone, main, score
from tools.bench.rendered_truth import TrueSequence


@pytest.fixture
def truth():
    """Four frames; a vehicle fills the left half of its box, and something moves outside it."""
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 16:48] = 255
    boxes = np.array([[16, 16, 80, 48]], np.float32)
    images = [np.zeros((64, 96, 3), np.uint8)] * 4
    return TrueSequence(images, [boxes] * 4, [mask] * 4)


def test_true_masks_score_perfectly_despite_motion_outside_boxes(truth):
    def perfect(sequence):
        for index, mask in enumerate(sequence.masks):
            found = mask.copy()
            found[:8] = 255
            yield index, found, None

    iou, filled, precision, recall, *blurred, milliseconds = score(truth, perfect)
    assert (iou, filled, precision, recall) == (1, 1, 1, 1)
    assert all(0.8 < value < 1 for value in blurred[:3])
    assert milliseconds >= 0


def test_boxes_alone_have_full_recall_and_half_precision(truth):
    iou, filled, precision, recall, *_ = score(truth, boxes_alone)
    assert (iou, filled, precision, recall) == (0.5, 0.5, 0.5, 1)


def test_empty_box_is_filled_with_an_ellipse(truth):
    def nothing(sequence):
        for index, mask in enumerate(sequence.masks):
            yield index, np.zeros_like(mask), None

    iou, filled, precision, recall, *_ = score(truth, nothing)
    assert iou == 0
    assert 0 < filled < 1
    assert precision == pytest.approx(0.5, abs=0.02)  # an ellipse in the centre of the box
    assert 0.7 < recall < 0.85


def test_unknown_camera_is_rejected(monkeypatch):
    monkeypatch.setattr("sys.argv", ["masks", "dron"])
    with pytest.raises(SystemExit, match=r"one of intersection, drone.* got dron"):
        main()
