from __future__ import annotations

import numpy as np

from tools.datasets.box_mask import box_mask


def test_boxes_cover_every_pixel_they_touch_within_the_image() -> None:
    boxes = np.array([(2.5, 1, 4.2, 3), (-5, 6, 3, 99)], np.float32)
    mask = box_mask(boxes, 8, 10)
    expected = np.zeros((8, 10), np.uint8)
    expected[1:3, 2:5] = expected[6:8, 0:3] = 255
    assert np.array_equal(mask, expected)
